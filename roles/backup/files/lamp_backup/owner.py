# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root's work in directories that belong to another user: it is
done in a child process that is that user.

Whoever owns a directory can put a link, a FIFO or another's file into it at any moment. Root would
follow the link; its owner gains nothing by it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import pwd
import shutil
import signal
import stat
import sys

from . import BackupError


def _become(user):
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _fork(user, work, *kept):
    """Run ``work()`` in a child that is ``user`` and has nothing open but ``kept`` and what root
    prints to; return its number.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        bounds = [2, *sorted(kept), os.sysconf("SC_OPEN_MAX")]
        for low, high in itertools.pairwise(bounds):
            os.closerange(low + 1, high)
        os.chdir("/")
        _become(user)
        work()
        status = 0
    except BrokenPipeError:
        pass
    except Exception as error:  # noqa: BLE001 # whatever it is, the parent tells it
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(status)


def run(user: str, work, *arguments, kept: tuple[int, ...] = ()):
    """Return what ``work(*arguments)`` returns, as JSON has it, when ``user`` does it;
    what the disk refuses is a BackupError.

    ``kept``: descriptors that it works with.
    """
    there, here = os.pipe()

    def told():
        try:
            said = {"value": work(*arguments)}
        except BackupError as error:
            said = {"error": str(error)}
        except OSError as error:
            said = {"error": f"{error.filename or ''}: {error.strerror} (as the user {user})."}
        with open(here, "w", encoding="utf-8") as out:
            json.dump(said, out)

    child = _fork(user, told, here, *kept)
    os.close(here)
    return _answer(user, child, there)


def _answer(user, child, pipe):
    with open(pipe, encoding="utf-8") as told:
        text = told.read()
    os.waitpid(child, 0)
    if not text:
        raise BackupError(f"The child process of the user {user} ended before it said anything.")
    said = json.loads(text)
    if "error" in said:
        raise BackupError(said["error"])
    return said["value"]


def _piped(user, mode, work, *arguments):
    """Have ``user`` do ``work(pipe, *arguments)`` at an end of a pipe that is opened in ``mode``;
    return the child and the other end.
    """
    reads, writes = os.pipe()
    theirs, ours = (reads, writes) if mode == "rb" else (writes, reads)

    def worked():
        try:
            with open(theirs, mode) as pipe:
                work(pipe, *arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise BackupError(
                f"{error.filename or ''}: {error.strerror} (as the user {user})"
            ) from error

    child = _fork(user, worked, theirs)
    os.close(theirs)
    return child, ours


@contextlib.contextmanager
def writing(user: str, work, *arguments):
    """Yield a pipe whose other end ``work(pipe, *arguments)``
    reads to its end when ``user`` does it.
    """
    child, here = _piped(user, "rb", work, *arguments)
    out = open(here, "wb")  # noqa: SIM115 # closed below, before the child is waited for
    broken = None
    try:
        yield out
    except BrokenPipeError as error:
        broken = error
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            out.close()
        _pid, status = os.waitpid(child, 0)
    if status or broken:
        raise BackupError(f"The user {user} could not write all of it: what it says stands above.")


@contextlib.contextmanager
def reading(user: str, work, *arguments):
    """Yield a pipe with what ``work(out, *arguments)`` writes into the
    binary file ``out`` when ``user`` does it.
    """
    child, there = _piped(user, "wb", work, *arguments)
    try:
        with open(there, "rb") as pipe:
            yield pipe
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _pid, status = os.waitpid(child, 0)
    if status:
        raise BackupError(
            f"The user {user} could not read all of it (status "
            f"{os.waitstatus_to_exitcode(status)})."
        )


def regular(path, flags: int = os.O_RDONLY, directory: int | None = None) -> int:
    """Open a regular file and nothing else; return the descriptor.

    A FIFO does not hold it up, and no link leads elsewhere.
    """
    handle = os.open(
        path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640, dir_fd=directory
    )
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BackupError(f"{path} is no regular file.")
    return handle


def require_own(path: pathlib.Path) -> None:
    """Require that nobody but root can give a name on the way to a path to something else."""
    for end in (path, pathlib.Path(os.path.realpath(path))):
        for place in (end, *end.parents):
            try:
                found = os.lstat(place)
            except FileNotFoundError:
                continue
            # In a directory such as /tmp nobody takes away what is another's.
            shared = (
                found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
            )
            if found.st_uid or (shared and not stat.S_ISLNK(found.st_mode)):
                raise BackupError(
                    f"{place} can be changed by others than root, and so {path} by another "
                    f"directory replaced: chown root {place}, "
                    f"chmod go-w {place}, or choose another place."
                )


def remove(user: str, place: pathlib.Path) -> None:
    """Remove a directory of a user's, which stands in one of root's, with all that is in it."""
    try:
        run(user, _empty, str(place))
        os.rmdir(place)
    except FileNotFoundError:
        return
    except BackupError as error:
        raise BackupError(
            f"{place} cannot be removed by its user {user}: "
            f"{error} Remove by hand what is not the user's."
        ) from error


def _empty(place):
    if not os.path.isdir(place):
        return
    for entry in os.scandir(place):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
