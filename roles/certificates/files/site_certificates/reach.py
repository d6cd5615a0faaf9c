# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a file at a path of which a lesser user may change a part, and be led nowhere by that user.

The rules are those of safe_paths in the collection, which is not on the host: each name is opened
by the descriptor of its directory. A link is followed where nobody but root can put one. What is
read is a regular file, so that no pipe makes anybody wait.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40
# More than that is no chain and no key.
_LARGEST = 2**20


def read(path: str) -> bytes:
    """Return what is in the file at an absolute path; an OSError says what is wrong."""
    with contextlib.ExitStack() as opened:

        def step(name, directory=None):
            found = os.open(name, _STEP, dir_fd=directory)
            opened.callback(os.close, found)
            return found

        around = here = step("/")
        due, links = _names(path), 0
        while due:
            name = due.pop()
            found = step(name, here)
            status = os.fstat(found)
            if not stat.S_ISLNK(status.st_mode):
                around, here = here, found
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if not _may_follow(os.fstat(here), status):
                raise OSError(
                    errno.ELOOP,
                    (
                        f"{name} is a link that others can change, and root does not follow it; "
                        f"make it no link"
                    ),
                )
            target = os.readlink("", dir_fd=found)
            due += _names(target)
            if target.startswith("/"):
                here = step("/")
        status = os.fstat(here)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        # A second name may be the first of a file that its maker cannot read.
        if status.st_nlink > 1 and not _is_ours(os.fstat(around)):
            raise OSError(
                errno.ELOOP,
                "it has another name (a hard link), where others can make some; copy it",
            )
        if status.st_size > _LARGEST:
            raise OSError(
                errno.EFBIG, f"it has {status.st_size} bytes, too many for a certificate or key"
            )
        with open(f"/proc/self/fd/{here}", "rb") as file:
            return file.read(_LARGEST)


def _names(path):
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _mine(status):
    return status.st_uid in (0, os.geteuid())


def _is_ours(directory):
    return _mine(directory) and not directory.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _may_follow(directory, link):
    """Return whether a link is nobody else's; in a sticky directory,
    such as /tmp, each name is its owner's.
    """
    return _is_ours(directory) or bool(
        directory.st_mode & stat.S_ISVTX and _mine(directory) and _mine(link)
    )
