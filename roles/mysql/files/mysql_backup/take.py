# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a backup."""

from __future__ import annotations

import os
import pathlib
import shutil

from . import BackupError, files, logs, plan, server
from .reader import Reader

# What MySQL knows of sizes may be of the day before, unless it is asked not to remember.
_BYTES = """
    SET @lamp = 0 /*!80000 , SESSION information_schema_stats_expiry = 0 */;
    SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"""
_UNSAFE = """
    SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND engine NOT IN ('InnoDB', 'ROCKSDB', 'SEQUENCE')
    AND table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"""


def take(settings, shelf) -> str:
    """Take a backup and check it; what is too old goes only then. Returns its name."""
    live = server.Server(settings, settings.socket)
    name = plan.name_of(logs.now(), set(shelf.names()))
    part = shelf.directory / f".{name}.part"
    try:
        part.mkdir(mode=0o700)
        # What was written since the backup before is kept with it. Where that fails, a new backup is all the more wanted.
        logs.try_to_keep(settings, shelf, live)
        manifest = _dump(settings, live, part)
        files.write_json(part / "logs.json", {"files": []})
        files.write_json(part / "manifest.json", manifest)
        files.sync(part)
        os.rename(part, shelf.directory / name)
        files.sync(shelf.directory)
    except OSError as error:
        raise files.full(part, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    try:
        shelf.verify(name, settings.identity or None)
    except BackupError:
        shutil.rmtree(shelf.directory / name)
        raise
    return name


def _dump(settings, live, part):
    began = logs.now()
    alike = dict(live.ask(*(f"SELECT '{name}', @@{name}" for name in server.ALIKE)))
    logged = live.ask("SELECT @@log_bin, @@log_bin_basename")[0]
    reader, seen = Reader(), []

    def write(line):
        # The position is said once the transaction has begun: what comes later is not in the backup.
        if reader.position and not seen:
            seen.append(logs.now())
        sink.write(line)

    path = part / f"dump.sql{files.suffix(settings)}"
    with files.Sink(settings, path) as sink:
        live.dump(reader, write, *([settings.programs["position_option"]] if logged[0] == "1" else []))
    if reader.position:
        place = str(pathlib.Path(logged[1]).parent)
        there = logs.listed(place, reader.position["file"].rpartition(".")[0])
        log = there.get(plan.number(reader.position["file"]), {})
        reader.position.update(directory=place, began=log.get("began"))
    return {
        "time": plan.shown(seen[0] if seen else began),
        "seconds": round((logs.now() - began).total_seconds(), 1),
        "engine": settings.engine,
        "version": server.version(settings),
        "host": os.uname().nodename,
        "alike": alike,
        "timeline": logs.timeline(settings),
        "position": reader.position,
        "dump": {"file": path.name, "size": sink.size, "sha256": sink.sha256},
        "bytes": int(live.ask(_BYTES)[0][0]),
        "tables": reader.tables,
        "definitions": reader.definitions,
        "not_consistent": [row[0] for row in live.ask(_UNSAFE)],
    }
