# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files, read and written by the user whose it is. All of this runs in a child process
that is that user (see owner.py).
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import shutil
import stat

from . import owner, warn

CHUNK = 1 << 20
# Nobody nests directories so deep but who wants to break what reads them.
DEPTH = 200
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


def scan(out, top: str, known, seen: dict) -> None:
    """Write what is below ``top``:
    for each entry a line of JSON, and after that of a file with ``"new"`` its bytes in frames.

    ``known``: the digests of contents that are stored already; None sends no bytes at all.
    ``seen``: ``{path: [inode, ctime, size, digest]}``; a file that is still so is not read again.
    """
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _say(out, path="", kind="directory", **_marks(os.fstat(handle)))
        _directory(out, handle, "", known, seen)
    finally:
        os.close(handle)


def _say(out, **words):
    out.write(json.dumps(words).encode() + b"\n")


def _marks(found):
    # What is root's may be for others to read; what is a user's is that user's.
    group = {} if os.geteuid() else {"group": grp.getgrgid(found.st_gid).gr_name}
    return {"mode": found.st_mode & 0o7777, "mtime": found.st_mtime_ns, **group}


def _directory(out, handle, above, known, seen):
    for name in sorted(os.listdir(handle)):
        path = f"{above}{name}"
        try:
            found = os.stat(name, dir_fd=handle, follow_symlinks=False)
            kind = _KINDS.get(stat.S_IFMT(found.st_mode))
            if found.st_uid and not os.geteuid():
                _say(out, path=path, skipped="is not root's")
            elif kind == "link":
                _say(
                    out,
                    path=path,
                    kind=kind,
                    target=os.readlink(name, dir_fd=handle),
                    **_marks(found),
                )
            elif kind == "file":
                _file(out, handle, name, path, known, seen)
            elif kind == "directory" and path.count("/") < DEPTH:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                try:
                    _say(out, path=path, kind=kind, **_marks(os.fstat(inner)))
                    _directory(out, inner, f"{path}/", known, seen)
                finally:
                    os.close(inner)
            else:
                _say(
                    out,
                    path=path,
                    skipped="lies too deep" if kind else "is no file, directory or link",
                )
        except FileNotFoundError:
            _say(out, path=path, skipped="vanished while it was read")
        except owner.BackupError:
            _say(out, path=path, skipped="changed its kind while it was read")
        except BrokenPipeError:
            raise
        except OSError as error:
            _say(out, path=path, skipped=f"cannot be read: {error.strerror}")


def _file(out, handle, name, path, known, seen):
    with open(owner.regular(name, directory=handle), "rb") as file:
        found = os.fstat(file.fileno())
        mark = [found.st_ino, found.st_ctime_ns, found.st_size]
        before = seen.get(path, [])
        if before[:3] == mark and (known is None or before[3] in known):
            _say(
                out,
                path=path,
                kind="file",
                size=found.st_size,
                sha256=before[3],
                mark=mark,
                new=False,
                **_marks(found),
            )
            return
        small = file.read(CHUNK)
        digest = hashlib.sha256(small)
        size = len(small)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
        new = known is not None and digest.hexdigest() not in known
        _say(
            out,
            path=path,
            kind="file",
            size=size,
            sha256=digest.hexdigest(),
            mark=mark,
            new=new,
            **_marks(found),
        )
        if not new:
            return
        file.seek(0)
        # What fits is sent as it was read.
        for chunk in [small] if size == len(small) else iter(lambda: file.read(CHUNK), b""):
            if chunk:
                out.write(len(chunk).to_bytes(4, "big") + chunk)
        out.write(bytes(4))


def entries(pipe):
    """Yield ``(entry, contents)`` of what ``scan`` writes;
    contents, which yields bytes, has to be read where ``entry["new"]``.
    """
    while line := pipe.readline():
        entry = json.loads(line)
        yield entry, _frames(pipe)


def _frames(pipe):
    while size := int.from_bytes(pipe.read(4), "big"):
        yield pipe.read(size)


def fill(pipe, top: str) -> None:
    """Make in the empty directory ``top`` what the lines of ``pipe`` say,
    each with the ``size`` bytes that follow it.
    """
    os.chdir(top)
    directories = []
    while line := pipe.readline():
        entry = json.loads(line)
        if entry["kind"] == "directory":
            if entry["path"]:
                os.mkdir(entry["path"], 0o700)
            directories.append(entry)
        elif entry["kind"] == "link":
            os.symlink(entry["target"], entry["path"])
            _give(entry)
            os.utime(entry["path"], ns=(entry["mtime"], entry["mtime"]), follow_symlinks=False)
        else:
            _contents(pipe, entry)
    for entry in reversed(directories):
        _give(entry)
        os.chmod(entry["path"] or ".", entry["mode"])
        os.utime(entry["path"] or ".", ns=(entry["mtime"], entry["mtime"]))


def _give(entry):
    if "group" in entry:
        os.chown(
            entry["path"] or ".", -1, grp.getgrnam(entry["group"]).gr_gid, follow_symlinks=False
        )


def _contents(pipe, entry):
    first, left = entry["files"][0]["path"], entry["size"]
    with open(first, "xb") as file:
        while left and (chunk := pipe.read(min(left, CHUNK))):
            file.write(chunk)
            left -= len(chunk)
    for other in entry["files"][1:]:
        shutil.copyfile(first, other["path"])
    for one in entry["files"]:
        _give(one)
        os.chmod(one["path"], one["mode"])
        os.utime(one["path"], ns=(one["mtime"], one["mtime"]))


def keep(live: str, top: str, since: float, until: float | None) -> int:
    """Copy from ``live`` to ``top`` the files and links that were written after ``since`` and not
    after ``until``; return how many.

    What vanishes meanwhile or cannot be read is passed over with a warning: it is no reason to
    restore nothing.
    """
    copied = 0
    for place, _names, _files in os.walk(live, onerror=_pass_over):
        try:
            inside = list(os.scandir(place))
        except (FileNotFoundError, PermissionError) as error:
            _pass_over(error)
            continue
        for entry in inside:
            try:
                copied += _keep(
                    entry, os.path.join(top, os.path.relpath(entry.path, live)), since, until
                )
            except (FileNotFoundError, PermissionError) as error:
                _pass_over(error)
    return copied


def _pass_over(error):
    warn(
        f"{os.fsencode(error.filename or '').decode(errors='backslashreplace')} is not kept: "
        f"{error.strerror}."
    )


def _keep(entry, target, since, until) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return False
    found = entry.stat(follow_symlinks=False)
    late = until is not None and found.st_mtime > until
    if (
        max(found.st_mtime, found.st_ctime) <= since
        or late
        or stat.S_IFMT(found.st_mode) not in _KINDS
    ):
        return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Beside it first: what cannot be read leaves there what the backup has.
    new = os.path.join(os.path.dirname(target), f".lamp-backup-{os.getpid()}")
    try:
        shutil.copy2(entry.path, new, follow_symlinks=False)
        os.replace(new, target)
    finally:
        if os.path.lexists(new):
            os.unlink(new)
    return True
