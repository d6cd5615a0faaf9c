# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: a copy of the data is built and compared beside the
live ones, and takes their place only then.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import time

from . import BackupError, files, logs, members, one, owner, plan, server, tell, warn
from . import restore_files as trees
from .reader import Reader

# Where a playbook puts the identity for the time of its run, and the seconds after which it is not
# one that is about to use it.
BROUGHT = pathlib.Path("/run/lamp-backup/identity")
_FORGOTTEN = 600
# For how many seconds a member of a cluster may find out how to start.
_LONGEST = 60


def build(settings, shelf, place: pathlib.Path, wanted: dict, force: bool = False) -> dict:
    """Make a data directory at ``place`` of a backup, and its logs up to a moment;
    say what is in it.

    ``wanted``: ``name``, ``chain`` of logs and ``until`` which moment (or ``end``), ``identity`` to
    read encrypted ones with.
    """
    name, identity = wanted["name"], wanted["identity"] or settings.identity or None
    manifest = shelf.manifest(name)
    if "dump" not in manifest:
        raise BackupError(
            f"The backup {name} has no database: "
            f"choose another, or ask for its files alone (--only-files)."
        )
    require_readable(settings, manifest)
    with _forgiving(force):
        shelf.verify_dump(name, identity)
    for keeper, log in wanted["chain"]:
        with _forgiving(force):
            shelf.verify_logs(keeper, only={log})
    # What a killed run left is no part of it.
    server.remove(place)
    entries = {
        keeper: {log["name"]: log for log in shelf.logs(keeper)["files"]}
        for keeper, _log in wanted["chain"]
    }
    unpacked = sum(
        entries[keeper][log].get("bytes", entries[keeper][log]["size"])
        for keeper, log in wanted["chain"]
    )
    files.require_room(
        settings,
        place,
        manifest.get("bytes", 0) + unpacked,
        "Make room (lamp-backup discard deletes data that a restore replaced).",
    )
    copy = server.Private(settings, place, manifest["alike"])
    # What is left of a damaged dump is loaded as far as it goes.
    forced = ["--force"] if force else []
    try:
        copy.make()
        with copy.running(), _forgiving(force), files.opened(shelf.dump(name), identity) as pipe:
            copy.load(pipe, *forced)
        other = _upgrade(settings, copy, manifest)
        with copy.running():
            unlike = _compare(copy, manifest, other)
            if unlike and not force:
                raise BackupError(
                    f"The copy is not what the backup {name} says: {'; '.join(unlike[:20])}. "
                    f"Nothing was replaced."
                )
            for keeper, log in wanted["chain"]:
                with _forgiving(force):
                    _unpack(
                        shelf.directory / keeper / "logs" / entries[keeper][log]["file"],
                        place / f"private.{log}",
                        identity,
                    )
            with _forgiving(force):
                _replay(settings, copy, manifest, wanted)
        copy.finish()
    except OSError as error:
        server.remove(place)
        raise files.full(place, error) from error
    except BaseException:
        server.remove(place)
        raise
    rows = sum(table["rows"] for table in manifest["tables"].values())
    return {
        "name": name,
        "until": wanted["until"],
        "tables": len(manifest["tables"]),
        "rows": rows,
        "unlike": unlike,
    }


@contextlib.contextmanager
def _forgiving(force):
    """Let what is damaged be a warning if that is wanted."""
    try:
        yield
    except (BackupError, FileNotFoundError) as error:
        if not force:
            raise
        warn(error)


def require_readable(settings, manifest: dict) -> None:
    """Require the installed server to be of the backup's engine, and not older."""
    installed = server.version(settings)
    if manifest["engine"] != settings.engine:
        raise BackupError(
            f"The backup is of {manifest['engine']}, "
            f"this server is {settings.engine}: choose another."
        )
    if server.release(manifest["version"]) > server.release(installed):
        raise BackupError(
            f"The backup is of version {manifest['version']}, this server has {installed}: "
            f"install that version first."
        )


def _upgrade(settings, copy, manifest):
    """Let a newer server bring the system tables up to date;
    return whether the server is another than the backup's.
    """
    installed = server.version(settings)
    if server.release(manifest["version"]) < server.release(installed):
        with copy.running(*settings.programs["upgrade_options"]):
            if settings.programs["upgrade"]:
                _run_upgrade(settings, copy)
    return installed != manifest["version"]


