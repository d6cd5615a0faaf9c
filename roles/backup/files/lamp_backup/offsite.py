# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of the backups in another place: a directory of another
host over SSH, or one that is mounted here.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import BackupError, files, plan, store
from .shelf import Shelf

#: A directory of another host, as rsync has it.
REMOTE = re.compile(r"[^/]+:")
RSYNC = "/usr/bin/rsync"


def read_from(settings, words) -> None:
    """Read the backups of another host's copy in this run, and no others; of ``words``, the
    command's, what they ask of the copy is asked of that one.
    """
    if words.verb == "verify":
        raise BackupError(
            f"Only what is on this host can be verified: fetch {words.source} by rsync, and give "
            f"--from its directory."
        )
    needed = [settings.copy["key"], settings.copy["known_hosts"], RSYNC]
    if missing := [path for path in needed if not os.path.exists(path)]:
        raise BackupError(
            f"{words.source} is another host's, and {missing[0]} is missing: set backup_copy_to, "
            f"backup_copy_key and backup_copy_known_hosts, and run foobar.lamp.site."
        )
    settings.copy = {**settings.copy, "to": words.source, "elsewhere": True}
    words.remote = True


def is_elsewhere(settings) -> bool:
    """Return whether this run reads another host's copy."""
    return settings.copy.get("elsewhere", False)


def _rsync(settings, *words: str) -> str:
    copy = settings.copy
    shell = (
        f"ssh -p {copy['port']} -i {copy['key']} -o IdentitiesOnly=yes -o BatchMode=yes "
        f"-o ConnectTimeout=20 -o StrictHostKeyChecking=yes "
        f"-o UserKnownHostsFile={copy['known_hosts']}"
    )
    command = [RSYNC, "-rt", "--chmod=D700,F600", "--timeout=300", f"--rsh={shell}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"rsync with {copy['to']}: {done.stderr.strip()}")
    return done.stdout


def _there(settings) -> str:
    return settings.copy["to"].rstrip("/") + "/"


def names(settings) -> list[str]:
    """Return the names of the backups over there."""
    listed = _rsync(settings, "--list-only", "--include=/*/", "--exclude=*", _there(settings))
    return sorted(
        word
        for word in (line.split()[-1] for line in listed.splitlines() if line)
        if plan.NAME.match(word)
    )


def _require_another_disk(settings) -> None:
    to = pathlib.Path(settings.copy["to"])
    if not to.is_absolute():
        return
    here = {
        os.stat(place).st_dev
        for place in ("/", settings.datadir, settings.directory)
        if place and os.path.exists(place)
    }
    if not to.is_dir() or to.stat().st_dev in here:
        lost = "on a disk of this host, with which it would be lost"
        raise BackupError(
            f"{to} is {lost if to.is_dir() else 'no directory'}: "
            f"mount it there, and make the directory if it is one of the mount's."
        )


def push(settings, now) -> list[str]:
    """Copy what is new, remove there what is too old there; return the names that were removed.

    A backup is there once its manifest is, and a log once the index names it, so these go last.
    Nothing is ever removed there because it is missing here.
    """
    _require_another_disk(settings)
    here = f"{settings.directory}/"
    _rsync(
        settings,
        "--mkpath",
        "--exclude=.*",
        "--exclude=/*/manifest.json",
        "--exclude=/*/logs.json",
        here,
        _there(settings),
    )
    _rsync(settings, "--exclude=.*", here, _there(settings))
    gone = plan.doomed(names(settings), now, settings.keep_days, settings.keep_at_least)
    if gone:
        with tempfile.TemporaryDirectory() as nothing:
            _rsync(
                settings,
                "--delete",
                *(f"--include=/{name}/***" for name in gone),
                "--exclude=*",
                f"{nothing}/",
                _there(settings),
            )
            _prune_packs(settings, nothing)
    return gone


def _prune_packs(settings, nothing):
    """Remove the packs over there that no backup over there needs."""
    there = index(settings)
    listed = _rsync(
        settings,
        "--list-only",
        f"--include=/{store.PACKS}/",
        f"--include=/{store.PACKS}/*",
        "--exclude=*",
        _there(settings),
    )
    place = there.directory / store.PACKS
    place.mkdir(exist_ok=True)
    for name in (
        line.split()[-1].partition("/")[2]
        for line in listed.splitlines()
        if f"{store.PACKS}/" in line
    ):
        (place / name).touch()
    gone = there.unneeded()
    if gone:
        words = [f"--include=/{store.PACKS}/{name}" for name in gone]
        empty = pathlib.Path(nothing, store.PACKS)
        empty.mkdir()
        _rsync(
            settings,
            "--delete",
            f"--include=/{store.PACKS}/",
            *words,
            "--exclude=*",
            f"{nothing}/",
            _there(settings),
        )


def index(settings) -> Shelf:
    """Return the backups over there, with their manifests and indices only,
    as far as they have been asked for.
    """
    place = pathlib.Path(
        tempfile.mkdtemp(prefix=".remote-", suffix=".part", dir=settings.directory)
    )
    _rsync(
        settings,
        "--include=/*/",
        "--include=/*/*.json",
        "--exclude=*",
        _there(settings),
        f"{place}/",
    )
    return Shelf(place)


def fetch(settings, name: str) -> None:
    """Bring one backup here; it has its name here once all of it is here. Of one that is here
    already, what is new there is brought.
    """
    if not re.fullmatch(plan.NAME, name):
        raise BackupError(f"{name!r} is no name of a backup.")
    part = settings.directory / f".{name}.fetched.part"
    source, shelf = f"{_there(settings)}{name}/", Shelf(part.parent)
    _rsync(settings, "--include=/*.json", "--exclude=*", source, f"{part}/")
    manifest, home = shelf.manifest(part.name), Shelf(settings.directory)
    if name in home.names():
        shutil.rmtree(part)
        if manifest != home.manifest(name):
            raise BackupError(
                f"This host has another backup of the name {name}: fetch {source} by rsync, and "
                f"give --from the directory that has it."
            )
        # More logs may be there by now, or here.
        for left_out in (["--exclude=/logs.json"], []):
            _rsync(settings, "--update", *left_out, source, f"{settings.directory}/{name}/")
        return
    said = manifest.get("files", {"packs": {}})["packs"]
    packs = {pack: told for pack, told in said.items() if pack not in home.packs()}
    size = manifest.get("dump", {"size": 0})["size"] + sum(
        told["size"] for told in (*packs.values(), *shelf.logs(part.name)["files"])
    )
    files.require_room(settings, part, size, "Make room, or restore on a host that has more.")
    _rsync(settings, source, f"{part}/")
    if packs:
        names = [f"--include=/{pack}" for pack in packs]
        _rsync(
            settings,
            *names,
            "--exclude=*",
            f"{_there(settings)}{store.PACKS}/",
            f"{part}/{store.PACKS}/",
        )
        home.take_packs(part)
    part.rename(settings.directory / name)
