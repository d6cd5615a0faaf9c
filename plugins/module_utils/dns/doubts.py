# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that can be served as they are declared, and are likely not
what was meant: pure, no I/O, no Ansible import.

Private to the collection. Declarations and names are those of ``rrsets``.
"""

from __future__ import annotations

import contextlib
import re

from ansible_collections.foobar.lamp.plugins.module_utils.dns import rrsets

with contextlib.suppress(ImportError):  # the module says so, in its own words
    import dns.name

# Where the name stands that a record leads to.
_TARGETS = {
    "AFSDB": "exchange",
    "CNAME": "target",
    "DNAME": "target",
    "HTTPS": "target",
    "KX": "exchange",
    "MX": "exchange",
    "NAPTR": "replacement",
    "NS": "target",
    "PTR": "target",
    "SRV": "target",
    "SVCB": "target",
}
_TOP_LEVEL = re.compile(rb"([a-z]{2,}|xn--[a-z0-9-]+)\Z")
_REVERSE = (b"arpa", b"")
# What zone files and dig put around a text or before its letters, in a value that is taken as it
# stands.
_COPIED = (
    (re.compile(r"\\([;\"\\]|[0-9]{3})"), "its backslashes"),
    (re.compile(r'"\s+"'), "quotes between its parts"),
    (re.compile(r'\A\(\s*"'), "a parenthesis around it"),
    (
        re.compile(
            r"\A(['\u2018\u2019\u201c\u201d\u201e\xab]).*['\u2018\u2019\u201c\u201d\xbb]\Z",
            re.DOTALL,
        ),
        "quotes of another kind around it",
    ),
)


def doubts(records, zone, there, variable="records"):
    """Yield a sentence for each of ``records`` that likely leads elsewhere,
    or says something else, than was meant.

    ``there``: the names and types that the zone has or will have. ``variable``: where the records
    come from.
    """
    own = zone.to_text(omit_final_dot=True).lower()
    for index, record in enumerate(records):
        if record.get("state") in ("absent", "ignore"):
            continue
        where, kind = rrsets.place_of(record, index, variable), record["type"].upper()
        name = record["name"].lower()
        if name.endswith(f".{own}") or name == own and "." in own:
            short = record["name"][: -len(own)].rstrip(".") or "@"
            yield (
                f"{where} is the name {record['name']}.{zone}, since it has no dot at its end: "
                f"write '{short}' or '{record['name']}.'."
            )
        for value in record.get("values") or ():
            if kind in _TARGETS:
                yield from _target_doubts(value, kind, zone, there, where)
            elif kind in rrsets.TEXTS:
                yield from _text_doubts(value, where)


def _target_doubts(value, kind, zone, there, where):
    if value.endswith(".") and kind not in ("SVCB", "HTTPS"):
        return
    written, served = (
        getattr(rrsets.value_of(value, kind, origin, where), _TARGETS[kind])
        for origin in (dns.name.root, zone)
    )
    if written != served and _doubtful(written, served, kind, zone, there):
        said = written.to_text(omit_final_dot=True)
        yield (
            f"{where} leads to {served}, since {said!r} has no dot at its end: write '{said}.', "
            f"or '{served}' if that is what is meant."
        )


def _doubtful(written, served, kind, zone, there):
    """Whether the relative name ``written`` looks like a full one;
    ``served``: what it is in ``zone``.
    """
    labels = written.labels[:-1]
    if kind == "PTR" and zone.labels[-2:] == _REVERSE:
        return True
    if len(labels) < 2:
        return False
    if written.is_subdomain(zone) or len(labels) == 4 and all(label.isdigit() for label in labels):
        return True
    return bool(_TOP_LEVEL.match(labels[-1].lower())) and not _answered(served, zone, there)


def _answered(name, zone, there):
    """Whether the zone has ``name``:
    itself, by what is below it, by a wildcard, or in a part that other servers have.
    """
    names, parent = {found for found, _kind in there}, name
    while parent != zone:
        if (parent, "NS") in there or dns.name.Name((b"*", *parent.parent().labels)) in names:
            return True
        parent = parent.parent()
    return any(found.is_subdomain(name) for found in names)


def _text_doubts(value, where):
    # One that begins with quotes is read as in a zone file.
    what = (
        None
        if value.startswith('"')
        else next((what for pattern, what in _COPIED if pattern.search(value)), None)
    )
    if what:
        yield (
            f"{where} has the value '{value}', which is served as it stands, with {what}, as "
            f"zone files and dig show it: remove that, or put double quotes around the whole "
            f"value, which is then read as in a zone file."
        )