def _run_upgrade(settings, copy):
    """Run the engine's program as the data's user, since it writes into their directory;
    for it the copy has an account that goes again.
    """
    account, password = "lamp_upgrade@localhost", secrets.token_urlsafe(24)
    copy.ask(
        f"CREATE USER {account} IDENTIFIED BY '{password}'",
        f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION",
    )
    done = subprocess.run(
        copy.words("upgrade", user=account.partition("@")[0]),
        capture_output=True, text=True, check=False,
        env={**os.environ, "MYSQL_PWD": password}, cwd=copy.place, **server.AS_USER,
    )  # fmt: skip
    if done.returncode:
        raise BackupError(
            f"{settings.programs['upgrade'][0]}: {(done.stdout + done.stderr).strip()[-2000:]}"
        )
    copy.ask(f"DROP USER {account}")


def _compare(copy, manifest, other):
    reader = Reader()
    copy.dump(reader, lambda _line: None)
    # Another server has other system tables, and says definitions in other words.
    unlike = plan.differences(manifest["tables"], reader.tables, skip=("mysql",) if other else ())
    if not other:
        unlike += [
            f"the definitions in {database} differ"
            for database, digest in manifest["definitions"].items()
            # Its own tables a server may say otherwise than its predecessor made them.
            if database != "mysql" and reader.definitions.get(database) != digest
        ]
    return unlike


def _unpack(source, target, identity):
    with files.opened(source, identity) as pipe:
        owner.run(server.USER, _write, str(target), pipe.fileno(), kept=(pipe.fileno(),))


