# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what stood on a host before a tree was first made there. No Ansible.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import os

from ansible_collections.foobar.lamp.plugins.module_utils.common import conffiles
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    Change,
    State,
    same_body,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import look
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import JOURNALS

BEFORE = os.path.join(os.path.dirname(JOURNALS), "before")


def others(name: str, changes: list[Change]) -> list[tuple[str, State]]:
    """Return what others have made of the paths that a tree is about to change or remove,
    if that is the first time.

    A seal says that a run has made the tree. What a package ships is nobody's loss.
    """
    if os.path.lexists(os.path.join(JOURNALS, name, "seal")):
        return []
    found = []
    for change in changes:
        if change.before.kind not in ("file", "link") or (
            change.before.kind == change.after.kind and same_body(change.before, change.after)
        ):
            continue
        state = look(change.path)
        if state.kind == "link" or (
            state.kind == "file" and not conffiles.is_pristine(change.path, state.content)
        ):
            found.append((change.path, state))
    return found


def worth_a_word(found: list[tuple[str, State]]) -> list[str]:
    """Return the paths of files.

    Packages make links by the dozen, and what a link leads to stays, or is a file of the tree
    itself.
    """
    return [path for path, state in found if state.kind == "file"]


def keep(name: str, found: list[tuple[str, State]]) -> str:
    """Copy it to a directory that root alone can enter,
    and return that. What was kept there before stays.
    """
    place = os.path.join(BEFORE, name)
    os.makedirs(BEFORE, mode=0o700, exist_ok=True)
    for path, state in found:
        copy = place + path
        os.makedirs(os.path.dirname(copy), mode=0o700, exist_ok=True)
        while os.path.lexists(copy):
            if (there := look(copy)).content == state.content and there.target == state.target:
                break
            copy += ".1"
        else:
            _copy(copy, state)
    return place


def _copy(path: str, state: State) -> None:
    if state.target is not None:
        os.symlink(state.target, path)
        return
    uid, gid, mode = state.owned
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(state.file_content)
        os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
