# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which settings of a running database server differ from the declared ones. Private to the
collection. Pure: no I/O, no Ansible import.

*settings* is ``{section: {name: value}}`` as in an option file; *running* are rows with name,
value, read_only and whether the value was read from the role's own file (``ours``).
"""

from __future__ import annotations

import hashlib
import posixpath
import re

_SECTION = re.compile(r"(mysqld|mariadbd?|server)(-[0-9.]+)?\Z")
_SIZE = re.compile(r"([0-9]+)([KMGTPE])\Z", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_TRUTHS = {"on": "1", "true": "1", "yes": "1", "off": "0", "false": "0", "no": "0"}
# What the packages' own rules for logrotate are about.
_PACKAGED_LOG = re.compile(r"/var/log/mysql/[^/]*log\Z|/var/lib/mysql/(mysqld|mariadb)[.]log\Z")
# Options whose variables have other names.
_VARIABLES = {"default_time_zone": "time_zone", "log_bin": "log_bin_basename"}


def variables(settings):
    """Return ``{variable: value}`` of what the server reads, the
    last of several spellings of one name.
    """
    found = {}
    for section, values in settings.items():
        if _SECTION.match(section):
            for option, value in values.items():
                name = str(option).lower().replace("-", "_").removeprefix("loose_")
                found[_VARIABLES.get(name, name)] = value
    return found


def logs(settings, datadir, hostname):
    """Return the files that the server writes its words to,
    where ``settings`` say other ones than the package does.
    """
    found, wanted = [], variables(settings)
    if plain(wanted.get("general_log", False)) == "1":
        wanted.setdefault("general_log_file", f"{hostname}.log")
    for name in ("general_log_file", "log_error", "slow_query_log_file"):
        path = str(wanted.get(name) or "").strip("\"'")
        if path and path != "stderr":
            # Both servers give the log of errors this suffix.
            suffix = ".err" if name == "log_error" and not posixpath.splitext(path)[1] else ""
            found.append(posixpath.join(datadir, path + suffix))
    return [path for path in dict.fromkeys(found) if not _PACKAGED_LOG.match(path)]


def plain(value):
    """Return a value in the one spelling that it is compared in: ``512M`` and ``536870912``,
    ``ON`` and ``true`` are alike.
    """
    if value is None or isinstance(value, bool):
        return "0" if value is False else "1"
    text = str(value).strip().strip("\"'")
    size = _SIZE.match(text)
    if size:
        return str(int(size[1]) << 10 * ("KMGTPE".index(size[2].upper()) + 1))
    if text.isdecimal():
        return str(int(text))
    if _NUMBER.match(text):
        return f"{float(text):f}".rstrip("0").rstrip(".")
    text = text.lower()
    if "," in text:
        return ",".join(sorted(part.strip() for part in text.split(",")))
    return _TRUTHS.get(text, text.rstrip("/"))


def literal(value):
    """Return a value as SQL: sizes are numbers there."""
    number = plain(value)
    if _NUMBER.match(number):
        return number
    text = str(value).strip().strip("\"'")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def differences(settings, running, before=()):
    """Return what has to happen so that the server runs with ``settings``.

    ``live``: those that may be set while it runs (name, value and literal, and of what it has now
    was and back). ``restart``: names of those that need a restart: they are read at the start only,
    are no variables at all, so that nobody can ask for them, or are declared no more, which
    ``before``, the names that were, or the server tells.
    """
    there = {row["name"].lower(): row for row in running}
    wanted = variables(settings)
    unlike = [
        name
        for name, value in wanted.items()
        if name in there and plain(value) != plain(there[name]["value"])
    ]
    gone = {*before, *(name for name, row in there.items() if row["ours"])} - set(wanted)
    return {
        "live": [
            {
                "name": name,
                "value": str(wanted[name]),
                "literal": literal(wanted[name]),
                "was": there[name]["value"],
                "back": literal(there[name]["value"]),
            }
            for name in unlike
            if not there[name]["read_only"]
        ],
        "restart": [name for name in unlike if there[name]["read_only"]]
        + [name for name in wanted if name not in there]
        + sorted(gone),
    }


def refused(live, running):
    """Return the names of those of ``live`` that the server did not take."""
    there = {row["name"].lower(): row["value"] for row in running}
    return [
        item["name"]
        for item in live
        if not _taken(plain(item["value"]), plain(there[item["name"]]))
    ]


def restart_sentence(reasons, taken_up=()):
    """Return what a server is restarted for, and which settings it takes up by that."""
    more = f", and takes up {', '.join(taken_up)} by that" if taken_up else ""
    return f"The server is restarted for {', '.join(reasons)}{more}."


def drifted(settings, running, accepted=()):
    """Return those settings, as ``live``,
    that a server has other values of than its files say, though it has read them.

    Somebody set them while it runs, or took back what another run had set. What the server itself
    makes of a value, it makes again: such ones are ``accepted``, as `marks` of them.
    """
    live = [
        item
        for item in differences(settings, running)["live"]
        if not _taken(plain(item["value"]), plain(item["was"]))
    ]
    return [item for item in live if mark(item["name"], item["value"], item["was"]) not in accepted]


def mark(name, value, was):
    """Return what is kept of a setting that a server does not take:
    a word, whatever is in the values.
    """
    return hashlib.sha256(f"{name}={value}={was}".encode()).hexdigest()[:12]


def marks(live, running):
    """Return the marks of those of ``live`` that the server did not take."""
    there = {row["name"].lower(): row["value"] for row in running}
    names = refused(live, running)
    return [
        mark(item["name"], item["value"], there[item["name"]])
        for item in live
        if item["name"] in names
    ]


def _taken(wanted, now):
    """A server rounds sizes up, but to less than the double;
    it expands a mode such as ANSI to all modes that this stands for.
    """
    return set(wanted.split(",")) <= set(now.split(",")) or (
        bool(_NUMBER.match(wanted) and _NUMBER.match(now))
        and float(wanted) <= float(now) < 2 * float(wanted)
    )
