#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logs of a site in one order."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_logs_info
author: The foobar.lamp developers (@foobar)
short_description: The logs of a site's web server and applications, in the order of time
version_added: 0.1.0
description:
  - Reads the end of the site's access log and error log in C(/var/log/apache2) and
    C(/var/log/nginx), with the last ones that were rotated away, and the journal of the units that
    are named.
options:
  site:
    description: The name of the site, as its logs have it.
    type: str
    required: true
  units:
    description: The systemd units whose journal is read. They may be patterns.
    type: list
    elements: str
    default: []
  since:
    description:
      - The time of the first line to return, as systemd writes times, such as V(-1h), V(today) or
        V(2026-11-27 07:00), or in seconds since 1970. Empty for no limit.
    type: str
    default: ""
  grep:
    description: A regular expression. Only lines that it matches are returned. If it has no capital
      letter, it ignores case.
    type: str
    default: ""
  lines:
    description: How many lines to return at most. The last ones are taken.
    type: int
    default: 200
  access:
    description: Whether the access log is read, too.
    type: bool
    default: true
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: Read what was said of a site in the last hour
  foobar.lamp.site_logs_info:
    site: www.foobar.com
    units: [www.foobar.com-queue.service]
    since: -1h
  register: logs
"""

RETURN = r"""
lines:
  description: The lines, each with its time in UTC and the log or unit it comes from.
  returned: success
  type: list
  elements: str
  sample: ["2026-11-27T07:00:00.000Z error: [wsgi:error] [pid 7] no such table"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.app import logs


def main():
    """Read them."""
    module = AnsibleModule(
        argument_spec={
            "site": {"type": "str", "required": True},
            "units": {"type": "list", "elements": "str", "default": []},
            "since": {"type": "str", "default": ""},
            "grep": {"type": "str", "default": ""},
            "lines": {"type": "int", "default": 200},
            "access": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        found = logs.of_site(
            params["site"],
            params["units"],
            params["since"],
            params["grep"],
            params["lines"],
            params["access"],
        )
    except logs.LogError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, lines=[str(line) for line in found])


if __name__ == "__main__":
    main()
