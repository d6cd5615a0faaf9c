# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a list of changes happen as one, or not at all, whatever kills the process and whenever. No Ansible.

How: the journal, written before anything is touched, lists every step with the names that it will use. New files are made
in a hidden directory beside their destination, so that the swap is nothing but renames; the old files move into the same
hidden directory, so that the way back is nothing but renames either, needs no space, and brings back the very same
inodes. Every step back first looks whether its step was made: going back twice, or from the middle, is right.

The journal's file name is the phase, and a rename moves to the next:
  staging   new files are being made; the tree is untouched; going back is throwing them away
  swapping  the tree may be in any mixture of old and new; going back is undoing every step, the last one first
  done      the new tree stands and has passed its test; what is left is throwing the old files away

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
import time

from ansible_collections.foobar.lamp.plugins.module_utils._config_tree import Change, TreeError, printable, readers
from ansible_collections.foobar.lamp.plugins.module_utils._config_tree_plan import STAGING_PREFIX

JOURNALS = "/var/lib/foobar.lamp/config_tree"
PHASES = ("staging", "swapping", "done")
BACK = "\nThe old files are back."


class Transaction:
    """The journal of one named tree. `checkpoint` is called before each step that the host would notice."""

    def __init__(self, state: str, checkpoint=lambda: None):
        self._state = state
        self._name = os.path.basename(state)
        self._checkpoint = checkpoint

    # The journal

    def pending(self) -> bool:
        """Whether an earlier run died before its tree was whole."""
        return self._phase() in ("staging", "swapping")

    def unfinished(self) -> bool:
        """Whether an earlier run left anything to be undone or thrown away."""
        return self._phase() is not None

    def lock(self) -> None:
        """Make the journal's directory, readable by nobody else, and keep other runs out until this process ends."""
        try:
            os.makedirs(os.path.dirname(os.path.dirname(self._state)), mode=0o755, exist_ok=True)
            for path in (os.path.dirname(self._state), self._state):
                os.makedirs(path, mode=0o700, exist_ok=True)
            self._lock = os.open(os.path.join(self._state, "lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise TreeError(f"{self._state}: the journal cannot be kept there: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TreeError(f"Another run is at work on the tree '{self._name}'; wait for it to end.") from error

    def heal(self) -> bool:
        """Bring back the old tree if an earlier run died on its way, and say whether there was need."""
        phase = self._phase()
        if phase is None:
            return False
        journal = self._read(phase)
        if phase == "done":
            self._finish(journal)
            return False
        self._undo(journal, phase)
        # A service may have read the half-made tree in the meantime; what it reads now is new to it.
        self._stamp(journal["readers"])
        self._finish(journal)
        return True

    def stamps(self) -> dict[str, dict[str, int]]:
        """When, in microseconds of this boot's monotonic clock, each unit's part of the tree was last changed.

        By what the unit needs to read it, reload or restart. After another boot every unit has read the tree at its start.
        """
        try:
            with open(os.path.join(self._state, "stamps"), encoding="ascii") as file:
                stamps = json.load(file)
        except (OSError, ValueError):
            stamps = {}
        same = stamps.get("boot") == boot_id()
        return {kind: stamps[kind] if same else {} for kind in ("reload", "restart")}

    def seal(self, text: str) -> None:
        """Keep what tells that the tree is still as this run leaves it."""
        self._write("seal", text)

    def proven(self) -> str:
        """What `prove` kept, or nothing."""
        try:
            with open(os.path.join(self._state, "proven"), encoding="ascii") as file:
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
                self._do(step)
            self._checkpoint()
            self._sync_parents(journal)
            test()
            self._checkpoint()
            self._stamp(journal["readers"])
            self._checkpoint()
            self._advance("swapping", "done")
        except BaseException as error:
            words = _words(error, self._state)
            try:
                if phase:
                    self._undo(journal, phase)
                    self._finish(journal)
            except (TreeError, OSError) as worse:
                raise TreeError(f"{words}\n{_words(worse, self._state)}") from error
            if isinstance(error, (TreeError, OSError)):
                raise TreeError(f"{words}{BACK}") from error
            raise
        self._finish(journal)

    def _phase(self) -> str | None:
        return next((phase for phase in PHASES if os.path.lexists(os.path.join(self._state, phase))), None)

    def _read(self, phase: str) -> dict:
        path = os.path.join(self._state, phase)
        try:
            with open(path, encoding="ascii") as file:
                return json.load(file)
        except (OSError, ValueError) as error:
            raise TreeError(f"{path}: the journal of an unfinished run cannot be read: {error}.") from error

    def _write(self, name: str, text: str) -> None:
        """Write one of the journal's files so that it is there whole or not at all."""
        path = os.path.join(self._state, name)
        with open(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._checkpoint()
        os.rename(path + ".new", path)
        _sync(self._state)

    def _advance(self, phase: str, following: str) -> None:
        os.rename(os.path.join(self._state, phase), os.path.join(self._state, following))
        _sync(self._state)

    def _stamp(self, units: dict[str, list[str]]) -> None:
        stamps, now = self.stamps(), time.monotonic_ns() // 1000
        for kind, names in units.items():
            stamps[kind].update(dict.fromkeys(names, now))
        self._write("stamps", json.dumps({"boot": boot_id(), **stamps}))

    # There

    def _prepare(self, changes: list[Change]) -> tuple[dict, list[tuple[str, Change]]]:
        """Name every step beforehand: the journal, and the changes that need a new file at which staged name."""
        steps: list[dict] = []
        last: list[dict] = []
        staged: list[tuple[str, Change]] = []
        stages: dict[str, str] = {}
        token = secrets.token_hex(4)

        def stage(path: str, suffix: str) -> str:
            parent = os.path.dirname(path)
            # What goes into, or comes out of, a directory that is not there at both ends waits beside that directory.
            while parent in transient or not os.path.isdir(parent):
                parent = os.path.dirname(parent)
            directory = stages.setdefault(parent, os.path.join(parent, f"{STAGING_PREFIX}{self._name}.{token}"))
            return os.path.join(directory, f"{len(steps)}.{suffix}")

        transient = {
            change.path
            for change in changes
            if "directory" in (change.before.kind, change.after.kind) and "absent" in (change.before.kind, change.after.kind)
        }
        for change in changes:
            before, after, path = change.before, change.after, change.path
            if after.kind == "directory":
                created = before.kind == "absent"
                if created:
                    steps.append({"do": "mkdir", "path": path})
                # Owner and mode come last: a directory that nobody may write to can still be filled.
                old = None if created else [before.uid, before.gid, before.mode]
                last.append({"do": "attributes", "path": path, "old": old, "new": [after.uid, after.gid, after.mode]})
            elif after.kind == "absent" and before.kind == "directory":
                steps.append({"do": "rmdir", "path": path, "old": [before.uid, before.gid, before.mode]})
            elif after.kind == "absent":
                steps.append({"do": "remove", "path": path, "old": stage(path, "old")})
            else:
                new, old = stage(path, "new"), None if before.kind == "absent" else stage(path, "old")
                staged.append((new, change))
                steps.append({"do": "put", "path": path, "new": new, "old": old})
        return {"stages": sorted(stages.values()), "steps": steps + last, "readers": readers(changes)}, staged

    def _stage(self, journal: dict, staged: list[tuple[str, Change]]) -> None:
        """Make every new file and link, complete and safe on disk, where no service looks."""
        for directory in journal["stages"]:
            self._checkpoint()
            try:
                os.mkdir(directory, 0o700)
            except OSError as error:
                raise OSError(error.errno, error.strerror, os.path.dirname(directory)) from error
        for path, change in staged:
            self._checkpoint()
            after = change.after
            if after.kind == "link":
                os.symlink(after.target, path)
                continue
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(after.content)
                _own(descriptor, [after.uid, after.gid, after.mode])
            except OSError as error:
                # The destination is the name that means something to the reader.
                raise OSError(error.errno, error.strerror, change.path) from error
            finally:
                os.close(descriptor)
        # In a pass of its own: the first one takes the others along, which is much faster than write and sync in turn.
        for path in [path for path, change in staged if change.after.kind == "file"] + journal["stages"]:
            _sync(path)

    def _do(self, step: dict) -> None:
        do, path = step["do"], step["path"]
        try:
            if do == "mkdir":
                os.mkdir(path, 0o700)
            elif do == "attributes":
                _own(path, step["new"])
            elif do == "rmdir":
                os.rmdir(path)
            elif do == "remove":
                os.rename(path, step["old"])
            else:
                if step["old"]:
                    # A second name for the old file, so that there is no moment without one at the path.
                    os.link(path, step["old"], follow_symlinks=False)
                    self._checkpoint()
                os.rename(step["new"], path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error

    # And back

    def _undo(self, journal: dict, phase: str) -> None:
        """Undo what was made of the steps, the last one first; keep the journal if one of them cannot be undone."""
        if phase == "staging":
            return
        failed = []
        for step in reversed(journal["steps"]):
            self._checkpoint()
            try:
                self._undo_step(step)
            except OSError as error:
                failed.append(f"{printable(step['path'])} ({error.strerror})")
        if failed:
            raise TreeError(
                f"Not all of the old files could be put back: {', '.join(failed)}. The journal in {self._state} is kept,"
                " and the next run tries again: remove the cause and run again."
            )
        self._sync_parents(journal)

    @staticmethod
    def _undo_step(step: dict) -> None:
        do, path, old = step["do"], step["path"], step.get("old")
        there = os.path.lexists(path)
        if do == "mkdir" and there:
            os.rmdir(path)
        elif do == "attributes" and there and old:
            _own(path, old)
        elif do == "rmdir" and not there:
            os.mkdir(path, 0o700)
            _own(path, old)
        elif do in ("put", "remove") and old and os.path.lexists(old):
            os.rename(old, path)
        elif do == "put" and not old and there and not os.path.lexists(step["new"]):
            os.unlink(path)

    def _finish(self, journal: dict) -> None:
        """Throw away what is not needed any more, the journal last."""
        for directory in journal["stages"]:
            for name in os.listdir(directory) if os.path.isdir(directory) else []:
                self._checkpoint()
                os.unlink(os.path.join(directory, name))
            self._checkpoint()
            if os.path.isdir(directory):
                os.rmdir(directory)
        self._checkpoint()
        for phase in PHASES:
            if os.path.lexists(path := os.path.join(self._state, phase)):
                os.unlink(path)
        _sync(self._state)

    @staticmethod
    def _sync_parents(journal: dict) -> None:
        """See to it that the renames outlive a loss of power."""
        for parent in sorted({os.path.dirname(step["path"]) for step in journal["steps"]}):
            if os.path.isdir(parent):
                _sync(parent)


def boot_id() -> str:
    """What tells one boot from another: a monotonic clock means something within one boot only."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _words(error: BaseException, path: str) -> str:
    """An error as a sentence that names the path."""
    if isinstance(error, OSError):
        return f"{printable(os.fsdecode(error.filename or path))}: {error.strerror}."
    return str(error)


def _own(path: str | int, owned: list[int]) -> None:
    """Set owner, group and mode of a file (by descriptor) or directory. In this order: chown takes setuid bits away."""
    uid, gid, mode = owned
    found = os.stat(path)
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.chown(path, uid, gid)
    os.chmod(path, mode)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync a directory; they have nothing to lose then.
        if error.errno != errno.EINVAL or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
    finally:
        os.close(descriptor)
