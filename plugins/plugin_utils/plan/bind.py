# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role bind in the plan. Private to the collection. Pure."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import tls
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.certificates import key_name
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Port, Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import NAME_SERVERS
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.take_over import take_over_problems

_KEY = re.compile(r"[A-Za-z0-9._-]+\Z")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ZONE = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_DS = re.compile(r"([A-Za-z0-9._-]+)\. IN DS (\d{1,5}) (\d{1,3}) ")
_RECORDED = "/var/lib/foobar.lamp/bind_keys"
_PRIVATE = "/var/lib/bind/dnssec"
#: Policies by which no new key is made.
_UNSIGNED = (None, "", "none", "insecure")
#: What backups need to know: where zones, journals and keys are. A restore of something else sets
#: no zone back to older records.
_FOR_BACKUPS = [
    {
        "name": "bind",
        "path": "/var/lib/bind",
        "user": "bind",
        "before": ["rndc", "sync"],
        "service": "named",
        "on_request": True,
    },
    {
        "name": "bind_keys",
        "path": "/etc/bind/keys",
        "user": "root",
        "service": "named",
        "on_request": True,
    },
]


class Bind(Role):
    """See Role. One host of the group is the primary
    (``Site.primary``), the others are its secondaries.
    """

    GROUP = NAME_SERVERS
    EDGES = {
        "the zone, its name servers and keys": "lamp_domain, lamp_dns, lamp_dns_primary",
        "which hosts may prove which names by records": "lamp_sites, lamp_web, lamp_lb",
    }

    def inputs(self, site, host, offered):
        """The zone, and the keys that sign updates and transfers of it."""
        servers = site.hosts(self.GROUP)
        transfer = (
            [{"name": "lamp-transfer", "secret": site.transfer_secret}] if len(servers) > 1 else []
        )
        return {
            "bind_take_over": site.values.get("lamp_take_over", False),
            # That for updates is made on the primary and stays there; that for transfers has to be
            # the same on all.
            "bind_keys": (
                [{"name": "lamp"}, *_certificate_keys(site)] if host.name == site.primary else []
            )
            + transfer,
            "bind_zones": [_zone(site, servers, host)],
        }

    def packages(self, inputs):
        """The server, and what the module dns_records works with."""
        return ["bind9", "bind9-utils", "python3-dnspython"]

    def offers(self, inputs):
        """Its service, and for backups zones and keys."""
        return {"services": ["named"], "backup_files": _FOR_BACKUPS}

    def ports(self, inputs):
        """DNS."""
        return [Port(53), Port(53, "udp")]

    def problems(self, inputs, facts, search=()):
        """Names of zones and keys, what the host serves that nobody declares,
        and keys of signed zones that are gone.
        """
        keys, policies = (
            [key["name"] for key in inputs["bind_keys"]],
            ["default", "insecure", "none", *inputs["bind_dnssec_policies"]],
        )
        problems = [
            f"bind_keys has the name {key!r}: use letters, digits, dots, hyphens and underscores."
            for key in keys
            if not _KEY.match(key)
        ]
        seen = set()
        for zone in inputs["bind_zones"]:
            name = zone["name"]
            if not _ZONE.match(name):
                problems.append(
                    f"bind_zones has the name {name!r}: "
                    f"give a domain such as foobar.com, without a dot at the end."
                )
            if name.lower() in seen:
                problems.append(f"bind_zones has {name} twice: remove one.")
            seen.add(name.lower())
            problems += [
                f"bind_zones gives {name} {problem}"
                for problem in _zone_problems(zone, keys, policies)
            ]
        problems += take_over_problems(
            facts.get("unmanaged") or {}, "bind", "bind_zones", inputs["bind_take_over"]
        )
        if not inputs["bind_promote"]:
            problems += copy_problems(inputs["bind_zones"], facts.get("zones") or {})
        if not inputs["bind_new_dnssec_keys"]:
            problems += lost_key_problems(inputs["bind_zones"], facts.get("paths") or {})
        return problems

    def site_problems(self, site, host, inputs):
        """Who is primary, which only an operator changes:
        two of them that take updates tell the world two things.
        """
        types = {one.name: _type_at(one, site.domain) for one in site.hosts(self.GROUP)}
        return primary_problems(site.domain, types, host.name, site.primary, site.values)


