# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of all hosts, for programs and for people. Private to the collection. Pure: no I/O,
no Ansible import.
"""

from __future__ import annotations

import datetime

from ansible_collections.foobar.lamp.plugins.plugin_utils.status.page import table
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.report import moment

_ROLLBACK = {"default": "by default", "named": "by name", "": "no"}
_HINT = (
    "foobar.lamp.rollback returns by default to the releases marked so, "
    "with -e lamp_release=RELEASE to one by name."
)


def report(answers):
    """Return what there is to know, as JSON has it: ``{applications: [...]}``, by name.

    ``answers``: what app_release returned for its step list, by host.
    """
    found = [
        {"host": host, **application}
        for host, answer in answers.items()
        for application in answer["applications"]
    ]
    return {"applications": sorted(found, key=lambda one: one["name"])}


def _when(text):
    """Return a moment as people read it, which is the same for all hosts."""
    return f"{moment(text).astimezone(datetime.UTC):%Y-%m-%d %H:%M}"


def _entries(application):
    """Yield ``(words, made, since)`` of each release: what may be the same on several hosts, when
    it was made, and since when it is current.
    """
    if not application["current"]:
        yield ("-", "NOT DEPLOYED", "-", "-"), "", ""
    for one in application["releases"]:
        since = ""
        if one["release"] == application["current"]:
            state = "current, unverified" if application["unverified"] else "current"
            since, rollback = application["since"], "-"
        else:
            state = "kept" if one.get("healthy", True) else "never healthy"
            rollback = _ROLLBACK[one["rollback"]]
        yield (one["release"], state, rollback, one["source"]), one["made"], since


def _rows(applications):
    """Return the rows of one application, newest first: one for all hosts on which the words are
    the same, with the earliest times.
    """
    found = {}
    for application in applications:
        for words, *times in _entries(application):
            found.setdefault(words, []).append((application["host"], *times))
    rows = []
    for (release, state, rollback, source), entries in found.items():
        hosts, mades, sinces = zip(*entries, strict=True)
        made, since = min(mades), min(sinces)
        state += f" since {_when(since)}" if since else ""
        row = (release, _when(made) if made else "-", state, rollback, ", ".join(hosts), source)
        rows.append((made, row))
    # Where there is none comes before all that there are.
    rows.sort(key=lambda one: (not one[0], one[0]), reverse=True)
    return [row for _made, row in rows]


def page(found):
    """Return the lines of the page: the releases of each application, newest first."""
    rows = [("APPLICATION", "RELEASE", "MADE (UTC)", "STATE", "ROLLBACK", "HOSTS", "SOURCE")]
    for name in dict.fromkeys(one["name"] for one in found["applications"]):
        same = [one for one in found["applications"] if one["name"] == name]
        rows += [(name, *row) for row in _rows(same)]
    if len(rows) == 1:
        return ["There are no applications on these hosts."]
    able = any(row[4] in (_ROLLBACK["default"], _ROLLBACK["named"]) for row in rows)
    return [*table(rows)[1:], *(["", _HINT] if able else [])]
