#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is to do on a host. All of it is the action plugin's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
author: The foobar.lamp developers (@foobar)
short_description: Plan a run on a host, and find all problems
version_added: 0.1.0
description:
  - Computes the inputs of all roles of a host from the sites (C(lamp_sites) and the other variables
    C(lamp_*)), the groups of the inventory, and the inputs that the inventory gives. If the
    inventory gives a list or a dictionary, its entries are added to those that follow from the
    sites, and replace entries of the same name. Any other value replaces the one that follows from
    the sites.
  - A value of another type than documented is a problem. The task does not connect to the host. It
    changes nothing but secrets, which it makes once and keeps on the controller.
options:
  of:
    description:
      - V(site) checks what
        is known before hosts are asked. The task fails with all problems together.
      - V(host) makes the plan of the host. Run M(foobar.lamp.host_facts) before.
    type: str
    choices: [site, host]
    default: host
  converges:
    description:
      - Whether the playbook runs the roles. One that does not, such as a rollback, makes no
        secrets, and only wrong types are problems for it.
    type: bool
    default: true
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode:
    description: Makes no secrets.
    support: full
  diff_mode:
    support: none
  platform:
    platforms: debian
"""

EXAMPLES = r"""
- name: Plan what the roles are to do
  foobar.lamp.plan:
  register: __plan
  no_log: true
"""

RETURN = r"""
inputs:
  description: The inputs of all roles of the host, by name, defaults among them. Passwords are
    among them, so set C(no_log).
  returned: with O(of=host)
  type: dict
given:
  description: What the inventory says of inputs that are known only during the run
    (P(foobar.lamp.late#lookup)).
  returned: with O(of=host)
  type: dict
roles:
  description: The roles of the host, in the order in which they run.
  returned: with O(of=host)
  type: list
  elements: str
  sample: [linux_base, apache]
web:
  description:
    - What playbooks have to know of the web server of the host, whichever it is - its C(role), its
      C(service), the directories of its C(logs) and of the files of its C(sites), how the names of
      files begin that keep sites C(closed), what makes its C(test), and its C(vhosts).
    - Empty where it has none.
  returned: with O(of=host)
  type: dict
databases:
  description: The database of each site that has one, by the site's name.
  returned: with O(of=host)
  type: dict
  sample: {www.foobar.com: foobar}
records:
  description: The record sets of the domain.
  returned: with O(of=host), where the addresses of all hosts are known
  type: list
  elements: dict
problems:
  description: A sentence for each problem. If there are any, do not use the inputs.
  returned: with O(of=host)
  type: list
  elements: str
"""