def _type_at(host, zone):
    """Return what a host is for a zone, primary or secondary:
    empty where it has it not, None where the run did not ask.
    """
    return (host.facts.get("zones") or {}).get(zone, {}).get("type", "") if host.facts else None


def primary_problems(zone, types, name, primary, values):
    """Return what is wrong with ``primary`` as the zone's primary, as seen from the host ``name``.

    ``types``: what each name server is for the zone by its own files, as ``_type_at`` says it.
    ``values``: the inventory's.
    """
    others = [other for other, kind in types.items() if kind and other != primary]
    if values.get("lamp_dns_force"):
        return []
    if name == primary:
        if types[primary] == "" and others:
            return [
                f"Host {primary} is the primary name server of {zone} by the inventory, but the "
                f"zone is on {' and '.join(others)}: a new, empty zone would replace it. Set "
                f"lamp_dns_primary to {others[0]}, and run foobar.lamp.dns_promote if it is a "
                f"secondary. If an empty zone is what you want, "
                f"set lamp_dns_force to true for one run."
            ]
        return []
    if types[name] != "primary":
        return []
    if types[primary] is None:
        return [
            f"Host {name} was the primary name server of {zone} and would become a secondary of "
            f"{primary}, which is not part of this run: run without --limit."
        ]
    if types[primary] == "primary" and not values.get("lamp_dns_primary"):
        return [
            f"{primary} and {name} are both primary name servers of {zone}: set lamp_dns_primary "
            f"to the one that was promoted last. "
            f"Its records stay, and the other becomes its secondary."
        ]
    return []


def copy_problems(zones, there):
    """Return a sentence for each zone that the host has a copy of and is to be the primary of;
    ``there``: what host_facts says.
    """
    return [
        f"The host copies the zone {zone['name']} from another name server, but should be its "
        f"primary: run foobar.lamp.dns_promote, which makes sure that nothing is lost, or "
        f"correct lamp_dns_primary or the order of lamp_dns. If you use the role alone, run its "
        f"entry point promote with bind_promote."
        for zone in zones
        if not zone.get("primaries") and there.get(zone["name"], {}).get("type") == "secondary"
    ]


def _certificate_keys(site):
    """Return the keys by which hosts prove to a CA that they may have
    certificates for the names of the sites.
    """
    return [{"name": key_name(name), "secret": site.acme_keys[name]} for name in _proving(site)]


def _proving(site):
    return site.entrances if tls.uses(site, "acme", "dns-01") else []


def _update_policy(site):
    """Return who may change what, where hosts may prove names:
    each by TXT records of these alone.
    """
    grants = [
        f"grant {key_name(host)} name {name}. TXT"
        for position, host in enumerate(_proving(site))
        for name in tls.challenge_names(site, position)
    ]
    # These rules take the place of the one by which our own key may change all.
    return ["grant lamp zonesub any", *grants] if grants else []


