#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update of packages leaves to be done on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_update_info
author: The foobar.lamp developers (@foobar)
short_description: What an update of packages leaves to be done, which services run with replaced
  files and why to reboot
version_added: 0.1.0
description:
  - An updated package replaces its files, but running processes keep using the old ones until they
    are restarted. This module finds such processes, and the units that they belong to.
  - It changes nothing.
options:
  awaits:
    description:
      - Services that have to run before the task returns. It waits up to five minutes for a service
        that is starting, and five seconds for one that neither runs nor starts.
    type: list
    elements: str
    default: []
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
seealso:
  - module: ansible.builtin.reboot
"""

EXAMPLES = r"""
- name: See what is left of an update
  foobar.lamp.host_update_info:
  register: left

- name: Restart what runs with old files
  ansible.builtin.systemd_service:
    name: "{{ item }}"
    state: restarted
  loop: "{{ left.services }}"
"""

RETURN = r"""
packages:
  description: The packages that are installed, with their versions.
  returned: success
  type: dict
  sample: {haproxy: 3.0.11-1+deb13u5}
running:
  description: The services that run and are enabled.
  returned: success
  type: list
  elements: str
  sample: [cron.service]
services:
  description:
    - The services that run with replaced files and can be restarted. Services of logins, and those
      that only a reboot renews, are not among them.
  returned: success
  type: list
  elements: str
  sample: [cron.service]
systemd:
  description: Whether systemd itself runs with replaced files. C(systemctl daemon-reexec) renews
    it.
  returned: success
  type: bool
reboot:
  description:
    - Why the host is to be rebooted, a sentence each. C(/run/reboot-required) is there, a newer
      kernel of the same kind as the running one is installed, or D-Bus or C(systemd-logind) run
      with replaced files.
  returned: success
  type: list
  elements: str
  sample: [kernel 6.12.57+deb13-amd64 is installed, 6.12.48+deb13-amd64 runs]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import host_update_info


def main():
    """Look."""
    module = AnsibleModule(
        argument_spec={"awaits": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **host_update_info.run(module.params["awaits"]))


if __name__ == "__main__":
    main()
