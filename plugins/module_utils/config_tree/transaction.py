# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a list of changes happen as one, or not at all, whatever
kills the process and whenever. No Ansible.

How: the journal, written before anything is touched, lists every step with the names that it will
use. New files are made in a hidden directory beside their destination, so that the swap is nothing
but renames; the old files move into the same hidden directory, so that the way back is nothing but
renames either, needs no space, and brings back the very same inodes. Every step back first looks
whether its step was made: going back twice, or from the middle, is right.

Every step works by the descriptor of the directory that it is in (see _paths). So a tree may reach
into the directory of somebody who is not root: what they put in the way there is refused, and not
followed. They may rename a hidden directory, but nobody writes into it but root, and one that has
taken its name is known by its owner.

The journal's file name is the phase, and a rename moves to the next:
  staging   new files are being made; the tree is untouched; going back is throwing them away
  swapping  the tree may be in any mixture of old and new; going back is undoing every step, the
            last one first
  done      the new tree stands and has passed its test; what is left is throwing the old files away

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence

from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain, named
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    Change,
    TreeError,
    readers,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import STAGING_PREFIX

JOURNALS = "/var/lib/foobar.lamp/config_tree"
PHASES = ("staging", "swapping", "done")
BACK = "\nThe old files are back."


class BusyError(TreeError):
    """The tree is another run's at the moment, or has become so."""


