# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a zone shall hold, what it holds, and what has to change: pure, no I/O, no Ansible import.

Private to the collection. A zone's content is ``{(name, type): RRset}``; names are absolute :class:`dns.name.Name`, types are
texts such as ``A``. Values are dnspython rdata, so two spellings of one value are equal.
"""

from __future__ import annotations

from typing import NamedTuple

try:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
except ImportError:  # the module says so, in its own words
    pass

#: Types that belong to the server and its signer: read, never planned for.
SERVER_TYPES = frozenset({"SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "TYPE65534"})
_MAX_TTL = 2**31 - 1


class PlanError(Exception):
    """A declaration that cannot be: the message names the record, the value and the remedy."""


class RRset(NamedTuple):
    """A record set: ``ttl`` in seconds, ``values`` a frozenset of rdata."""

    ttl: int
    values: frozenset


class Change(NamedTuple):
    """One step: ``before`` and ``after`` are record sets, None for what is not there."""

    name: dns.name.Name
    type: str
    before: RRset | None
    after: RRset | None

    @property
    def action(self):
        """create, update or delete."""
        return "create" if self.before is None else "delete" if self.after is None else "update"


def _text_value(value):
    """Return a TXT value in presentation format: as it is when it begins with a quote, else as one text cut at 255 bytes."""
    if value.startswith('"'):
        return value
    raw = value.encode()
    parts = [raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(_escaped(byte) for byte in part) + '"' for part in parts)


def _escaped(byte):
    if byte in (0x22, 0x5C):
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


def parse(records, zone, default_ttl):
    """Return ``(desired, absent)`` for the declarations ``records`` in ``zone``.

    ``records``: dictionaries with name, type, values, ttl (or None) and state. ``desired`` is a zone's content, ``absent`` a set of
    its keys. Raises PlanError.
    """
    desired, absent, declared = {}, set(), {}
    for index, record in enumerate(records):
        where = f"records[{index}] ({record['name']} {record['type']})"
        name = _name(record["name"], zone, where)
        kind = record["type"].upper()
        _check_type(kind, where)
        key = (name, kind)
        if key in declared:
            raise PlanError(f"{where} is declared by records[{declared[key]}] already: put all values into one of them.")
        declared[key] = index
        if record.get("state") == "absent":
            absent.add(key)
            continue
        ttl = default_ttl if record.get("ttl") is None else record["ttl"]
        if not 0 <= ttl <= _MAX_TTL:
            raise PlanError(f"{where} has the ttl {ttl}: give seconds from 0 to {_MAX_TTL}.")
        if not record.get("values"):
            raise PlanError(f"{where} has no values: give at least one, or set state to absent.")
        desired[key] = RRset(ttl, frozenset(_value(value, kind, zone, where) for value in record["values"]))
        if kind == "CNAME" and len(desired[key].values) > 1:
            raise PlanError(f"{where} has {len(desired[key].values)} values: an alias leads to one name, keep one.")
    return desired, absent


def _name(text, zone, where):
    try:
        name = zone if text == "@" else dns.name.from_text(text, zone)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise PlanError(f"{where} has no valid name: {error} Correct it.") from error
    if not name.is_subdomain(zone):
        raise PlanError(f"{where} lies outside the zone {zone}: correct the name, or declare it in its own zone.")
    return name


def _check_type(kind, where):
    try:
        number = dns.rdatatype.from_text(kind)
    except (dns.exception.DNSException, ValueError) as error:
        raise PlanError(f"{where} has the unknown type {kind}: give one such as A, AAAA, CNAME, MX or TXT.") from error
    if dns.rdatatype.is_metatype(number) or kind in SERVER_TYPES:
        raise PlanError(f"{where} has the type {kind}, which the server itself keeps: remove it.")


def _value(value, kind, zone, where):
    text = _text_value(str(value)) if kind in ("TXT", "SPF") else str(value)
    try:
        return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), text, zone, relativize=False)
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        raise PlanError(f"{where} has the value {value!r}, which is none of this type: {error}") from error


def plan(existing, desired, absent, zone, exclusive=False):
    """Return the sorted list of Changes that lead from ``existing`` to ``desired``.

    ``exclusive``: what is not desired goes too, but for the apex NS, the server's own types and ACME challenges.
    Raises PlanError when the result could not be served.
    """
    changes = []
    for key, wanted in desired.items():
        if existing.get(key) != wanted:
            changes.append(Change(*key, existing.get(key), wanted))
    for key, found in existing.items():
        if key in desired or key[1] in SERVER_TYPES:
            continue
        kept = key == (zone, "NS") or key[0].labels[0].lower() == b"_acme-challenge"
        if key in absent or (exclusive and not kept):
            if key == (zone, "NS"):
                raise PlanError(f"The name servers of {zone} itself cannot be absent: declare those that it shall have.")
            changes.append(Change(*key, found, None))
    # What goes, goes first: an alias has to be gone before addresses take its place.
    changes.sort(key=lambda change: (change.after is not None, change.name, change.type))
    _check_aliases(existing, changes)
    return changes


def _check_aliases(existing, changes):
    types = {}
    for name, kind in applied(existing, changes):
        types.setdefault(name, set()).add(kind)
    for name, kinds in types.items():
        others = sorted(kinds - SERVER_TYPES - {"CNAME"})
        if "CNAME" in kinds and (others or "SOA" in kinds):
            raise PlanError(f"{name} would be an alias (CNAME) and have {', '.join(others) or 'SOA'}: remove one of them.")


def lines(name, kind, rrset):
    """Return a record set as sorted lines of a zone file."""
    return sorted(f"{name} {rrset.ttl} IN {kind} {value.to_text()}" for value in rrset.values)


def zone_text(content):
    """Return a zone's content as the text of a zone file, sorted, without what the server itself keeps."""
    return "".join(f"{line}\n" for key in sorted(content) if key[1] not in SERVER_TYPES for line in lines(*key, content[key]))


def applied(existing, changes):
    """Return the content that ``existing`` becomes by ``changes``."""
    result = dict(existing)
    for change in changes:
        if change.after is None:
            result.pop((change.name, change.type), None)
        else:
            result[change.name, change.type] = change.after
    return result
