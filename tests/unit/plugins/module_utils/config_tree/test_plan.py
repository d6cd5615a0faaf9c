# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What config_tree finds to differ, on real directories."""

from __future__ import annotations

import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    TreeError,
    expand,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import Planner

ME = {"owner": os.getuid(), "group": os.getgid()}


def plan(check=False, **args):
    tree = expand({"name": "t", **args})
    for entry in tree["files"]:
        entry["content"] = entry["value"].encode()
    return Planner(check).plan(tree)


def file(path, content="x", **entry):
    return {"dest": str(path), "content": content, **ME, **entry}


def write(path, content="x", mode=0o644):
    path.write_text(content)
    path.chmod(mode)


def paths(changes, base):
    return [os.path.relpath(change.path, base) for change in changes]


def test_nothing_to_do(tmp_path):
    write(tmp_path / "f")
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("nowhere")
    assert (
        plan(
            files=[file(tmp_path / "f")],
            directories=[{"path": str(tmp_path / "d"), "purge": True}],
            links=[{"dest": str(tmp_path / "l"), "target": "nowhere"}],
            absent=[str(tmp_path / "gone"), str(tmp_path / "f2" / "x")],
        )
        == []
    )


@pytest.mark.parametrize(
    "entry",
    [{"content": "y"}, {"mode": "0600"}, {"mode": "1777"}, {"owner": "12345"}, {"group": 12345}],
)
def test_every_property_of_a_file_counts(tmp_path, entry):
    write(tmp_path / "f")
    assert paths(plan(files=[file(tmp_path / "f", **entry)]), tmp_path) == ["f"]


@pytest.mark.parametrize("entry", [{"mode": "0700"}, {"owner": "12345"}, {"group": 12345}])
def test_every_property_of_a_directory_counts_only_if_stated(tmp_path, entry):
    (tmp_path / "d").mkdir(0o755)
    assert plan(directories=[{"path": str(tmp_path / "d")}]) == []
    assert paths(plan(directories=[{"path": str(tmp_path / "d"), **entry}]), tmp_path) == ["d"]


def test_links_are_compared_by_target_and_files_replace_links(tmp_path):
    write(tmp_path / "target")
    (tmp_path / "l").symlink_to("target")
    assert plan(links=[{"dest": str(tmp_path / "l"), "target": "other"}])
    (change,) = plan(files=[file(tmp_path / "l")])
    assert (change.before.kind, change.after.kind) == ("link", "file")


def test_order_is_parents_first_and_removals_last_children_first(tmp_path):
    (tmp_path / "old/deep").mkdir(parents=True)
    write(tmp_path / "old/deep/x")
    changes = plan(
        files=[file(tmp_path / "n/m/f")],
        directories=[{"path": str(tmp_path / "n/m"), **ME}, {"path": str(tmp_path / "n"), **ME}],
        absent=[str(tmp_path / "old")],
    )
    assert paths(changes, tmp_path) == ["n", "n/m", "n/m/f", "old/deep/x", "old/deep", "old"]


def test_purge_removes_what_is_not_declared_and_not_kept(tmp_path):
    for name in ("a.conf", "b.conf", "c.local", ".lamp-config-tree.other.1"):
        write(tmp_path / name)
    for name in ("sub", "stray"):
        (tmp_path / name).mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "stray" / "link").symlink_to("/etc")
    write(tmp_path / "sub/unrelated")
    changes = plan(
        files=[file(tmp_path / "a.conf"), file(tmp_path / "sub" / "f")],
        directories=[{"path": str(tmp_path), "purge": True, "keep": ["*.local"]}],
        absent=[str(tmp_path / "b.conf")],
    )
    assert paths(changes, tmp_path) == ["sub/f", "b.conf", "dangling", "stray/link", "stray"]


def test_purge_sees_through_a_linked_directory(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "real" / "f")
    assert (
        plan(
            files=[file(tmp_path / "real/f")],
            directories=[{"path": str(tmp_path / "link"), "purge": True}],
        )
        == []
    )


def refusal(**args):
    with pytest.raises(TreeError) as error:
        plan(**args)
    return str(error.value)


def test_the_same_place_by_two_names_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert "is the same place as" in refusal(
        files=[file(tmp_path / "real/f"), file(tmp_path / "link/f")]
    )


def test_wrong_kinds_are_refused(tmp_path):
    write(tmp_path / "f")
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "p")
    (tmp_path / "l").symlink_to("nowhere")
    assert "must be a file, but a directory is there" in refusal(files=[file(tmp_path / "d")])
    assert "must be a file, but a device, socket or pipe is there" in refusal(
        files=[file(tmp_path / "p")]
    )
    assert "must be a link, but a directory is there" in refusal(
        links=[{"dest": str(tmp_path / "d"), "target": "x"}]
    )
    assert "must be a directory, but a file is there" in refusal(
        directories=[{"path": str(tmp_path / "f")}]
    )
    assert "is a link that leads nowhere" in refusal(directories=[{"path": str(tmp_path / "l")}])


def test_a_missing_parent_is_refused_but_forgiven_in_check_mode(tmp_path):
    path = tmp_path / "no" / "f"
    assert "declare it under 'directories'" in refusal(files=[file(path)])
    assert paths(plan(check=True, files=[file(path)]), tmp_path) == ["no/f"]


@pytest.mark.parametrize("check", [False, True])
def test_a_path_below_a_file_is_refused_always(tmp_path, check):
    write(tmp_path / "f")
    for path in (tmp_path / "f" / "x", tmp_path / "f" / "x" / "y"):
        assert "is not a directory" in refusal(check=check, files=[file(path)])


def test_an_unknown_account_is_refused_but_forgiven_in_check_mode(tmp_path):
    write(tmp_path / "f")
    assert "there is no user 'nobody-such'" in refusal(
        files=[file(tmp_path / "f", owner="nobody-such")]
    )
    assert "there is no group 'nobody-such'" in refusal(
        files=[file(tmp_path / "f", group="nobody-such")]
    )
    (change,) = plan(check=True, files=[file(tmp_path / "f", owner="nobody-such")])
    assert change.after.uid is None
