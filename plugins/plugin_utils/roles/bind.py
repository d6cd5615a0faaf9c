# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role bind. Private to the collection. Pure."""

from __future__ import annotations

import posixpath
import re

_ZONES = "/var/lib/bind"
# The name server's user may have made these names.
_LEFT = re.compile(r"left: ([A-Za-z0-9._-]+)\Z")


def made_once(keys, zones):
    """Return the files that are made once: keys that are not given, zones that are copied from nobody."""
    made = [f"/etc/bind/keys/{key['name']}.key" for key in keys if "secret" not in key]
    return made + [f"{_ZONES}/{zone['name']}.zone" for zone in zones if "primaries" not in zone]


def undeclared(paths, zones):
    """Return the files of zones among ``paths`` that are none of ``zones``."""
    declared = {f"{_ZONES}/{zone['name']}.zone" for zone in zones}
    return [path for path in paths if path not in declared and posixpath.dirname(path) == _ZONES and path.endswith(".zone")]


def left(lines):
    """Return the zones that the script make_once.sh found to be served no more, by its ``lines``."""
    return [match[1] for match in map(_LEFT.match, lines) if match]


def listening(addresses, family):
    """Return those of ``addresses`` that are of a ``family`` (4 or 6), as a list of BIND's."""
    chosen = [one for one in addresses if one == "any" or (":" in one) == (family == 6)]
    return " ".join(f"{one};" for one in chosen or ["none"])
