# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of its packet filter: whether it can have one, what
rules it has, who else filters. No Ansible.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import struct

from ansible_collections.foobar.lamp.plugins.module_utils.common import conffiles
from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import ask, read

#: The one table that is ours, as nft names it, and how it is listed: without what changes with the
#: packets.
TABLE = ("inet", "foobar_lamp")
LISTING = ("nft", "--stateless", "--terse", "list", "table", *TABLE)
# The kernel's netlink: the protocol of netfilter, and nf_tables' question for the generation of all
# rules, which changes nothing.
_NETFILTER, _GETGEN, _REQUEST, _ERROR = 12, 10 << 8 | 16, 1, 2
#: Other firewalls, by their services, which systemd is asked about by name: it does not list one
#: that is enabled and was never started.
OTHERS = ("ufw", "firewalld", "ferm", "netfilter-persistent", "nftables")
#: What lamp-firewall writes when rules are confirmed.
CONFIRMED = "/var/lib/foobar.lamp/firewall.json"
# Clients of DHCP, which have rules, and what speaks to its own network alone.
_CLIENTS = {("udp", port) for port in (68, 123, 137, 138, 546, 5353, 5355)}
_EPHEMERAL = range(32768, 61000)
_SOCKET = re.compile(
    r"^(tcp|udp)\s+(?:LISTEN|UNCONN)\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:\s+users:\(\(\"([^\"]+)\")?",
    re.MULTILINE,
)
_ENABLED = re.compile(r"^\s*ENABLED=[\"']?yes\b", re.MULTILINE | re.IGNORECASE)


def unable():
    """Return why the host cannot have a packet filter of its own, in a few words;
    empty where it can, and where only root could tell.
    """
    if os.geteuid():
        return ""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as kernel:
            kernel.settimeout(5)
            kernel.send(struct.pack("=IHHIIBBH", 20, _GETGEN, _REQUEST, 1, 0, 0, 0, 0))
            answer = kernel.recv(4096)
    except OSError as error:
        number = error.errno
    else:
        number = (
            -struct.unpack_from("=i", answer, 16)[0]
            if struct.unpack_from("=H", answer, 4)[0] == _ERROR
            else 0
        )
    if number in (errno.EPERM, errno.EACCES):
        return "it lacks the capability CAP_NET_ADMIN"
    return "its kernel has no nf_tables" if number else ""


def foreign(units):
    """Return who else filters packets, by the names of their services.

    ``units``: what systemd says of services, by name.
    """

    def state(name, *wanted):
        unit = units.get(name, {})
        return unit.get("ActiveState") in wanted or unit.get("UnitFileState") in wanted

    # Debian enables the services of ufw and ferm whether they are wanted or not: their own files
    # say that.
    found = {
        "ufw": state("ufw", "active", "enabled") and _ENABLED.search(read("/etc/ufw/ufw.conf")),
        "firewalld": state("firewalld", "active", "enabled"),
        "ferm": state("ferm", "active", "enabled") and _ENABLED.search(read("/etc/default/ferm")),
        "netfilter-persistent": state("netfilter-persistent", "active", "enabled"),
        "nftables": state("nftables", "enabled") and _is_changed("/etc/nftables.conf"),
    }
    return [name for name in OTHERS if found[name]]


def _is_changed(path):
    content = read(path).encode("utf-8", "surrogateescape")
    return bool(content) and not conffiles.is_pristine(path, content)


def published(listing):
    """Return the ports that containers publish to others, of lines ``NAME PORTS``:
    ``docker ps --format '{{.Names}} {{.Ports}}'``.
    """
    found = []
    for name, _space, ports in (line.partition(" ") for line in listing.splitlines()):
        ours = [
            port
            for port in ports.split(", ")
            if "->" in port and not port.startswith(("127.", "[::1]", "::1:"))
        ]
        found += [f"{name} {port}" for port in ours]
    return found


def listening(listing):
    """Return on what programs listen for others, of what ``ss -Hlntup`` prints:
    ``{"25/tcp": "master"}``.
    """
    found = {}
    for protocol, address, port, program in _SOCKET.findall(listing):
        number, address = int(port), address.strip("[]").removeprefix("::ffff:")
        inner = address.startswith("127.") or address == "::1" or (protocol, number) in _CLIENTS
        # What asks by UDP has a port for the answer. The kernel's own, such as that of WireGuard,
        # has no program.
        if not inner and not (protocol == "udp" and program and number in _EPHEMERAL):
            found[f"{number}/{protocol}"] = program
    return found


def begin():
    """Begin to ask, and return a function that returns the facts:
    ``finish(units)``, with what systemd says of services.
    """
    said_table = ask(*LISTING)
    # Nobody is asked whom the question would start.
    docker = os.path.exists("/run/docker.pid")
    # Of interest until rules are in force.
    said_sockets = ask("ss", "-Hlntup") if not os.path.exists(CONFIRMED) else str
    said_docker = (
        ask("timeout", "5", "docker", "ps", "--format", "{{.Names}} {{.Ports}}") if docker else str
    )

    def finish(units):
        table = said_table()
        return {
            "foreign": foreign(units),
            "listening": listening(said_sockets()),
            "published": published(said_docker()),
            "table": hashlib.sha256(table.encode("utf-8", "surrogateescape")).hexdigest()
            if table
            else "",
            "unable": unable(),
        }

    return finish