def _write(target, source):
    with (
        open(source, "rb", closefd=False) as pipe,
        open(owner.regular(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file,
    ):
        shutil.copyfileobj(pipe, file, files.CHUNK)


def _replay(settings, copy, manifest, wanted):
    if not wanted["chain"]:
        return
    until = wanted["until"]
    stop = (
        []
        if until == plan.END
        else [f"--stop-datetime={plan.moment_of(until).strftime('%Y-%m-%d %H:%M:%S')}"]
    )
    words = [
        *settings.programs["binlog"], f"--start-position={manifest['position']['position']}", *stop,
        *(str(copy.place / f"private.{log}") for _keeper, log in wanted["chain"]),
    ]  # fmt: skip
    environment = {**os.environ, "TZ": "UTC"}
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=copy.place,
        **server.AS_USER,
    )
    copy.load(process.stdout)
    process.stdout.close()
    said = process.stderr.read().decode(errors="replace")
    if process.wait():
        raise BackupError(f"{words[0]} cannot read the binary logs: {said.strip()}")


def prepare(settings, shelf, wanted: dict, force: bool) -> dict:
    """Build a copy that ``swap`` puts in the place of the live data."""
    place, database = settings.workshop / "restored", wanted.get("only_database", "")
    alone = not settings.engine or wanted.get("only_files") is not None
    if not alone or database:
        _require_exchangeable(settings)
    for old in (
        settings.workshop / name for name in ("restored.json", ".restored.json.new", one.PREPARED)
    ):
        old.unlink(missing_ok=True)
    trees.clean(settings)
    trees.require_exchangeable(settings, shelf, wanted)
    if not alone or database:
        said = build(settings, shelf, place, wanted, force)
    else:
        said = {"name": wanted["name"], "until": wanted["until"], "unlike": []}
    said["time"] = shelf.manifest(wanted["name"])["time"]
    if alone:
        said["database"] = database
        if database:
            one.extract(settings, place, shelf.manifest(wanted["name"]), database)
        elif settings.engine:
            server.remove(place)
    else:
        logs.timeline(settings, renew=place)
        if settings.datadir.exists():
            owner.run(server.USER, _flag, str(settings.datadir), str(place))
    with _forgiving(force):
        said["files"] = trees.prepare(settings, shelf, wanted, force)
    files.write_json(settings.workshop / "restored.json", said)
    return said


def _require_exchangeable(settings):
    if settings.datadir.is_symlink():
        raise BackupError(
            f"{settings.datadir} is a link, which cannot be exchanged: say where the data are "
            f"(mysql_settings.mysqld.datadir: "
            f"{os.path.realpath(settings.datadir)}), or restore there by hand."
        )
    if os.path.ismount(settings.datadir):
        raise BackupError(
            f"{settings.datadir} is a file system of its own, which cannot be exchanged: put the "
            f"data into a directory on it (mysql_settings.mysqld.datadir), "
            f"or restore there by hand."
        )


def _flag(old, new):
    """Say of the new data what Debian's packages said of the old:
    by empty files, which version they have been used with.
    """
    for name in os.listdir(old):
        if re.fullmatch(r"debian-[0-9.]+\.flag", name):
            os.close(owner.regular(f"{new}/{name}", os.O_WRONLY | os.O_CREAT))


def down(settings) -> bool:
    """Return whether the server is stopped, not only silent."""
    done = subprocess.run(
        ["systemctl", "is-active", settings.service], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() in ("inactive", "failed")


def require_told(settings, forms: bool) -> None:
    """Require that replacing all data of a member of a cluster is meant for the whole of it
    (``forms``), and that no other one runs.
    """
    if not settings.cluster:
        return
    if not forms:
        raise BackupError(
            "This is a member of a cluster, which has the same data on all: run "
            "foobar.lamp.restore, which sees to the others. By hand: stop mariadb on all others, "
            "give --form-cluster here, and run lamp-backup rejoin on each of them afterwards."
        )
    for name in members.require_alone(settings.cluster):
        warn(
            f"{name} does not answer: it must not run. When it is back it refuses to, until "
            f"lamp-backup rejoin there."
        )


def rejoin(settings, shelf) -> pathlib.Path | None:
    """Have a member of a cluster start with nothing, so that it gets all from the others;
    return where its own data are then.

    None where it has what they have.
    """
    if not settings.cluster:
        raise BackupError("This host is no member of a cluster.")
    if not members.lacking(members.ask(settings.cluster), settings.cluster["host"]):
        return None
    _require_exchangeable(settings)
    place = settings.workshop / "joining"
    server.Private(settings, place, {}).make()
    if settings.datadir.exists():
        owner.run(server.USER, _flag, str(settings.datadir), str(place))
    return _exchange(settings, shelf, place, {}, "joins")


def swap(settings, shelf, forms: bool = False) -> tuple[dict, pathlib.Path | None]:
    """Put the prepared copy in the place of the live data;
    say what it is, and where the replaced data are now.

    ``forms``: a cluster begins anew with them.
    """
    told = settings.workshop / "restored.json"
    if not told.exists():
        raise BackupError("Nothing is prepared: run lamp-backup prepare first.")
    said = shelf.read(str(told.parent), told.name)
    directories = {made["live"]: made["new"] for made in said.get("files", [])}
    if "database" in said:
        source = settings.workshop / one.PREPARED
        replaced = one.exchange(
            settings, shelf, said["database"], source if said["database"] else None, directories
        )
        source.unlink(missing_ok=True)
    else:
        require_told(settings, forms)
        replaced = _exchange(
            settings, shelf, settings.workshop / "restored", directories, "forms" if forms else ""
        )
    told.unlink()
    return said, replaced


def undo(settings, shelf, forms: bool = False) -> pathlib.Path | None:
    """Put the data and files back that were replaced last;
    what was live meanwhile is kept in turn. ``forms``: see ``swap``.
    """
    kept = replaced(settings)
    alone = one.kept(settings)
    if alone and (not kept or alone[-1].name.partition("-")[2] > kept[-1].name.partition("-")[2]):
        return one.undo(settings, shelf)
    if not kept:
        raise BackupError(f"There are no replaced data in {settings.workshop} to put back.")
    require_told(settings, forms)
    directories = trees.replaced(settings, kept[-1].name.partition("-")[2])
    return _exchange(settings, shelf, kept[-1], directories, "forms" if forms else "")


def replaced(settings) -> list[pathlib.Path]:
    """Return the data directories that were replaced, the oldest first."""
    return sorted(path for path in settings.workshop.glob("replaced-*"))


def discard(settings) -> list[pathlib.Path]:
    """Delete the replaced data and files."""
    gone = replaced(settings)
    for path in gone:
        server.remove(path)
    return gone + one.discard(settings) + trees.discard(settings)


def _exchange(settings, shelf, new, directories, how=""):
    """Stop the server, put ``new`` in the place of its data, start it;
    if it does not start, the old data come back.

    ``directories``: what takes the place of directories of files at the same time, ``{live: new}``.
    ``how`` a member of a cluster starts: it ``forms`` one, ``joins`` one and gets everything, or
    goes on as it would by itself.
    """
    live, journal = server.Server(settings, settings.socket), settings.workshop / "exchange.json"
    if live.answers():
        # They are in the replaced data, too, so that nothing is lost where this fails.
        logs.try_to_keep(settings, shelf, live)
    stamp = plan.name_of(logs.now(), {path.name.partition("-")[2] for path in replaced(settings)})
    old = settings.workshop / f"replaced-{stamp}"
    moves = [{"live": str(settings.datadir), "new": str(new), "old": str(old)}]
    moves += [
        {"live": place, "new": fresh, "old": trees.old_name(place, stamp)}
        for place, fresh in directories.items()
    ]
    files.write_json(journal, {"moves": moves, "how": how})
    _stop(settings, moves)
    there = settings.datadir.exists()
    failed = "The new data cannot take the place of the old ones"
    try:
        if there:
            # What was written since; the server is down now.
            logs.try_to_keep(settings, shelf, None)
            os.chmod(new, settings.datadir.stat().st_mode & 0o777)
        for move in moves:
            if os.path.lexists(move["live"]):
                os.rename(move["live"], move["old"])
            os.rename(move["new"], move["live"])
            files.sync(pathlib.Path(move["live"]).parent)
        failed = "The server does not run with the new data"
        _start(settings, moves, how)
    except (BackupError, OSError) as error:
        _put_back(settings, moves)
        journal.unlink()
        why = files.told(error, settings.datadir) if isinstance(error, OSError) else error
        raise BackupError(f"{failed}; the old ones are back. {why}") from error
    journal.unlink()
    return old if there else None


def _stop(settings, moves):
    for unit in trees.services(settings, moves):
        server.systemctl("stop", unit)
    server.systemctl("stop", settings.service)


def _start(settings, moves, how=""):
    live = server.Server(settings, settings.socket)
    if how == "forms":
        server.form_cluster()
    elif settings.cluster:
        # It may wait for others, for as long as they are not there.
        server.systemctl("start", "--no-block", settings.service)
    else:
        server.systemctl("start", settings.service)
    if settings.cluster and how != "joins":
        server.wait_for(live, _LONGEST)
    elif not settings.cluster:
        live.ask("SELECT 1")
    for unit in trees.services(settings, moves):
        server.systemctl("start", unit)


def _put_back(settings, moves):
    """Give all the names back that it had before an exchange,
    however far that came, and start the server.
    """
    _stop(settings, moves)
    trees.put_back(moves)
    if settings.datadir.exists():
        _start(settings, moves)


def heal(settings, shelf, identity: str | None = None) -> None:
    """Make up for a run that was killed:
    an exchange is finished or taken back, scratch data go, the server runs.

    ``identity``: the file that this run is given; that of a playbook that was interrupted goes,
    too.
    """
    with contextlib.suppress(FileNotFoundError):
        if identity != str(BROUGHT) and BROUGHT.stat().st_mtime < time.time() - _FORGOTTEN:
            BROUGHT.unlink()
    members.together(settings, server.Server(settings, settings.socket))
    if not settings.workshop.exists():
        return
    journal = settings.workshop / "exchange.json"
    if journal.exists():
        _finish(settings, journal, **shelf.read(str(settings.workshop), journal.name))
    one.put_back(settings, shelf)
    if settings.engine:
        server.remove(settings.workshop / "drill")
        server.remove(settings.workshop / "joining")
    trees.clean_drill(settings)
    if not (settings.workshop / "restored.json").exists():
        if settings.engine:
            server.remove(settings.workshop / "restored")
        (settings.workshop / one.PREPARED).unlink(missing_ok=True)
        trees.clean(settings)


def _finish(settings, journal, moves, how=""):
    done = not any(os.path.lexists(move["new"]) for move in moves)
    try:
        if done and settings.datadir.exists():
            _start(settings, moves, how)
        else:
            _put_back(settings, moves)
    except BackupError as error:
        warn(error)
        # All has the names that it had before: only a restore can help, which must not be kept from
        # it.
        if not done:
            return
        _put_back(settings, moves)
        done = False
    journal.unlink()
    which = f"the new data, the old ones are in {moves[0]['old']}" if done else "the old data"
    tell(f"An exchange of data had been interrupted: the server runs with {which}.")


def drill(settings, shelf, wanted: dict, keep: bool = True) -> dict:
    """Build a copy of a backup and throw it away;
    what came out is kept with the backup, unless it is another's (``keep``).
    """
    place, began = settings.workshop / "drill", logs.now()
    record = shelf.directory / wanted["name"] / "drill.json"
    try:
        shelf.verify_logs(wanted["name"])
        shelf.verify_files(wanted["name"])
        of_database = "dump" in shelf.manifest(wanted["name"])
        said = (
            build(settings, shelf, place, wanted)
            if of_database
            else {"name": wanted["name"], "until": None, "unlike": []}
        )
        said["files"] = trees.drill(settings, shelf, wanted)
    except BackupError as error:
        if keep:
            files.write_json(record, {"time": plan.shown(began), "ok": False, "why": str(error)})
        raise
    finally:
        if settings.engine:
            server.remove(place)
        trees.clean_drill(settings)
    seconds = round((logs.now() - began).total_seconds(), 1)
    if keep:
        files.write_json(record, {"time": plan.shown(began), "ok": True, "seconds": seconds})
    return {**said, "seconds": seconds}
