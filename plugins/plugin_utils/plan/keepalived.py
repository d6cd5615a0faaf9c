# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role keepalived in the plan: an address that one of the balancers has, and another one where
that is gone. Private to the collection.

Pure.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import VRRP, Port, Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import BALANCERS
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.take_over import take_over_problems

#: The first host's priority, and how much less each of the others has. A high one makes the others
#: wait the shortest.
HIGHEST, STEP = 250, 10
_MOST = HIGHEST // STEP
_PREFIXED = re.compile(r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?\Z")
_INTERFACE = re.compile(r"[A-Za-z0-9._-]{1,15}\Z")
_UNIT = re.compile(r"[A-Za-z0-9@:_.\\-]+\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*\Z")


class Keepalived(Role):
    """See Role."""

    GROUP = BALANCERS
    EDGES = {
        "the address": "lamp_vip",
        "the hosts that may hold it": "lamp_lb",
        "the page that shows whether it works": "haproxy",
    }
    EXAMPLE = {"keepalived_addresses": ["192.0.2.100"]}

    def inputs(self, site, host, offered):
        """The address, and who may have it: all balancers, the first one before the others."""
        if not site.vip:
            return {}
        hosts = _hosts(site)
        return {
            "keepalived_addresses": site.vip,
            "keepalived_check": {
                "port": host.given.get("haproxy_status_port", 8404),
                "path": "/monitor",
                "unit": "haproxy",
            },
            "keepalived_command": list(site.values.get("lamp_vip_command") or []),
            "keepalived_host": hosts[host.name],
            "keepalived_hosts": list(hosts.values()),
            "keepalived_settings": {"virtual_router_id": router_id(site.domain)},
            "keepalived_take_over": site.values.get("lamp_take_over", False),
        }

    def packages(self, inputs):
        """What moves the address."""
        return ["keepalived"] if inputs["keepalived_addresses"] else []

    def offers(self, inputs):
        """Its service."""
        return {"services": ["keepalived"]} if inputs["keepalived_addresses"] else {}

    def ports(self, inputs):
        """None, but what the hosts tell each other has to arrive."""
        return [Port(0, VRRP, BALANCERS)] if inputs["keepalived_addresses"] else []

    def problems(self, inputs, facts, search=()):
        """Addresses and hosts that are none, or do not fit together or the host's networks."""
        own = {name.removeprefix("keepalived_"): value for name, value in inputs.items()}
        if not own["addresses"]:
            return []
        problems = [
            *address_problems("keepalived_addresses", own["addresses"]),
            *_host_problems(own["hosts"], own["host"]),
        ]
        problems += _check_problems(own["check"])
        if own["interface"] and not _INTERFACE.match(own["interface"]):
            problems.append(
                f"keepalived_interface is {own['interface']!r}: give the name of a network "
                f"interface, such as eth0."
            )
        if not all(own["command"][:1]):
            problems.append(
                "keepalived_command begins with an empty argument: begin it with a program."
            )
        return [
            *(problems or [*_fit_problems(own), *_place_problems(own, facts)]),
            *take_over_problems(
                facts.get("unmanaged") or {}, self.name, "keepalived_addresses", own["take_over"]
            ),
        ]


def router_id(domain):
    """Return the number, from 1 to 255,
    that tells this site's addresses from those of others in the same network.
    """
    return 1 + int(hashlib.sha256(domain.lower().encode()).hexdigest(), 16) % 255


def version_of(address):
    """Return 4 or 6, of an address with or without a prefix."""
    return 6 if ":" in address else 4


def _hosts(site):
    """Return the address of each balancer for the others, ``{name: address}``:
    all of one family, which the site's address has too.
    """
    found = {host.name: host.peer_addresses for host in site.hosts(BALANCERS)}
    for version in sorted({version_of(address) for address in site.vip}):
        if all(
            any(version_of(one) == version for one in addresses) for addresses in found.values()
        ):
            return {
                name: next(one for one in addresses if version_of(one) == version)
                for name, addresses in found.items()
            }
    return {name: addresses[0] for name, addresses in found.items()}


def network_of(address, networks):
    """Return the interface of the smallest network that has an address, of ``{interface:
    [network]}``; empty where none has it.
    """
    place = ipaddress.ip_interface(address).ip
    known = [
        (ipaddress.ip_network(network), name)
        for name, of_it in networks.items()
        for network in of_it
    ]
    found = [
        (-network.prefixlen, name)
        for network, name in known
        if network.version == place.version and place in network
    ]
    return min(found)[1] if found else ""


def _interface(text):
    """Return the address, with its network, that a text has; None if it has none."""
    try:
        return ipaddress.ip_interface(text) if _PREFIXED.match(text) else None
    except ValueError:
        return None


def address_problems(variable, addresses):
    """Return a sentence for each of ``addresses`` that no host can take over,
    and for more than one of a family.
    """
    for text in addresses:
        one = _interface(text)
        if one is None:
            yield (
                f"{variable} has {text!r}: give an IPv4 or IPv6 address, such as 203.0.113.5, "
                f"203.0.113.5/24 or 2001:db8::5."
            )
        elif one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified:
            yield (
                f"{variable} has {text!r}, "
                f"by which no other host can be reached: give another address."
            )
        elif one.network.num_addresses > 2 and one.ip in (
            one.network.network_address,
            one.network.broadcast_address,
        ):
            yield (
                f"{variable} has {text!r}, which is the network {one.network} or its broadcast "
                f"address: give the address of a host in it."
            )
    for version in (4, 6):
        if sum(version_of(one) == version for one in addresses) > 1:
            yield f"{variable} has more than one address of IPv{version}: leave one in it."


def vip_problems(given, groups, hosts):
    """Return what is wrong with the site's address,
    by the inventory's ``given``, ``groups`` and ``hosts`` (``{name: variables}``).
    """
    addresses, balancers = _list(given.get("lamp_vip")), groups.get(BALANCERS, ())
    if given.get("lamp_vip_command") and not addresses:
        yield (
            "lamp_vip_command is set, but lamp_vip is not: "
            "give the address that the command is for, or remove it."
        )
    if not addresses:
        return
    yield from address_problems("lamp_vip", addresses)
    if len(balancers) < 2:
        there = f"has one host, {balancers[0]}" if balancers else "is empty"
        yield (
            f"lamp_vip is set, but the group {BALANCERS} {there}: "
            f"put two or more hosts into it, or remove lamp_vip."
        )
    ours = {one.partition("/")[0].lower() for one in addresses}
    for name in groups.get("lamp", ()):
        for variable in ("lamp_address", "lamp_peer_address", "ansible_host"):
            for one in _list(hosts[name].get(variable)):
                if str(one).lower() in ours:
                    yield (
                        f"lamp_vip has {one}, which is {variable} of {name}: "
                        f"give an address that no host has."
                    )


def _list(value):
    return [value] if isinstance(value, str) else value or []


def _host_problems(hosts, host):
    wrong = [one for one in hosts if "/" in one or not _interface(one)]
    for one in wrong:
        yield f"keepalived_hosts has {one!r}: give an IPv4 or IPv6 address."
    if wrong:
        return
    if not 2 <= len(hosts) <= _MOST:
        yield f"keepalived_hosts has {len(hosts)} addresses: give those of 2 to {_MOST} hosts."
    if len(set(hosts)) < len(hosts):
        yield "keepalived_hosts has an address twice: give each host its own."
    if len({version_of(one) for one in hosts}) > 1:
        yield (
            "keepalived_hosts has addresses of IPv4 and of IPv6: "
            "give those of one, which all hosts have."
        )
    if host not in hosts:
        yield (
            f"keepalived_host is {host!r}, which keepalived_hosts does not have: give this "
            f"host's, which must be one of them."
        )


def _check_problems(check):
    port, path = check.get("port"), check.get("path")
    if port is None and path:
        yield "keepalived_check.port is missing: give the port of the page."
    if port is not None and not 0 < port < 65536:
        yield f"keepalived_check.port is {port}: give one from 1 to 65535."
    if path is not None and not _PATH.match(path):
        yield (
            f"keepalived_check.path is {path!r}: begin it with a slash, and use letters, digits, "
            f"dots, hyphens and underscores."
        )
    if check.get("unit") is not None and not _UNIT.match(check["unit"]):
        yield (
            f"keepalived_check.unit is {check['unit']!r}: "
            f"give the name of a service, such as haproxy."
        )


def _fit_problems(own):
    version = version_of(own["host"])
    if not any(version_of(one) == version for one in own["addresses"]):
        yield (
            f"keepalived_addresses has no address of IPv{version}, by which the hosts talk to "
            f"each other (keepalived_hosts): give the hosts' addresses of the other family, in a "
            f"site by lamp_peer_address."
        )


def _place_problems(own, facts):
    networks, made = facts.get("networks") or {}, facts.get("made") or []
    for text in own["addresses"]:
        address = text.partition("/")[0]
        # Once it is ours, it may be this host that has it.
        if (
            address in own["hosts"]
            or "keepalived" not in made
            and address in (facts.get("addresses") or [])
        ):
            yield (
                f"keepalived_addresses has {address}, which is the address of a host: "
                f"give one that no host has."
            )
        elif (
            networks
            and not network_of(text, networks)
            and not own["interface"]
            and not own["command"]
        ):
            known = ", ".join(network for of_it in networks.values() for network in of_it)
            yield (
                f"keepalived_addresses has {address}, which is in no network of this host "
                f"({known}): give an address of these, name the interface in "
                f"keepalived_interface, or the command that routes it here "
                f"in lamp_vip_command (keepalived_command)."
            )
    if networks and not own["interface"] and not network_of(own["host"], networks):
        yield (
            f"keepalived_host is {own['host']}, which is in no network of this host: name the "
            f"interface in keepalived_interface."
        )


ROLE = Keepalived("keepalived")
