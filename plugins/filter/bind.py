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


def bind_problems(zones, keys):
    """Return what is wrong with ``bind_zones``, given the names of ``bind_keys``, and with these: a list of sentences."""
    keys = list(keys)
    problems = [
        f"bind_keys has the name {key!r}: use letters, digits, dots, hyphens and underscores." for key in keys if not _KEY.match(key)
    ]
    seen = set()
    for zone in zones:
        name, where = zone["name"], f"bind_zones gives {zone['name']}"
        if not _ZONE.match(name):
            problems.append(f"bind_zones has the name {name!r}: give a domain such as foobar.com, without a dot at the end.")
        if name.lower() in seen:
            problems.append(f"bind_zones has {name} twice: remove one.")
        seen.add(name.lower())
        if not zone["nameservers"]:
            problems.append(f"{where} no name server: name at least one in nameservers.")
        problems += [
            f"{where} the name server {server['name']} without addresses, but its name lies in {name} itself: add its addresses."
            for server in zone["nameservers"]
            if not server.get("addresses") and _within(server["name"], name)
        ]
        if zone.get("update_key") and zone["update_key"] not in keys:
            problems.append(f"{where} the update_key {zone['update_key']}: add that to bind_keys, or correct it.")
    return problems


class FilterModule:
    """Names the filter."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"bind_problems": bind_problems}
