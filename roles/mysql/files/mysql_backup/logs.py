# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's binary logs, kept with the backup that they lead on from."""

from __future__ import annotations

import datetime
import os
import pathlib
import secrets

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


def _copy(settings, shelf, backup, before, covers):
    """Copy a backup's logs up to the one ``before`` which the server is at, empty for all there are.

    A log holds what was written until it was closed, which was its file's last change.
    """
    position, place = backup["manifest"]["position"], shelf.directory / backup["name"]
    index = backup["logs"]
    start = position["file"].rpartition(".")[0]
    there = sorted((path for path in pathlib.Path(position["directory"]).glob(f"{start}.*") if path.suffix[1:].isdecimal()), key=_number)
    known = max((plan.number(log["name"]) for log in index["files"]), default=plan.number(position["file"]) - 1)
    fresh = [path for path in there if _number(path) > known and (not before or _number(path) < plan.number(before))]
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
        until = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
        index["files"].append({"name": path.name, "file": file, "size": sink.size, "sha256": sink.sha256, "until": plan.shown(until)})
        files.write_json(place / "logs.json", index)
    files.write_json(place / "logs.json", {**index, "covers": plan.shown(covers)})
    if fresh and _number(fresh[0]) != known + 1:
        raise BackupError(
            f"The binary logs {known + 1} to {_number(fresh[0]) - 1} were gone before they were kept: no moment after the backup "
            f"{backup['name']} can be restored to. Take a new backup, and raise binlog_expire_logs_seconds."
        )
    return [path.name for path in fresh]


def _number(path):
    return plan.number(os.path.basename(path))
