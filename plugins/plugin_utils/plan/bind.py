# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role bind in the plan. Private to the collection. Pure."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Port, Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.take_over import take_over_problems

_KEY = re.compile(r"[A-Za-z0-9._-]+\Z")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ZONE = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_DS = re.compile(r"([A-Za-z0-9._-]+)\. IN DS (\d{1,5}) (\d{1,3}) ")
_RECORDED = "/var/lib/foobar.lamp/bind_keys"
_PRIVATE = "/var/lib/bind/dnssec"
#: What backups need to know: where zones, journals and keys are. A restore of something else sets no zone back to older records.
_FOR_BACKUPS = [
    {"name": "bind", "path": "/var/lib/bind", "user": "bind", "before": ["rndc", "sync"], "service": "named", "on_request": True},
    {"name": "bind_keys", "path": "/etc/bind/keys", "user": "root", "service": "named", "on_request": True},
]


class Bind(Role):
    """See Role. The first host of the group is the primary, the others are its secondaries."""

    GROUP = "lamp_dns"
    EDGES = {"the zone, its name servers and keys": "lamp_domain, lamp_dns"}

    def inputs(self, site, host, offered):
        """The zone, and the keys that sign updates and transfers of it."""
        servers, position = site.hosts(self.GROUP), site.position(self.GROUP, host)
        transfer = [{"name": "lamp-transfer", "secret": site.transfer_secret}] if len(servers) > 1 else []
        return {
            "bind_take_over": site.values.get("lamp_take_over", False),
            # That for updates is made on the primary and stays there; that for transfers has to be the same on all.
            "bind_keys": ([] if position else [{"name": "lamp"}]) + transfer,
            "bind_zones": [_zone(site.domain, servers, position, site.values.get("lamp_dnssec_policy"))],
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
        """Names of zones and keys, what the host serves that nobody declares, and keys of signed zones that are gone."""
        keys, policies = [key["name"] for key in inputs["bind_keys"]], ["default", "insecure", "none", *inputs["bind_dnssec_policies"]]
        problems = [
            f"bind_keys has the name {key!r}: use letters, digits, dots, hyphens and underscores." for key in keys if not _KEY.match(key)
        ]
        seen = set()
        for zone in inputs["bind_zones"]:
            name = zone["name"]
            if not _ZONE.match(name):
                problems.append(f"bind_zones has the name {name!r}: give a domain such as foobar.com, without a dot at the end.")
            if name.lower() in seen:
                problems.append(f"bind_zones has {name} twice: remove one.")
            seen.add(name.lower())
            problems += [f"bind_zones gives {name} {problem}" for problem in _zone_problems(zone, keys, policies)]
        problems += take_over_problems(facts.get("unmanaged") or {}, "bind", "bind_zones", inputs["bind_take_over"])
        if not inputs["bind_new_dnssec_keys"]:
            problems += lost_key_problems(inputs["bind_zones"], facts.get("paths") or {})
        return problems


def _zone(domain, servers, position, dnssec_policy):
    """Return the zone of the name server at ``position``: the first is primary, the others are secondaries."""
    zone = {"name": domain}
    if len(servers) > 1:
        zone["transfer_key"] = "lamp-transfer"
    if position > 0:
        return {**zone, "primaries": servers[0].peer_addresses}
    if dnssec_policy:
        zone["dnssec_policy"] = dnssec_policy
    return {
        **zone,
        "nameservers": [{"name": f"ns{number}.{domain}", "addresses": one.addresses} for number, one in enumerate(servers, 1)],
        "hostmaster": f"hostmaster.{domain}",
        "update_key": "lamp",
        "secondaries": [address for one in servers[1:] for address in one.peer_addresses],
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
            yield f"the name server {server['name']} without addresses, but its name lies in {zone['name']} itself: add its addresses."
    for option in ("update_key", "transfer_key"):
        if zone.get(option) and zone[option] not in keys:
            yield f"the {option} {zone[option]}: add that to bind_keys, or correct it."
    if policy and policy not in policies:
        yield f"the dnssec_policy {policy}: take one of {', '.join(policies)}, or describe it in bind_dnssec_policies."
    if policy and zone.get("primaries"):
        yield "both primaries and a dnssec_policy: a zone is signed on its primary, remove one."


def recorded_keys(records):
    """Return the files that record the keys of ``records``, which are lines such as ``foobar.com. IN DS 12345 13 2 AB12``."""
    # The name server's user may have made them up.
    found = [match.groups() for match in map(_DS.match, records) if match]
    return sorted({f"{_RECORDED}/K{zone.lower()}.+{int(algorithm):03}+{int(tag):05}" for zone, tag, algorithm in found})


def recorded_of(paths, zones):
    """Return those of ``paths`` that record a key of one of ``zones``, which are names."""
    starts = tuple(f"{_RECORDED}/K{zone.lower()}.+" for zone in zones)
    return sorted(path for path in paths if path.startswith(starts))


def lost_key_problems(zones, paths):
    """Return a sentence for each signed zone of which no recorded key has its private part on the host; ``paths``: what host_facts says.

    One of several is enough: a key that another has followed goes in time.
    """
    problems = []
    for zone in zones:
        # No new key is made for these.
        if zone.get("dnssec_policy") in (None, "", "none", "insecure"):
            continue
        keys = [path.rpartition("/")[2] for path in recorded_of(paths, [zone["name"]])]
        if keys and not any(f"{_PRIVATE}/{key}.private" in paths for key in keys):
            tags = " and ".join(str(int(key.rpartition("+")[2])) for key in keys)
            files = " and ".join(f"{key}.private" for key in keys)
            problems.append(
                f"The zone {zone['name']} was signed with the key {tags}, and {files} is missing in {_PRIVATE}: with a new key the domain "
                "fails for everyone who validates, as long as its parent has the DS record of the old one. Restore the directory from a "
                "backup, owned by bind (foobar.lamp.restore_name_server does). If the key is lost, or another has followed it, see that "
                "the parent has no DS record of it, wait until its time to live has passed, and set bind_new_dnssec_keys to true for one "
                "run."
            )
    return problems


ROLE = Bind("bind")
