# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach a path as root without being led astray by those who may change a part of it. No Ansible.

Every directory on the way is opened by its descriptor, one name after the other. A symbolic link is
followed where nobody but root (or whoever runs this) can put one; anywhere else it is refused. What
is read is a regular file, so that no pipe makes anybody wait.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from collections.abc import Iterator

MOST_LINKS = 40
# More than that is no configuration, and would fill the memory.
LARGEST = 2**28
_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class UnsafePathError(OSError):
    """Somebody else could lead root astray here;
    ``filename`` is the place, ``strerror`` says how.
    """

    def __init__(self, path: str, reason: str):
        super().__init__(errno.ELOOP, reason, path)


def user_name(uid: int) -> str:
    """The name of a user, for people to read."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _mine(status: os.stat_result) -> bool:
    return status.st_uid in (0, os.geteuid())


def is_ours(directory: os.stat_result) -> bool:
    """Whether nobody else can put, exchange or remove anything in a directory."""
    return _mine(directory) and not directory.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _may_follow(directory: os.stat_result, link: os.stat_result) -> bool:
    """Whether a link in a directory is nobody else's; in a sticky one,
    such as /tmp, each name is its owner's.
    """
    sticky = directory.st_mode & stat.S_ISVTX
    return is_ours(directory) or bool(sticky and _mine(directory) and _mine(link))


def who_can_change(directory: os.stat_result) -> str:
    """Say who else can change what is in a directory."""
    return user_name(directory.st_uid) if not _mine(directory) else "a group or everybody"


def _walk(path: str) -> int:
    """Open the directory at an absolute path;
    return its descriptor, which is good for ``dir_fd`` only.
    """
    descriptor, links, passed = os.open("/", _STEP), 0, "/"
    due = [name for name in reversed(path.split("/")) if name not in ("", ".")]
    try:
        while due:
            name = due.pop()
            passed = os.path.join(passed, name)
            try:
                found = os.open(name, _STEP, dir_fd=descriptor)
            except OSError as error:
                raise OSError(error.errno, error.strerror, passed) from None
            status = os.fstat(found)
            if stat.S_ISDIR(status.st_mode):
                os.close(descriptor)
                descriptor = found
                continue
            try:
                if not stat.S_ISLNK(status.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), passed)
                directory = os.fstat(descriptor)
                if not _may_follow(directory, status):
                    reason = (
                        f"is a link that {who_can_change(directory)} can change, and root does "
                        f"not follow it; make it a directory"
                    )
                    raise UnsafePathError(passed, reason)
                target, links = os.readlink("", dir_fd=found), links + 1
            finally:
                os.close(found)
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            due += [one for one in reversed(target.split("/")) if one not in ("", ".")]
            passed = os.path.dirname(passed)
            if target.startswith("/"):
                os.close(descriptor)
                descriptor, passed = os.open("/", _STEP), "/"
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def parent(path: str) -> Iterator[tuple[int, str]]:
    """Give the descriptor of the directory that an absolute path lies in,
    for ``dir_fd``, and the path's last name.
    """
    descriptor = _walk(os.path.dirname(path))
    try:
        yield descriptor, os.path.basename(path)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def directory(path: str) -> Iterator[int]:
    """Give the descriptor of the directory at a path,
    which may be a link that nobody else can change.
    """
    descriptor = _walk(path)
    try:
        readable = os.open(".", _LIST, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    try:
        yield readable
    finally:
        os.close(readable)


def status(path: str) -> os.stat_result:
    """Return what ``lstat`` says of a path."""
    with parent(path) as (descriptor, name):
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)


def link_target(path: str) -> str:
    """Return where the link at a path leads."""
    with parent(path) as (descriptor, name):
        return os.readlink(name, dir_fd=descriptor)


def names(path: str) -> list[str]:
    """Return the names in the directory at a path."""
    with directory(path) as descriptor:
        return os.listdir(descriptor)


def is_directory(path: str) -> bool:
    """Whether a directory, or a link to one, is there."""
    try:
        os.close(_walk(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


@contextlib.contextmanager
def regular(path: str) -> Iterator[int]:
    """Give the descriptor of the regular file at a path, for reading;
    its last name is not followed.
    """
    with parent(path) as (place, name):
        descriptor = os.open(name, _READ, dir_fd=place)
        try:
            found, around = os.fstat(descriptor), os.fstat(place)
            if not stat.S_ISREG(found.st_mode):
                raise UnsafePathError(path, "is no regular file any more")
            # A second name may be the first of a file that its maker cannot read.
            if found.st_nlink > 1 and not is_ours(around):
                reason = (
                    f"has another name (a hard link), "
                    f"where {who_can_change(around)} can make some; remove it"
                )
                raise UnsafePathError(path, reason)
            yield descriptor
        finally:
            os.close(descriptor)


def read(path: str) -> tuple[os.stat_result, bytes]:
    """Return what ``fstat`` says of the regular file at a path, and its contents."""
    with regular(path) as descriptor:
        found = os.fstat(descriptor)
        if found.st_size > LARGEST:
            raise OSError(
                errno.EFBIG,
                (
                    f"is {found.st_size // 2**20} MiB large, too much for a configuration file; "
                    f"move it away"
                ),
                path,
            )
        with open(descriptor, "rb", closefd=False) as file:
            return found, file.read(LARGEST)
