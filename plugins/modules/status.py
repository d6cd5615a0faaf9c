#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the whole site is. All of it is the action plugin's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status
author: The foobar.lamp developers (@foobar)
short_description: Show the state of the whole site, and fail if there is a problem
version_added: 0.1.0
description:
  - Prints one page, or JSON, about all hosts, from what M(foobar.lamp.status_info) returned on
    each. The page has a sentence for each problem. The task fails if there is any.
  - It works on the controller alone. A task runs it once, for the first host.
options:
  answers:
    description:
      - What M(foobar.lamp.status_info) returned, by host. A host that could not be reached,
        or that failed, is a problem.
    type: dict
    required: true
  problems:
    description: Other problems, of the inventory for instance, in sentences.
    type: list
    elements: str
    default: []
  format:
    description: What is printed. V(json) is one line, which begins with C({).
    type: str
    choices: [page, json]
    default: page
  full:
    description: The use of a disk, in percent of its bytes or of its inodes, that is a problem.
    type: int
    default: 90
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
  platform: {platforms: debian}
"""

EXAMPLES = r"""
- name: Show how the site is
  foobar.lamp.status:
    answers: "{{ dict(groups.lamp | zip(groups.lamp | map('extract', hostvars, 'answer'))) }}"
  run_once: true
"""

RETURN = r"""
msg:
  description: How many problems there are. The page has a sentence for each.
  returned: failure
  type: str
  sample: 2 problems, described above.
"""
