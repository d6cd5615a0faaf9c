# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree is swapped in as one, or not at all: on real directories, by processes that really die."""

from __future__ import annotations

import os
import resource
import signal
import stat

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    TreeError,
    expand,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import Planner
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import Transaction

ME = {"owner": os.getuid(), "group": os.getgid()}


def snapshot(top):
    """Return all that stands below ``top``: ``{path: (kind and mode, what is in it)}``."""
    found = {}
    for folder, folders, names in os.walk(os.fsencode(top)):
        for name in folders + names:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            inside = os.readlink(path) if stat.S_ISLNK(mode) else None
            if stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    inside = file.read()
            found[os.path.relpath(path, os.fsencode(top))] = (mode, inside)
    return found


@pytest.fixture
def etc(tmp_path):
    """Make a tree with something of every kind."""
    top = tmp_path / "etc"
    (top / "gone/deep").mkdir(parents=True)
    (top / "gone/deep/file").write_bytes(b"\xff\x00 no text")
    (top / "gone/deep").chmod(0o1770)
    (top / "sites").mkdir()
    (top / "sites/old").write_text("old")
    with open(os.path.join(os.fsencode(top), b"sites/caf\xe9"), "w", encoding="ascii") as file:
        file.write("a name that is not UTF-8")
    (top / "changed").write_text("before")
    (top / "changed").chmod(0o4755)
    (top / "same").write_text("same")
    (top / "to_link").write_text("a file")
    (top / "to_file").symlink_to("same")
    (top / "link").symlink_to("changed")
    (top / "mode").mkdir(0o700)
    return top


def new_tree(top):
    """Return a tree that changes, makes and removes something of every kind in ``etc``."""
    files = {
        "changed": "after",
        "same": "same",
        "to_file": "now a file",
        "sites/new": "new",
        "made/deep/file": "new",
    }
    tree = expand(
        {
            "name": "t",
            "files": [
                {"dest": f"{top}/{path}", "content": content, **ME}
                for path, content in files.items()
            ],
            "links": [
                {"dest": f"{top}/to_link", "target": "same"},
                {"dest": f"{top}/link", "target": "same"},
            ],
            "directories": [
                {"path": f"{top}/sites", "purge": True},
                {"path": f"{top}/mode", "mode": "0555"},
                {"path": f"{top}/made", **ME},
                {"path": f"{top}/made/deep", "mode": "0500", **ME},
            ],
            "absent": [f"{top}/gone"],
        }
    )
    for entry in tree["files"]:
        entry["content"] = entry["value"].encode()
    return tree


class Run:
    """One run of the module's core,
    in a process of its own that can be killed before its n-th step.
    """

    def __init__(self, top, state):
        self._top, self._state = top, state

    def __call__(self, kill_at=None, test=lambda: None, more="", only_heal=False):
        """Return 9 if the process died as told, 0 if it came to its end, 1 if it ended with an
        error; ``more`` fills a file.
        """
        child = os.fork()
        if not child:
            try:
                self._work(kill_at, test, more, only_heal)
                os._exit(0)
            except TreeError:
                os._exit(1)
            finally:
                os._exit(2)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _work(self, kill_at, test, more, only_heal):
        steps = iter(range(1, 10000))

        def checkpoint():
            if next(steps) == kill_at:
                os._exit(9)

        transaction = Transaction(str(self._state), checkpoint)
        transaction.lock()
        transaction.heal()
        if only_heal:
            return
        tree = new_tree(self._top)
        tree["files"][-1]["content"] += more.encode()
        if changes := Planner().plan(tree):
            if more:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (len(more), len(more)))
            transaction.apply(changes, test)

    def heal(self, kill_at=None):
        """Only bring back the old tree, or clear up after the new one."""
        return self(kill_at, only_heal=True)


@pytest.fixture
def run(etc, tmp_path):
    return Run(etc, tmp_path / "journal/t")


@pytest.fixture
def after(etc, run):
    """Return what the new tree looks like; ``etc`` has it then."""
    assert run() == 0
    return snapshot(etc)


def test_the_new_tree_stands(etc, after, run):
    assert after[b"changed"][1] == b"after"
    assert after[b"to_link"][1] == b"same"
    assert after[b"made/deep/file"][1] == b"new"
    assert stat.S_IMODE(after[b"made/deep"][0]) == 0o500
    assert not {
        name
        for name in after
        if name.startswith((b"gone", b"sites/old", b"sites/caf")) or b".lamp" in name
    }
    assert run() == 0
    assert snapshot(etc) == after


def refuse():
    raise TreeError("No.")


def test_a_refused_tree_is_put_back_whole(etc, run):
    before, inodes = (
        snapshot(etc),
        {name: os.lstat(etc / name).st_ino for name in ("changed", "to_link", "to_file")},
    )
    assert run(test=refuse) == 1
    assert snapshot(etc) == before
    assert {name: os.lstat(etc / name).st_ino for name in inodes} == inodes


def test_a_run_killed_at_any_step_leaves_the_old_tree_until_the_new_one_is_whole(etc, run):
    before, old, new = snapshot(etc), 0, 0
    for step in range(1, 1000):
        if run(kill_at=step) == 0:
            break
        assert run.heal() == 0
        found = snapshot(etc)
        assert not [name for name in found if b".lamp" in name]
        if found == before:
            assert not new, "the old tree came back after the new one had been closed"
            old += 1
        else:
            assert {name: found[name][1] for name in (b"changed", b"made/deep/file")} == {
                b"changed": b"after",
                b"made/deep/file": b"new",
            }
            new += 1
            break  # from here on there is nothing to change any more
    assert old > 30
    assert new == 1
    after = snapshot(etc)
    assert run() == 0
    assert snapshot(etc) == after


def test_a_healing_killed_at_any_step_is_ended_by_the_next(etc, run):
    before = snapshot(etc)
    for step in range(22, 34, 3):
        assert run(kill_at=step) == 9
        assert snapshot(etc) != before
        for healing in range(1, 1000):
            if run.heal(kill_at=healing) == 0:
                break
        assert healing > 3
        assert snapshot(etc) == before


def test_a_file_that_cannot_be_written_whole_leaves_the_old_tree(etc, run):
    before = snapshot(etc)
    assert run(more="x" * 65536) == 1
    assert snapshot(etc) == before
    assert run() == 0


def test_two_runs_at_once_do_not_meet(tmp_path, run):
    transaction = Transaction(str(tmp_path / "journal/t"))
    transaction.lock()
    assert run() == 1
