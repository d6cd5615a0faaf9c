# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are compressed, encrypted on request, and hashed on
their way to the disk; and the way back.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import threading

from . import BackupError

CHUNK = 1 << 20


def suffix(settings) -> str:
    """Return how the names of stored files end."""
    return ".zst.age" if settings.recipients else ".zst"


def told(error: OSError, path: str | os.PathLike) -> str:
    """Return in words what the system refused:
    the file (``path`` where the error names none) and, of a full one, the file system.
    """
    place = pathlib.Path(error.filename or path).absolute()
    words = f"{place}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        while not place.is_mount():
            place = place.parent
        free = os.statvfs(place)
        words += (
            f" (file system {place}, {free.f_bavail * free.f_frsize >> 20} MiB and "
            f"{free.f_favail} inodes are free)"
        )
    return words


def full(path: pathlib.Path, error: OSError) -> BackupError:
    """Return in words what the disk refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = os.statvfs(path.parent)
        left = free.f_bavail * free.f_frsize >> 20
        return BackupError(
            f"No space is left for {path} ({left} MiB free). The backups before are kept; "
            f"nothing of this one is. Make room, or lower backup_keep_days."
        )
    return BackupError(f"{path}: {error.strerror}.")


class Sink:
    """A file that is written through zstd, and age if there are recipients.

    Leaving the block without an error finishes it.
    """

    def __init__(self, settings, path: pathlib.Path):
        self.path, self.size, self.sha256 = path, 0, ""
        self._hash, self._error, self._spare = hashlib.sha256(), None, spare(settings, path)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 # closed in __exit__
        self._zstd = subprocess.Popen(
            ["zstd", "-q", "-3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )
        self._all = [self._zstd]
        if settings.recipients:
            words = [
                "age",
                "--encrypt",
                *(word for one in settings.recipients for word in ("--recipient", one)),
            ]
            self._all.append(
                subprocess.Popen(
                    words, stdin=self._zstd.stdout, stdout=subprocess.PIPE, stderr=self._said
                )
            )
            self._zstd.stdout.close()
        self._writer = threading.Thread(target=self._drain)
        self._writer.start()

    def _drain(self):
        pipe = self._all[-1].stdout
        try:
            with pipe, open(self.path, "xb") as file:
                while chunk := pipe.read(CHUNK):
                    if self._spare and free(self.path) < self._spare + len(chunk):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    self._hash.update(chunk)
                    self.size += len(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._error = error

    def write(self, data: bytes) -> None:
        """Take more."""
        try:
            self._zstd.stdin.write(data)
        except BrokenPipeError:
            self._fail()

    def _fail(self):
        self._writer.join()
        if self._error:
            raise full(self.path, self._error)
        self._said.seek(0)
        raise BackupError(
            f"{self.path} cannot be written: {self._said.read().decode(errors='replace').strip()}"
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, _error, _trace):
        with contextlib.suppress(BrokenPipeError):
            self._zstd.stdin.close()
        if kind:
            for process in self._all:
                process.kill()
        codes = [process.wait() for process in self._all]
        self._writer.join()
        try:
            if kind is None and (self._error or any(codes)):
                self._fail()
        finally:
            self._said.close()
        self.sha256 = self._hash.hexdigest()


def free(path: pathlib.Path) -> int:
    """Return how many bytes are free for root's files beside a path."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize


def require_room(settings, path: pathlib.Path, size: int, remedy: str) -> None:
    """Require that ``size`` bytes beside a path leave free what the server may need."""
    left, kept = free(path), spare(settings, path)
    if left < size + kept:
        raise BackupError(
            f"No room for {path}: it needs {size >> 20} MiB, and {kept >> 20} MiB stay free for "
            f"the server, but {left >> 20} MiB are free. {remedy} Nothing has changed."
        )


def spare(settings, path: pathlib.Path) -> int:
    """Return how many bytes a backup leaves free:
    a twentieth of the disk that the server lives on, nothing elsewhere.
    """
    try:
        same = (
            bool(settings.datadir)
            and os.stat(path.parent).st_dev == os.stat(settings.datadir).st_dev
        )
    except FileNotFoundError:
        same = False
    found = os.statvfs(path.parent)
    return found.f_blocks * found.f_frsize // 20 if same else 0


@contextlib.contextmanager
def opened(path: pathlib.Path, identity: str | None):
    """Yield a pipe with the contents of a stored file, to be read to its end."""
    with tempfile.TemporaryFile() as said, open(path, "rb") as stored:
        chain, source = [], stored
        if path.suffix == ".age":
            if not identity:
                raise BackupError(
                    f"{path} is encrypted: name the file with the age identity that it was "
                    f"encrypted to (--identity)."
                )
            chain.append(
                subprocess.Popen(
                    ["age", "--decrypt", "--identity", identity],
                    stdin=stored,
                    stdout=subprocess.PIPE,
                    stderr=said,
                )
            )
            source = chain[0].stdout
        chain.append(
            subprocess.Popen(
                ["zstd", "-q", "-dc"], stdin=source, stdout=subprocess.PIPE, stderr=said
            )
        )
        if source is not stored:
            source.close()
        try:
            yield chain[-1].stdout
        except BaseException:
            for process in chain:
                process.kill()
            raise
        finally:
            chain[-1].stdout.close()
            codes = [process.wait() for process in chain]
        if any(codes):
            said.seek(0)
            raise BackupError(
                f"{path} cannot be read: {said.read().decode(errors='replace').strip()}"
            )


def check(path: pathlib.Path, wanted: dict) -> None:
    """Require a file to be what was written once: ``wanted`` has its size and sha256."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise BackupError(f"{path} is missing: the backup is damaged.") from None
    if size != wanted["size"]:
        raise BackupError(
            f"{path} has {size} bytes instead of {wanted['size']}: the backup is damaged."
        )
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != wanted["sha256"]:
        raise BackupError(
            f"{path} has another checksum than when it was written: the backup is damaged."
        )


def write_json(path: pathlib.Path, data) -> None:
    """Write it whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    try:
        with open(new, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise full(path, error) from error


def sync(directory: pathlib.Path) -> None:
    """Let the disk keep the names in a directory."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
