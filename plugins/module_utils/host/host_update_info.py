# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update of packages leaves to be done on a host: services that run with files that were
replaced, and a reboot. No Ansible.
"""

from __future__ import annotations

import glob
import os
import re
import time

from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import ask, read

REBOOT = "/run/reboot-required"
#: Services that are not restarted while the host is up: what depends on them does not survive it.
_LASTING = re.compile(r"(dbus(-broker)?|systemd-logind|user@\d+)\.service\Z")
#: Those of logins. Whoever is logged in goes on with what he has.
_LOGINS = re.compile(r"(.*getty@.*\.service|session-.*\.scope|user@\d+\.service)\Z")
_MOVING = ("activating", "deactivating", "reloading", "refreshing")
#: Seconds that a service has which does not run and is not about to, and the most that any has.
GRACE, LONGEST = 5, 300
# A line of /proc/PID/maps of code in a file that is there no more, or that another has replaced.
_REPLACED = re.compile(
    r"^\S+ ..x. \S+ \S+ \S+ +(/(?:usr|lib\w*|bin|sbin|opt)/.*) \(deleted\)$", re.MULTILINE
)
_KERNEL = re.compile(r"/boot/vmlinuz-(\d+(?:\.\d+)*)(.*)\Z")


def unit_of(cgroups):
    """Return the unit that a process belongs to, by the text of its file ``cgroup``:
    empty for none, ``init.scope`` for systemd itself.
    """
    for line in cgroups.splitlines():
        _number, kinds, path = line.split(":", 2)
        if kinds in ("", "name=systemd"):
            found = [part for part in path.split("/") if part.endswith((".service", ".scope"))]
            if found:
                return found[0]
    return ""


def replaced(maps):
    """Return whether a process runs code of a file that was replaced,
    by the text of its file ``maps``.
    """
    return bool(_REPLACED.search(maps))


def outdated(proc="/proc"):
    """Return the units of which a process runs replaced code."""
    found = set()
    for place in glob.glob(f"{proc}/[0-9]*"):
        if replaced(read(f"{place}/maps")):
            found.add(
                "init.scope" if os.path.basename(place) == "1" else unit_of(read(f"{place}/cgroup"))
            )
    return found


def restarts(units):
    """Return which of ``units`` are to be restarted,
    and a sentence for each that only a reboot renews.
    """
    lasting = sorted(name for name in units if _LASTING.match(name) and not _LOGINS.match(name))
    services = sorted(
        name
        for name in units
        if name.endswith(".service") and name not in lasting and not _LOGINS.match(name)
    )
    return services, [f"{name} runs with files that were replaced" for name in lasting]


def newer_kernel(running, files):
    """Return the newest of the kernels in ``files`` that is newer than the ``running`` one,
    of the same kind; empty for none.
    """

    def order(release, rest):
        return [int(number) for number in re.findall(r"\d+", release + rest)]

    def kind(rest):
        return re.sub(r"[^a-z]+", "-", re.sub(r"\+deb\S*?(?=-)", "", rest)).strip("-")

    now = _KERNEL.match(f"/boot/vmlinuz-{running}")
    there = [found for found in map(_KERNEL.match, files) if found]
    newer = [
        one
        for one in there
        if now and kind(one[2]) == kind(now[2]) and order(*one.groups()) > order(*now.groups())
    ]
    return "".join(max(newer, key=lambda one: order(*one.groups())).groups()) if newer else ""


def _kernel():
    kernel = newer_kernel(os.uname().release, glob.glob("/boot/vmlinuz-*"))
    return [f"kernel {kernel} is installed, {os.uname().release} runs"] if kernel else []


def _asked():
    if not os.path.exists(REBOOT):
        return []
    names = sorted(set(read(f"{REBOOT}.pkgs").split()))
    return [f"{REBOOT} is there" + (f" for {', '.join(names)}" if names else "")]


def units(text):
    """Return what ``systemctl show`` says of units, ``{name: {property: value}}``."""
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in text.split("\n\n")
    ]
    return {said["Id"]: said for said in blocks if said.get("Id")}


def running(found):
    """Return the services of ``units`` that run and start with the host."""
    return sorted(
        name
        for name, said in found.items()
        if said.get("SubState") == "running"
        and said.get("UnitFileState") in ("enabled", "enabled-runtime")
    )


def _settled(awaits):
    """Return which services run once all of ``awaits`` do,
    or those that do not are not about to.
    """
    began, idle = time.monotonic(), None
    while True:
        found = units(
            ask(
                "systemctl", "show", "--property=Id,ActiveState,SubState,UnitFileState", "*.service"
            )()
        )
        there, now = running(found), time.monotonic()
        missing = set(awaits) - set(there)
        idle = (
            None
            if any(found.get(name, {}).get("ActiveState") in _MOVING for name in missing)
            else idle or now
        )
        if not missing or (idle and now - idle > GRACE) or now - began > LONGEST:
            return there
        time.sleep(0.5)


def run(awaits=()):
    """Return packages and their versions, services that run, services to restart, whether
    systemd is to begin anew, and why to reboot.
    """
    there = _settled(awaits)
    said_packages = ask(
        "dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${binary:Package} ${Version}\n"
    )
    virtual = ask("systemd-detect-virt", "--container")().strip()
    old = outdated()
    services, reasons = restarts(old)
    lines = [line.split() for line in said_packages().splitlines()]
    return {
        "packages": {
            words[1]: words[2] for words in lines if len(words) == 3 and words[0].startswith("ii")
        },
        "running": there,
        "services": services,
        "systemd": "init.scope" in old,
        # A container has no kernel of its own.
        "reboot": _asked() + ([] if virtual not in ("", "none") else _kernel()) + reasons,
    }
