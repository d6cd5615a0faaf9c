# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role firewall in the plan: what the other roles of a host listen on, and who has to reach
it. Private to the collection. Pure.
"""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import linux_base
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import (
    VISITORS,
    VRRP,
    WORLD,
    Role,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import BALANCERS

_COMMENT = re.compile(r"[^\"\\\x00-\x1f]{0,100}\Z")
# Whose ports a role says, whatever they are before its first run: the roles of each program. What
# sshd listens on is let in.
_SERVERS = {
    "apache2": {"apache", "nginx"},
    "haproxy": {"haproxy"},
    "mariadbd": {"mysql"},
    "mysqld": {"mysql"},
    "named": {"bind"},
    "nginx": {"apache", "nginx"},
}
_COPY = re.compile(r"(?:[^@/:]*@)?([^@/:]+):")


class Firewall(Role):
    """See Role."""

    COLLECTS = True
    KEYS = {"firewall_rules": ("port", "protocol")}
    EDGES = {
        "the ports that they listen on, and who must reach them": (
            "mysql, apache, nginx, haproxy, keepalived, bind"
        ),
        "the ports of sshd": "linux_base",
        "which hosts copy backups to this one": "backup",
    }

    def inputs(self, site, host, offered):
        """What the other roles of the host listen on.

        A host that cannot have a firewall has none, unless the inventory wants one.
        """
        following = {
            "firewall_enabled": not _unable(host.facts),
            "firewall_rules": _rules(site, host, offered.get("ports", {})),
            "firewall_ssh_ports": linux_base.declared_ports(
                host.given.get("linux_base_sshd", True), _settings(host)
            ),
        }
        following["firewall_take_over"] = site.values.get("lamp_take_over", False)
        # Empty is everybody.
        if host.given.get("firewall_ssh_from"):
            following["firewall_ssh_from"] = _copying(site, host)
        return following

    def packages(self, inputs):
        """What loads the rules."""
        return ["nftables"] if inputs["firewall_enabled"] else []

    def problems(self, inputs, facts, search=()):
        """Addresses and ports, who else filters packets, and whether this run could come again."""
        if not inputs["firewall_enabled"]:
            return []
        problems = []
        if reason := _unable(facts):
            problems.append(
                f"firewall_enabled is true, but the host cannot have a firewall: {reason}. Set "
                f"it to false, or leave it out: "
                f"then the site's hosts that cannot have one go without."
            )
        for name in (facts.get("firewall") or {}).get("foreign") or []:
            problems.append(
                f"The host already has a firewall, {name}. A packet must pass both, so {name} "
                f"may drop what this one lets in. Remove {name}, or disable and stop it, or set "
                f"firewall_enabled to false."
            )
        for rule in inputs["firewall_rules"]:
            problems += _rule_problems(rule)
        problems += _source_problems("firewall_ssh_from has", inputs["firewall_ssh_from"])
        problems += [
            f"firewall_ssh_ports has {port}: give a port from 1 to 65535."
            for port in inputs["firewall_ssh_ports"]
            if not 0 < port < 65536
        ]
        login = facts.get("login") or {}
        if not problems:
            problems += _ssh_problems(
                inputs["firewall_rules"], ssh_ports(inputs["firewall_ssh_ports"], login)
            )
        return problems or [
            *_closed_problems(inputs["firewall_ssh_from"], login),
            *_unmanaged_problems(inputs, facts, login),
        ]


def ssh_ports(declared, login):
    """Return the ports of sshd:
    those that are declared or that it says itself, and the one by which this run came.
    """
    listening = [
        address.rpartition(":")[2] for address in login.get("sshd", {}).get("listenaddress", [])
    ]
    said = declared or listening or [22]
    return sorted({int(port) for port in [*said, login.get("port") or said[0]]})


def place(rule):
    """Return where a rule stands among others:
    its protocol and port, or the first and the last of its ports; VRRP has none.
    """
    protocol = rule.get("protocol") or "tcp"
    return (protocol, *(map(int, str(rule["port"]).split("-")) if protocol != VRRP else ()))


def _unable(facts):
    return (facts.get("firewall") or {}).get("unable", "")


def _settings(host):
    return host.given.get("linux_base_sshd_settings") or {}


def _rules(site, host, ports):
    """Return a rule for each port that has to be reached, by what the roles say:
    ``{role: [Port]}``.
    """
    peers, sources, roles = {}, {}, {}
    for role, offered in ports.items():
        for port in offered:
            key = (port.number, port.protocol)
            peers.setdefault(key, set()).add(
                (WORLD if host.name in site.entrances else BALANCERS)
                if port.peers == VISITORS
                else port.peers
            )
            sources.setdefault(key, []).extend(port.sources)
            roles.setdefault(key, []).append(role)
    rules = []
    for key, groups in sorted(peers.items()):
        rule = {"protocol": key[1], "comment": ", ".join(dict.fromkeys(roles[key]))} | (
            {"port": key[0]} if key[0] else {}
        )
        if WORLD not in groups:
            others = [
                one
                for group in sorted(groups)
                for one in site.hosts(group)
                if one.name != host.name
            ]
            rule["from"] = list(
                dict.fromkeys(
                    [*(address for one in others for address in one.peer_addresses), *sources[key]]
                )
            )
        # What only the host itself has to reach goes through its loopback.
        if rule.get("from") != []:
            rules.append(rule)
    return rules


def _copying(site, host):
    """Return the addresses of the hosts that copy their backups to ``host`` by SSH."""
    names = {
        host.name,
        str(host.given.get("ansible_host", "")),
        *host.addresses,
        *host.peer_addresses,
    }
    found = []
    for one in site.hosts("lamp"):
        target = _COPY.match(str(one.given.get("backup_copy_to") or ""))
        if target and target[1] in names and one.name != host.name:
            found += one.peer_addresses
    return list(dict.fromkeys(found))


def _rule_problems(rule):
    what = f"the port {rule['port']}" if "port" in rule else rule.get("protocol") or "tcp"
    if (rule.get("protocol") == VRRP) == ("port" in rule):
        yield (
            f"firewall_rules has a rule for {what}: "
            f"give a port for the protocols tcp and udp, and none for {VRRP}."
        )
    elif "port" in rule:
        first, dash, last = str(rule["port"]).partition("-")
        numbers = [
            int(one) if one.isdecimal() else 0 for one in ([first, last] if dash else [first])
        ]
        if not all(0 < number < 65536 for number in numbers) or numbers != sorted(numbers):
            yield (
                f"firewall_rules has the port {str(rule['port'])!r}: give one from 1 to 65535, or "
                f"a range such as 6000-6010."
            )
    if not _COMMENT.match(rule.get("comment") or ""):
        yield (
            f"firewall_rules has the comment {rule['comment']!r}: "
            f"use up to 100 characters, no quotes or backslashes."
        )
    sources = rule.get("from")
    if sources == []:
        yield (
            f"firewall_rules lets nobody reach {what}, because from is empty: give addresses, or "
            f"leave from out for everybody."
        )
    yield from _source_problems(f"firewall_rules lets in to {what}", sources or [])


def _ssh_problems(rules, ports):
    """Return a sentence for a rule that would be for some,
    of a port that the rules for SSH let in everybody to.
    """
    for rule in rules:
        protocol, *span = place(rule)
        if (
            protocol == "tcp"
            and rule.get("from")
            and any(span[0] <= port <= span[-1] for port in ports)
        ):
            yield (
                f"firewall_rules has the port {rule['port']} for some addresses, but sshd "
                f"listens on {', '.join(map(str, ports))}. SSH has its own rules: give the "
                f"addresses in firewall_ssh_from."
            )


def _source_problems(where, sources):
    for source in sources:
        try:
            ipaddress.ip_network(source)
        except ValueError as error:
            remedy = (
                "give addresses or networks such as 192.0.2.7, "
                "192.0.2.0/24 or 2001:db8::/48, and no names."
            )
            if "host bits set" in str(error):
                remedy = (
                    f"give the network's own address, {ipaddress.ip_network(source, strict=False)}."
                )
            yield f"{where} {source!r}, which is not an address or a network: {remedy}"


def _closed_problems(sources, login):
    """A run does not close the way by which it came."""
    if not sources or not login.get("client"):
        return
    client = ipaddress.ip_address(login["client"].partition("%")[0])
    client = getattr(client, "ipv4_mapped", None) or client
    if not any(client in ipaddress.ip_network(source) for source in sources):
        yield (
            f"firewall_ssh_from is {', '.join(sources)}, which locks out {client}, the address "
            f"that this run came from: add it."
        )


def _unmanaged_problems(inputs, facts, login):
    """The first rules would close what the host serves and nobody declares."""
    spans = [("tcp", port, port) for port in ssh_ports(inputs["firewall_ssh_ports"], login)]
    spans += [
        (protocol, span[0], span[-1])
        for protocol, *span in map(place, inputs["firewall_rules"])
        if span
    ]

    def closed(name):
        port, _slash, protocol = name.partition("/")
        return not any(
            protocol == known and first <= int(port) <= last for known, first, last in spans
        )

    def ours(program):
        return program == "sshd" or not _SERVERS.get(program, set()).isdisjoint(
            facts.get("roles") or ()
        )

    listening = (facts.get("firewall") or {}).get("listening") or {}
    found = [
        f"{name} ({program})" if program else name
        for name, program in listening.items()
        if closed(name) and not ours(program)
    ]
    if found and not inputs["firewall_take_over"]:
        yield (
            f"The host listens on {', '.join(found)}, to which firewall_rules lets in nobody. "
            f"Add rules for the ports that others must reach, and set firewall_take_over (or "
            f"lamp_take_over, for all) to true to close the rest; "
            f"or set firewall_enabled to false."
        )


ROLE = Firewall("firewall")
