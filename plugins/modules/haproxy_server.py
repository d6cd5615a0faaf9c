#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web host gets no visitors for a while, or gets them again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server
author: The foobar.lamp developers (@foobar)
short_description: Drain a server behind haproxy, or have it get visitors again
version_added: 0.1.0
description:
  - Changes the running haproxy of the role P(foobar.lamp.haproxy#role) on this host through its
    runtime socket. The configuration files stay as they are.
  - A drained server gets no new requests and no health checks until it is ready again. It is in
    haproxy's state C(maint), because a server in the state C(drain) still gets visitors whose
    cookie names it. A reload of haproxy keeps the state, a restart does not.
  - If haproxy does not run, or has no such server, the task changes nothing and does not fail.
options:
  name:
    description: The server, as haproxy calls it. It may be in several backends.
    type: str
    required: true
  state:
    description:
      - V(drained) waits until no request is under way to it. What is still there when O(timeout) is
        over is left, with a warning that says how much it is.
      - V(ready) waits until a check of haproxy has found it healthy, and fails when none does
        within O(timeout).
      - V(healthy) changes nothing, and waits and fails likewise. A server that
        is taken out stays so, and is not waited for.
    type: str
    choices: [drained, ready, healthy]
    required: true
  timeout:
    description: How many seconds to wait. With V(0) the task does not wait, and does not fail for
      an unhealthy server.
    type: int
    default: 60
attributes:
  check_mode: {support: full, description: Says what would be done.}
  diff_mode: {support: none, description: There is nothing to show.}
seealso:
  - module: community.general.haproxy
"""

EXAMPLES = r"""
- name: Give a web host no more visitors
  foobar.lamp.haproxy_server:
    name: web1
    state: drained
  delegate_to: lb1

- name: Give it visitors again
  foobar.lamp.haproxy_server:
    name: web1
    state: ready
  delegate_to: lb1
"""

RETURN = r"""
known:
  description: Whether haproxy runs on this host and has such a server.
  returned: success
  type: bool
cut:
  description: How many requests to the server were not finished when the time was over.
  returned: success
  type: int
status:
  description: The state of the server in haproxy, with the result of its last health check if that
    is not V(UP).
  returned: success
  type: str
  sample: MAINT
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.lamp.plugins.module_utils.host import haproxy_runtime


def main():
    """Do it."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["drained", "ready", "healthy"]},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    name, state, timeout = (module.params[key] for key in ("name", "state", "timeout"))
    if "/" in name or name in ("", ".", ".."):
        module.fail_json(msg=f"name is {name!r}: give the name of a server as haproxy has it.")
    try:
        result = haproxy_runtime.run(name, state, timeout, module.check_mode)
    except haproxy_runtime.HaproxyError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"haproxy does not answer on {haproxy_runtime.SOCKET}: {error}")
    host = haproxy_runtime.socket.gethostname()
    if result["cut"]:
        module.warn(
            f"{host}: {result['cut']} requests were still under way to {name} after {timeout} "
            f"seconds, and may be cut off."
        )
    well = (
        result["status"] == "UP" or state == "healthy" and haproxy_runtime.is_out(result["status"])
    )
    if state != "drained" and timeout and result["known"] and not module.check_mode and not well:
        module.fail_json(
            msg=f"{host} takes {name} for {result['status']} after {timeout} seconds: see what the "
            f"web server and the applications of {name} say, and run again.",
            **result,
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
