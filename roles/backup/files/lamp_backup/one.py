# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database of a backup or none, and some of its directories of files: loaded into the server
that goes on, the others left alone.

restored.sql.zst                      what was prepared
one-20261125T010203Z/database.sql.zst  what it has replaced; none if the database was not there
one-20261125T010203Z/one.json          the database's name, and the directories that were exchanged
                                       with it
one-20261125T010203Z/going             while it is not done
"""

from __future__ import annotations

import os
import pathlib
import shutil

from . import BackupError, files, logs, plan, server, tell, warn
from . import restore_files as trees
from .reader import Reader

PREPARED = "restored.sql.zst"


def _dump(settings, source, database: str, path: pathlib.Path) -> None:
    """Dump one database of a server into a file, which is root's alone,
    as the data beside it are their user's.
    """
    words = [
        word
        for word in settings.programs["dump"]
        if word != "--all-databases" and not word.startswith("--ignore-")
    ]
    plain = type(settings)(
        **{**vars(settings), "recipients": [], "programs": {**settings.programs, "dump": words}}
    )
    with files.Sink(plain, path) as sink:
        server.Server(plain, source.socket).dump(Reader(), sink.write, "--databases", database)


def _there(source, database: str) -> bool:
    return [database] in source.ask("SHOW DATABASES")


def extract(settings, place: pathlib.Path, manifest: dict, database: str) -> None:
    """Dump the database out of the copy at ``place``, and remove the copy."""
    copy = server.Private(settings, place, manifest["alike"])
    try:
        with copy.running():
            if not _there(copy, database):
                raise BackupError(f"The backup has no database {database}.")
            (settings.workshop / PREPARED).unlink(missing_ok=True)
            _dump(settings, copy, database, settings.workshop / PREPARED)
    finally:
        server.remove(place)


def kept(settings) -> list[pathlib.Path]:
    """Return what was replaced in this way, the oldest first."""
    return sorted(settings.workshop.glob("one-*"))


def exchange(
    settings, shelf, database: str, source: pathlib.Path | None, directories: dict[str, str]
) -> pathlib.Path:
    """Load ``source`` in the place of a database,
    and give directories of files their new contents ``{live: new}``.

    Returns where the replaced ones are. Without ``source`` the database is removed: it was not
    there before. If anything fails, all is as it was, or the error says where that is.
    """
    live = server.Server(settings, settings.socket)
    logs.try_to_keep(settings, shelf, live)
    stamp = plan.name_of(logs.now(), {path.name.partition("-")[2] for path in kept(settings)})
    place = settings.workshop / f"one-{stamp}"
    place.mkdir(mode=0o700)
    moves = [
        {"live": one, "new": new, "old": trees.old_name(one, stamp)}
        for one, new in directories.items()
    ]
    units = trees.services(settings, moves)
    try:
        if database and _there(live, database):
            _dump(settings, live, database, place / "database.sql.zst")
    except BaseException:
        shutil.rmtree(place)
        raise
    files.write_json(place / "one.json", {"database": database, "moves": moves})
    (place / "going").touch()
    try:
        for unit in units:
            server.systemctl("stop", unit)
        _load(live, database, source)
        for move in moves:
            if os.path.lexists(move["live"]):
                os.rename(move["live"], move["old"])
            os.rename(move["new"], move["live"])
            files.sync(pathlib.Path(move["live"]).parent)
        for unit in units:
            server.systemctl("start", unit)
    except (BackupError, OSError) as error:
        put_back(settings, shelf)
        # What could not be put back stays there.
        if place.exists():
            raise BackupError(
                f"{database} is not as it was, which is in {place}; its files are as they were. "
                f"{error}"
            ) from error
        raise BackupError(
            f"{database + ' and its' if database else 'The'} files are as they were. {error}"
        ) from error
    (place / "going").unlink()
    return place


def _load(live, database, source):
    if not database:
        return
    live.ask(f"DROP DATABASE IF EXISTS `{database.replace('`', '``')}`")
    if source:
        with files.opened(source, None) as pipe:
            live.load(pipe)


def put_back(settings, shelf) -> None:
    """Take an exchange back that was not done."""
    for place in kept(settings):
        if not (place / "going").exists():
            # It was killed before it had changed anything.
            if not (place / "one.json").exists():
                shutil.rmtree(place)
            continue
        said = shelf.read(str(place), "one.json")
        old, units = place / "database.sql.zst", trees.services(settings, said["moves"])
        try:
            for unit in units:
                server.systemctl("stop", unit)
            trees.put_back(said["moves"])
            for unit in units:
                server.systemctl("start", unit)
            _load(
                server.Server(settings, settings.socket),
                said["database"],
                old if old.exists() else None,
            )
        except BackupError as error:
            # Another restore may help, and must not be kept from it.
            warn(f"{said['database'] or 'All'} is not as it was, which is in {place}: {error}")
            continue
        shutil.rmtree(place)
        tell(f"A restore of {said['database'] or 'files'} was not done: all is as it was.")


def undo(settings, shelf) -> pathlib.Path:
    """Put back what was replaced last; what was live meanwhile is kept in turn."""
    place = kept(settings)[-1]
    said, old = shelf.read(str(place), "one.json"), place / "database.sql.zst"
    back = {move["live"]: move["old"] for move in said["moves"] if os.path.isdir(move["old"])}
    new = exchange(settings, shelf, said["database"], old if old.exists() else None, back)
    shutil.rmtree(place)
    return new


def discard(settings) -> list[pathlib.Path]:
    """Delete what was replaced; the directories of files are ``restore_files``'."""
    gone = kept(settings)
    for path in gone:
        shutil.rmtree(path)
    return gone
