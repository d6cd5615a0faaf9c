# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file with SQL would do to a database server: read on the controller, before anything is
sent. Private to the collection.

The server's own client says of most files that all went well: of one that fills another database,
of an empty one, of one that was cut between two statements.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import re
import shutil
import subprocess
from collections.abc import Callable

#: How packed files begin and, by that, what their names have to end with.
PACKED = {b"\x1f\x8b": ".gz", b"\xfd7zXZ\0": ".xz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst"}
#: How what is no SQL for these servers begins.
FOREIGN = {
    b"PK\x03\x04": "an archive of zip",
    b"PGDMP": "a dump of PostgreSQL",
    b"--\n-- PostgreSQL database": "a dump of PostgreSQL",
    b"SQLite format 3": "a database of SQLite",
    b"PRAGMA ": "a dump of SQLite",
    b"XBSTCK": "a copy of files by mariadb-backup or xtrabackup",
    b"$ANSIBLE_VAULT;": "",  # nobody here has the password; the server's client gets the contents
}
SANDBOX = re.compile(rb"\s*/\*!999999\\-")
MADE_BY = re.compile(rb"^-- (MySQL|MariaDB) dump", re.MULTILINE)
END = b"-- Dump completed"
CHUNK = 2**20
_HEAD = 300

# Strings and names whole, so that nothing in them is taken for a statement; rows of strings and
# numbers as one. What /*!…*/ holds, servers run.
_TOKEN = re.compile(
    rb"""(?P<string>(?:(?:'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+")[\s,()0-9.NUL]*+)++)
    |(?P<comment>--(?=\s)[^\n]*\n|\#[^\n]*\n|/\*(?!M?!).*?\*/)
    |(?P<run>/\*M?![0-9]*|\*/)
    |(?P<delimiter>(?<=\n)delimiter[ \t]+(?P<new>[^\s]+)[^\n]*\n)
    |(?P<definer>\bdefiner\s*=\s*(?P<user>`[^`]+`|'[^']+'|[\w.$-]+)\s*@\s*(?P<host>`[^`]+`|'[^']+'|[\w.%$-]+))
    |(?P<end>;)
    |(?P<text>`[^`]*`|[^'"`;\#/*\-\sd]++(?:d(?!e[fl])[^'"`;\#/*\-\sd]*+)*+|\s+|.)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_OPENED = re.compile(rb"['\"`]|/\*|--\s|#")
_NAME = rb"`?(?P<name>[^\s`;]+)`?"
_USE = re.compile(rb"use\s+" + _NAME, re.IGNORECASE)
_CREATE = re.compile(
    rb"create\s+(or\s+replace\s+)?(database|schema)\s+(?P<soft>if\s+not\s+exists\s+)?" + _NAME,
    re.IGNORECASE,
)
_DROP = re.compile(rb"drop\s+(database|schema)\b[^;]*", re.IGNORECASE)
_TABLE = re.compile(
    rb"(?P<verb>(create(\s+or\s+replace)?|drop|alter|truncate|lock)\s+tables?|(insert|replace)(\s+ignore)?\s+into)"
    rb"(\s+if(\s+not)?\s+exists)?\s+`?(?P<name>[^\s`.;(]+)`?\s*\.",
    re.IGNORECASE,
)
#: What opens a file by what its name ends with.
_OPENERS: dict[str, Callable] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_FILLS = re.compile(rb"(create|insert|replace|load|alter)\b", re.IGNORECASE)
_ACCOUNTS = re.compile(
    rb"(grant|revoke|set\s+password|(create|alter|drop|rename)\s+(or\s+replace\s+)?(user|role))\b",
    re.IGNORECASE,
)


@contextlib.contextmanager
def opened(path: str, suffix: str):
    """Open a file, unpacked by what its name ends with."""
    if suffix == ".zst":
        with subprocess.Popen(
            ["zstd", "-dc", "--", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            yield process.stdout
            if process.stdout and not process.stdout.read(1) and process.wait():
                raise EOFError
    else:
        with _OPENERS.get(suffix, open)(path, "rb") as file:
            yield file


class Dump:
    """What a dump says: ``heads`` of statements that matter, and ``definers``, ``user@host``.

    ``fills``: whether it makes anything or has rows. ``cut``: whether it ends within a string, a
    name or a comment.
    """

    def __init__(self, file):
        self.heads, self.definers = set(), set()
        self.begin, self.tail, self.fills = b"", b"", False
        self._head, self._delimiter = b"", b";"
        # The sign before what is to be read stays: a delimiter is one at the begin of a line only.
        buffer, size = b"\n", CHUNK
        while chunk := file.read(size):
            self.begin = self.begin or chunk[:4096]
            self.tail = (self.tail + chunk)[-4096:]
            buffer += chunk
            done = self._scan(buffer, len(buffer) - 64)
            # What begins in one chunk and ends in a later one is read anew, so the chunks grow with
            # it.
            size = CHUNK if done > 1 else 2 * size
            buffer = buffer[done - 1 :]
        # A comment may end without the end of its line.
        buffer += b"\n"
        self.cut = self._scan(buffer, len(buffer)) < len(buffer)
        self._ended()

    def _scan(self, buffer, end):
        """Read the tokens that end before ``end``, and return how far."""
        position = 1
        for token in _TOKEN.finditer(buffer, 1):
            if token.end() > end or _unclosed(token, buffer):
                break
            self._take(token)
            position = token.end()
        return position

    def _take(self, token):
        if token["comment"] or token["run"]:
            return
        if token["delimiter"]:
            self._ended()
            self._delimiter = token["new"]
        elif token["end"] and self._delimiter == b";":
            self._ended()
        else:
            if token["definer"]:
                self.definers.add(
                    "@".join(
                        token[key].strip(b"`'").decode("utf-8", "replace")
                        for key in ("user", "host")
                    )
                )
            if len(self._head) < _HEAD and (self._head or not token[0].isspace()):
                self._head += b"''" if token["string"] else token[0][:_HEAD]

    def _ended(self):
        # The client's own USE needs no semicolon, so that it may have taken in what follows.
        self.fills = self.fills or bool(_FILLS.match(self._head) or _USE.match(self._head))
        for pattern in (_USE, _CREATE, _DROP, _ACCOUNTS, _TABLE):
            if found := pattern.match(self._head):
                self.heads.add(b" ".join((found[0] if pattern is _TABLE else self._head).split()))
        self._head = b""


def _unclosed(token, buffer):
    """Return whether a sign that stands alone begins what has no end yet:
    a string, a name, a comment.
    """
    return (
        token["text"] is not None
        and token.end() - token.start() == 1
        and bool(_OPENED.match(buffer, token.start()))
    )


def _suffix_problem(path, begin, suffix):
    packed = next((name for magic, name in PACKED.items() if begin.startswith(magic)), "")
    if packed != (suffix if suffix in PACKED.values() else ""):
        says = f"is packed as {packed}" if packed else "is not packed"
        right = f"name it {path.removesuffix(suffix)}{packed}" if packed else "name it without that"
        return f"{says}, and its name ends with {suffix or 'nothing'}: {right}."
    if packed == ".zst" and not shutil.which("zstd"):
        return (
            "is packed by zstd, which this computer does not have: "
            "install zstd here, or pack the file by gzip."
        )
    return ""


def dump_problems(
    path: str, database: str, accounts: set[str], engine: str = "mariadb"
) -> list[str]:
    """Return what is wrong with a file that is to fill ``database``: ends of sentences.
    ``accounts``: ``user@host``, who may define.
    """
    suffix = os.path.splitext(path)[1]
    suffix = suffix if suffix in PACKED.values() else ""
    with open(path, "rb") as file:
        begin = file.read(64)
    if problem := _suffix_problem(path, begin, suffix):
        return [problem]
    try:
        with opened(path, suffix) as file:
            dump = Dump(file)
    except (EOFError, OSError, lzma.LZMAError):
        return [
            "cannot be unpacked to its end: it was cut, or it is damaged. Make or copy it anew."
        ]
    for magic, what in FOREIGN.items():
        if dump.begin.startswith(magic):
            return [f"is {what}: give SQL as mariadb-dump or mysqldump writes it."] if what else []
    if not dump.fills:
        return [
            "makes nothing and has no rows: the dump is empty. Make it anew, of the right database."
        ]
    if dump.cut or (MADE_BY.search(dump.begin) and END not in dump.tail):
        return [
            "does not end as a dump does (-- Dump completed): it was cut. Make or copy it anew."
        ]
    return list(_statement_problems(dump, database, accounts, engine))


def _statement_problems(dump, database, accounts, engine):
    elsewhere = sorted(_elsewhere(dump.heads, database))
    if elsewhere:
        yield (
            f"says {', '.join(elsewhere)}, so that it fills another database than {database}, or "
            f"takes that away first: make the dump of the one database without --databases, "
            f"--all-databases and --add-drop-database, or take these lines out."
        )
    if any(_ACCOUNTS.match(head) for head in dump.heads):
        words = sorted(
            {
                " ".join(head.decode("utf-8", "replace").split()[:2]).upper()
                for head in dump.heads
                if _ACCOUNTS.match(head)
            }
        )
        yield (
            f"says {', '.join(words)}: accounts are mysql_users' to declare. Take these lines out."
        )
    strangers = sorted(definer for definer in dump.definers if definer.lower() not in accounts)
    if strangers:
        yield (
            f"has views, triggers or routines of DEFINER {', '.join(strangers)}, which this "
            f"server does not have, so that they would fail when they are used: declare the "
            f"account in mysql_users, "
            f"or take the words DEFINER=… out (sed 's/DEFINER=[^ *]*//g')."
        )
    if engine == "mysql" and SANDBOX.match(dump.begin):
        yield (
            "begins with a line that MariaDB's client alone understands (enable the sandbox "
            "mode): take the first line out (sed 1d)."
        )


def _elsewhere(heads, database):
    for head in heads:
        if _DROP.match(head):
            yield head.decode("utf-8", "replace")[:80]
        for pattern in (_USE, _CREATE, _TABLE):
            found = pattern.match(head)
            # Where it is the declared one anyway, nothing is lost.
            if found and not (
                found["name"].decode("utf-8", "replace") == database
                and found.groupdict().get("soft", True)
            ):
                yield re.sub(r"\s+", " ", found[0].decode("utf-8", "replace"))
