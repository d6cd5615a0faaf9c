# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups go, and which one leads to a moment. Pure: names,
times and manifests in, decisions out.
"""

from __future__ import annotations

import datetime
import re

from . import BackupError

NAME = re.compile(r"\d{8}T\d{6}Z\Z")
_FORMAT = "%Y%m%dT%H%M%SZ"
# Instead of a moment: all that is kept.
END = "end"


def name_of(moment: datetime.datetime, taken: set[str]) -> str:
    """Return the name of a backup that begins now:
    the moment, a little later if that name is taken.
    """
    while (name := moment.strftime(_FORMAT)) in taken:
        moment += datetime.timedelta(seconds=1)
    return name


def time_of(name: str) -> datetime.datetime:
    """Return the moment that a backup's name says."""
    return datetime.datetime.strptime(name, _FORMAT).replace(tzinfo=datetime.UTC)


def moment(text: str) -> datetime.datetime:
    """Return the moment that a person gave,
    which has to be in whole seconds and with its offset from UTC.
    """
    try:
        found = datetime.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.microsecond:
        raise BackupError(
            f"{text!r} is no moment: give it like 2026-11-25T01:02:03Z or "
            f"2026-11-25T02:02:03+01:00, or end for the last that is kept."
        )
    return found.astimezone(datetime.UTC)


def shown(when: datetime.datetime) -> str:
    """Return a moment as people and manifests have it."""
    return (
        when.astimezone(datetime.UTC)
        .isoformat(timespec="microseconds" if when.microsecond else "seconds")
        .replace("+00:00", "Z")
    )


def doomed(
    names: list[str], now: datetime.datetime, keep_days: int, keep_at_least: int
) -> list[str]:
    """Return those backups that are older than ``keep_days`` and
    not among the ``keep_at_least`` newest.
    """
    oldest = now - datetime.timedelta(days=keep_days)
    return [name for name in sorted(names)[: -max(1, keep_at_least)] if time_of(name) < oldest]


def number(log: str) -> int:
    """Return the number in a binary log's name, such as ``binlog.000012``."""
    return int(log.rpartition(".")[2])


def way(backups: list[dict], when: datetime.datetime) -> tuple[dict, list[tuple[str, str]]]:
    """Return ``(backup, logs)``:
    where to start, and ``(backup's name, log)`` in their order, to come to the moment ``when``.

    ``backups``: ``{"name", "manifest", "logs"}``, where ``logs`` is the index of the binary logs
    kept with the backup. A server's data have a timeline of their own, which a restore ends: a log
    leads on from a backup of its own timeline only.
    """
    earlier = [
        backup
        for backup in backups
        if moment_of(backup["manifest"]["time"]) <= when and backup["manifest"]["position"]
    ]
    if not earlier:
        first = min((backup["manifest"]["time"] for backup in backups), default=None)
        raise BackupError(
            f"No backup with binary logs is as old as {shown(when)}: "
            + (
                f"the oldest is of {first}. Give a later moment."
                if first
                else "there is none at all."
            )
        )
    reached = []
    for backup in sorted(earlier, key=lambda backup: backup["manifest"]["time"], reverse=True):
        line = backup["manifest"]["timeline"]
        kin = [other for other in backups if other["manifest"]["timeline"] == line]
        until = max(
            (moment_of(other["logs"]["covers"]) for other in kin if other["logs"].get("covers")),
            default=None,
        )
        if until is None or until < when:
            reached.append(f"from {backup['name']} to {shown(until) if until else 'nowhere'}")
            continue
        return backup, _chain(backup, kin, when)
    raise BackupError(
        f"The binary logs do not reach {shown(when)}: "
        f"they lead {', '.join(reached)}. Give an earlier moment."
    )


