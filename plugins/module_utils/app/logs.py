# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server and the units of applications said of a site, in one order. Private to the
collection. No Ansible import.
"""

from __future__ import annotations

import datetime
import heapq
import json
import os
import re
import subprocess
import time
from typing import NamedTuple

# Of both web servers that a site can have: it may have had the other one an hour ago.
PLACES = ("/var/log/apache2", "/var/log/nginx")
MOST = 16 * 2**20  # bytes of a log that are looked at, from its end on
MOST_ENTRIES = 50_000  # of the journal

_ERROR = re.compile(r"\[\w{3} (\w{3}) +(\d+) (\d\d:\d\d:\d\d)(?:\.(\d+))? (\d{4})\] ")
_ERROR_OF_NGINX = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) ")
_ACCESS = re.compile(r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")
_SECONDS = re.compile(r"@?(\d+(?:\.\d+)?)\Z")
_UNIX = re.compile(r"UNIX seconds: @(\d+(?:\.\d+)?)")


class LogError(Exception):
    """What was asked for cannot be told."""


class Line(NamedTuple):
    """A line of a log: when it was written in seconds, by whom, and what it says."""

    time: float
    by: str
    text: str

    def __str__(self):
        moment = (
            datetime.datetime.fromtimestamp(self.time, datetime.UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
        return f"{moment} {self.by}: {self.text}"


def moment(text):
    """Return the moment that a text means to systemd, such as ``-1h`` or ``2026-11-27 07:00``,
    in seconds. Empty is 0.
    """
    if not text:
        return 0.0
    if plain := _SECONDS.match(text):
        return float(plain[1])
    done = subprocess.run(
        ["systemd-analyze", "timestamp", "--", text], capture_output=True, text=True, check=False
    )
    if not (found := _UNIX.search(done.stdout)):
        raise LogError(
            f"since is {text!r}, which is no time: give one such as -1h, today or 2026-11-27 "
            f"07:00, see systemd.time(7)."
        )
    return float(found[1])


def of_error_log(text, by="error"):
    """Return the lines of an error log. One without a time belongs to the line before."""
    lines = []
    for one in text.splitlines():
        if found := _ERROR.match(one):
            month, day, clock, fraction, year = found.groups()
            # In the time of the host.
            when = time.mktime(time.strptime(f"{year} {month} {day} {clock}", "%Y %b %d %H:%M:%S"))
            lines.append(Line(when + float(f"0.{fraction or 0}"), by, one[found.end() :]))
        elif found := _ERROR_OF_NGINX.match(one):
            lines.append(
                Line(
                    time.mktime(time.strptime(found[1], "%Y/%m/%d %H:%M:%S")),
                    by,
                    one[found.end() :],
                )
            )
        elif one and lines:
            lines.append(Line(lines[-1].time, by, one))
    return lines


def of_access_log(text, by="access"):
    """Return the lines of an access log."""
    lines = []
    for one in text.splitlines():
        if found := _ACCESS.search(one):
            when = datetime.datetime.strptime(found[1], "%d/%b/%Y:%H:%M:%S %z")
            lines.append(
                Line(when.timestamp(), by, f"{one[: found.start()]}{one[found.end() :].lstrip()}")
            )
    return lines


def of_journal(text):
    """Return the lines of what ``journalctl --output=json`` prints."""
    lines = []
    for one in text.splitlines():
        entry = json.loads(one)
        words = entry.get("MESSAGE")
        if isinstance(words, list):  # bytes that are no text
            words = bytes(words).decode("utf-8", "replace")
        by = (entry.get("UNIT") or entry.get("_SYSTEMD_UNIT") or "").removesuffix(".service")
        if entry.get("UNIT"):
            by = f"systemd on {by}"
        lines += [
            Line(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, by, part)
            for part in (words or "").splitlines()
        ]
    return lines


def end(path, most=MOST):
    """Return the end of a log, from the beginning of a line on; empty where there is no log."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            if size > most:
                file.readline()
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def journal(units, since):
    """Return what the journal has of ``units``, which may be patterns."""
    if not units:
        return ""
    words = [
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=json",
        f"--lines={MOST_ENTRIES}",
        f"--since=@{int(since)}",
    ]
    words.append("--output-fields=MESSAGE,UNIT,_SYSTEMD_UNIT")
    return subprocess.run(
        [*words, *(f"--unit={unit}" for unit in units)], capture_output=True, text=True, check=False
    ).stdout


def wanted(logs, since, pattern, most):
    """Return the last ``most`` lines of ``logs`` that are not older than
    ``since`` and in which ``pattern`` is found.
    """
    try:
        # As journalctl takes it: small letters stand for capitals, too.
        expression = re.compile(pattern, 0 if pattern != pattern.lower() else re.IGNORECASE)
    except re.error as error:
        raise LogError(
            f"grep is {pattern!r}, which is no regular expression ({error}): correct it, or put a "
            f"backslash before . * + ? ( ) [ ] {{ }}."
        ) from error
    merged = heapq.merge(
        *(sorted(log, key=lambda line: line.time) for log in logs), key=lambda line: line.time
    )
    found = [
        line
        for line in merged
        if line.time >= since and (expression.search(line.text) or expression.search(line.by))
    ]
    return found[-most:]


def of_site(site, units, since="", pattern="", most=200, access=True):
    """Return the lines of the web server's logs of ``site`` and of the journal of ``units``."""
    begin = moment(since)
    logs = [of_journal(journal(units, begin))]
    for place in PLACES:
        # What was rotated away today is in the file before.
        errors, accesses = (
            "".join(end(f"{place}/{site}.{kind}.log{suffix}") for suffix in (".1", ""))
            for kind in ("error", "access")
        )
        logs += [of_error_log(errors), of_access_log(accesses) if access else []]
    return wanted(logs, begin, pattern, most)
