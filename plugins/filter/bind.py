# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role bind that says what is wrong with its inputs. Private to the role."""

from __future__ import annotations

import re

_KEY = re.compile(r"[A-Za-z0-9._-]+\Z")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ZONE = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")


def _within(name, zone):
    name, zone = name.lower().rstrip("."), zone.lower()
    return name == zone or name.endswith(f".{zone}")


def bind_problems(zones, keys, policies=()):
    """Return what is wrong with ``bind_zones``, with the names of ``bind_keys`` and of ``bind_dnssec_policies``: a list of sentences."""
    keys, policies = list(keys), ["default", "insecure", "none", *policies]
    keyless = [key for key in keys if not _KEY.match(key)]
    problems = [f"bind_keys has the name {key!r}: use letters, digits, dots, hyphens and underscores." for key in keyless]
    seen = set()
    for zone in zones:
        name = zone["name"]
        if not _ZONE.match(name):
            problems.append(f"bind_zones has the name {name!r}: give a domain such as foobar.com, without a dot at the end.")
        if name.lower() in seen:
            problems.append(f"bind_zones has {name} twice: remove one.")
        seen.add(name.lower())
        problems += [f"bind_zones gives {name} {problem}" for problem in _zone_problems(zone, keys, policies)]
    return problems


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


class FilterModule:
    """Names the filter."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"bind_problems": bind_problems}
