# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a declared tree with the host: reads only, and answers
with the list of changes. No Ansible.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from fnmatch import fnmatchcase
from functools import cache

from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    ABSENT,
    Change,
    State,
    TreeError,
    parents,
)

STAGING_PREFIX = ".lamp-config-tree."


def look(path: str, content: bool = True) -> State:
    """What stands at a path, without following a last link."""
    try:
        found = safe_paths.status(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if stat.S_ISLNK(found.st_mode):
        return State("link", target=safe_paths.link_target(path))
    if stat.S_ISDIR(found.st_mode):
        return State("directory", *_owned(found))
    if not stat.S_ISREG(found.st_mode):
        return State("other", *_owned(found))
    if not content:
        return State("file", *_owned(found))
    found, text = safe_paths.read(path)
    return State("file", *_owned(found), content=text)


def _owned(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@cache
def user_name(uid: int | None) -> str:
    """The name of a user, for people to read."""
    try:
        return "(not there yet)" if uid is None else pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@cache
def group_name(gid: int | None) -> str:
    """The name of a group, for people to read."""
    try:
        return "(not there yet)" if gid is None else grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


class Planner:
    """Finds out what must change.

    A check run forgives what an earlier task of the same play would have made.
    """

    def __init__(self, check: bool = False):
        self._check = check
        self._users: dict[str, int | None] = {}
        self._groups: dict[str, int | None] = {}

    def plan(self, tree: dict[str, list]) -> list[Change]:
        """The changes in the order in which they can be made:
        directories, files, links, removals.
        """
        self._declared_directories = {entry["path"] for entry in tree["directories"]}
        self._refuse_aliases(tree)
        changes: list[Change] = []
        for entry in sorted(tree["directories"], key=lambda entry: entry["path"]):
            self._guard(self._directory, entry, changes)
        for entry in tree["files"]:
            self._guard(self._file, entry, changes)
        for entry in tree["links"]:
            self._guard(self._link, entry, changes)
        for entry in self._removals(tree):
            self._guard(self._remove, entry, changes)
        return changes

    @staticmethod
    def _guard(compare, entry: dict, changes: list[Change]) -> None:
        try:
            compare(entry, changes)
        except OSError as error:
            raise TreeError(
                f"{entry['path']}: cannot be compared: {explain(error, entry['path'])}"
            ) from error

    def _directory(self, entry: dict, changes: list[Change]) -> None:
        path = entry["path"]
        self._require_parent(path)
        before = look(path)
        # A link to a directory is as good as the directory: the target's owner and mode are the
        # ones that count.
        if before.kind == "link":
            try:
                with safe_paths.directory(path) as descriptor:
                    before = State("directory", *_owned(os.fstat(descriptor)))
            except FileNotFoundError as error:
                raise TreeError(
                    f"{path}: is a link that leads nowhere; "
                    f"remove it or make its target {before.target}."
                ) from error
            except NotADirectoryError as error:
                raise TreeError(
                    f"{path}: must be a directory, but is a link to something else; move it away."
                ) from error
        if before.kind not in ("absent", "directory"):
            raise TreeError(
                f"{path}: must be a directory, but a {before.kind} is there; move it away."
            )
        if before is ABSENT:
            after = self._owned("directory", entry, "root", "root", 0o755)
        else:
            after = State(
                "directory",
                before.uid if entry["owner"] is None else self._uid(entry["owner"], path),
                before.gid if entry["group"] is None else self._gid(entry["group"], path),
                before.mode if entry["mode"] is None else entry["mode"],
            )
        if before != after:
            changes.append(Change(path, before, after, unit=entry["unit"]))

    def _file(self, entry: dict, changes: list[Change]) -> None:
        path = entry["path"]
        self._require_parent(path)
        before = look(path)
        if before.kind in ("directory", "other"):
            raise TreeError(
                f"{path}: must be a file, but a {_named(before)} is there; move it away."
            )
        after = self._owned("file", entry, "root", "root", entry["mode"], content=entry["content"])
        if before != after:
            how = (entry[key] for key in ("secret", "unit", "restart", "diff"))
            changes.append(Change(path, before, after, *how))

    def _link(self, entry: dict, changes: list[Change]) -> None:
        path = entry["path"]
        self._require_parent(path)
        before = look(path)
        if before.kind in ("directory", "other"):
            raise TreeError(
                f"{path}: must be a link, but a {_named(before)} is there; move it away."
            )
        after = State("link", target=entry["target"])
        if before != after:
            # A file that makes way for a link may have held anything; its contents are nobody's to
            # see.
            changes.append(
                Change(path, before, after, secret=before.kind == "file", unit=entry["unit"])
            )

    def _remove(self, entry: dict, changes: list[Change]) -> None:
        path = entry["path"]
        before = look(path, content=False)
        if before.kind == "directory":
            for name in sorted(safe_paths.names(path)):
                self._remove({**entry, "path": os.path.join(path, name)}, changes)
        if before is not ABSENT:
            changes.append(Change(path, before, ABSENT, unit=entry["unit"]))

    def _removals(self, tree: dict[str, list]) -> list[dict]:
        """What to remove: those named,
        and what stands undeclared in a directory that is to be purged.
        """
        wanted = {
            _real(entry["path"]) for key in ("files", "links", "directories") for entry in tree[key]
        }
        wanted |= {parent for path in wanted for parent in parents(path)}
        removals = {_real(entry["path"]): entry for entry in tree["absent"]}
        for entry in tree["directories"]:
            if not entry["purge"] or not safe_paths.is_directory(entry["path"]):
                continue
            for name in safe_paths.names(entry["path"]):
                path = os.path.join(entry["path"], name)
                kept = name.startswith(STAGING_PREFIX) or any(
                    fnmatchcase(name, pattern) for pattern in entry["keep"]
                )
                if not kept and _real(path) not in wanted:
                    removals.setdefault(_real(path), {"path": path, "unit": entry["unit"]})
        # What lies below another removal goes with that one.
        roots = [
            entry for real, entry in removals.items() if not removals.keys() & set(parents(real))
        ]
        return sorted(roots, key=lambda entry: entry["path"])

    @staticmethod
    def _refuse_aliases(tree: dict[str, list]) -> None:
        """Two spellings of one place, through a linked directory, would fight over it."""
        seen: dict[str, str] = {}
        for entry in (entry for entries in tree.values() for entry in entries):
            real, path = _real(entry["path"]), entry["path"]
            if seen.setdefault(real, path) != path:
                raise TreeError(
                    f"{path}: is the same place as {seen[real]}, which is declared too."
                )

    def _require_parent(self, path: str) -> None:
        parent = os.path.dirname(path)
        if parent in self._declared_directories:
            return
        try:
            with safe_paths.directory(parent):
                pass
        except NotADirectoryError as error:
            raise TreeError(
                f"{path}: cannot be there, "
                f"because {parent} or something above it is not a directory."
            ) from error
        except FileNotFoundError as error:
            if not self._check:
                raise TreeError(
                    f"{path}: its directory {parent} does not exist; "
                    f"declare it under 'directories'."
                ) from error

    def _owned(self, kind: str, entry: dict, owner: str, group: str, mode: int, **more) -> State:
        return State(
            kind,
            self._uid(entry["owner"] or owner, entry["path"]),
            self._gid(entry["group"] or group, entry["path"]),
            mode if entry["mode"] is None else entry["mode"],
            **more,
        )

    def _uid(self, owner: str, path: str) -> int | None:
        return self._number(
            owner, path, self._users, lambda name: pwd.getpwnam(name).pw_uid, "user"
        )

    def _gid(self, group: str, path: str) -> int | None:
        return self._number(
            group, path, self._groups, lambda name: grp.getgrnam(name).gr_gid, "group"
        )

    def _number(self, name: str, path: str, known: dict, find, kind: str) -> int | None:
        if name not in known:
            try:
                known[name] = int(name) if name.isdecimal() else find(name)
            except KeyError:
                known[name] = None
        if known[name] is None and not self._check:
            raise TreeError(f"{path}: there is no {kind} '{name}' on this host; create it first.")
        return known[name]


def _named(state: State) -> str:
    return "device, socket or pipe" if state.kind == "other" else state.kind


def _real(path: str) -> str:
    """The place that a path names; a link at its end is the place itself."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
