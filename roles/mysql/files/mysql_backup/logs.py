# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's binary logs, kept with the backup that they lead on from."""

from __future__ import annotations

import datetime
import pathlib
import secrets
import sys

from . import BackupError, files, plan

# What a log begins with before anything is written: a log with nothing else is not worth a file.
_IDLE = {"Format_desc", "Gtid_list", "Binlog_checkpoint", "Previous_gtids", "Start_encryption"}


def now() -> datetime.datetime:
    """Return this moment."""
    return datetime.datetime.now(datetime.UTC)


def timeline(settings, renew: pathlib.Path | None = None) -> str:
    """Return what tells the history of the server's data from any other's; made once, and anew for restored data (``renew``)."""
    path = (renew or settings.datadir) / "mysql-backup.timeline"
    if renew or not path.exists():
        path.write_text(secrets.token_hex(8))
    return path.read_text(encoding="ascii").strip()


def active(settings, server) -> str:
    """Return the log that the server writes now, empty if it writes none."""
    rows = server.ask(settings.programs["log_question"])
    return rows[0][0] if rows else ""


def try_to_keep(settings, shelf, server) -> None:
    """Keep the logs before something that does not wait for them: what prevents it is a warning."""
    try:
        keep(settings, shelf, server)
    except BackupError as error:
        print(f"Warning: {error}", file=sys.stderr)
    except OSError as error:
        print(f"Warning: the binary logs are not kept: {error.filename or ''} {error.strerror}", file=sys.stderr)


def _idle(server, log: str) -> bool:
    rows = server.ask(f"SHOW BINLOG EVENTS IN '{log}' LIMIT 10")
    return len(rows) < 10 and {row[2] for row in rows} <= _IDLE


def keep(settings, shelf, server) -> list[str]:
    """Keep what the newest backup of the server's data does not have yet; without ``server`` it is down. Returns what is new."""
    line = timeline(settings)
    kin = [backup for backup in shelf.whole() if backup["manifest"]["timeline"] == line and backup["manifest"]["position"]]
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


def birth(path: pathlib.Path) -> int | None:
    """Return when a log was begun, as its first event says: it tells a log from a later one of the same name."""
    try:
        with open(path, "rb") as log:
            head = log.read(8)
    except FileNotFoundError:
        return None
    return int.from_bytes(head[4:], "little") if len(head) == 8 else None


def lost(there: dict[int, pathlib.Path], known: int, name: str, born: int | None, before: str) -> str:
    """Return in words which logs are gone, empty if none is.

    ``there``: the files by their numbers. ``known``: the number up to which they are kept. ``name``, ``born``: the log that is known
    last and when it was begun. ``before``: the log that the server is at, empty if it is down.
    """
    number = plan.number(name)
    if before and before.rpartition(".")[0] != name.rpartition(".")[0]:
        return f"after {name}, as the server writes {before} now,"
    if number in there and born and birth(there[number]) != born:
        return f"after {name}, which the server has begun anew,"
    if before and plan.number(before) <= known:
        return f"after {name}, as the server is back at {before},"
    if not before and max(there, default=-1) < number:
        return f"after {name}"
    end = plan.number(before) if before else max(there) + 1
    missing = [one for one in range(known + 1, end) if one not in there]
    return f"{missing[0]} to {missing[-1]}" if missing else ""


def _copy(settings, shelf, backup, before, covers):
    """Copy a backup's logs up to the one ``before`` which the server is at, empty for all there are.

    A log holds what was written until it was closed, which was its file's last change.
    """
    position, place = backup["manifest"]["position"], shelf.directory / backup["name"]
    index = backup["logs"]
    base = position["file"].rpartition(".")[0]
    found = (path for path in pathlib.Path(position["directory"]).glob(f"{base}.*") if path.suffix[1:].isdecimal())
    there = {plan.number(path.name): path for path in found}
    kept = max(index["files"], key=lambda log: plan.number(log["name"]), default=None)
    known = plan.number(kept["name"]) if kept else plan.number(position["file"]) - 1
    name, born = (kept["name"], kept.get("began")) if kept else (position["file"], position.get("began"))
    gone = lost(there, known, name, born, before)
    if gone:
        raise BackupError(
            f"The binary logs {gone} were gone before they were kept: no moment after {index.get('covers') or backup['manifest']['time']} "
            f"can be restored to from the backup {backup['name']}. Take a new backup, and raise binlog_expire_logs_seconds if they expired."
        )
    fresh = [there[one] for one in sorted(there) if one > known and (not before or one < plan.number(before))]
    (place / "logs").mkdir(mode=0o700, exist_ok=True)
    for path in fresh:
        file = path.name + files.suffix(settings)
        target = place / "logs" / file
        target.unlink(missing_ok=True)
        try:
            with open(path, "rb") as log, files.Sink(settings, target) as sink:
                while chunk := log.read(files.CHUNK):
                    sink.write(chunk)
        except BackupError:
            target.unlink(missing_ok=True)
            raise
        found = path.stat()
        until = plan.shown(datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC))
        index["files"].append(
            {"name": path.name, "file": file, "size": sink.size, "sha256": sink.sha256, "until": until}
            | {"bytes": found.st_size, "began": birth(path)}
        )
        files.write_json(place / "logs.json", index)
    files.write_json(place / "logs.json", {**index, "covers": plan.shown(covers)})
    return [path.name for path in fresh]