def way_to_end(
    backups: list[dict], line: str | None = None, name: str | None = None
) -> tuple[dict, list[tuple[str, str]]]:
    """Return as ``way`` does where to start,
    and the logs that lead from there to the last event that is kept.

    ``line``: the timeline of the data that are live; the newest backup of it is taken, and of any
    other where it has none. ``name``: the backup to start from instead.
    """
    able = [
        backup
        for backup in backups
        if backup["manifest"]["position"] and name in (None, backup["name"])
    ]
    own = [
        backup for backup in able if name is None and backup["manifest"]["timeline"] == line
    ] or able
    if not own:
        none = (
            f"No backup {name} with binary logs is there."
            if name
            else "There is no backup with binary logs."
        )
        raise BackupError(f"{none} Take one with lamp-backup take.")
    backup = max(own, key=lambda backup: backup["manifest"]["time"])
    kin = [
        other
        for other in backups
        if other["manifest"]["timeline"] == backup["manifest"]["timeline"]
    ]
    return backup, _chain(backup, kin, None)


def way_of_files(
    backups: list[dict], when: datetime.datetime | None, nearest: bool = False
) -> dict:
    """Return the backup that has files as of the moment ``when``, None for the end:
    the newest that is not after it.

    If there is none, the oldest: that has at least what rows of that moment name, but for what was
    deleted since. For the same reason the ``nearest``, before or after, belongs with the data of a
    backup: hosts take theirs the same night, some minutes apart.
    """
    able = sorted(
        (backup for backup in backups if "files" in backup["manifest"]),
        key=lambda backup: backup["manifest"]["time"],
    )
    if not able:
        raise BackupError("There is no backup of files. Take one with: lamp-backup take")
    if when and nearest:
        return min(able, key=lambda backup: abs(moment_of(backup["manifest"]["time"]) - when))
    earlier = [
        backup for backup in able if when is None or moment_of(backup["manifest"]["time"]) <= when
    ]
    return earlier[-1] if earlier else able[0]


def _chain(backup, kin, when):
    """Return the logs that lead from a backup to a moment, None for the end:
    ``(name of the backup that keeps it, log)``.
    """
    first = number(backup["manifest"]["position"]["file"])
    logs = {
        number(log["name"]): (other["name"], log) for other in kin for log in other["logs"]["files"]
    }
    chain, expected = [], first
    for key in sorted(key for key in logs if key >= first):
        if key != expected:
            raise BackupError(
                f"Binary log {expected} after the backup {backup['name']} is not kept: restore a "
                f"backup instead of a moment."
            )
        keeper, log = logs[key]
        chain.append((keeper, log["name"]))
        expected += 1
        if when and moment_of(log["until"]) >= when:
            return chain
    if not when:
        return chain
    # Nothing was written after these logs, if that is said by a backup with which all that would
    # come next is kept.
    sure = (
        other for other in kin if other["logs"].get("covers") and other["manifest"]["position"]
        and number(other["manifest"]["position"]["file"]) <= expected
    )  # fmt: skip
    if not any(moment_of(other["logs"]["covers"]) >= when for other in sure):
        raise BackupError(
            f"Binary log {expected} after the backup {backup['name']} is not kept: restore a "
            f"backup instead of a moment."
        )
    return chain


def moment_of(text: str) -> datetime.datetime:
    """Return a moment as a manifest has it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def differences(wanted: dict, found: dict, skip: tuple[str, ...] = ()) -> list[str]:
    """Return in words how tables differ: ``{"database.table":
    {"rows", "sha256"}}``; ``skip`` are databases.
    """
    said = []
    for table in sorted({*wanted, *found}):
        if table.partition(".")[0] in skip:
            continue
        before, after = wanted.get(table), found.get(table)
        if before is None or after is None:
            said.append(f"{table} is {'not in the backup' if before is None else 'missing'}")
        elif before["rows"] != after["rows"]:
            said.append(f"{table} has {after['rows']} rows instead of {before['rows']}")
        elif before["sha256"] != after["sha256"]:
            said.append(f"{table} has as many rows, but other contents")
    return said
