# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ``.containerignore`` or ``.dockerignore`` leaves out of a
build. Private to the collection. Pure.
"""

from __future__ import annotations

import posixpath
import re

#: Names of such a file, the first that is there counts; ``{file}`` is the Containerfile's.
NAMES = ("{file}.containerignore", "{file}.dockerignore", ".containerignore", ".dockerignore")


def kept(names, text):
    """Return those of ``names``, paths relative to the directory,
    that the file's ``text`` leaves in.
    """
    rules = list(_rules(text))
    return [name for name in names if not _ignored(name, rules)]


def _rules(text):
    for line in text.removeprefix("\ufeff").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        back = line.startswith("!")
        pattern = posixpath.normpath(line.removeprefix("!").strip()).lstrip("/")
        yield back, re.compile(_expression(pattern), re.DOTALL)


def _ignored(name, rules):
    parts = name.split("/")
    # What fits a directory, fits all that is in it. The last rule that fits counts.
    above = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    ignored = False
    for back, rule in rules:
        if any(rule.fullmatch(one) for one in above):
            ignored = not back
    return ignored


def _expression(pattern):
    found, at = "", 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**/"):
            found, at = f"{found}(?:.*/)?", at + 3
        elif rest.startswith("**"):
            found, at = f"{found}.*", at + 2
        elif rest[0] in "*?":
            found, at = f"{found}[^/]{'*' if rest[0] == '*' else ''}", at + 1
        elif of_class := re.match(r"\[\^?[^]]+\]", rest):
            # Within brackets the two languages differ in this only.
            found, at = found + "[" + of_class[0][1:].replace("[", "\\["), at + of_class.end()
        elif rest[0] == "\\" and rest[1:]:
            found, at = f"{found}{re.escape(rest[1])}", at + 2
        else:
            found, at = f"{found}{re.escape(rest[0])}", at + 1
    return found
