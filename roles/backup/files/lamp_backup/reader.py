# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a dump as it passes: its position, and of each table how many rows it has and their digest.

The digest is of the rows' texts in the dump's order, however many an INSERT holds, so that a dump
of a restored copy has the same.
"""

from __future__ import annotations

import hashlib
import itertools
import re

_POSITION = re.compile(rb"-- CHANGE .*?_LOG_FILE='([^']+)', \w+_LOG_POS=(\d+)")
_DATABASE = re.compile(rb"-- Current Database: `((?:[^`]|``)+)`")
_DATA = re.compile(rb"-- Dumping data for table `((?:[^`]|``)+)`")
_NAME = rb"`(?:[^`]|``)+`"
_INSERT = re.compile(
    rb"INSERT +(?:IGNORE +)?INTO "
    + _NAME
    + rb" (?:\("
    + _NAME
    + rb"(?:, ?"
    + _NAME
    + rb")*\) )?VALUES ?"
)
# A text, whatever it holds, or what parts two rows.
_PARTS = re.compile(rb"'(?:[^'\\]|\\.)*'|\),\(", re.DOTALL)

# An event that is due once is not made any more once its moment has passed, nor what a dump says
# around it.
_EVENTS, _EVENT, _EVENTS_END = (
    b"/*!50106 SET @save_time_zone",
    b"/*!50106 DROP EVENT ",
    b"/*!50106 SET TIME_ZONE=",
)
_ONCE = re.compile(rb"/\*!50106 CREATE\*/.* EVENT " + _NAME + rb" ON SCHEDULE AT ")

# A server says them or not where they are the default, and a copy's server decides anew.
_CHARSET = re.compile(rb" (?:CHARACTER SET|COLLATE) \w+")


class Reader:
    """Takes a dump line by line."""

    def __init__(self):
        self.position = None
        self.complete = False
        self._database = self._last = b""
        self._table = self._digest = None
        self._rows_of_lines = False
        self._tables = {}
        self._definitions = {}
        self._events = []

    def feed(self, line: bytes) -> None:
        """Read one line, with its end."""
        if self._table is not None:
            self._data(line)
        elif line.startswith(b"-- "):
            self._comment(line)
        elif line.strip() not in (b"", b"--"):
            self._definition(line)

    def _definition(self, line):
        if line.startswith(_EVENTS):
            self._events = [[line]]
        elif not self._events:
            self._define(line)
        elif line.startswith(_EVENT):
            self._events.append([line])
        elif line.startswith(_EVENTS_END):
            head, *events = self._events
            lasting = [event for event in events if not any(map(_ONCE.match, event))]
            for kept in itertools.chain(head, *lasting, [line]) if lasting else ():
                self._define(kept)
            self._events = []
        else:
            self._events[-1].append(line)

    def _define(self, line):
        self._definitions.setdefault(self._database, hashlib.sha256()).update(
            _CHARSET.sub(b"", line)
        )

    def _comment(self, line):
        self.complete = line.startswith(b"-- Dump completed")
        if found := _DATABASE.match(line):
            self._database = found[1].replace(b"``", b"`")
        elif found := _DATA.match(line):
            self._table = [0, hashlib.sha256()]
            self._tables[b".".join((self._database, found[1].replace(b"``", b"`")))] = self._table
        elif self.position is None and (found := _POSITION.match(line)):
            self.position = {"file": found[1].decode(), "position": int(found[2])}

    def _data(self, line):
        if line.startswith(b"UNLOCK TABLES"):
            self._table = None
            return
        if found := _INSERT.match(line):
            line = line[found.end() :]
            # MariaDB puts each row on a line of its own, MySQL all on the one of the INSERT.
            self._rows_of_lines = not line.strip()
        if not line.startswith(b"("):
            return
        self._table[0] += (
            1
            if self._rows_of_lines
            else 1 + sum(part[0] == b"),(" for part in _PARTS.finditer(line))
        )
        self._table[1].update(line.rstrip(b"\n")[:-1] + b",")

    @property
    def begun(self) -> bool:
        """Whether the dump's transaction has begun: what is written later is not in it."""
        return bool(self.position or self._database)

    @property
    def tables(self) -> dict:
        """What each table holds: ``{"database.table": {"rows", "sha256"}}``."""
        return {
            name.decode(errors="replace"): {"rows": rows, "sha256": digest.hexdigest()}
            for name, (rows, digest) in self._tables.items()
        }

    @property
    def definitions(self) -> dict:
        """A digest for each database of all but its rows: tables, views, routines, triggers,
        events unless they are due once.
        """
        return {
            _text(name): digest.hexdigest() for name, digest in self._definitions.items() if name
        }


def _text(name):
    return name.decode(errors="replace")
