# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a backup."""

from __future__ import annotations

import os
import pathlib
import shutil

from . import BackupError, files, logs, members, plan, server, store
from .reader import Reader

# What MySQL knows of sizes may be of the day before, unless it is asked not to remember.
_BYTES = """
    SET @lamp = 0 /*!80000 , SESSION information_schema_stats_expiry = 0 */;
    SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"""
_UNSAFE = """
    SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND engine NOT IN ('InnoDB', 'ROCKSDB', 'SEQUENCE')
    AND table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"""


def take(settings, shelf, database: bool = True) -> str:
    """Take a backup and check it; what is too old goes only then. Returns its name.

    Without ``database`` of the files alone: another member of the cluster takes one of that.
    """
    # A pack is never written over: it may be of a backup that is there no more and still be needed
    # by others.
    name = plan.name_of(
        logs.now(), {*shelf.names(), *(pack.partition("-")[0] for pack in shelf.packs())}
    )
    part, taker = shelf.directory / f".{name}.part", None
    try:
        part.mkdir(mode=0o700)
        live = server.Server(settings, settings.socket)
        # What was written since the backup before is kept with it. Where that fails, a new backup
        # is all the more wanted.
        logs.try_to_keep(settings, shelf, live)
        taker = store.Taker(settings, shelf, part, name) if settings.files else None
        began = logs.now()
        manifest = {
            "time": plan.shown(began),
            "host": os.uname().nodename,
            "timeline": None,
            "position": None,
        }
        if settings.engine and database:
            with members.apart(settings, live):
                manifest |= _dump(settings, live, part, taker)
        if taker:
            manifest["files"] = taker.result()
            shelf.take_packs(part)
        manifest["seconds"] = round((logs.now() - began).total_seconds(), 1)
        files.write_json(part / "logs.json", {"files": []})
        files.write_json(part / "manifest.json", manifest)
        files.sync(part)
        os.rename(part, shelf.directory / name)
        files.sync(shelf.directory)
        if taker:
            os.replace(shelf.directory / name / store.CACHE, shelf.directory / store.CACHE)
    except OSError as error:
        raise files.full(part, error) from error
    finally:
        if taker:
            taker.end()
        shutil.rmtree(part, ignore_errors=True)
    try:
        # The packs of the backups before were checked when they were made.
        shelf.verify(
            name, settings.identity or None, packs=manifest.get("files", {}).get("new", [])
        )
    except BackupError:
        shutil.rmtree(shelf.directory / name)
        raise
    return name


def _dump(settings, live, part, taker):
    began = logs.now()
    alike = dict(live.ask(*(f"SELECT '{name}', @@{name}" for name in server.ALIKE)))
    logged = live.ask("SELECT @@log_bin, @@log_bin_basename")[0]
    reader, seen = Reader(), []

    def write(line):
        # The database is of this moment, and the files are read from now on: whatever a row names
        # is there.
        if reader.begun and not seen:
            seen.append(logs.now())
            if taker:
                taker.go()
        sink.write(line)

    path = part / f"dump.sql{files.suffix(settings)}"
    with files.Sink(settings, path) as sink:
        live.dump(
            reader, write, *([settings.programs["position_option"]] if logged[0] == "1" else [])
        )
    if reader.position:
        place = str(pathlib.Path(logged[1]).parent)
        there = logs.listed(place, reader.position["file"].rpartition(".")[0])
        log = there.get(plan.number(reader.position["file"]), {})
        reader.position.update(directory=place, began=log.get("began"))
    return {
        "time": plan.shown(seen[0] if seen else began),
        "engine": settings.engine,
        "version": server.version(settings),
        "alike": alike,
        "timeline": logs.timeline(settings),
        "position": reader.position,
        "dump": {"file": path.name, "size": sink.size, "sha256": sink.sha256},
        "bytes": int(live.ask(_BYTES)[0][0]),
        "tables": reader.tables,
        "definitions": reader.definitions,
        "not_consistent": [row[0] for row in live.ask(_UNSAFE)],
    }
