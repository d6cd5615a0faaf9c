# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a zone: read from what people write, and written as a zone
file has them. Pure: no I/O, no Ansible import.

Private to the collection. A zone's *content* is ``{(name, type): RRset}``; names are absolute
:class:`dns.name.Name`, types are texts such as ``A``. Values are dnspython rdata, which compare in
DNSSEC's canonical form: two spellings of one value are equal.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

try:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    import dns.reversename
except ImportError:  # the module says so, in its own words
    pass

#: Types that belong to the server and its signer: read, never planned for.
SERVER_TYPES = frozenset(
    {
        "SOA",
        "RRSIG",
        "SIG",
        "NSEC",
        "NXT",
        "NSEC3",
        "NSEC3PARAM",
        "DNSKEY",
        "CDS",
        "CDNSKEY",
        "ZONEMD",
        "TYPE65534",
    }
)
_SINGLE = {"CNAME", "DNAME"}
#: Types whose values are texts.
TEXTS = frozenset({"TXT", "SPF", "AVC", "NINFO", "WALLET"})
_MAX_TTL = 2**31 - 1
#: Letters that the older rules for international names turn into others, and the newer ones do not.
_DEVIATIONS = frozenset("ßς\u200c\u200d")


class DeclarationError(Exception):
    """Declarations that cannot be:
    each of ``args`` is a sentence that names the record, the value and the remedy.
    """

    def __str__(self):
        return "\n".join(self.args)


class RRset(NamedTuple):
    """A record set: ``ttl`` in seconds, ``values`` a frozenset of rdata."""

    ttl: int
    values: frozenset


class Declaration(NamedTuple):
    """What is declared of one record set.

    ``state``: present, append, absent or ignore. ``ttl`` in seconds; ``fixed`` tells whether it was
    given or is the default. ``values``: a frozenset of rdata; of an absent record set, those that
    go, or none for all.
    """

    state: str
    ttl: int
    fixed: bool
    values: frozenset


def zone_name(text):
    """Return the absolute name of the zone ``text``; raises DeclarationError."""
    return _name(text, dns.name.root, f"zone is {text!r}, which")


def parse(records, zone, default_ttl, variable="records"):
    """Return ``{(name, type): Declaration}`` for the declarations ``records`` in ``zone``.

    ``records``: dictionaries with name, type, and as the state wants values, ttl and state. Equal
    declarations of one record set count once, and several that append to it are put together.
    Raises DeclarationError, which says all that is wrong with them, a line each, and calls them as
    the ``variable`` is called that they come from.
    """
    declared, problems = {}, []
    for index, record in enumerate(records):
        where = place_of(record, index, variable)
        try:
            name, kind, new = _read(record, zone, default_ttl, where)
        except DeclarationError as error:
            problems += error.args
            continue
        first, place = declared.setdefault((name, kind), (new, index))
        if first == new:
            continue
        if not (first.state == new.state == "append" and first.ttl == new.ttl):
            problems.append(
                f"{where} differs from {variable}[{place}], which also declares {name} {kind}: "
                f"put both into one of them."
            )
        declared[name, kind] = first._replace(values=first.values | new.values), place
    if problems:
        raise DeclarationError(*problems)
    return {key: declaration for key, (declaration, _place) in declared.items()}


def place_of(record, index, variable="records"):
    """Return what messages call a record."""
    return f"{variable}[{index}] ({record['name']} {record['type']})"


def _read(record, zone, default_ttl, where):
    name = _name(record["name"], zone, where)
    # The first comparison is the cheap one, for names spelled as the zone is.
    if name.labels[-len(zone.labels) :] != zone.labels and not name.is_subdomain(zone):
        raise DeclarationError(
            f"{where} lies outside the zone {zone}: "
            f"correct the name, or declare it in its own zone."
        )
    kind = _type(record["type"], where)
    return name, kind, _declaration(record, kind, zone, default_ttl, where)


def pointers(records, origin, zone, default_ttl):
    """Return declarations of the PTR records in the reverse ``zone`` for the A and AAAA records
    among ``records`` of ``origin``.

    Addresses outside ``zone`` and wildcards are passed over; of several names for one address the
    first is taken, because a reader of PTR records expects one.
    """
    declared = {}
    for (name, kind), declaration in parse(
        records, origin, default_ttl, "reverse_of.records"
    ).items():
        if (
            kind in ("A", "AAAA")
            and declaration.state in ("present", "append")
            and not name.is_wild()
        ):
            target = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.PTR, name.to_text())
            for value in sorted(declaration.values):
                reverse = dns.reversename.from_address(value.address)
                if reverse.is_subdomain(zone):
                    pointer = Declaration(
                        "present", declaration.ttl, declaration.fixed, frozenset({target})
                    )
                    declared.setdefault((reverse, "PTR"), pointer)
    return declared


