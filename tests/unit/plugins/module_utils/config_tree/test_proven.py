# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit ran with is remembered until it runs with something else, and the way back leads
there: on real directories.
"""

from __future__ import annotations

import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    ABSENT,
    Change,
    State,
    TreeError,
    expand,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import Planner, look
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.proven import (
    Entry,
    Proven,
    dump,
    load,
    way_back,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import Transaction

ME = {"owner": os.getuid(), "group": os.getgid()}


def snapshot(top):
    """Return all that stands below ``top``, by path."""
    return {
        os.path.join(folder, name): look(os.path.join(folder, name))
        for folder, *names in os.walk(top)
        for name in sum(names, [])
    }


@pytest.fixture
def etc(tmp_path):
    """Make a tree with something of every kind."""
    top = tmp_path / "etc"
    (top / "gone/deep").mkdir(parents=True)
    (top / "gone/deep/file").write_bytes(b"\xff\x00 no text")
    (top / "gone/deep").chmod(0o1770)
    with open(os.path.join(os.fsencode(top), b"gone/caf\xe9"), "w", encoding="ascii") as file:
        file.write("a name that is not UTF-8")
    (top / "changed").write_text("before")
    (top / "changed").chmod(0o640)
    (top / "to_link").write_text("a file")
    (top / "to_file").symlink_to("changed")
    (top / "real").mkdir(0o700)
    (top / "linked").symlink_to("real")
    return top


def new_tree(top, content):
    """Return a tree that changes, makes and removes something of every kind in ``etc``,
    for one unit or the other.
    """
    files = {"changed": "one", "to_file": "one", "made/deep/file": "one", "other": "other"}
    tree = expand(
        {
            "name": "t",
            "service": "one",
            "files": [
                {"dest": f"{top}/{path}", "content": content, "service": unit, **ME}
                for path, unit in files.items()
            ],
            "links": [{"dest": f"{top}/to_link", "target": "same"}],
            "directories": [
                {"path": f"{top}/linked", "mode": "0711"},
                {"path": f"{top}/made"},
                {"path": f"{top}/made/deep"},
            ],
            "absent": [f"{top}/gone"],
        }
    )
    for entry in tree["files"]:
        entry["content"] = entry["value"].encode()
    return tree


@pytest.fixture
def change(etc, tmp_path):
    """Return ``change(content, proven, running)``:
    change the tree, and return what is known of what stood there.
    """
    transaction = Transaction(str(tmp_path / "journal/t"))
    transaction.lock()

    def change(content, proven=None, running=frozenset({"one", "other"})):
        changes = Planner().plan(new_tree(etc, content))
        proven = (proven or Proven()).before(changes, running, look, os.path.realpath)
        transaction.prove(dump(proven))
        transaction.apply(changes)
        return load(transaction.proven())

    change.back = lambda proven, unit: transaction.apply(
        way_back(proven.of(unit), look, os.listdir)
    )
    return change


def test_way_back_leads_to_every_kind_of_thing_and_touches_nothing_of_another_unit(etc, change):
    before = snapshot(etc)
    proven = change("new")
    assert snapshot(etc) != before
    change.back(proven, "one")
    assert snapshot(etc) == {
        **before,
        str(etc / "other"): State("file", ME["owner"], ME["group"], 0o644, b"new"),
    }
    change.back(proven, "other")
    assert snapshot(etc) == before
    assert way_back(proven.entries, look, os.listdir) == []


def test_way_back_passes_over_what_was_never_read(etc, change):
    before = snapshot(etc)
    proven = change("second", change("first"))
    change.back(proven, "one")
    change.back(proven, "other")
    assert snapshot(etc) == before


def dies(state, kill_at, work):
    """Do ``work(transaction)`` in a process that is killed before its n-th step;
    return whether it was.
    """
    child = os.fork()
    if not child:
        steps, status = iter(range(1, 10000)), 2

        def checkpoint():
            if next(steps) == kill_at:
                os._exit(9)

        try:
            transaction = Transaction(state, checkpoint)
            transaction.lock()
            transaction.heal()
            work(transaction)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("killed", ["change", "way back"])
def test_way_back_is_there_whatever_was_killed_and_whenever(etc, tmp_path, killed):
    before, state = snapshot(etc), str(tmp_path / "journal/t")

    def change(transaction):
        changes = Planner().plan(new_tree(etc, "new"))
        transaction.prove(dump(Proven().before(changes, {"one", "other"}, look, os.path.realpath)))
        transaction.apply(changes)

    def back(transaction):
        transaction.apply(way_back(load(transaction.proven()).entries, look, os.listdir))

    for step in range(1, 1000):
        died = dies(state, step if killed == "change" else None, change)
        died = dies(state, step if killed == "way back" else None, back) or died
        assert not dies(state, None, back)
        assert snapshot(etc) == before
        if not died:
            break
    assert step > 30


def test_what_was_read_since_is_where_the_way_back_leads(etc, change):
    proven = change("first").without({"one"})
    assert proven.of("one") == {}
    assert len(proven.of("other")) == 1
    change.back(change("second", proven), "one")
    assert (etc / "changed").read_text() == "first"


def test_unit_that_does_not_run_has_nothing_to_go_back_to(change):
    assert {entry.unit for entry in change("new", running={"other"}).entries.values()} == {"other"}


def test_directory_that_others_have_put_something_into_stays(etc, change):
    proven = change("new")
    (etc / "made/deep/theirs").write_text("theirs")
    change.back(proven, "one")
    assert os.listdir(etc / "made/deep") == ["theirs"]


@pytest.mark.parametrize(
    ("wanted", "found"), [("file", "directory"), ("directory", "file"), ("file", "other")]
)
def test_place_that_is_taken_by_something_else_is_named(wanted, found):
    with pytest.raises(TreeError, match="/etc/x: was a"):
        way_back(
            {"/etc/x": Entry(State(wanted, content=b""), "one")},
            lambda _path: State(found),
            lambda _path: [],
        )


def test_socket_is_not_remembered():
    changes = [Change("/etc/x", State("other"), ABSENT, unit="one")]
    assert Proven().before(changes, {"one"}, lambda _path: State("other"), str).entries == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"entries": {"/etc/x": {}}, "secrets": []}', '{"entries": 1, "secrets": 1}'],
)
def test_spoilt_memory_is_none(text):
    assert load(text) == Proven()
