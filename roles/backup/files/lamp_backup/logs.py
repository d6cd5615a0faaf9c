# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's binary logs, kept with the backup that they lead on from."""

from __future__ import annotations

import contextlib
import datetime
import os
import pathlib
import re
import secrets
import shutil

from . import BackupError, files, owner, plan, warn
from .server import USER

# What a log begins with before anything is written: a log with nothing else is not worth a file.
_IDLE = {"Format_desc", "Gtid_list", "Binlog_checkpoint", "Previous_gtids", "Start_encryption"}


def now() -> datetime.datetime:
    """Return this moment."""
    return datetime.datetime.now(datetime.UTC)


def timeline(settings, renew: pathlib.Path | None = None) -> str:
    """Return what tells the history of the server's data from any other's;
    made once, and anew for restored data (``renew``).
    """
    return owner.run(USER, _timeline, str(renew or settings.datadir), bool(renew))


def _timeline(place, renew):
    path = f"{place}/lamp-backup.timeline"
    if not renew:
        with (
            contextlib.suppress(OSError, BackupError),
            open(owner.regular(path), encoding="ascii", errors="replace") as file,
        ):
            found = file.read(20).strip()
            if re.fullmatch("[0-9a-f]{16}", found):
                return found
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with open(
        owner.regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="ascii"
    ) as file:
        file.write(made := secrets.token_hex(8))
    return made


def begin(settings) -> None:
    """Begin another history if nobody kept logs for a time:
    what was written meanwhile is missing between an old backup and new logs.

    The role removes the mark when backups are turned off.
    """
    mark = settings.directory / ".keeping"
    if settings.engine and settings.datadir.exists() and not mark.exists():
        timeline(settings, renew=settings.datadir)
        mark.touch(mode=0o600)


def active(settings, server) -> str:
    """Return the log that the server writes now, empty if it writes none."""
    rows = server.ask(settings.programs["log_question"])
    return rows[0][0] if rows else ""


def try_to_keep(settings, shelf, server) -> None:
    """Keep the logs before something that does not wait for them: what prevents it is a warning."""
    if not settings.engine:
        return
    try:
        keep(settings, shelf, server)
    except BackupError as error:
        warn(error)
    except OSError as error:
        warn(f"the binary logs are not kept: {files.told(error, shelf.directory)}")


def _idle(server, log: str) -> bool:
    rows = server.ask(f"SHOW BINLOG EVENTS IN '{log}' LIMIT 10")
    return len(rows) < 10 and {row[2] for row in rows} <= _IDLE


def keep(settings, shelf, server) -> list[str]:
    """Keep what the newest backup of the server's data does not have yet;
    without ``server`` it is down. Returns what is new.
    """
    line = timeline(settings)
    kin = [
        backup
        for backup in shelf.whole()
        if backup["manifest"]["timeline"] == line and backup["manifest"]["position"]
    ]
    if not kin:
        return []
    newest = kin[-1]
    before = ""
    covers = now()
    if server:
        before = active(settings, server)
        if not before:
            return []
        if not _idle(server, before):
            server.ask("FLUSH BINARY LOGS")
            covers, before = now(), active(settings, server)
    return _copy(settings, shelf, newest, before, covers)


def listed(place: str, base: str) -> dict[int, dict]:
    """Return the server's logs by their numbers: ``name``, ``bytes``,
    when it was last written to, and ``began``.

    That it says in its first event, which tells a log from a later one of the same name.
    """
    return {plan.number(log["name"]): log for log in owner.run(USER, _listed, place, base)}


def _listed(place, base):
    found = []
    for name in os.listdir(place):
        if name.startswith(f"{base}.") and name[len(base) + 1 :].isdecimal():
            with (
                contextlib.suppress(BackupError, OSError),
                open(owner.regular(f"{place}/{name}"), "rb") as log,
            ):
                head, said = log.read(8), os.fstat(log.fileno())
                began = int.from_bytes(head[4:], "little") if len(head) == 8 else None
                found.append(
                    {"name": name, "bytes": said.st_size, "changed": said.st_mtime, "began": began}
                )
    return found


def _read(out, path):
    with open(owner.regular(path), "rb") as log:
        shutil.copyfileobj(log, out, files.CHUNK)


def lost(there: dict[int, dict], known: int, name: str, born: int | None, before: str) -> str:
    """Return in words which logs are gone, empty if none is.

    ``there``: what ``listed`` returns. ``known``: the number up to which they are kept. ``name``,
    ``born``: the log that is known last and when it was begun. ``before``: the log that the server
    is at, empty if it is down.
    """
    number = plan.number(name)
    if before and before.rpartition(".")[0] != name.rpartition(".")[0]:
        return f"after {name}, as the server writes {before} now,"
    if number in there and born and there[number]["began"] != born:
        return f"after {name}, which the server has begun anew,"
    if before and plan.number(before) <= known:
        return f"after {name}, as the server is back at {before},"
    if not before and max(there, default=-1) < number:
        return f"after {name}"
    end = plan.number(before) if before else max(there) + 1
    missing = [one for one in range(known + 1, end) if one not in there]
    return f"{missing[0]} to {missing[-1]}" if missing else ""


def _copy(settings, shelf, backup, before, covers):
    """Copy a backup's logs up to the one ``before`` which the server is at,
    empty for all there are.

    A log holds what was written until it was closed, which was its file's last change.
    """
    position, place = backup["manifest"]["position"], shelf.directory / backup["name"]
    index = backup["logs"]
    base = position["file"].rpartition(".")[0]
    there = listed(position["directory"], base)
    kept = max(index["files"], key=lambda log: plan.number(log["name"]), default=None)
    known = plan.number(kept["name"]) if kept else plan.number(position["file"]) - 1
    name, born = (
        (kept["name"], kept.get("began")) if kept else (position["file"], position.get("began"))
    )
    gone = lost(there, known, name, born, before)
    if gone:
        raise BackupError(
            f"The binary logs {gone} were gone before they were kept: no moment after "
            f"{index.get('covers') or backup['manifest']['time']} can be restored to from the "
            f"backup {backup['name']}. "
            f"Take a new backup, and raise binlog_expire_logs_seconds if they expired."
        )
    fresh = [
        there[one]
        for one in sorted(there)
        if one > known and (not before or one < plan.number(before))
    ]
    (place / "logs").mkdir(mode=0o700, exist_ok=True)
    for log in fresh:
        file = log["name"] + files.suffix(settings)
        target = place / "logs" / file
        target.unlink(missing_ok=True)
        try:
            # The child first: it is no copy of a process with threads.
            with (
                owner.reading(USER, _read, f"{position['directory']}/{log['name']}") as pipe,
                files.Sink(settings, target) as sink,
            ):
                while chunk := pipe.read(files.CHUNK):
                    sink.write(chunk)
        except BackupError:
            target.unlink(missing_ok=True)
            raise
        until = plan.shown(datetime.datetime.fromtimestamp(log["changed"], datetime.UTC))
        index["files"].append(
            {
                "name": log["name"],
                "file": file,
                "size": sink.size,
                "sha256": sink.sha256,
                "until": until,
            }
            | {"bytes": log["bytes"], "began": log["began"]}
        )
        files.write_json(place / "logs.json", index)
    files.write_json(place / "logs.json", {**index, "covers": plan.shown(covers)})
    return [log["name"] for log in fresh]
