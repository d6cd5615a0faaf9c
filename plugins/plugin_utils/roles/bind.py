# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role bind. Private to the collection. Pure."""

from __future__ import annotations

import posixpath
import re

_ZONES = "/var/lib/bind"
# The name server's user may have made these names.
_COPY = re.compile(r"copy: ([A-Za-z0-9._-]+) ([0-9a-f]{64})\Z")
_COPIES = "/var/lib/foobar.lamp/bind_copies"
_HERE = "127.0.0.1"
_LEFT = re.compile(r"left: ([A-Za-z0-9._-]+)\Z")


def made_once(keys, zones):
    """Return the files that are made once:
    keys that are not given, zones that are copied from nobody.
    """
    made = [f"/etc/bind/keys/{key['name']}.key" for key in keys if "secret" not in key]
    return made + [f"{_ZONES}/{zone['name']}.zone" for zone in zones if "primaries" not in zone]


def undeclared(paths, zones):
    """Return the files of zones among ``paths`` that are none of ``zones``."""
    declared = {f"{_ZONES}/{zone['name']}.zone" for zone in zones}
    return [
        path
        for path in paths
        if path not in declared and posixpath.dirname(path) == _ZONES and path.endswith(".zone")
    ]


def left(lines):
    """Return the zones that the script make_once.sh found to be served no more,
    by its ``lines``.
    """
    return [match[1] for match in map(_LEFT.match, lines) if match]


def listening(addresses, family):
    """Return those of ``addresses`` that are of a ``family`` (4 or 6), as a list of BIND's."""
    chosen = [one for one in addresses if one == "any" or (":" in one) == (family == 6)]
    return " ".join(f"{one};" for one in chosen or ["none"])


def demoted(zones, there):
    """Return those of ``zones`` that are to be copied, and of which the host is the primary;
    ``there``: what host_facts says.
    """
    return [
        zone
        for zone in zones
        if zone.get("primaries") and there.get(zone["name"], {}).get("type") == "primary"
    ]


def promoted(zones, there):
    """Return those of which the host is to be the primary, and which it copies."""
    return [
        zone
        for zone in zones
        if not zone.get("primaries") and there.get(zone["name"], {}).get("type") == "secondary"
    ]


def moved(zones, there):
    """Return the names of those that the host has,
    and that it is to copy from others than before.
    """
    copied = [zone for zone in zones if zone.get("primaries") and zone["name"] in there]
    return [
        zone["name"] for zone in copied if there[zone["name"]].get("primaries") != zone["primaries"]
    ]


def sources(zones):
    """Return ``[zone, address]`` for each address that one of ``zones`` is copied from."""
    return [[zone, address] for zone in zones for address in zone["primaries"]]


def demotion_problems(read):
    """Return why a host has to stay primary:
    a sentence for each zone that its new primary lacks, or has older records of.

    ``read``: what dns_records_info said, of each zone here first, and then at the addresses of its
    new primary.
    """
    here, there = {}, {}
    for one in read:
        zone, address = one["item"][0]["name"], one["item"][1]
        if address == _HERE:
            here[zone] = one
        else:
            there.setdefault(zone, []).append(one)
    problems = []
    for zone, said in there.items():
        own, serials = (
            here[zone].get("serial"),
            [one["serial"] for one in said if one.get("serial") is not None],
        )
        if not answers(here[zone]):
            # Who has stopped it wants the records of the other.
            continue
        if own is None:
            problems.append(
                f"The zone {zone} cannot be compared with that on its new primary: "
                f"{here[zone].get('msg')}"
            )
        elif not serials:
            problems.append(
                f"The zone {zone} should be copied from a name server that does not give it: "
                f"{said[0].get('msg')}"
            )
        elif later(own, max(serials)):
            problems.append(
                f"The zone {zone} has the serial {own} here, where it is primary, and "
                f"{max(serials)} on the name server that is to be its primary: newer records "
                f"would be lost. Name this host as the primary (lamp_dns_primary). If its "
                f"records are the wrong ones, "
                f"stop its name server (systemctl stop named), and run again."
            )
    return problems


