# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root may do with a tree of files that somebody else can change.
Private to the collection. No Ansible import.

Whoever owns a directory can put a link, a FIFO or another user's file into it at any moment, and
exchange one for the other between two looks. So each step opens one name in a directory that is
open already, follows no link, and believes only what ``fstat`` says of what was opened. (_paths
leads to the first directory in the same way.)
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_DEEPEST = 100  # directories in each other, each of which is held open


class RefusedError(ValueError):
    """The tree has something that has no place in it; says what."""


def make(top, path):
    """Make the directory ``path`` below ``top``, and those that it lies in."""
    for part in path.split("/"):
        top = f"{top}/{part}"
        with contextlib.suppress(FileExistsError), safe_paths.parent(top) as (parent, name):
            os.mkdir(name, 0o755, dir_fd=parent)


def give(path, uid, gid, owners):
    """Give a directory, and what in it belongs to one of ``owners``, to a user.

    It is gone through from below: what the user can already change is not looked at again.
    """
    with safe_paths.directory(path) as descriptor:
        _give(descriptor, uid, gid, owners)


def _give(descriptor, uid, gid, owners):
    for name in os.listdir(descriptor):
        said = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISDIR(said.st_mode):
            with _opened(name, descriptor) as inner:
                _give(inner, uid, gid, owners)
        elif said.st_uid in owners:
            os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
    os.fchown(descriptor, uid, gid)


@contextlib.contextmanager
def _opened(name, at):
    descriptor = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=at)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def copy(source, target, owners):
    """Copy the directory ``source`` to ``target``, which is the caller's own, as is all in it.

    The copy has files, directories, and links, which were not followed. Of the modes it has only
    whether a file is a program. Files have to belong to one of ``owners`` (numbers); RefusedError
    else, and for what is neither file, directory nor link.
    """
    os.mkdir(target)
    with safe_paths.directory(source) as original, safe_paths.directory(target) as copied:
        _copy(original, copied, owners, [os.path.basename(source)])


def _copy(source, target, owners, path):
    if len(path) > _DEEPEST:
        raise RefusedError(
            f"{'/'.join(path[:5])}/… has more than {_DEEPEST} directories in each other"
        )
    os.fchmod(target, 0o755)
    for name in sorted(os.listdir(source)):
        here = "/".join([*path, name])
        try:
            found = os.open(name, _FLAGS, dir_fd=source)
        except OSError as error:
            if error.errno == errno.ELOOP:
                os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
                continue
            if error.errno == errno.ENXIO:
                raise RefusedError(f"{here} is neither file, directory nor link") from None
            raise
        try:
            said = os.fstat(found)
            if stat.S_ISDIR(said.st_mode):
                os.mkdir(name, dir_fd=target)
                with _opened(name, target) as inner:
                    _copy(found, inner, owners, [*path, name])
            elif not stat.S_ISREG(said.st_mode):
                raise RefusedError(f"{here} is neither file, directory nor link")
            elif said.st_uid not in owners:
                raise RefusedError(
                    f"{here} is a file of the user {safe_paths.user_name(said.st_uid)}"
                )
            else:
                _copy_file(found, said, name, target)
        finally:
            os.close(found)


def _copy_file(source, said, name, target):
    descriptor = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target
    )
    try:
        done = 0
        # No further than it was long at first: it may grow for ever.
        while done < said.st_size and (
            sent := os.sendfile(descriptor, source, done, said.st_size - done)
        ):
            done += sent
        os.fchmod(descriptor, 0o755 if said.st_mode & 0o100 else 0o644)
        # By the time of its source Python knows whether what it compiled is current.
        os.utime(descriptor, ns=(said.st_mtime_ns, said.st_mtime_ns))
    finally:
        os.close(descriptor)


def links_out(top, path=".", called=""):
    """Return those links in the directory ``path`` of ``top`` that lead out of ``top``, step by
    step, as paths in ``top``.

    The whole tree is the caller's own. ``called``: another name that absolute links may know it by.
    """
    found = []
    for folder, folders, names in os.walk(os.path.join(top, path)):
        for name in sorted((*folders, *names)):
            link = os.path.relpath(os.path.join(folder, name), top)
            if os.path.islink(os.path.join(top, link)) and _leads_out(top, link, called or top):
                found.append(link)
    return found


def _leads_out(top, link, called):
    place, to_go, links = [], link.split("/"), 0
    while to_go:
        part = to_go.pop(0)
        here = os.path.join(top, *place, part)
        if part == "..":
            if not place:
                return True
            place.pop()
        elif os.path.islink(here):
            end, links = os.readlink(here), links + 1
            if os.path.isabs(end):
                if not f"{end}/".startswith(f"{called}/"):
                    return True
                place, end = [], end[len(called) :]
            if links > safe_paths.MOST_LINKS:
                return True
            to_go[:0] = end.split("/")
        elif part not in ("", "."):
            place.append(part)
    return False
