# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember the files that a unit really runs with, until it runs
with those on disk. No I/O, no Ansible.

A checker may accept files with which the service does not start. So the state of a path before its
change is kept for as long as the unit that reads it has not read the change; a second change that
the unit has not read either does not overwrite what it runs with.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    Change,
    State,
    TreeError,
    printable,
)

Look = Callable[[str], State]


@dataclass(frozen=True)
class Entry:
    """What stood at a path when its unit last read it."""

    state: State
    unit: str
    restart: bool = False
    secret: bool = False


@dataclass(frozen=True)
class Proven:
    """The states to go back to, by path, and the paths whose contents are nobody's to see."""

    entries: dict[str, Entry] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def of(self, unit: str) -> dict[str, Entry]:
        """The entries of one unit."""
        return {path: entry for path, entry in self.entries.items() if entry.unit == unit}

    def without(self, units: set[str]) -> Proven:
        """Return a copy without the entries of units that run with the files on disk."""
        return replace(
            self,
            entries={
                path: entry for path, entry in self.entries.items() if entry.unit not in units
            },
        )

    def before(
        self, changes: list[Change], proved: set[str], look: Look, real: Callable[[str], str]
    ) -> Proven:
        """Return a copy that also records the current state of each path about to change,
        if its unit is running with it.

        Earlier records win: they are what the unit runs with.
        """
        entries = dict(self.entries)
        for change in changes:
            if change.unit not in proved:
                continue
            # A link to a directory is as good as the directory: what changes is the directory.
            if "directory" in (change.before.kind, change.after.kind):
                path, state = real(change.path), change.before
            else:
                path, state = change.path, look(change.path)
            if state.kind != "other":  # nobody can make a socket or a device again
                entries.setdefault(path, Entry(state, change.unit, change.restart, change.secret))
        return replace(self, entries=entries)


def dump(proven: Proven) -> str:
    """As text; contents are base64, since they may be any bytes."""

    def plain(entry: Entry) -> dict:
        content = entry.state.content
        return {
            **asdict(entry),
            "state": {
                **asdict(entry.state),
                "content": content and base64.b64encode(content).decode("ascii"),
            },
        }

    return json.dumps(
        {
            "entries": {path: plain(entry) for path, entry in proven.entries.items()},
            "secrets": proven.secrets,
        }
    )


def load(text: str) -> Proven:
    """The inverse of `dump`; an unreadable text yields an empty record."""

    def entry(kept: dict) -> Entry:
        state = kept["state"]
        content = None if state["content"] is None else base64.b64decode(state["content"])
        return Entry(**{**kept, "state": State(**{**state, "content": content})})

    try:
        kept = json.loads(text)
        return Proven(
            {path: entry(one) for path, one in kept["entries"].items()}, list(kept["secrets"])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Proven()


def way_back(
    entries: dict[str, Entry], look: Look, names: Callable[[str], list[str]]
) -> list[Change]:
    """The changes that lead from what `look` finds to the entries,
    in an order in which they can be made.

    `names` lists a directory. A directory that we created is removed only if nothing else is in it.
    """
    made: list[Change] = []
    gone: list[Change] = []
    for path, entry in sorted(
        entries.items(), key=lambda item: (item[1].state.kind != "directory", item[0])
    ):
        wanted, found = entry.state, look(path)
        if wanted.kind == "absent" or wanted == found:
            continue
        unlike = found.kind != "absent" and (wanted.kind == "directory") != (
            found.kind == "directory"
        )
        if unlike or found.kind == "other":
            raise TreeError(
                f"{printable(path)}: was a {wanted.kind}, and something else has taken its place."
            )
        made.append(Change(path, found, wanted, entry.secret, entry.unit, entry.restart))
    # The deepest first.
    for path, entry in sorted(entries.items(), reverse=True):
        if entry.state.kind != "absent":
            continue
        found, left = look(path), {change.path for change in gone}
        if found.kind == "directory" and not {f"{path}/{name}" for name in names(path)} <= left:
            continue
        if found.kind in ("file", "link", "directory"):
            gone.append(Change(path, found, entry.state, entry.secret, entry.unit, entry.restart))
    return made + gone
