# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what the operating system refused so that somebody can put it right:
which file, and which file system. No Ansible.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
from collections.abc import Iterator


def explain(error: OSError, path: str = "") -> str:
    """Return an error as a sentence that names the file (``path`` where
    the error does not) and what is behind it.
    """
    name = os.fsdecode(error.filename if isinstance(error.filename, (str, bytes)) else path)
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    reason = error.strerror or str(error) or type(error).__name__
    with contextlib.suppress(OSError):
        reason += _behind(error, name)
    return f"{shown}: {reason}." if shown else f"{reason}."


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """Name the file in an error that does not: a write knows its descriptor only."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror, path) from error
        raise


def _behind(error: OSError, path: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        place = _mount(path)
        if error.errno != errno.ENOSPC:
            return f" (file system {place})"
        said = os.statvfs(place)
        if said.f_files and not said.f_favail:
            return f" (file system {place}: none of its {said.f_files} inodes is free)"
        return (
            f" (file system {place}: {_size(said.f_bavail * said.f_frsize)} of "
            f"{_size(said.f_blocks * said.f_frsize)} are free)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        if os.geteuid():
            return f" (as {_name(os.geteuid())}: become root, for instance by 'become: true')"
        return (
            " (to root: 'lsattr' shows whether it is immutable, "
            "'findmnt' how its file system is mounted)"
        )
    return ""


def _mount(path: str) -> str:
    """Return the mount point of the file system that a path is, or would be, on."""
    place = os.path.abspath(path or "/")
    while not os.path.ismount(place):
        place = os.path.dirname(place)
    return place


def _size(number: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number} {unit}"
        number //= 1024
    return f"{number} GiB"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
