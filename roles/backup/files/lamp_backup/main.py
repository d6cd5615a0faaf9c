# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of lamp-backup."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import signal
import sys

from . import (
    BackupError,
    files,
    logs,
    members,
    offsite,
    owner,
    plan,
    restore,
    server,
    settings,
    tell,
    warn,
)
from .shelf import Shelf
from .take import take

NOT_COPIED = 3
# How far apart the backups of two hosts may be that are taken together.
_SAME_NIGHT = datetime.timedelta(hours=12)
READERS = ("list", "verify", "prepare", "restore", "drill")

EPILOG = """exit status: 0 done; 1 failed, and said why; 2 not understood; 3 done, but the copy off
this host failed. Everything runs as root. docs/backups.md of the collection foobar.lamp shows each
command at work."""


def parser() -> argparse.ArgumentParser:
    """Return what the command understands."""
    top = argparse.ArgumentParser(
        prog="lamp-backup", epilog=EPILOG,
        description="Backups of this host's database server and files, and the way back.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument(
        "--settings", default=settings.PLACE, help="the file with the settings (%(default)s)"
    )
    top.add_argument(
        "--from",
        dest="source",
        metavar="PLACE",
        help="use the backups in this directory instead of the host's own, or those of another "
        "host's copy, like backups@vault:/srv/backups/db1, where nothing is written",
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name, text, *options):
        found = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        for option in options:
            option(found)

    def which(one):
        one.add_argument("backup", nargs="?", help="a backup's name (see list), or latest")
        one.add_argument(
            "--to",
            metavar="MOMENT",
            help="instead: all that was written before this second, like 2026-11-25T01:02:03Z; or "
            "end: all that was logged, after the newest backup or after the one that is named",
        )
        one.add_argument(
            "--force",
            action="store_true",
            help="go on although the copy differs from what the manifest says",
        )

    def alone(one):
        one.add_argument(
            "--only-database",
            metavar="NAME",
            default="",
            help="of all databases this one, loaded into the server that goes on",
        )
        one.add_argument(
            "--only-files",
            metavar="NAME",
            nargs="*",
            help="of all directories of files these, by the names of their settings",
        )
        one.add_argument(
            "--nearest",
            action="store_true",
            help="with --to and files alone: take the backup that is nearest to that moment, "
            "though it may be after it, to go with a backup of another host's data",
        )

    def identity(one):
        one.add_argument(
            "--identity", metavar="FILE", help="the age identity that reads encrypted backups"
        )

    def name(one):
        one.add_argument(
            "backup", nargs="?", default="latest", help="a backup's name, or latest (default)"
        )

    def remote(one):
        one.add_argument("--remote", action="store_true", help="those of the copy off the host")

    def as_json(one):
        one.add_argument("--json", action="store_true", help="print JSON")

    def once(one):
        one.add_argument(
            "--once",
            action="store_true",
            help=(
                "in a cluster of database servers, "
                "leave the database to the member that takes it for all"
            ),
        )

    verb(
        "take",
        "take a backup, check it, remove those that are too old, copy it off the host",
        as_json,
        once,
    )
    verb("log", "keep the server's binary logs up to now, for restores to a moment")
    verb(
        "list",
        "list the backups",
        as_json,
        remote,
    )
    verb(
        "verify",
        "check that backups are whole; all of them without a name",
        identity,
        lambda one: one.add_argument("backup", nargs="?"),
    )
    verb(
        "prepare",
        "build a copy of the data from a backup, "
        "beside the live ones, and compare it; replaces nothing",
        which, alone, identity, as_json,
    )  # fmt: skip

    def forms(one):
        one.add_argument(
            "--form-cluster",
            action="store_true",
            help=(
                "in a cluster of database servers, whose other members are stopped: "
                "begin it anew with these data"
            ),
        )

    verb("swap", "put the prepared copy in the place of the live data, which are kept", forms)
    verb("restore", "prepare and swap", which, alone, identity, forms)
    verb("undo", "put the replaced data back, and keep those that were live", forms)
    verb(
        "rejoin",
        (
            "have a member of a cluster get all data from the others; "
            "its own are kept as replaced ones"
        ),
    )
    verb("discard", "delete the replaced data")
    verb(
        "drill", "restore a backup into a private server, compare, report, clean up", name, identity
    )
    verb("copy", "copy the backups off the host")
    verb("fetch", "bring a backup from the copy off the host", name)
    return top


