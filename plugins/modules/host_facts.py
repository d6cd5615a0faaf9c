#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a host once what it has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
author: The foobar.lamp developers (@foobar)
short_description: Ask once what a host has installed, which services it runs, and which accounts it has
version_added: 0.1.0
description:
  - One round trip of some milliseconds instead of a task each, so that a role passes over what already holds.
  - What a host without dpkg or systemd cannot say is left empty, and the roles then ask by themselves.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.facts
attributes:
  check_mode: {support: full}
  diff_mode: {support: none}
  facts: {support: full}
  platform: {platforms: posix}
"""

EXAMPLES = r"""
- name: Ask what the host has
  foobar.lamp.host_facts:

- name: Install what is missing
  ansible.builtin.apt:
    name: [apache2, brotli]
  when: "['apache2', 'brotli'] is not subset(ansible_facts['foobar_lamp'].packages)"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: always
  type: dict
  contains:
    foobar_lamp:
      description: What the host has, at the time of asking.
      type: dict
      contains:
        packages:
          description: Names of the packages that are wholly installed.
          type: list
          elements: str
          sample: [apache2, apache2-bin]
        running:
          description: Names of the services that are active now and enabled at the start of the system.
          type: list
          elements: str
          sample: [apache2, ssh]
        users:
          description: Names of the accounts in C(/etc/passwd).
          type: list
          elements: str
          sample: [root, www-data]
"""

import pathlib

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils import _host


def main():
    """Ask, and say it as facts."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)

    def answer(*command):
        if not module.get_bin_path(command[0]):
            return ""
        return module.run_command(list(command), environ_update={"LC_ALL": "C.UTF-8"})[1]

    facts = {
        "packages": _host.installed(answer("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n")),
        "running": _host.running(answer("systemctl", "show", "--property=Id,ActiveState,UnitFileState", "*.service")),
        "users": _host.users(pathlib.Path("/etc/passwd").read_text(encoding="utf-8", errors="surrogateescape")),
    }
    module.exit_json(changed=False, ansible_facts={"foobar_lamp": facts})


if __name__ == "__main__":
    main()
