#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install packages of Debian with no service started by its package's own settings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: debian_packages
author: The foobar.lamp developers (@foobar)
short_description: Install Debian packages, and start their services afterwards
version_added: 0.1.0
description:
  - Installs by M(ansible.builtin.apt), without recommended packages, from lists that are at most an
    hour old. If a package cannot be fetched, for instance because its version is no longer there,
    the lists are fetched again and the task tries once more.
  - If another program on the host uses apt or dpkg, such as automatic updates, the task waits. A
    warning names that program, and so does the error if it takes too long.
  - The installation starts no service (C(policy-rc.d)). Afterwards everything is started that the
    next start of the system would start and that nobody has tried to start since the last, such as
    the timers of logrotate, but for the services O(later).
  - A unit that does not start is a warning and no error, as in Debian's own tools.
options:
  name:
    description: Names of packages.
    type: list
    elements: str
    default: []
  later:
    description: Names of services, without C(.service), that are not started. Start them when they
      are configured.
    type: list
    elements: str
    default: []
  lock_timeout:
    description: How many seconds to wait while another program has apt or dpkg locked.
    type: int
    default: 300
  _step:
    description: What to do on the host. Set by the action plugin; not an input.
    type: str
    choices: [locks, start]
  _seconds:
    description: How long to wait on the host. Set by the action plugin; not an input.
    type: int
    default: 0
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode: {support: full}
  diff_mode: {support: full}
  platform: {platforms: debian}
"""

EXAMPLES = r"""
- name: Install a web server, and start it when it is configured
  foobar.lamp.debian_packages:
    name: [apache2, logrotate]
    later: [apache2]
"""

RETURN = r"""
started:
  description: The units that were started after the installation, or would be.
  returned: success
  type: list
  elements: str
  sample: [cron.service, logrotate.timer]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import debian_packages


def main():
    """Do one step for the action plugin."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "default": []},
            "lock_timeout": {"type": "int", "default": 300},
            **debian_packages.SENT,
        },
        supports_check_mode=True,
    )
    if not module.params["_step"]:
        module.fail_json(msg="debian_packages works through its action plugin only.")
    module.exit_json(**debian_packages.run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
