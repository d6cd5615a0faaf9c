# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an haproxy takes its servers for, and who holds the address of all balancers. No Ansible.
Private to the collection.
"""

from __future__ import annotations

import csv
import ipaddress
import socket

from ansible_collections.foobar.lamp.plugins.module_utils.host import haproxy_runtime

#: Of the way from a web host to the database host that writes.
DATABASE_SOCKET = "/run/lamp-database-proxy/admin.sock"
#: Seconds: whoever asks how a site is does not wait long for one that hangs.
_PATIENCE = 2


def stat(path=haproxy_runtime.SOCKET):
    """Return what haproxy says of its servers, nothing where it does not answer."""
    try:
        return haproxy_runtime.ask("show stat", path=path, patience=_PATIENCE)
    except OSError:
        return ""


def servers(names, said):
    """Return of each of the servers what ``show stat`` says of it:
    its state, for how many seconds, and why; None where it is not known.

    A web host stands in several backends. One that is drained in any of them is told as such.
    """
    found: dict[str, dict | None] = dict.fromkeys(names)
    for row in csv.DictReader(said.lstrip("# ").splitlines()):
        name, state = (
            row.get("svname"),
            (row.get("status") or "").partition(" ")[0].partition("(")[0],
        )
        # One that nobody checks has no state of its own.
        if name not in found or state == "no":
            continue
        before = found[name]
        if before is None or before["state"] == "UP":
            why = (
                ": ".join(filter(None, (row.get("check_desc"), row.get("last_chk"))))
                if state == "DOWN"
                else ""
            )
            found[name] = {"state": state, "seconds": int(row.get("lastchg") or 0), "why": why}
    return found


def holds(address):
    """Whether an address is one of the host's: to its own a host comes from no other."""
    with socket.socket(
        socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
    ) as probe:
        try:
            # Nothing is sent.
            probe.connect((address, 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == ipaddress.ip_address(address)
        except OSError:
            return False
