# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of files in a backup. Each content is stored once, in a pack with others that were
new that night; a list says what is where.

packs/20261125T010203Z-1.zst[.age]       contents, one after the other; it stays as long as a backup
                                         needs it
20261125T010203Z/files.jsonl.zst[.age]   the list: each file, directory and link, with the pack and
                                         the place in it
.files.json                              what is stored, for the next backup; without it all is
                                         stored anew
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import pwd
import stat
import subprocess
import tempfile
import traceback

from . import BackupError, files, owner, trees

# Where a pack ends, in bytes before compression.
PACK = 256 << 20
PACKS = "packs"
CACHE = ".files.json"


def _cache(settings, shelf) -> dict:
    """Return what is stored: ``contents`` as ``{digest: [pack, offset]}`` and ``seen``,
    for each directory what ``trees.scan`` takes.
    """
    try:
        found = json.loads((shelf.directory / CACHE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if found.get("recipients") != settings.recipients:
        return {"contents": {}, "seen": {}}
    there = set(shelf.packs())
    contents = {digest: place for digest, place in found["contents"].items() if place[0] in there}
    # Of what a pack holds, much may be wanted no more: nothing new is built on it, so that it can
    # go.
    wanted = {}
    for _ino, _ctime, size, digest in (
        mark for seen in found["seen"].values() for mark in seen.values()
    ):
        wanted.setdefault(digest, size)
    used = {}
    for digest, size in wanted.items():
        if digest in contents:
            used[contents[digest][0]] = used.get(contents[digest][0], 0) + size
    poor = {pack for pack, size in found["sizes"].items() if used.get(pack, 0) * 2 < size}
    return {
        "contents": {digest: place for digest, place in contents.items() if place[0] not in poor},
        "seen": found["seen"],
        "sizes": {pack: size for pack, size in found["sizes"].items() if pack in there},
    }


class Packs:
    """The packs of a backup that is being made in ``part``."""

    def __init__(self, settings, part: pathlib.Path, name: str):
        self._settings, self._part, self._name = settings, part, name
        self._sink, self._at = None, 0
        self.made, self.sizes = {}, {}

    def add(self, chunks) -> tuple[str, int, int, str]:
        """Store a content; return its pack, offset, size and digest."""
        if self._at > PACK:
            self.close()
        if not self._sink:
            place = self._part / PACKS
            place.mkdir(mode=0o700, exist_ok=True)
            self._sink = files.Sink(
                self._settings,
                place / f"{self._name}-{len(self.made) + 1}{files.suffix(self._settings)}",
            ).__enter__()
            self._at = 0
        offset, digest = self._at, hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            self._sink.write(chunk)
            self._at += len(chunk)
        return self._sink.path.name, offset, self._at - offset, digest.hexdigest()

    def close(self, *error) -> None:
        """Finish the pack that is open; ``error`` as ``__exit__`` takes it."""
        if not self._sink:
            return
        sink, self._sink = self._sink, None
        sink.__exit__(*(error or (None, None, None)))
        self.made[sink.path.name] = {"size": sink.size, "sha256": sink.sha256}
        self.sizes[sink.path.name] = self._at


def take(settings, shelf, part: pathlib.Path, name: str) -> dict:
    """Store the directories of files in the backup that is being made in ``part``;
    return what the manifest says of them.
    """
    cache, packs = _cache(settings, shelf), Packs(settings, part, name)
    lines, said, warnings, seen = [], {}, [], {}
    for tree in settings.files:
        if not pathlib.Path(tree["path"]).is_dir() or not known(tree["user"]):
            warnings.append(
                f"{tree['path']} or its user {tree['user']} is not there: it is not in the backup."
            )
            continue
        owner.require_own(
            pathlib.Path(tree["path"])
            if tree["user"] == "root"
            else pathlib.Path(tree["path"]).parent
        )
        _prepare(tree, warnings)
        try:
            rows = _one(tree, cache, packs, warnings)
            packs.close()
        except BaseException as error:
            packs.close(type(error), error, error.__traceback__)
            raise
        seen[tree["name"]] = {
            row["path"]: [*row.pop("mark"), row["sha256"]] for row in rows if row["kind"] == "file"
        }
        found = [row for row in rows if row["kind"] == "file"]
        said[tree["name"]] = {
            "path": tree["path"],
            "files": len(found),
            "bytes": sum(row["size"] for row in found),
        }
        said[tree["name"]]["roots"] = _is_roots(tree)
        lines += [{"tree": tree["name"], **row} for row in rows]
    path = part / f"files.jsonl{files.suffix(settings)}"
    with files.Sink(settings, path) as sink:
        for line in lines:
            sink.write(json.dumps(line).encode() + b"\n")
    used = {line["pack"] for line in lines if line["kind"] == "file"}
    old = {
        pack: told
        for manifest in shelf.manifests()
        for pack, told in manifest.get("files", {}).get("packs", {}).items()
    }
    sizes = {**cache.get("sizes", {}), **packs.sizes}
    files.write_json(
        part / CACHE,
        {
            "recipients": settings.recipients,
            "contents": cache["contents"],
            "seen": seen,
            "sizes": sizes,
        },
    )
    return {
        "list": {"file": path.name, "size": sink.size, "sha256": sink.sha256},
        "packs": {pack: {**old, **packs.made}[pack] for pack in sorted(used)},
        "new": sorted(packs.made),
        "trees": said,
        "warnings": warnings,
    }


def _prepare(tree, warnings):
    """Run what its user has to run before the directory is read."""
    if not tree.get("before"):
        return
    account = known(tree["user"])
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    try:
        done = subprocess.run(
            tree["before"], capture_output=True, text=True, errors="replace", check=False,
            timeout=300, stdin=subprocess.DEVNULL, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            user=account.pw_uid, group=account.pw_gid, extra_groups=groups,
        )  # fmt: skip
        said = done.stderr.strip()[-500:] if done.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if said is not None:
        warnings.append(f"{' '.join(tree['before'])} failed before {tree['path']} was read: {said}")


def _is_roots(tree) -> bool:
    """Return whether a user's directory is root's itself,
    and the user may change it by its group.
    """
    found, account = os.stat(tree["path"]), known(tree["user"])
    return (
        found.st_uid == 0 != account.pw_uid
        and bool(found.st_mode & stat.S_IWGRP)
        and found.st_gid == account.pw_gid
    )


def known(user: str):
    """Return the account of a user, None if there is none."""
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return None


def _one(tree, cache, packs, warnings):
    rows, contents = [], cache["contents"]
    before = cache["seen"].get(tree["name"], {})
    with owner.reading(tree["user"], trees.scan, tree["path"], set(contents), before) as pipe:
        for entry, chunks in trees.entries(pipe):
            if "skipped" in entry:
                warnings.append(
                    f"{tree['path']}/{entry['path']} {entry['skipped']}: it is not in the backup."
                )
                continue
            if entry["kind"] == "file":
                new = entry.pop("new")
                if new:
                    pack, offset, entry["size"], digest = packs.add(chunks)
                    if digest != entry["sha256"]:
                        warnings.append(
                            f"{tree['path']}/{entry['path']} changed while it was read: it is in "
                            f"the backup as it was read."
                        )
                    entry["sha256"] = digest
                    contents.setdefault(digest, [pack, offset])
                entry["pack"], entry["offset"] = contents[entry["sha256"]]
            rows.append(entry)
    return rows


def listed(shelf, name: str, identity: str | None) -> dict[str, list[dict]]:
    """Return what a backup's list says: ``{tree: rows}``."""
    found = {tree: [] for tree in shelf.manifest(name)["files"]["trees"]}
    with files.opened(
        shelf.directory / name / shelf.manifest(name)["files"]["list"]["file"], identity
    ) as pipe:
        for line in pipe:
            row = json.loads(line)
            found[row["tree"]].append(row)
    return found


def build(
    shelf, rows: list[dict], user: str, place: pathlib.Path, identity: str | None
) -> list[str]:
    """Make a directory of a user's as a backup's list says, and compare it with the list;
    return in words what differs.
    """
    account = pwd.getpwnam(user)
    os.mkdir(place, 0o700)
    os.chown(place, account.pw_uid, account.pw_gid, follow_symlinks=False)
    with owner.writing(user, trees.fill, str(place)) as out:
        for row in rows:
            if row["kind"] != "file":
                out.write(json.dumps(row).encode() + b"\n")
        _contents(shelf, [row for row in rows if row["kind"] == "file"], out, identity)
    return _compare(rows, user, place)


def _contents(shelf, rows, out, identity):
    packs = {}
    for row in rows:
        # An empty content stands where another begins.
        packs.setdefault(row["pack"], {}).setdefault((row["offset"], row["size"]), []).append(row)
    for pack, contents in packs.items():
        with files.opened(shelf.directory / PACKS / pack, identity) as pipe:
            at = 0
            for (offset, size), same in sorted(contents.items()):
                _copy(pipe, offset - at, None)
                told = [
                    {key: row[key] for key in ("path", "mode", "mtime", "group") if key in row}
                    for row in same
                ]
                out.write(
                    json.dumps({"kind": "file", "size": size, "files": told}).encode() + b"\n"
                )
                _copy(pipe, size, out)
                at = offset + size
            while pipe.read(files.CHUNK):
                pass


def _copy(pipe, size, out):
    while size:
        chunk = pipe.read(min(size, files.CHUNK))
        if not chunk:
            raise BackupError("A pack ends before a content that is in it: the backup is damaged.")
        size -= len(chunk)
        if out:
            out.write(chunk)


def _compare(rows, user, place):
    with owner.reading(user, trees.scan, str(place), None, {}) as pipe:
        found = {entry["path"]: entry for entry, _chunks in trees.entries(pipe)}
    unlike = []
    for row in rows:
        other = found.pop(row["path"], {})
        for key in ("kind", "sha256", "target", "group", "mode") + (
            () if row["kind"] == "directory" else ("mtime",)
        ):
            # A link has the mode that the file system gives it.
            if row.get(key) != other.get(key) and not (key == "mode" and row["kind"] == "link"):
                unlike.append(
                    f"{row['path'] or '.'}: {key} is {other.get(key)!r} instead of {row.get(key)!r}"
                )
    return unlike + [f"{path} is not in the backup" for path in found]


class Taker:
    """A process that stores the files when it is told to, beside a dump that goes on;
    it is begun before this one has threads.
    """

    def __init__(self, *arguments):
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 # closed in result()
        go, self._go = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(go)
            return
        status = 1
        try:
            os.close(self._go)
            if os.read(go, 1):
                self._said.write(json.dumps(_told(take, *arguments)).encode())
                self._said.flush()
                status = 0
        except Exception:  # noqa: BLE001 # whatever it is, the one who waits tells that it failed
            traceback.print_exc()
        finally:
            os._exit(status)

    def go(self) -> None:
        """Let it begin; it may be told more than once."""
        if self._go:
            os.write(self._go, b"g")
            os.close(self._go)
            self._go = None

    def result(self) -> dict:
        """Wait for it; return what the manifest says of the files."""
        self.go()
        _pid, status = os.waitpid(self.pid, 0)
        self.pid = None
        self._said.seek(0)
        with self._said:
            said = json.loads(self._said.read() or "{}")
        if status or "error" in said:
            raise BackupError(
                said.get("error")
                or f"The files could not be stored (status {os.waitstatus_to_exitcode(status)})."
            )
        return said["value"]

    def end(self) -> None:
        """Let go of it, whatever it does."""
        if self.pid:
            if self._go:
                os.close(self._go)
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self.pid = None


def _told(work, *arguments):
    try:
        return {"value": work(*arguments)}
    except BackupError as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": str(files.full(pathlib.Path(arguments[2] / "files"), error))}