def size(number: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def summary(shelf, name: str) -> dict:
    """Return what a list says of a backup."""
    try:
        manifest, kept, drilled = (
            shelf.manifest(name),
            shelf.logs(name),
            shelf.read(name, "drill.json", {"ok": None}),
        )
    except BackupError as error:
        return {"name": name, "damaged": str(error)}
    main, release = (
        manifest.get("dump") or manifest["files"]["list"],
        server.release(manifest.get("version", "0.0")),
    )
    return {
        "name": name,
        "engine": f"{manifest['engine']} {release[0]}.{release[1]}" if "dump" in manifest else "",
        "size": main["size"] + sum(log["size"] for log in kept["files"]),
        "encrypted": main["file"].endswith(".age"),
        "tables": len(manifest.get("tables", {})),
        "rows": sum(table["rows"] for table in manifest.get("tables", {}).values()),
        "files": sum(tree["files"] for tree in manifest["files"]["trees"].values())
        if "files" in manifest
        else None,
        "covers": kept.get("covers"),
        "drill": {None: "", True: "passed", False: "FAILED"}[drilled["ok"]],
    }


def show(rows: list[dict]) -> None:
    """Print the list of backups."""
    if not rows:
        print("There are no backups.")
        return
    form = "{:<17} {:<14} {:>10} {:>7} {:>10} {:>8}  {:<28} {}"
    print(
        form.format("NAME", "ENGINE", "SIZE", "TABLES", "ROWS", "FILES", "MOMENTS UNTIL", "DRILL")
    )
    for row in rows:
        if "damaged" in row:
            print(f"{row['name']:<17} {row['damaged']}")
            continue
        count = "-" if row["files"] is None else row["files"]
        covers = row["covers"] or "-"
        engine = row["engine"] or "files alone"
        print(
            form.format(
                row["name"],
                engine,
                size(row["size"]),
                row["tables"],
                row["rows"],
                count,
                covers,
                row["drill"],
            )
        )


def pushed(options, verb: str) -> int:
    """Copy off the host if that is wanted; return the exit status.

    What is not copied now, the next copy makes up for.
    """
    if not options.copy["to"]:
        return 0
    try:
        gone = offsite.push(options, logs.now())
    # A mount whose server is gone is an OSError.
    except (BackupError, OSError) as error:
        made = {
            "take": "The backup is made and kept here, but not",
            "log": "The logs are kept here, but not",
            "copy": "Not",
        }
        print(f"{made[verb]} copied: {error}", file=sys.stderr)
        return NOT_COPIED
    # Its time says when that was; what begins with a dot is not copied.
    (options.directory / ".copied").touch()
    tell(
        f"Copied to {options.copy['to']}." + (f" Removed there: {', '.join(gone)}." if gone else "")
    )
    return 0


def chosen(options, home, shelf, words) -> dict:
    """Return which backup, logs and moment are meant; what is not here is fetched."""
    to = getattr(words, "to", None)
    if bool(words.backup) == bool(to) and to != plan.END:
        raise BackupError("Name a backup (lamp-backup list shows them), or a moment with --to.")
    chain, name, until = [], words.backup, None
    if getattr(words, "only_database", "") and not options.engine:
        raise BackupError("This host has no database server: leave --only-database out.")
    of_files = not options.engine or (
        getattr(words, "only_files", None) is not None and not words.only_database
    )
    if getattr(words, "nearest", False) and (not to or to == plan.END or not of_files):
        raise BackupError("--nearest is for files alone (--only-files) and a moment (--to).")
    named = None if name == "latest" else name
    if to:
        until = to if to == plan.END else plan.shown(plan.moment(to))
    elsewhere = offsite.is_elsewhere(options)
    if to and not of_files:
        name, chain = moment(options, home, shelf, until, named)
    elif to and not named:
        name, until = moment_of_files(options, home, shelf, until, words.nearest)
    elif (
        options.copy["to"]
        and shelf is home
        and (elsewhere or (named not in shelf.names() if named else not shelf.names()))
    ):
        there = offsite.names(options)
        if name == "latest":
            name = (there or ["latest"])[-1]
        if name in there:
            offsite.fetch(options, name)
        elif elsewhere:
            raise BackupError(_not_there(options, name, there))
    return {
        "name": shelf.named(name),
        "chain": chain,
        "until": until,
        "identity": words.identity,
        **_only(words),
    }


def _only(words):
    """Return what is meant of a backup, nothing for all of it."""
    database, names = getattr(words, "only_database", ""), getattr(words, "only_files", None)
    return (
        {"only_database": database, "only_files": names or []}
        if database or names is not None
        else {}
    )


def moment(options, home, shelf, until: str, name: str | None) -> tuple[str, list]:
    """Return the backup and the logs that lead to a moment,
    or to the end from the backup ``name`` or the newest.
    """
    if until != plan.END and plan.moment_of(until) > logs.now():
        raise BackupError(f"{until} is yet to come: give an earlier moment.")
    line = logs.timeline(options) if options.datadir.exists() else None

    def way(backups):
        return (
            plan.way_to_end(backups, line, name)
            if until == plan.END
            else plan.way(backups, plan.moment_of(until))
        )

    live = server.Server(options, options.socket)
    if live.answers():
        logs.try_to_keep(options, home, live)
    elif restore.down(options) and options.datadir.exists():
        logs.try_to_keep(options, home, None)
    elsewhere = offsite.is_elsewhere(options)
    here = [] if elsewhere else shelf.whole()
    try:
        backup, chain = way(here)
    except BackupError:
        if not options.copy["to"] or shelf is not home:
            raise
        known = {backup["name"] for backup in here}
        there = [backup for backup in offsite.index(options).whole() if backup["name"] not in known]
        backup, chain = way(here + there)
        for name in sorted({backup["name"], *(keeper for keeper, _log in chain)} - known):
            offsite.fetch(options, name)
    return backup["name"], chain


def moment_of_files(
    options, home, shelf, until: str, nearest: bool = False
) -> tuple[str, str | None]:
    """Return the backup that has the files as of a moment, or of the end, and until when those
    are kept that were written after it; it is fetched if it is not here.

    ``nearest``: see ``plan.way_of_files``.
    """
    when = None if until == plan.END else plan.moment_of(until)
    if when and when > logs.now():
        raise BackupError(f"{until} is yet to come: give an earlier moment.")
    known = [] if offsite.is_elsewhere(options) else shelf.whole()
    there = offsite.index(options).whole() if options.copy["to"] and shelf is home else []
    backup = plan.way_of_files(
        known + [other for other in there if other["name"] not in {one["name"] for one in known}],
        when,
        nearest,
    )
    if backup not in known:
        offsite.fetch(options, backup["name"])
    time = backup["manifest"]["time"]
    if nearest and abs(plan.moment_of(time) - when) > _SAME_NIGHT:
        warn(f"The backup of the files that is nearest to {until} is of {time}: {backup['name']}.")
    if not when or plan.moment_of(time) <= when:
        return backup["name"], until
    if not nearest:
        warn(
            f"No backup of the files is as old as {until}: "
            f"takes the oldest, {backup['name']}, of {time}."
        )
    return backup["name"], None


def _not_there(options, name, there):
    return f"No backup {name} in {options.copy['to']}. There are: {', '.join(there) or 'none'}."


def told(said: dict) -> str:
    """Return in words what a copy holds."""
    until = f" and all that was written before {said['until']}" if said["until"] else ""
    if said["until"] == plan.END:
        until = " and all that was logged after it"
    unlike = (
        f" It differs from the manifest: {'; '.join(said['unlike'])}." if said["unlike"] else ""
    )
    if "tables" not in said:
        return (
            f"the backup {said['name']}{until}."
            f"{_told_files(said) or ' It has no files that are wanted.'}"
        )
    tables = f"{said['tables']} tables with {said['rows']} rows at the backup"
    if "database" in said:
        which = f"the database {said['database']}" if said["database"] else "no database"
        tables += f", of which {which} is taken"
    return f"the backup {said['name']}{until}: {tables}, each compared.{unlike}{_told_files(said)}"


def _told_files(said):
    """Return in words which files a copy holds."""
    more = {True: " and {kept} written since", False: ""}
    return "".join(
        (
            f" {one['live']}: {one['files']} files{more[bool(one.get('kept'))].format(**one)}, "
            f"each compared."
        )
        for one in said.get("files", [])
    )


def run(options, shelf, source, words) -> int:
    """Do what the words say; return the exit status.

    ``source`` are the backups that are read, ``shelf`` is the host's own.
    """
    if words.verb == "take":
        other = members.another(options) if words.once else ""
        if other:
            tell(f"{other} takes the backup of the database, for all members of the cluster.")
            if not options.files:
                return pushed(options, words.verb)
        name = take(options, shelf, database=not other)
        gone = shelf.prune(logs.now(), options.keep_days, options.keep_at_least)
        said = summary(shelf, name)
        warnings = shelf.manifest(name).get("files", {}).get("warnings", [])
        for warning in warnings[:20]:
            warn(warning)
        if len(warnings) > 20:
            warn(
                f"and {len(warnings) - 20} files more, which "
                f"{shelf.directory / name}/manifest.json names."
            )
        for table in (unsafe := shelf.manifest(name).get("not_consistent", [])):
            warn(
                f"{table} is of an engine without transactions: "
                f"it may have changed while it was read."
            )
        if words.json:
            print(json.dumps({**said, "pruned": gone, "not_consistent": unsafe}))
        else:
            print(
                f"Took and checked {name}: {size(said['size'])}"
                + (f", {said['tables']} tables with {said['rows']} rows" if said["engine"] else "")
                + ("" if said["files"] is None else f", {said['files']} files")
                + f", in {shelf.directory}."
            )
            if gone:
                print(f"Removed, being too old: {', '.join(gone)}.")
        return pushed(options, words.verb)
    if words.verb == "log" and not options.engine:
        print("This host has no database server, and so no binary logs to keep.")
        return 0
    if words.verb == "log":
        new = logs.keep(options, shelf, server.Server(options, options.socket))
        print(f"Kept {', '.join(new)}." if new else "Nothing was written since the last time.")
        return pushed(options, words.verb)
    forms = getattr(words, "form_cluster", False)
    if words.verb == "restore" and not _only(words):
        restore.require_told(options, forms)
    if words.verb in ("prepare", "restore"):
        said = restore.prepare(options, source, chosen(options, shelf, source, words), words.force)
        print(
            json.dumps(said) if getattr(words, "json", False) else f"Prepared {told(said)}",
            flush=True,
        )
    if words.verb in ("swap", "restore"):
        said, old = restore.swap(options, shelf, forms)
        print(f"Restored {told(said)}")
        if old and (options.engine or said["files"]):
            print(
                f"The replaced data are in {old}: "
                f"lamp-backup undo puts them back, lamp-backup discard deletes them."
            )
    if words.verb == "undo":
        print(
            f"The replaced data are back; those that were live are in "
            f"{restore.undo(options, shelf, forms)}."
        )
    if words.verb == "rejoin":
        old = restore.rejoin(options, shelf)
        print(
            f"Gets the data of the cluster (journalctl -u {options.service}); its own are in {old}."
            if old
            else "It has them already."
        )
    if words.verb == "discard":
        print(
            "".join(f"Deleted {path}.\n" for path in restore.discard(options))
            or "There are no replaced data.\n",
            end="",
        )
    if (
        words.verb == "drill"
        and options.cluster
        and words.backup == "latest"
        and not source.names()
        and not offsite.is_elsewhere(options)
    ):
        print("There is no backup here: another member of the cluster takes them.")
        return 0
    if words.verb == "drill":
        wanted = chosen(options, shelf, source, argparse.Namespace(**vars(words), to=None))
        said = restore.drill(options, source, wanted, keep=source is shelf)
        print(f"The drill passed in {said['seconds']} s: {told(said)}")
    if words.verb in ("copy", "fetch") and not options.copy["to"]:
        raise BackupError("No copy off this host is set up: set backup_copy_to.")
    if words.verb == "copy":
        return pushed(options, words.verb)
    if words.verb == "fetch":
        there = offsite.names(options)
        name = there[-1] if words.backup == "latest" and there else words.backup
        if name in shelf.names():
            print(f"{name} is here already.")
        elif name not in there:
            raise BackupError(_not_there(options, name, there))
        else:
            offsite.fetch(options, name)
            shelf.verify(name)
            print(f"Fetched {name}.")
    return 0


def look(options, home, shelf, words) -> int:
    """Do what changes nothing."""
    if words.verb == "list":
        if words.remote:
            if not options.copy["to"]:
                raise BackupError("No copy off this host is set up: set backup_copy_to.")
            with home.locked():
                there = offsite.index(options)
                rows = [summary(there, name) for name in there.names()]
        else:
            rows = [summary(shelf, name) for name in shelf.names()]
        print(json.dumps(rows)) if words.json else show(rows)
        return 0
    failed = 0
    for name in [shelf.named(words.backup)] if words.backup else shelf.names():
        try:
            shelf.verify(name, words.identity or options.identity or None)
            print(f"{name} is whole.")
        except BackupError as error:
            failed = 1
            print(f"{name}: {error}", file=sys.stderr)
    return failed


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    # Names of files may be of any bytes.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    words = parser().parse_args(arguments)
    # Ended by systemd or by a person, it cleans up as after any error.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))
    os.umask(0o077)
    at_work_in = words.settings
    try:
        options = settings.load(words.settings)
        at_work_in = options.directory
        # Whatever is read, the lock and what is written are the host's own.
        shelf = source = Shelf(options.directory)
        if words.source:
            if words.verb not in READERS:
                raise BackupError(f"--from is for {', '.join(READERS)}.")
            if offsite.REMOTE.match(words.source):
                offsite.read_from(options, words)
            else:
                source = Shelf(pathlib.Path(words.source).absolute())
        for place in (
            options.directory,
            options.workshop,
            *([options.datadir.parent] if options.engine else []),
        ):
            owner.require_own(place)
        if words.verb in ("list", "verify"):
            return look(options, shelf, source, words)
        with shelf.locked(wait=words.verb != "log") as mine:
            if not mine:
                print("Another lamp-backup is at work: the logs are kept the next time.")
                return 0
            options.workshop.mkdir(exist_ok=True)
            options.workshop.chmod(0o711)  # the server runs as another user below it
            restore.heal(options, shelf, getattr(words, "identity", None))
            if words.verb in ("take", "log"):
                logs.begin(options)
            return run(options, shelf, source, words)
    except BackupError as error:
        print(f"lamp-backup {words.verb}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"lamp-backup {words.verb}: {files.told(error, at_work_in)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
