# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written whole or not at all, and links that are swung by a rename."""

from __future__ import annotations

import json
import os
import pathlib


def checkpoint() -> None:
    """Mark a step after which the program may be killed. Tests replace it."""


def write(path: pathlib.Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all, and have the disk keep it."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    checkpoint()
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    checkpoint()
    os.replace(new, path)
    sync(path.parent)
    checkpoint()


def write_json(path: pathlib.Path, data: object, mode: int = 0o600) -> None:
    """Write data as JSON."""
    write(path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode(), mode)


def read_json(path: pathlib.Path, default: object) -> object:
    """Return what a JSON file has, ``default`` if there is none or none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return default


def read(path: pathlib.Path) -> bytes | None:
    """Return a file's content, None if there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def swing(link: pathlib.Path, target: str) -> None:
    """Have a link lead to ``target``: at each moment it leads to the old one or to the new one."""
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    os.symlink(target, new)
    checkpoint()
    os.replace(new, link)
    sync(link.parent)
    checkpoint()


def rename(old: pathlib.Path, new: pathlib.Path) -> None:
    """Rename, and have the disk keep both names."""
    checkpoint()
    os.rename(old, new)
    sync(new.parent)
    if old.parent != new.parent:
        sync(old.parent)
    checkpoint()


def remove(path: pathlib.Path) -> None:
    """Remove a file or link if it is there."""
    path.unlink(missing_ok=True)
    sync(path.parent)
    checkpoint()


def directory(path: pathlib.Path, mode: int = 0o755) -> pathlib.Path:
    """Make a directory with exactly this mode, if there is none."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True)
        sync(path.parent)
    path.chmod(mode)
    return path


def sync(path: pathlib.Path) -> None:
    """Have the disk keep the names in a directory."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