def _zone(site, servers, host):
    """Return the zone of the name server ``host``."""
    domain, dnssec_policy = site.domain, site.values.get("lamp_dnssec_policy")
    zone = {"name": domain}
    if len(servers) > 1:
        zone["transfer_key"] = "lamp-transfer"
    if host.name != site.primary:
        copied = {} if dnssec_policy in _UNSIGNED else {"dnssec_keys_of": site.primary}
        return {**zone, "primaries": site.host(site.primary).peer_addresses, **copied}
    if dnssec_policy:
        zone["dnssec_policy"] = dnssec_policy
    if policy := _update_policy(site):
        zone["update_policy"] = policy
    # A name stays with its host, whichever of them is the primary: the parent has their addresses,
    # too.
    named = [
        (one, {"name": f"ns{number}.{domain}", "addresses": one.addresses})
        for number, one in enumerate(servers, 1)
    ]
    return {
        **zone,
        "nameservers": [
            server for _one, server in sorted(named, key=lambda pair: pair[0].name != host.name)
        ],
        "hostmaster": f"hostmaster.{domain}",
        "update_key": "lamp",
        "secondaries": [
            address for one in servers if one.name != host.name for address in one.peer_addresses
        ],
    }


def _within(name, zone):
    name, zone = name.lower().rstrip("."), zone.lower()
    return name == zone or name.endswith(f".{zone}")


def _zone_problems(zone, keys, policies):
    servers, policy = zone.get("nameservers") or [], zone.get("dnssec_policy")
    if not servers and not zone.get("primaries"):
        yield "no name server: name at least one in nameservers."
    for server in servers:
        if not server.get("addresses") and _within(server["name"], zone["name"]):
            yield (
                f"the name server {server['name']} without addresses, but its name lies in "
                f"{zone['name']} itself: add its addresses."
            )
    for option in ("update_key", "transfer_key"):
        if zone.get(option) and zone[option] not in keys:
            yield f"the {option} {zone[option]}: add that to bind_keys, or correct it."
    if policy and policy not in policies:
        yield (
            f"the dnssec_policy {policy}: "
            f"use one of {', '.join(policies)}, or describe it in bind_dnssec_policies."
        )
    if zone.get("dnssec_keys_of") and not zone.get("primaries"):
        yield "dnssec_keys_of without primaries: the keys are made here, remove it."
    if policy and zone.get("primaries"):
        yield "both primaries and a dnssec_policy: a zone is signed on its primary, remove one."


def recorded_keys(records):
    """Return the files that record the keys of ``records``,
    which are lines such as ``foobar.com. IN DS 12345 13 2 AB12``.
    """
    # The name server's user may have made them up.
    found = [match.groups() for match in map(_DS.match, records) if match]
    return sorted(
        {
            f"{_RECORDED}/K{zone.lower()}.+{int(algorithm):03}+{int(tag):05}"
            for zone, tag, algorithm in found
        }
    )


def recorded_of(paths, zones):
    """Return those of ``paths`` that record a key of one of ``zones``, which are names."""
    starts = tuple(f"{_RECORDED}/K{zone.lower()}.+" for zone in zones)
    return sorted(path for path in paths if path.startswith(starts))


def lost_key_problems(zones, paths):
    """Return a sentence for each signed zone of which no recorded key has its private part on the
    host; ``paths``: what host_facts says.

    One of several is enough: a key that another has followed goes in time.
    """
    problems = []
    for zone in zones:
        # No new key is made for these.
        if zone.get("dnssec_policy") in _UNSIGNED:
            continue
        keys = [path.rpartition("/")[2] for path in recorded_of(paths, [zone["name"]])]
        if keys and not any(f"{_PRIVATE}/{key}.private" in paths for key in keys):
            tags = " and ".join(str(int(key.rpartition("+")[2])) for key in keys)
            files = " and ".join(f"{key}.private" for key in keys)
            problems.append(
                f"The zone {zone['name']} was signed with the key {tags}, and {files} is missing "
                f"in {_PRIVATE}: with a new key the domain fails for everyone who validates, as "
                f"long as its parent has the DS record of the old one. Restore the directory "
                f"from a backup, owned by bind (foobar.lamp.restore_name_server does). If the "
                f"key is lost, or another has followed it, see that the parent has no DS record "
                f"of it, wait until its time to live has passed, "
                f"and set bind_new_dnssec_keys to true for one run."
            )
    return problems


ROLE = Bind("bind")
