# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role firewall: the rules, as nft
reads them. Private to the collection. Pure.
"""

from __future__ import annotations

import ipaddress

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.firewall import place
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import VRRP

#: New connections to sshd that a source may make: an IPv4 address, or what one customer has of
#: IPv6. A run without ControlPersist makes one for each task; beyond the rate they are slow, since
#: a client tries again, and none is shut out.
SSH_LIMIT = "30/minute burst 60 packets"

# What is the same on all hosts. Nothing of IPv6 works without ICMPv6, of which conntrack knows
# little: so it comes before what that calls invalid. Replies to connections of the host's own that
# conntrack has not seen yet, since nobody asked for it, are no new connections.
_HEAD = f"""\
#!/usr/sbin/nft -f
# Managed by Ansible (foobar.lamp.firewall). One table, replaced at once; those of others stay as
# they are.
table inet foobar_lamp
delete table inet foobar_lamp
table inet foobar_lamp {{
    set ssh4 {{
        type ipv4_addr
        size 65535
        flags dynamic,timeout
        timeout 5m
    }}

    set ssh6 {{
        type ipv6_addr
        size 65535
        flags dynamic,timeout
        timeout 5m
    }}

    chain ssh {{
        update @ssh4 {{ ip saddr limit rate over {SSH_LIMIT} }} drop
        update @ssh6 {{ ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over {SSH_LIMIT} }} drop
        accept
    }}

    chain input {{
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state established,related accept
        icmpv6 type {{ nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} ip6 hoplimit 255 accept
        icmpv6 type {{ mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }} ip6 saddr fe80::/10 accept
        icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
        icmp type {{ destination-unreachable, time-exceeded, parameter-problem }} accept
        ct state invalid drop
        icmp type echo-request limit rate 20/second burst 40 packets accept
        icmpv6 type echo-request limit rate 20/second burst 40 packets accept
        ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "DHCPv6"
        udp sport 67 udp dport 68 accept comment "DHCP"
        tcp dport 32768-60999 tcp flags & (syn | ack | rst) == ack accept comment "own connections, older than these rules"
"""  # noqa: E501
_TAIL = """\
        meta pkttype { broadcast, multicast } drop
        limit rate 6/minute burst 12 packets log prefix "foobar.lamp drops: "
    }
"""
_FORWARD = """
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
    }
"""


def networks(sources):
    """Return ``(IPv4, IPv6)`` of addresses and networks, as few as can be, in order:
    nft refuses those that overlap.
    """
    known = [ipaddress.ip_network(source, strict=False) for source in sources]
    four = [one for one in known if isinstance(one, ipaddress.IPv4Network)]
    six = [one for one in known if isinstance(one, ipaddress.IPv6Network)]
    return [
        [_short(one) for one in ipaddress.collapse_addresses(four)],
        [_short(one) for one in ipaddress.collapse_addresses(six)],
    ]


def _short(network):
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _lines(sources, match, verdict):
    """Return a rule for packets of all ``sources`` (None: everybody), or one for each family."""
    if sources is None:
        return [f"        {match} {verdict}\n"]
    found = zip(("ip", "ip6"), networks(sources), strict=True)
    return [
        f"        {family} saddr {{ {', '.join(known)} }} {match} {verdict}\n"
        for family, known in found
        if known
    ]


def ruleset(rules, ports, ssh_from, forward):
    """Return the text of the rules that let in SSH on ``ports`` (from ``ssh_from``; nobody
    there: everybody) and what ``rules`` say.
    """
    text = [_HEAD]
    text += _lines(ssh_from or None, f"tcp dport {{ {', '.join(map(str, ports))} }}", "jump ssh")
    for rule in sorted(rules, key=place):
        protocol, *span = place(rule)
        comment = f' comment "{rule["comment"]}"' if rule.get("comment") else ""
        # By its number: not every host has a file of their names.
        match = (
            "meta l4proto 112"
            if protocol == VRRP
            else f"{protocol} dport {'-'.join(map(str, span))}"
        )
        text += _lines(rule.get("from"), match, f"accept{comment}")
    return "".join([*text, _TAIL, _FORWARD if forward == "drop" else "", "}\n"])


def remarks(facts, host, enabled, forward):
    """Return what an operator should know of a firewall that is as declared: a list of sentences.

    ``facts``: those of host_facts; ``unable`` says why the host can have no firewall, if so, and
    ``published`` which ports Docker publishes. ``host``: its name in the inventory.
    """
    found = []
    if facts["unable"] and not enabled:
        found.append(f"{host} goes without a firewall: {facts['unable']}.")
    if facts["published"] and enabled and forward == "accept":
        found.append(
            f"Docker lets the world in past the firewall, to {', '.join(facts['published'])}. "
            f"Publish them on 127.0.0.1 if that is not wanted."
        )
    return found
