# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A seal holds as long as nobody touched the tree, and not a moment longer: on real directories."""

from __future__ import annotations

import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import seal
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import expand
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import Planner
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import Transaction

ME = {"owner": os.getuid(), "group": os.getgid()}
APACHE = {"Id": "apache2.service", "ActiveState": "active"}


@pytest.fixture
def etc(tmp_path):
    top = tmp_path / "etc"
    (top / "sites").mkdir(parents=True)
    (top / "other").mkdir()
    (top / "real").mkdir()
    (top / "linked").symlink_to("real")
    (top / "chained").symlink_to("by")
    (top / "by").symlink_to("purged")
    (top / "purged").mkdir()
    return top


@pytest.fixture
def tree(etc):
    others = ("other", "linked", "chained")
    tree = expand(
        {
            "name": "test",
            "service": "apache2",
            "files": [
                {"dest": f"{etc}/sites/one", "content": "one", **ME},
                {"dest": f"{etc}/linked/two", "content": "two", **ME},
            ],
            "links": [{"dest": f"{etc}/link", "target": "sites/one"}],
            "directories": [
                {"path": f"{etc}/sites", "purge": True},
                {"path": f"{etc}/purged", "purge": True},
                *({"path": f"{etc}/{name}"} for name in others),
            ],
            "absent": [f"{etc}/gone"],
        }
    )
    for entry in tree["files"]:
        entry["content"] = entry.pop("value").encode()
    return tree


@pytest.fixture
def holding(tree, tmp_path, monkeypatch):
    """Make and seal the tree; return what asks whether its seal holds."""
    monkeypatch.setattr(seal, "JOURNALS", str(tmp_path / "journals"))
    transaction = Transaction(str(tmp_path / "journals/test"))
    transaction.lock()
    transaction.apply(Planner().plan(tree))
    seal.keep(transaction, "salt$hash", seal.look(tree))
    read = {"apache2": {**APACHE, "StateChangeTimestampMonotonic": str(2**62)}}
    return lambda units=read: seal.holding(units) == {"test": "salt$hash"}


def replace(path, content):
    """Overwrite a file by as many bytes, with the old time of its contents;
    not within one tick of the kernel's clock.
    """
    before = os.stat(path)
    while os.stat(path).st_ctime_ns == before.st_ctime_ns:
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_untouched_tree_holds(holding):
    assert holding()
    assert holding()


def test_what_is_nobodys_concern_breaks_nothing(holding, etc):
    (etc / "other/file").write_text("in a directory that is not purged")
    (etc / "beside").write_text("")
    assert holding()


@pytest.mark.parametrize(
    "touch",
    [
        lambda etc: replace(etc / "sites/one", "ONE"),
        lambda etc: (etc / "sites/one").chmod(0o600),
        lambda etc: (etc / "sites/one").unlink(),
        lambda etc: (etc / "sites/stray").write_text(""),
        lambda etc: (etc / "sites").chmod(0o700),
        lambda etc: (etc / "other").chmod(0o700),
        lambda etc: (etc / "other").rmdir(),
        lambda etc: (etc / "gone").mkdir(),
        lambda etc: ((etc / "link").unlink(), (etc / "link").symlink_to("sites/two")),
        lambda etc: ((etc / "linked").unlink(), (etc / "linked").symlink_to("other")),
        lambda etc: (etc / "real").chmod(0o700),
        lambda etc: ((etc / "by").unlink(), (etc / "by").symlink_to("other")),
        lambda etc: (etc / "chained/stray").write_text(""),
    ],
    ids=[
        "content",
        "mode",
        "removed",
        "stray",
        "purged directory",
        "directory",
        "no directory",
        "absent",
        "link",
        "linked",
        "behind link",
        "chain",
        "purged by another name",
    ],
)
def test_touched_tree_does_not_hold(holding, etc, touch):
    touch(etc)
    assert not holding()


def test_renumbered_account_does_not_hold(holding, monkeypatch):
    monkeypatch.setattr(seal, "_number", lambda _database, _name: 4711)
    assert not holding()


@pytest.mark.parametrize("phase", ["staging", "swapping", "done"])
def test_unfinished_run_does_not_hold(holding, tmp_path, phase):
    (tmp_path / "journals/test" / phase).write_text("{}")
    assert not holding()


def test_unit_that_has_not_read_the_tree_does_not_hold(holding):
    assert not holding({"apache2": {**APACHE, "StateChangeTimestampMonotonic": "1"}})


def test_unit_that_systemd_does_not_list_does_not_hold(holding):
    assert not holding({})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seal": "salt$hash"}'])
def test_spoilt_seal_does_not_hold(holding, tmp_path, text):
    (tmp_path / "journals/test/seal").write_text(text)
    assert not holding()


def sent(tree, **changed):
    """Return a tree as the action plugin digests it."""
    files = [{**entry, "content": entry["content"].decode()} for entry in tree["files"]]
    return {**tree, "files": files, **changed}


def test_digest_is_of_all_that_is_wanted_and_of_nothing_else(tree):
    once = seal.digest(sent(tree), {"name": "test"})
    assert seal.digest(sent(tree), {"name": "test"}, once) == once
    assert seal.digest(sent(tree), {"name": "test"}) != once, "the same salt twice"
    turned = sent(
        tree, files=[{**entry, "where": "elsewhere"} for entry in reversed(sent(tree)["files"])]
    )
    assert seal.digest(turned, {"name": "test"}, once) == once
    assert seal.digest(sent(tree, absent=[]), {"name": "test"}, once) != once
    assert seal.digest(sent(tree), {"name": "test", "service": "ssh"}, once) != once


@pytest.mark.parametrize("like", ["$", "é$", "nothing"])
def test_digest_like_a_spoilt_one_is_none(tree, like):
    assert seal.digest(sent(tree), {}, like) != like


def test_units_that_read_trees_are_known(holding):
    assert seal.stamped() == {"apache2"}


@pytest.mark.parametrize(
    ("more", "slow"),
    [({}, False), ({"secret": True}, True), ({"mode": "0640"}, True), ({"mode": "0444"}, False)],
)
def test_digest_is_slow_to_guess_by_where_not_everyone_may_read(more, slow, monkeypatch):
    asked = []
    scrypt = seal.hashlib.scrypt
    monkeypatch.setattr(
        seal.hashlib,
        "scrypt",
        lambda *args, **options: asked.append(args) or scrypt(*args, **options),
    )
    tree = expand({"name": "test", "files": [{"dest": "/etc/one", "content": "one", **more}]})
    assert seal.digest(tree, {}).count("$") == 1
    assert bool(asked) == slow
