# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role keepalived. Private to the collection. Pure."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.keepalived import (
    HIGHEST,
    STEP,
    network_of,
    version_of,
)


def instance(addresses, hosts, host, interface, networks):
    """Return what the instance of keepalived.conf has besides settings.

    In it, ``addresses`` has those of the family by which the ``hosts`` speak to each other, and
    ``more`` the other one: VRRP tells of one family, and keepalived moves the other along.
    ``networks``: those of this ``host``, by interface.
    """
    own = interface or network_of(host, networks)
    placed = [(address, interface or network_of(address, networks) or own) for address in addresses]
    return {
        "interface": own,
        "priority": HIGHEST - STEP * hosts.index(host),
        "peers": [one for one in hosts if one != host],
        "addresses": [_line(*one) for one in placed if version_of(one[0]) == version_of(host)],
        "more": [_line(*one) for one in placed if version_of(one[0]) != version_of(host)],
        # The host gives up the addresses where one of these is down, as where its own is.
        "tracked": list(dict.fromkeys(name for _address, name in placed if name != own)),
        "plain": [address.partition("/")[0] for address in addresses],
    }


def _line(address, interface):
    """Return an address as keepalived reads it.

    The host's own connections never come from it: IPv6 would choose it by its prefix.
    """
    whole = address if "/" in address else f"{address}/{128 if version_of(address) == 6 else 32}"
    return f"{whole} dev {interface}{' preferred_lft 0' if version_of(address) == 6 else ''}"


def holder_last(hosts, hostvars):
    """Return the names of ``hosts``, the one that holds their addresses behind the others,
    as far as ``hostvars`` say.
    """
    return sorted(hosts, key=lambda name: bool(facts_of(hostvars.get(name)).get("holds")))
