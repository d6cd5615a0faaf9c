#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of all hosts. All of it is the action plugin's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: releases
author: The foobar.lamp developers (@foobar)
short_description: Show the releases of all hosts
version_added: 0.1.0
description:
  - Prints a table, or JSON, of the applications' releases, newest first, from what
    M(foobar.lamp.app_release) returned on each host. It says when each was made, of what, which one
    is current, and which ones a rollback can return to. Hosts with the same have one row.
  - It works on the controller alone. A task runs it once, for the first host.
options:
  answers:
    description: What M(foobar.lamp.app_release) returned for its step V(list), by host.
    type: dict
    required: true
  format:
    description:
      - What is printed. V(json) is one line, which begins with C({). It has C(applications), a list
        of those that M(foobar.lamp.app_release) returns for its step V(list), each with its
        C(host) besides.
    type: str
    choices: [page, json]
    default: page
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
  platform: {platforms: debian}
"""

EXAMPLES = r"""
- name: Read the releases
  foobar.lamp.app_release:
    step: list
    apps: "{{ python_app_apps }}"
  register: there

- name: Show them
  foobar.lamp.releases:
    answers: "{{ dict(groups.lamp_web
      | zip(groups.lamp_web | map('extract', hostvars, 'there'))) }}"
  run_once: true
"""

RETURN = r"""#"""
