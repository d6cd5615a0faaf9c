# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of backups: each is a directory that is named after its moment, and complete once
it has that name.

20261125T010203Z/manifest.json       what the backup is; written last
20261125T010203Z/dump.sql.zst[.age]  all databases, in one transaction, if the host has a server of
                                     them
20261125T010203Z/logs.json           the binary logs that lead on from there, and how far
20261125T010203Z/logs/               those logs
20261125T010203Z/drill.json          what the last drill said of it
packs/                               contents of files (see store.py)
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import shutil

from . import BackupError, files, plan, store, tell


def _files_of(manifest):
    dump = [manifest["dump"]["file"]] if "dump" in manifest else []
    return dump + (
        [manifest["files"]["list"]["file"], *manifest["files"]["packs"]]
        if "files" in manifest
        else []
    )


def _named_here(said: dict, names) -> dict:
    """Return what a backup says of itself, which may come from another host:
    it names files of its own directory only.
    """
    for name in names(said):
        if "/" in name or name.startswith("."):
            raise BackupError(
                f"A backup names the file {name!r}, "
                f"which is none of its own: the backup is damaged."
            )
    return said


class Shelf:
    """The backups below a directory."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory

    @contextlib.contextmanager
    def locked(self, wait: bool = True):
        """Be the only one who changes anything;
        yields False if another is at it and ``wait`` is not wanted.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.directory / ".lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                tell("Another lamp-backup is at work: waits until it is done.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            for part in self.directory.glob(".*.part"):
                shutil.rmtree(part)
            yield True

    def names(self) -> list[str]:
        """Return the names of the backups, the oldest first."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self.directory) if plan.NAME.match(name))
        return []

    def read(self, name: str, file: str, default=None):
        """Return what one of a backup's JSON files says."""
        path = self.directory / name / file
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if default is None:
                raise BackupError(f"{path} is missing: the backup is damaged.") from None
            return default
        except ValueError as error:
            raise BackupError(f"{path} is broken ({error}): the backup is damaged.") from error

    def manifest(self, name: str) -> dict:
        """Return a backup's manifest."""
        return _named_here(self.read(name, "manifest.json"), _files_of)

    def logs(self, name: str) -> dict:
        """Return the index of a backup's binary logs."""
        index = self.read(name, "logs.json", {"files": []})
        return _named_here(
            index, lambda index: [log[key] for log in index["files"] for key in ("name", "file")]
        )

    def whole(self) -> list[dict]:
        """Return the backups that can be read, with manifest and logs, the oldest first."""
        found = []
        for name in self.names():
            with contextlib.suppress(BackupError):
                found.append(
                    {"name": name, "manifest": self.manifest(name), "logs": self.logs(name)}
                )
        return found

    def named(self, name: str) -> str:
        """Return the name of the backup that ``name`` is, which may be ``latest``."""
        names = self.names()
        if name == "latest" and names:
            return names[-1]
        if name not in names:
            there = f"There are {', '.join(names)}." if names else "There are none."
            remedy = (
                "Take one with: lamp-backup take"
                if name == "latest"
                else "Give the place of another host's with --from (lamp_restore_from)."
            )
            raise BackupError(f"No backup {name} in {self.directory}. {there} {remedy}")
        return name

    def dump(self, name: str) -> pathlib.Path:
        """Return the path of a backup's dump."""
        return self.directory / name / self.manifest(name)["dump"]["file"]

    def manifests(self) -> list[dict]:
        """Return the manifests that can be read."""
        return [backup["manifest"] for backup in self.whole()]

    def packs(self) -> list[str]:
        """Return the names of the packs of files."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(
                name
                for name in os.listdir(self.directory / store.PACKS)
                if not name.startswith(".")
            )
        return []

    def take_packs(self, part: pathlib.Path) -> None:
        """Give the packs of a backup that is being made their place."""
        if (part / store.PACKS).exists():
            (self.directory / store.PACKS).mkdir(mode=0o700, exist_ok=True)
            for pack in os.listdir(part / store.PACKS):
                os.rename(part / store.PACKS / pack, self.directory / store.PACKS / pack)
            os.rmdir(part / store.PACKS)
            files.sync(self.directory / store.PACKS)

    def verify(
        self, name: str, identity: str | None = None, packs: list[str] | None = None
    ) -> None:
        """Require a backup to be whole:
        checksums, and where it can be read the stream to its last line. ``packs``: only these.
        """
        self.verify_logs(name)
        self.verify_dump(name, identity)
        self.verify_files(name, packs)

    def verify_files(self, name: str, packs: list[str] | None = None) -> None:
        """Require what holds a backup's files to be whole."""
        said = self.manifest(name).get("files")
        if said:
            files.check(self.directory / name / said["list"]["file"], said["list"])
            for pack in said["packs"] if packs is None else packs:
                files.check(self.directory / store.PACKS / pack, said["packs"][pack])

    def verify_logs(self, name: str, only: set[str] | None = None) -> None:
        """Require a backup's logs to be whole, all or those that are named."""
        for log in self.logs(name)["files"]:
            if only is None or log["name"] in only:
                files.check(self.directory / name / "logs" / log["file"], log)

    def verify_dump(self, name: str, identity: str | None = None) -> None:
        """Require a backup's dump, if it has one, to be whole."""
        if "dump" not in self.manifest(name):
            return
        path = self.dump(name)
        files.check(path, self.manifest(name)["dump"])
        if path.suffix == ".age" and not identity:
            return
        last = b""
        with files.opened(path, identity) as pipe:
            while chunk := pipe.read(files.CHUNK):
                last = (last + chunk)[-200:]
        if b"-- Dump completed" not in last:
            raise BackupError(f"{path} has no end: the backup is damaged.")

    def prune(self, now, keep_days: int, keep_at_least: int) -> list[str]:
        """Remove the backups that are too old; return their names."""
        gone = plan.doomed(self.names(), now, keep_days, keep_at_least)
        for name in gone:
            # A name that is no longer a backup's, so that half of one is never taken for one.
            part = self.directory / f".{name}.part"
            os.rename(self.directory / name, part)
            shutil.rmtree(part)
        for pack in self.unneeded():
            os.unlink(self.directory / store.PACKS / pack)
        return gone

    def unneeded(self) -> list[str]:
        """Return the packs that no backup needs;
        none while there is a backup that does not say what it needs.
        """
        manifests = self.manifests()
        if len(manifests) < len(self.names()):
            return []
        needed = {
            pack for manifest in manifests for pack in manifest.get("files", {}).get("packs", {})
        }
        return [pack for pack in self.packs() if pack not in needed]
