# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates of hosts: in which order, and what they did. Private to the collection. Pure."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import (
    BALANCERS,
    NAME_SERVERS,
    primary,
)


def order(hosts, groups, hostvars):
    """Return the names of ``hosts``, each once, so that what the others need goes last:
    by the last of what a host does.

    Secondary name servers, balancers, web hosts, database, the one of a cluster's that writes, the
    balancer that holds the address of all (both as far as ``hostvars`` say), primary name server.
    """
    servers = groups.get(NAME_SERVERS) or ()
    # The same for all hosts.
    first = primary(groups, hostvars.get(servers[0], {}) if servers else {})

    def parts(name):
        yield 0
        if name in groups.get(BALANCERS, ()):
            yield 5 if facts_of(hostvars.get(name)).get("holds") else 1
        if name in groups.get("lamp_web", ()):
            yield 2
        if name in groups.get("lamp_db", ()):
            yield 4 if facts_of(hostvars.get(name)).get("writes") else 3
        if name == first:
            yield 6

    return sorted(hosts, key=lambda name: max(parts(name)))


def changes(before, after):
    """Return what became of packages, a text each,
    by their versions ``{name: version}`` before and after.
    """
    found = [
        f"{name} {before[name]} -> {version}"
        for name, version in after.items()
        if name in before and before[name] != version
    ]
    new = [f"{name} {version} (new)" for name, version in after.items() if name not in before]
    return sorted(found + new + [f"{name} (removed)" for name in before if name not in after])


def report(hosts, hostvars):
    """Return what an update did on each of ``hosts``, ``{name: {updated, restarted, rebooted,
    left}}``, or a text where it did nothing.
    """
    return {name: _report(hostvars.get(name, {})) for name in hosts}


def _report(variables):
    before, left, after = (
        variables.get(f"__update_{name}") or {} for name in ("before", "left", "after")
    )
    if not before:
        return "not updated: the run ended before"
    if not after:
        return "up to date"
    rebooted = (variables.get("__update_rebooted") or {}).get("rebooted", False)
    found = {
        "updated": changes(before["packages"], after["packages"]),
        "restarted": [] if rebooted else left.get("services", []),
        "rebooted": (left.get("reboot") or ["as it was asked for"]) if rebooted else [],
        "to be rebooted": after.get("reboot", []),
    }
    return {name: value for name, value in found.items() if value} or "up to date"
