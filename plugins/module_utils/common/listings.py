# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg, systemd and the files under /etc and /proc say of a host. Private to the
collection. Pure: texts in, facts out.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import sys

# What /proc says of a route: it is in use, by a gateway, none at all, to any one of several hosts,
# to the host itself.
_UP, _GATEWAY, _REJECT, _ANYCAST, _LOCAL = 0x1, 0x2, 0x200, 0x100000, 0x80000000
#: File systems that hold nobody's files for long.
_OF_THE_KERNEL = frozenset(
    (
        *(
            "binfmt_misc",
            "bpf",
            "cgroup",
            "cgroup2",
            "configfs",
            "debugfs",
            "devpts",
            "devtmpfs",
            "efivarfs",
            "fusectl",
            "hugetlbfs",
        ),
        *(
            "mqueue",
            "nsfs",
            "overlay",
            "proc",
            "pstore",
            "ramfs",
            "rpc_pipefs",
            "securityfs",
            "squashfs",
            "sysfs",
            "tmpfs",
            "tracefs",
        ),
    )
)

_ZONE = re.compile(r'^zone\s+"([^"]+)"[^{\n]*\{(.*?)^\};', re.MULTILINE | re.DOTALL)
_ZONE_TYPE = re.compile(r"^\s*type\s+(primary|secondary)\s*;", re.MULTILINE)
_ZONE_SOURCES = re.compile(r"^\s*primaries\s*\{([^}]*)\}", re.MULTILINE)


def installed(listing):
    """Return the packages that are wholly installed with their versions,
    of lines ``STATUS NAME VERSION``.

    That is dpkg-query's ``${db:Status-Abbrev} ${Package} ${Version}``.
    """
    words = (line.split() for line in listing.splitlines())
    return {
        word[1]: word[2]
        for word in words
        if len(word) == 3 and len(word[0]) == 2 and word[0][1] == "i"
    }


def openssh(version):
    """Return what OpenSSH is of the package's ``version``, such as 9.2 of 1:9.2p1-2+deb12u6;
    an empty text for none.
    """
    found = re.match(r"(?:\d+:)?(\d+\.\d+)", version)
    return found[1] if found else ""


def services(listing):
    """Return what ``systemctl show`` says of units, by name (a service without ``.service``):
    lines ``KEY=VALUE``, parted by empty ones.
    """
    units = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in listing.split("\n\n")
    ]
    return {unit["Id"].removesuffix(".service"): unit for unit in units if "Id" in unit}


def running(units):
    """Return the units that are active and enabled."""
    return sorted(
        name
        for name, unit in units.items()
        if unit.get("ActiveState") == "active" and unit.get("UnitFileState") == "enabled"
    )


def waiting(units):
    """Return those of ``units``, all of which the start of the system starts,
    that nobody has tried to start since.

    That is what a package's installation leaves behind when services must not start. A unit that
    was stopped, or whose conditions do not hold, was tried.
    """
    return sorted(
        unit["Id"]
        for unit in units.values()
        if unit.get("ActiveState") == "inactive"
        and unit.get("ConditionTimestampMonotonic") == "0"
        and unit.get("LoadState") == "loaded"
    )


def mounts(listing):
    """Return what is mounted where, ``{directory: source}``,
    by the lines of ``/proc/self/mountinfo``, but what the kernel itself makes.
    """
    found = {}
    for line in listing.splitlines():
        place, _hyphen, what = line.partition(" - ")
        if (
            len(place.split()) > 4
            and len(what.split()) > 1
            and what.split()[0] not in _OF_THE_KERNEL
        ):
            # The last one of a directory is the one that is seen. A space is written by its number.
            directory, source = (
                re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)
                for text in (place.split()[4], what.split()[1])
            )
            found[directory] = source
    return found


def names(hosts, name):
    """Return the names in the line of a hosts file that has ``name``, as they stand there:
    what ``hostname --fqdn`` says is the first.
    """
    lines = (line.partition("#")[0].split()[1:] for line in hosts.splitlines())
    return next((line for line in lines if name in line), [])


def networks(route, ipv6_route):
    """Return the networks that are reached without a gateway, ``{interface: [network]}``,
    of /proc/net/route and /proc/net/ipv6_route.
    """
    found = {}
    for line in route.splitlines()[1:]:
        name, place, _gateway, flags, *_counts, mask = line.split()[:8]
        # As the processor has them.
        address, bits = (int.from_bytes(bytes.fromhex(one), sys.byteorder) for one in (place, mask))
        _add_network(
            found, name, ipaddress.IPv4Network((address, bits.bit_count())), int(flags, 16)
        )
    for line in ipv6_route.splitlines():
        place, length, *_others, flags, name = line.split()
        _add_network(
            found, name, ipaddress.IPv6Network((int(place, 16), int(length, 16))), int(flags, 16)
        )
    return found


def _add_network(found, name, network, flags):
    away = (
        flags & (_GATEWAY | _REJECT | _ANYCAST | _LOCAL) or not flags & _UP or not network.prefixlen
    )
    if (
        name != "lo"
        and not away
        and not network.is_link_local
        and not network.is_multicast
        and str(network) not in found.get(name, [])
    ):
        found.setdefault(name, []).append(str(network))


def users(listing):
    """Return the names of the accounts in a passwd file."""
    return sorted({line.split(":", 1)[0] for line in listing.splitlines() if ":" in line})


def members(listing):
    """Return whom a group file names as members, of each group that has any."""
    lines = (line.split(":") for line in listing.splitlines())
    return {line[0]: line[3].split(",") for line in lines if len(line) == 4 and line[3]}


def zones(named_conf):
    """Return what a name server is for the zones of its file, as the role bind writes it:
    ``{zone: {"type", "primaries"}}``.
    """
    found = {}
    for name, text in _ZONE.findall(named_conf):
        kind, sources = _ZONE_TYPE.search(text), _ZONE_SOURCES.search(text)
        if kind:
            addresses = (
                [words.split()[0] for words in sources[1].split(";") if words.split()]
                if sources
                else []
            )
            found[name] = {"type": kind[1], "primaries": addresses}
    return found


def system(os_release):
    """Return ``(name, version)`` of an os-release file, such as ``("debian", "13")``;
    empty texts for what it does not say.
    """
    lines = (
        line.split("=", 1)
        for line in os_release.splitlines()
        if "=" in line and not line.startswith("#")
    )
    said = {key: " ".join(shlex.split(value)) for key, value in lines}
    return said.get("ID", ""), said.get("VERSION_ID", "")


def memory_mb(meminfo, limit=""):
    """Return the memory in MiB:
    what meminfo says, or the control group's ``limit`` in bytes where that is less.
    """
    found = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.MULTILINE)
    total = int(found[1]) // 1024 if found else 0
    return min(total, int(limit) // 2**20) if limit.strip().isdecimal() else total
