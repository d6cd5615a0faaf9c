#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visitors are asked to come by new connections, before their balancer goes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_connections
author: The foobar.lamp developers (@foobar)
short_description: Have haproxy close the connections of visitors with its answers
version_added: 0.1.0
description:
  - Changes the running haproxy of the role P(foobar.lamp.haproxy#role) on this host through its
    runtime socket. The configuration files stay as they are.
  - When an address moves to another host, open connections break. Run this before, so that haproxy
    closes each connection with an answer. Visitors then open new ones.
  - It works for HTTP/1.1. Connections of HTTP/2 stay open.
  - A reload or restart of haproxy ends it. If haproxy does not run, the task changes nothing.
options:
  state:
    description:
      - V(closing) has each answer end its connection from now on, and waits until no visitor has
        one, or for O(timeout).
      - V(kept) lets visitors keep their connections again.
    type: str
    choices: [closing, kept]
    required: true
  timeout:
    description: How many seconds to wait. With a steady stream of visitors the task takes all of
      this time.
    type: int
    default: 10
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: none, description: There is nothing to show.}
"""

EXAMPLES = r"""
- name: Have visitors come by new connections
  foobar.lamp.haproxy_connections:
    state: closing

- name: Have another balancer take the address
  ansible.builtin.systemd_service:
    name: keepalived
    state: stopped
"""

RETURN = r"""
known:
  description: Whether haproxy runs on this host.
  returned: success
  type: bool
connections:
  description: How many connections of visitors are open now.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import haproxy_runtime


def main():
    """Do it."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["closing", "kept"]},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        result = haproxy_runtime.close(
            module.params["state"] == "closing", module.params["timeout"], module.check_mode
        )
    except haproxy_runtime.HaproxyError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"haproxy does not answer on {haproxy_runtime.SOCKET}: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