def _declaration(record, kind, zone, default_ttl, where):
    state = record.get("state") or "present"
    fixed = record.get("ttl") is not None
    ttl = record["ttl"] if fixed else default_ttl
    if not 0 <= ttl <= _MAX_TTL:
        raise DeclarationError(f"{where} has the ttl {ttl}: give seconds from 0 to {_MAX_TTL}.")
    values = frozenset(value_of(value, kind, zone, where) for value in record.get("values") or ())
    if state in ("present", "append") and not values:
        raise DeclarationError(f"{where} has no values: give at least one, or set state to absent.")
    if state == "ignore" and values:
        raise DeclarationError(
            f"{where} has values, but its state is ignore: remove the values or the state."
        )
    if kind in _SINGLE and len(values) > 1:
        raise DeclarationError(
            f"{where} has {len(values)} values: an alias leads to one name, keep one."
        )
    return Declaration(state, ttl, fixed, values)


def _codec(text):
    """Return how to encode an international name:
    by the rules of 2008 where the package idna is there.
    """
    if dns.name.have_idna_2008:
        return dns.name.IDNA2008Codec(uts_46=True, transitional=False, allow_pure_ascii=True)
    if _DEVIATIONS.intersection(text):
        raise UnicodeError(
            "it has a letter that needs the Python package idna: "
            "install that, or write the name as xn--…."
        )
    return dns.name.IDNA_2003_Practical


def _name(text, origin, where):
    try:
        return (
            origin
            if text == "@"
            else dns.name.from_text(text, origin, None if text.isascii() else _codec(text))
        )
    except (dns.exception.DNSException, UnicodeError) as error:
        raise DeclarationError(f"{where} has no valid name: {error} Correct it.") from error


@functools.cache
def kind_of(number):
    """Return the text for the number of a type."""
    return dns.rdatatype.to_text(number)


@functools.cache
def _number(text):
    return dns.rdatatype.from_text(text)


def _type(text, where):
    try:
        number = _number(text)
    except (dns.exception.DNSException, ValueError) as error:
        raise DeclarationError(
            f"{where} has the unknown type {text}: give one such as A, AAAA, CNAME, MX or TXT."
        ) from error
    kind = kind_of(number)
    if dns.rdatatype.is_metatype(number) or kind in SERVER_TYPES:
        raise DeclarationError(
            f"{where} has the type {kind}, which the server itself keeps: remove it."
        )
    return kind


def value_of(value, kind, zone, where):
    """Return the rdata of a value; relative names in it are relative to ``zone``.

    Raises DeclarationError, which names ``where``.
    """
    text = _text_value(value) if kind in TEXTS else value
    try:
        codec = None if text.isascii() else _codec(text)
        return dns.rdata.from_text(
            dns.rdataclass.IN, _number(kind), text, zone, False, idna_codec=codec
        )
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        raise DeclarationError(
            f"{where} has the value {value!r}, which is none of this type: "
            f"{str(error).rstrip('.')}."
        ) from error


def _text_value(value):
    """Return a TXT value in presentation format:
    as it is when it begins with a quote, else as one text cut at 255 bytes.
    """
    if value.startswith('"'):
        return value
    raw = value.encode()
    parts = [raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(_escaped(byte) for byte in part) + '"' for part in parts)


def _escaped(byte):
    if byte in (0x22, 0x5C):
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


def declarations(content, zone):
    """Return ``content``, without what the server itself keeps,
    in the shape that ``parse`` takes, sorted: its inverse.
    """
    return [
        {
            "name": name.relativize(zone).to_text(),
            "type": kind,
            "ttl": rrset.ttl,
            "values": [value.to_text() for value in sorted(rrset.values)],
        }
        for (name, kind), rrset in sorted(content.items())
        if kind not in SERVER_TYPES
    ]


def lines(name, kind, rrset):
    """Return a record set as sorted lines of a zone file; none for None."""
    return (
        sorted(f"{name} {rrset.ttl} IN {kind} {value.to_text()}" for value in rrset.values)
        if rrset
        else []
    )


def zone_text(content):
    """Return ``content`` as the text of a zone file, sorted,
    without what the server itself keeps.
    """
    return "".join(
        f"{line}\n"
        for name, kind in sorted(content)
        if kind not in SERVER_TYPES
        for line in lines(name, kind, content[name, kind])
    )
