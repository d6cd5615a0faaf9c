# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg, systemd and the files under /etc and /proc say of a host. Private to the collection. Pure: texts in, facts out."""

from __future__ import annotations

import re
import shlex


def installed(listing):
    """Return the packages that are wholly installed, of lines ``STATUS NAME`` (dpkg-query's ``${db:Status-Abbrev} ${Package}``)."""
    words = (line.split() for line in listing.splitlines())
    return sorted({word[-1] for word in words if len(word) == 2 and len(word[0]) == 2 and word[0][1] == "i"})


def services(listing):
    """Return what ``systemctl show`` says of units, by name (a service without ``.service``): lines ``KEY=VALUE``, parted by empty ones."""
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in listing.split("\n\n")]
    return {unit["Id"].removesuffix(".service"): unit for unit in units if "Id" in unit}


def running(units):
    """Return the units that are active and enabled."""
    return sorted(name for name, unit in units.items() if unit.get("ActiveState") == "active" and unit.get("UnitFileState") == "enabled")


def waiting(units):
    """Return those of ``units``, all of which the start of the system starts, that nobody has tried to start since.

    That is what a package's installation leaves behind when services must not start. A unit that was stopped, or whose conditions do not
    hold, was tried.
    """
    return sorted(
        unit["Id"]
        for unit in units.values()
        if unit.get("ActiveState") == "inactive" and unit.get("ConditionTimestampMonotonic") == "0" and unit.get("LoadState") == "loaded"
    )


def names(hosts, name):
    """Return the names in the line of a hosts file that has ``name``, as they stand there: what ``hostname --fqdn`` says is the first."""
    lines = (line.partition("#")[0].split()[1:] for line in hosts.splitlines())
    return next((line for line in lines if name in line), [])


def users(listing):
    """Return the names of the accounts in a passwd file."""
    return sorted({line.split(":", 1)[0] for line in listing.splitlines() if ":" in line})


def members(listing):
    """Return whom a group file names as members, of each group that has any."""
    lines = (line.split(":") for line in listing.splitlines())
    return {line[0]: line[3].split(",") for line in lines if len(line) == 4 and line[3]}


def system(os_release):
    """Return ``(name, version)`` of an os-release file, such as ``("debian", "13")``; empty texts for what it does not say."""
    lines = (line.split("=", 1) for line in os_release.splitlines() if "=" in line and not line.startswith("#"))
    said = {key: " ".join(shlex.split(value)) for key, value in lines}
    return said.get("ID", ""), said.get("VERSION_ID", "")


def memory_mb(meminfo, limit=""):
    """Return the memory in MiB: what meminfo says, or the control group's ``limit`` in bytes where that is less."""
    found = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.MULTILINE)
    total = int(found[1]) // 1024 if found else 0
    return min(total, int(limit) // 2**20) if limit.strip().isdecimal() else total