def answers(read):
    """Whether anybody is there who answers, by what dns_records_info said:
    a refusal is an answer, too.
    """
    return read.get("serial") is not None or "does not answer" not in str(read.get("msg"))


def later(serial, other):
    """Whether a serial is later than another: they go round (RFC 1982)."""
    return 0 < (serial - other) % 2**32 < 2**31


def promotion_problems(said, primary, force=False):
    """Return why ``primary`` is not to be promoted: a list of sentences.

    ``said``: of each name server that the run has come to ``{name: {"type", "serial", "msg",
    "answers"}}``: what it is, the serial of its own copy or why there is none, and which of the
    addresses that it copies from do answer. ``force``: whatever these are.
    """
    serials = {name: one["serial"] for name, one in said.items() if one["serial"] is not None}
    best = (
        max(
            serials, key=lambda name: sum(later(serials[name], other) for other in serials.values())
        )
        if serials
        else None
    )
    if primary not in said:
        advice = (
            f"set lamp_dns_primary to {best} in the inventory"
            if best
            else "none of the others has it: restore a backup"
        )
        have = (
            ", ".join(f"{name} has the serial {serial}" for name, serial in serials.items())
            or "nobody has the zone"
        )
        return [
            (
                f"{primary} is to be the primary, and is not part of this run. "
                f"Of the others, {have}: {advice}."
            )
        ]
    own, problems = said[primary], []
    if own["serial"] is None:
        remedy = (
            f"set lamp_dns_primary to {best}"
            if best
            else "restore a backup (foobar.lamp.restore_name_server)"
        )
        return [
            (
                f"{primary} does not answer for the zone, which it lacks or which has expired "
                f"({own['msg']}): {remedy}."
            )
        ]
    if later(serials[best], own["serial"]) and not force:
        problems.append(
            f"{best} has the serial {serials[best]}, {primary} the older one {own['serial']}: "
            f"set lamp_dns_primary to {best}, or wait until {primary} has copied the zone. With "
            f"lamp_dns_force=true the newer records are lost."
        )
    answering = sorted({address for one in said.values() for address in one["answers"]})
    if own["type"] != "primary" and answering and not force:
        problems.append(
            f"The primary name server still answers at {' and '.join(answering)}: two of them "
            f"that take updates tell the world two things. Stop it, or, to replace it while it "
            f"runs, add -e lamp_dns_force=true: it becomes a secondary if this run comes to it."
        )
    return problems


def copies_wanted(zones, hostvars):
    """Return the paths of the copies of keys that there should be,
    by what the zones' primaries have said in this run.
    """
    return [f"{_COPIES}/{zone['name']}+{digest}" for zone, digest in _digests(zones, hostvars)]


def to_copy(zones, hostvars, there):
    """Return the zones whose keys the host has to copy; ``there``:
    the paths of the copies that it has.
    """
    return [
        zone
        for zone, digest in _digests(zones, hostvars)
        if f"{_COPIES}/{zone['name']}+{digest}" not in there
    ]


def copies_left(there, zones, wanted):
    """Return those of the copies ``there`` that are of no use: of a zone that is copied no more,
    or older than one that is ``wanted``.
    """
    copied = {zone["name"] for zone in zones if zone.get("dnssec_keys_of")}
    current = {posixpath.basename(path).rpartition("+")[0] for path in wanted}
    names = {path: posixpath.basename(path).rpartition("+")[0] for path in there}
    return [
        path
        for path, name in names.items()
        if path not in wanted and (name in current or name not in copied)
    ]


def _digests(zones, hostvars):
    for zone in zones:
        if not zone.get("dnssec_keys_of"):
            continue
        # A primary that is not part of the run has said nothing.
        said = (hostvars.get(zone["dnssec_keys_of"]) or {}).get("__bind_ds") or {}
        for line in said.get("stdout_lines") or []:
            match = _COPY.match(line)
            if match and match[1] == zone["name"]:
                yield zone, match[2]