class Transaction:
    """The journal of one named tree.

    `checkpoint` is called before each step that the host would notice.
    """

    def __init__(self, place: str, checkpoint=lambda: None):
        self.place = place
        self._name = os.path.basename(place)
        self._checkpoint = checkpoint
        self._stages: dict[str, int] = {}  # descriptors of hidden directories

    # The journal

    def pending(self) -> bool:
        """Whether an earlier run died before its tree was whole."""
        return self._phase() in ("staging", "swapping")

    def unfinished(self) -> bool:
        """Whether an earlier run left anything to be undone or thrown away."""
        return self._phase() is not None

    def lock(self, wait: float = 0) -> None:
        """Make the journal's directory, readable by nobody else,
        and keep other runs out until this process ends.

        One that is at work is waited for, so many seconds.
        """
        try:
            os.makedirs(os.path.dirname(os.path.dirname(self.place)), mode=0o755, exist_ok=True)
            for path in (os.path.dirname(self.place), self.place):
                os.makedirs(path, mode=0o700, exist_ok=True)
            self._lock = os.open(os.path.join(self.place, "lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise TreeError(f"The journal cannot be kept. {explain(error, self.place)}") from error
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"Another run is changing the tree '{self._name}'; wait for it to end."
                    ) from error
                time.sleep(0.2)
            else:
                return

    def heal(self) -> bool:
        """Bring back the old tree if an earlier run died on its way,
        and say whether there was need.
        """
        phase = self._phase()
        if phase is None:
            return False
        journal = self._read(phase)
        if phase == "done":
            self._finish(journal)
            return False
        self._undo(journal, phase)
        # A service may have read the half-made tree in the meantime; what it reads now is new to
        # it.
        self._stamp(journal["readers"])
        self._finish(journal)
        return True

    def stamps(self) -> dict[str, dict[str, int]]:
        """When, in microseconds of this boot's monotonic clock, each
        unit's part of the tree was last changed.

        By what the unit needs to read it, reload or restart. After another boot every unit has read
        the tree at its start.
        """
        stamps = self._stamps()
        same = stamps.get("boot") == boot_id()
        return {kind: stamps[kind] if same else {} for kind in ("reload", "restart")}

    def _stamps(self) -> dict:
        try:
            with open(os.path.join(self.place, "stamps"), encoding="ascii") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def generation(self) -> str:
        """What tells the tree as it stands from what it was, or will be, after another change."""
        return str(self._stamps().get("generation", ""))

    def seal(self, text: str) -> None:
        """Keep what tells that the tree is still as this run leaves it."""
        self._write("seal", text)

    def proven(self) -> str:
        """What `prove` kept, or nothing."""
        try:
            with open(os.path.join(self.place, "proven"), encoding="ascii") as file:
                return file.read()
        except (OSError, ValueError):
            return ""

    def prove(self, text: str) -> None:
        """Keep what is known of the files that units really run with."""
        self._write("proven", text)

    def apply(self, changes: list[Change], test=lambda: None) -> None:
        """Make all changes; if one of them or the test raises, put back what was and raise that."""
        journal, staged = self._prepare(changes)
        phase = None
        try:
            self._checkpoint()
            self._write("staging", json.dumps(journal))
            phase = "staging"
            self._stage(journal, staged)
            self._advance("staging", "swapping")
            phase = "swapping"
            for step in journal["steps"]:
                self._checkpoint()
                self._do(journal, step)
            self._checkpoint()
            self._sync_parents(journal)
            test()
            self._checkpoint()
            self._stamp(journal["readers"])
            self._checkpoint()
            self._advance("swapping", "done")
        except BaseException as error:
            words = _words(error, self.place)
            try:
                if phase:
                    self._undo(journal, phase)
                    self._finish(journal)
            except (TreeError, OSError) as worse:
                raise TreeError(f"{words}\n{_words(worse, self.place)}") from error
            if isinstance(error, (TreeError, OSError)):
                raise TreeError(f"{words}{BACK}") from error
            raise
        self._finish(journal)

    def _phase(self) -> str | None:
        return next(
            (phase for phase in PHASES if os.path.lexists(os.path.join(self.place, phase))), None
        )

    def _read(self, phase: str) -> dict:
        path = os.path.join(self.place, phase)
        try:
            with open(path, encoding="ascii") as file:
                return json.load(file)
        except (OSError, ValueError) as error:
            raise TreeError(
                f"{path}: the journal of an unfinished run cannot be read: {error}."
            ) from error

    def _write(self, name: str, text: str) -> None:
        """Write one of the journal's files so that it is there whole or not at all."""
        path = os.path.join(self.place, name)
        descriptor = os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with named(path), open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._checkpoint()
        os.rename(path + ".new", path)
        self._sync_journal()

    def _advance(self, phase: str, following: str) -> None:
        os.rename(os.path.join(self.place, phase), os.path.join(self.place, following))
        self._sync_journal()

    def _stamp(self, units: dict[str, list[str]]) -> None:
        stamps, now = self.stamps(), time.monotonic_ns() // 1000
        for kind, names in units.items():
            stamps[kind].update(dict.fromkeys(names, now))
        self._write(
            "stamps", json.dumps({"boot": boot_id(), "generation": secrets.token_hex(8), **stamps})
        )

    # Where

    @contextlib.contextmanager
    def _at(self, journal: dict, path: str) -> Iterator[tuple[int, str]]:
        """Give the descriptor of the directory that a path is in, and its name there."""
        stage, name = os.path.split(path)
        if stage in journal["stages"]:
            yield self._stage_at(stage), name
            return
        with safe_paths.parent(path) as found:
            yield found

    def _stage_at(self, stage: str) -> int:
        """Open a hidden directory, once: it stays the same one, whatever becomes of its name."""
        if stage not in self._stages:
            with safe_paths.parent(stage) as (place, name):
                descriptor = os.open(
                    name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place
                )
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or found.st_mode & 0o077:
                os.close(descriptor)
                raise safe_paths.UnsafePathError(
                    stage, f"was replaced by {safe_paths.user_name(found.st_uid)}; remove it"
                )
            self._stages[stage] = descriptor
        return self._stages[stage]

    def _there(self, journal: dict, path: str) -> bool:
        try:
            with self._at(journal, path) as (place, name):
                os.stat(name, dir_fd=place, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _rename(self, journal: dict, path: str, new: str) -> None:
        with self._at(journal, path) as (one, name), self._at(journal, new) as (other, new_name):
            os.rename(name, new_name, src_dir_fd=one, dst_dir_fd=other)

    # There

    def _prepare(self, changes: list[Change]) -> tuple[dict, list[tuple[str, Change]]]:
        """Name every step beforehand:
        the journal, and the changes that need a new file at which staged name.
        """
        steps: list[dict] = []
        last: list[dict] = []
        staged: list[tuple[str, Change]] = []
        stages: dict[str, str] = {}
        token = secrets.token_hex(4)

        def stage(path: str, suffix: str) -> str:
            parent = os.path.dirname(path)
            # What goes into, or comes out of, a directory that is not there at both ends waits
            # beside that directory.
            while parent in transient or not safe_paths.is_directory(parent):
                parent = os.path.dirname(parent)
            directory = stages.setdefault(
                parent, os.path.join(parent, f"{STAGING_PREFIX}{self._name}.{token}")
            )
            return os.path.join(directory, f"{len(steps)}.{suffix}")

        transient = {
            change.path
            for change in changes
            if "directory" in (change.before.kind, change.after.kind)
            and "absent" in (change.before.kind, change.after.kind)
        }
        for change in changes:
            before, after, path = change.before, change.after, change.path
            if after.kind == "directory":
                created = before.kind == "absent"
                if created:
                    steps.append({"do": "mkdir", "path": path})
                # Owner and mode come last: a directory that nobody may write to can still be
                # filled.
                last.append(
                    {
                        "do": "attributes",
                        "path": path,
                        "old": None if created else before.owned,
                        "new": after.owned,
                    }
                )
            elif after.kind == "absent" and before.kind == "directory":
                steps.append({"do": "rmdir", "path": path, "old": before.owned})
            elif after.kind == "absent":
                steps.append({"do": "remove", "path": path, "old": stage(path, "old")})
            else:
                new, old = (
                    stage(path, "new"),
                    None if before.kind == "absent" else stage(path, "old"),
                )
                staged.append((new, change))
                steps.append({"do": "put", "path": path, "new": new, "old": old})
        return {
            "stages": sorted(stages.values()),
            "steps": steps + last,
            "readers": readers(changes),
        }, staged

    def _stage(self, journal: dict, staged: list[tuple[str, Change]]) -> None:
        """Make every new file and link, complete and safe on disk, where no service looks."""
        for directory in journal["stages"]:
            self._checkpoint()
            with (
                _told_as(os.path.dirname(directory)),
                safe_paths.parent(directory) as (place, name),
            ):
                os.mkdir(name, 0o700, dir_fd=place)
        written = []
        for path, change in staged:
            self._checkpoint()
            after = change.after
            # The destination is the name that means something to the reader.
            with _told_as(change.path), self._at(journal, path) as (place, name):
                if after.target is not None:
                    os.symlink(after.target, name, dir_fd=place)
                    continue
                descriptor = os.open(
                    name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600, dir_fd=place
                )
                try:
                    with open(descriptor, "wb", closefd=False) as file:
                        file.write(after.file_content)
                    _own(descriptor, after.owned)
                finally:
                    os.close(descriptor)
                written.append((place, name, change.path))
        # In a pass of its own: the first one takes the others along, which is much faster than
        # write and sync in turn.
        for place, name, path in written:
            with _told_as(path):
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        for directory in journal["stages"]:
            with _told_as(os.path.dirname(directory)):
                _sync(self._stage_at(directory))

    def _do(self, journal: dict, step: dict) -> None:
        do, path = step["do"], step["path"]
        with _told_as(path):
            if do == "attributes":
                with safe_paths.directory(path) as descriptor:
                    # One that was put in its place is nobody's to be given away.
                    expected = {
                        os.geteuid() if step["old"] is None else step["old"][0],
                        step["new"][0],
                    }
                    if os.fstat(descriptor).st_uid not in expected:
                        raise safe_paths.UnsafePathError(
                            path, "was replaced during this run; run again"
                        )
                    _own(descriptor, step["new"])
                return
            with self._at(journal, path) as (place, name):
                if do == "mkdir":
                    os.mkdir(name, 0o700, dir_fd=place)
                elif do == "rmdir":
                    os.rmdir(name, dir_fd=place)
                elif do == "remove":
                    self._rename(journal, path, step["old"])
                else:
                    if step["old"]:
                        # A second name for the old file, so that there is no moment without one at
                        # the path.
                        with self._at(journal, step["old"]) as (stage, old):
                            os.link(
                                name, old, src_dir_fd=place, dst_dir_fd=stage, follow_symlinks=False
                            )
                        self._checkpoint()
                    self._rename(journal, step["new"], path)

    # And back

    def _undo(self, journal: dict, phase: str) -> None:
        """Undo what was made of the steps, the last one first;
        keep the journal if one of them cannot be undone.
        """
        if phase == "staging":
            return
        failed = []
        for step in reversed(journal["steps"]):
            self._checkpoint()
            try:
                self._undo_step(journal, step)
            except OSError as error:
                failed.append(explain(error, step["path"]).rstrip("."))
        if failed:
            raise TreeError(
                f"Not all of the old files could be put back: {', '.join(failed)}. The journal in "
                f"{self.place} is kept,"
                " and the next run tries again: remove the cause and run again."
            )
        self._sync_parents(journal)

    def _undo_step(self, journal: dict, step: dict) -> None:
        do, path, old = step["do"], step["path"], step.get("old")
        there = self._there(journal, path)
        if do in ("put", "remove") and old:
            if self._there(journal, old):
                self._rename(journal, old, path)
        elif do == "attributes":
            if there and old:
                with safe_paths.directory(path) as descriptor:
                    _own(descriptor, old)
        elif do == "rmdir":
            if not there:
                with self._at(journal, path) as (place, name):
                    os.mkdir(name, 0o700, dir_fd=place)
                with safe_paths.directory(path) as descriptor:
                    _own(descriptor, step["old"])
        elif there:
            with self._at(journal, path) as (place, name):
                if do == "mkdir":
                    os.rmdir(name, dir_fd=place)
                elif not self._there(journal, step["new"]):
                    os.unlink(name, dir_fd=place)

    def _finish(self, journal: dict) -> None:
        """Throw away what is not needed any more, the journal last."""
        for directory in journal["stages"]:
            # One that is not there, or not ours any more, is nobody's to clear.
            with contextlib.suppress(
                FileNotFoundError, NotADirectoryError, safe_paths.UnsafePathError
            ):
                descriptor = self._stage_at(directory)
                for name in os.listdir(descriptor):
                    self._checkpoint()
                    os.unlink(name, dir_fd=descriptor)
                self._checkpoint()
                with safe_paths.parent(directory) as (place, name):
                    os.rmdir(name, dir_fd=place)
            if directory in self._stages:
                os.close(self._stages.pop(directory))
        self._checkpoint()
        for phase in PHASES:
            if os.path.lexists(path := os.path.join(self.place, phase)):
                os.unlink(path)
        self._sync_journal()

    def _sync_journal(self) -> None:
        with safe_paths.directory(self.place) as descriptor:
            _sync(descriptor)

    @staticmethod
    def _sync_parents(journal: dict) -> None:
        """See to it that the renames outlive a loss of power."""
        for parent in sorted({os.path.dirname(step["path"]) for step in journal["steps"]}):
            if safe_paths.is_directory(parent):
                with _told_as(parent), safe_paths.directory(parent) as descriptor:
                    _sync(descriptor)


def boot_id() -> str:
    """What tells one boot from another: a monotonic clock means something within one boot only."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _words(error: BaseException, path: str) -> str:
    """An error as a sentence that names the path."""
    return explain(error, path) if isinstance(error, OSError) else str(error)


@contextlib.contextmanager
def _told_as(path: str) -> Iterator[None]:
    """Name a path in an error about one that means nothing to the
    reader, such as one in a hidden directory.
    """
    try:
        yield
    except safe_paths.UnsafePathError:
        raise  # says where itself
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _own(descriptor: int, owned: Sequence[int]) -> None:
    """Set owner, group and mode of a file or directory.

    In this order: chown takes setuid bits away.
    """
    uid, gid, mode = owned
    found = os.fstat(descriptor)
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.fchown(descriptor, uid, gid)
    os.fchmod(descriptor, mode)


def _sync(directory: int) -> None:
    try:
        os.fsync(directory)
    except OSError as error:
        # Some file systems cannot sync a directory; they have nothing to lose then.
        if error.errno != errno.EINVAL:
            raise
