# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change in a zone, in what order, and whether that is
safe: pure, no I/O, no Ansible import.

Private to the collection. Contents, record sets and declarations are those of ``rrsets``.
"""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.module_utils.dns.rrsets import (
    SERVER_TYPES,
    DeclarationError,
    RRset,
)

with contextlib.suppress(ImportError):  # the module says so, in its own words
    import dns.name

#: Bytes of records in one update: a DNS message holds 65535, and header and signature need some.
PART_SIZE = 60000
_ACME = b"_acme-challenge"


class UnsafeError(Exception):
    """A plan that is likely a mistake: the message has the numbers and the remedy."""


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


def plan(existing, declared, zone, exclusive=False, keep=()):
    """Return the ordered list of Changes that lead from the content
    ``existing`` to what is ``declared``.

    ``exclusive``: what is not declared goes too, but for the apex NS, the server's own types, the
    records of other tools, and what ``keep`` matches: patterns for a relative name, each with a
    type after a space or without. Raises DeclarationError when the result could not be served.
    """
    changes = []
    for (name, kind), declaration in declared.items():
        before = existing.get((name, kind))
        after = _after(before, declaration)
        if after != before:
            changes.append(Change(name, kind, before, after))
    if exclusive:
        for key, found in existing.items():
            if key not in declared and not _kept(key, found, zone, keep):
                name, kind = key
                changes.append(Change(name, kind, found, None))
    _check_names(existing, changes)
    _check_name_servers(existing, changes, zone)
    return _ordered(changes)


def _after(before, declaration):
    """Return the record set that ``before`` becomes by ``declaration``."""
    state, ttl, fixed, values = declaration
    if state == "present":
        return RRset(ttl, values)
    if state == "append":
        return RRset(
            ttl if fixed or before is None else before.ttl,
            values | (before.values if before else frozenset()),
        )
    if state == "absent":
        left = before.values - values if before and values else None
        return before._replace(values=left) if left else None
    return before


def _kept(key, found, zone, keep):
    """Whether an undeclared record set stays in an exclusive zone."""
    name, kind = key
    if kind in SERVER_TYPES or key == (zone, "NS") or _of_other_tool(name, kind, found):
        return True
    relative = name.relativize(zone).to_text().lower()
    for pattern in keep:
        pattern, _space, wanted = pattern.lower().partition(" ")
        if fnmatch.fnmatchcase(relative, pattern) and wanted.strip() in ("", kind.lower()):
            return True
    return False


def _of_other_tool(name, kind, found):
    """Whether a record set is an ACME challenge,
    or the mark by which a DHCP server, ExternalDNS or octoDNS knows its own.
    """
    first = name.labels[0].lower()
    if first == _ACME or kind == "DHCID":
        return True
    return kind == "TXT" and (
        first == b"_owner"
        or any(b"".join(value.strings).startswith(b"heritage=") for value in found.values)
    )


def _ordered(changes):
    """Return ``changes`` name by name, so that an alias takes an address's place within one update,
    what is new before what goes.

    Within a name what goes, goes first: an alias has to be gone before addresses take its place.
    """
    groups = {}
    for change in changes:
        groups.setdefault(change.name, []).append(change)
    for group in groups.values():
        group.sort(key=lambda change: (change.after is not None, change.type))
    risks = ("create", "update", "delete")
    ordered = sorted(
        groups.values(),
        key=lambda group: (
            max(risks.index(change.action) for change in group),
            _ascending(group[0].name),
        ),
    )
    return [change for group in ordered for change in group]


def _ascending(name):
    """Return what sorts as the name does, and faster."""
    return [label.lower() for label in reversed(name.labels)]


def _check_names(existing, changes):
    """Raise DeclarationError where a changed name would hold what cannot be together:
    servers pass over that without a word.
    """
    keys = [change[:2] for change in changes]
    special = {name for name, kind in (*existing, *keys) if kind in ("CNAME", "DS")}
    if not special:
        return
    types = {name: set() for name, _kind in keys if name in special}
    for name, kind in applied(existing, changes):
        if name in types and kind not in SERVER_TYPES - {"SOA"}:
            types[name].add(kind)
    for name, kinds in types.items():
        others = sorted(kinds - {"CNAME"})
        if "CNAME" in kinds and others:
            raise DeclarationError(
                f"{name} would be an alias (CNAME) and have "
                f"{', '.join(others)}: remove one of them."
            )
        if "DS" in kinds and "NS" not in kinds:
            raise DeclarationError(
                f"{name} would have DS but no NS, and DS needs a delegation: "
                f"declare the NS records too."
            )


def _check_name_servers(existing, changes, zone):
    """Raise DeclarationError where the zone would lose its name servers,
    or one of them its last address: BIND refuses that.
    """
    gone = [
        change[:2]
        for change in changes
        if change.after is None and change.type in ("NS", "A", "AAAA")
    ]
    if (zone, "NS") in gone:
        raise DeclarationError(
            f"The name servers of {zone} itself cannot be absent: "
            f"declare those that it should have."
        )
    after = applied(existing, changes) if gone else {}
    targets = {value.target for value in after[zone, "NS"].values} if (zone, "NS") in after else ()
    for name, kind in gone:
        if kind != "NS" and name in targets and not {(name, "A"), (name, "AAAA")} & after.keys():
            raise DeclarationError(
                f"{name}, a name server of {zone}, would have no address: "
                f"declare it, or ignore its records."
            )


def check(existing, changes, zone, max_change, small_zone):
    """Raise UnsafeError for a plan that changes or deletes more than ``max_change`` percent of a
    zone, or drops its name servers.

    The share counts in zones of at least ``small_zone`` record sets; what is created never counts.
    """
    for change in changes:
        if (change.name, change.type) == (zone, "NS") and change.before:
            gone = sorted(value.to_text() for value in change.before.values - change.after.values)
            if gone:
                raise UnsafeError(
                    f"The plan takes the name server {', '.join(gone)} from the zone {zone} "
                    f"itself: see that the parent zone no "
                    f"longer names it, then set force to true."
                )
    size = sum(kind not in SERVER_TYPES for _name, kind in existing)
    updates, deletes = (
        sum(change.action == action for change in changes) for action in ("update", "delete")
    )
    share = 100 * (updates + deletes) / max(size, 1)
    if size >= small_zone and share > max_change:
        raise UnsafeError(
            f"The plan changes {updates} and deletes {deletes} of the {size} record sets of "
            f"{zone}: {share:.0f} %, where max_change allows {max_change} %. Look at it with "
            f"--check --diff; if it is right, set force to true or raise max_change."
        )


def applied(existing, changes):
    """Return the content that ``existing`` becomes by ``changes``."""
    result = dict(existing)
    for change in changes:
        if change.after is None:
            result.pop((change.name, change.type), None)
        else:
            result[change.name, change.type] = change.after
    return result


def parts(changes, limit=PART_SIZE):
    """Return ``changes`` cut into lists that one update of ``limit`` bytes of records can hold
    each; no name is cut in two.
    """
    found, size = [], limit
    for _name, of_name in itertools.groupby(changes, key=lambda change: change.name):
        group = list(of_name)
        room = sum(_size(change) for change in group)
        if size + room > limit:
            found.append([])
            size = 0
        found[-1].extend(group)
        size += room
    return found


def _size(change):
    """Return how many bytes a change takes at most, prerequisites included."""
    head = sum(len(label) + 1 for label in change.name.labels) + 10
    # What was there is required and deleted value by value; what was not, or goes altogether, takes
    # one line.
    lines = (change.before is None) + (change.after is None)
    sets = [rrset.values for rrset in (change.before, change.before, change.after) if rrset]
    return lines * head + sum(
        head + len(value.to_digestable()) for values in sets for value in values
    )
