# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root follows what root put there, and nothing else: on real
directories, one of which is another user's.
"""

from __future__ import annotations

import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    TreeError,
    expand,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import Planner, look
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import Transaction
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.units import sizes, written

OTHER = 65534
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can give a directory to another user"
)


@pytest.fixture
def home(tmp_path):
    """Make another user's directory, a directory of root's that it must not lead to,
    and a link of root's to the former.
    """
    home, victim = tmp_path / "home", tmp_path / "victim"
    home.mkdir()
    os.chown(home, OTHER, OTHER)
    victim.mkdir()
    (victim / "file").write_text("root's")
    (tmp_path / "link").symlink_to("home")
    return home


@pytest.fixture
def victim(home, tmp_path):
    return tmp_path / "victim"


def make(top, files=(), absent=(), kill=None):
    """Make a tree below ``top``, as the module's core does; ``kill`` is called before each step."""
    given = [{"dest": f"{top}/{path}", "content": content} for path, content in dict(files).items()]
    tree = expand({"name": "t", "files": given, "absent": [f"{top}/{path}" for path in absent]})
    for entry in tree["files"]:
        entry["content"] = entry["value"].encode()
    transaction = Transaction(str(top.parent / "journal/t"), kill or (lambda: None))
    transaction.lock()
    transaction.heal()
    transaction.apply(Planner().plan(tree))


def link(home, target):
    (home / "sub").symlink_to(target)
    os.lchown(home / "sub", OTHER, OTHER)


@pytest.mark.parametrize(
    "change",
    [{"files": {"sub/file": "ours"}}, {"files": {"sub/new": "ours"}}, {"absent": ["sub/file"]}],
)
def test_link_of_another_user_is_refused(home, victim, change):
    link(home, victim)
    with pytest.raises(
        (TreeError, OSError), match=r"home/sub.* nobody can change, and root does not follow it"
    ):
        make(home, **change)
    assert os.listdir(victim) == ["file"]
    assert (victim / "file").read_text() == "root's"


def test_link_of_roots_is_followed(home, tmp_path):
    make(tmp_path / "link", {"file": "ours"})
    assert (home / "file").read_text() == "ours"


@pytest.mark.parametrize(
    ("mode", "followed"), [(0o755, True), (0o775, False), (0o777, False), (0o1777, True)]
)
def test_who_can_change_the_directory_decides(tmp_path, mode, followed):
    (tmp_path / "place").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "place/link").symlink_to("../real")
    (tmp_path / "place").chmod(mode)
    if followed:
        assert safe_paths.names(str(tmp_path / "place/link")) == []
    else:
        with pytest.raises(safe_paths.UnsafePathError, match="a group or everybody can change"):
            safe_paths.names(str(tmp_path / "place/link"))


def test_link_of_another_in_a_sticky_directory_is_refused(tmp_path):
    (tmp_path / "place").mkdir()
    (tmp_path / "place").chmod(0o1777)
    (tmp_path / "place/link").symlink_to("..")
    os.lchown(tmp_path / "place/link", OTHER, OTHER)
    with pytest.raises(safe_paths.UnsafePathError):
        safe_paths.names(str(tmp_path / "place/link"))


def test_links_in_a_circle_end(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        safe_paths.names(str(tmp_path / "a"))


def test_second_name_of_a_file_of_roots_is_not_read(home, victim):
    os.link(victim / "file", home / "file")
    with pytest.raises(TreeError, match="another name"):
        make(home, {"file": "ours"})
    assert (victim / "file").read_text() == "root's"


def test_pipe_makes_nobody_wait(home):
    os.mkfifo(home / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        safe_paths.read(str(home / "pipe"))
    assert look(str(home / "pipe")).kind == "other"
    assert written(sizes([str(home / "pipe")])) == ""


def test_log_is_read_but_not_what_it_leads_to(home, victim):
    (home / "log").write_text("")
    ends = sizes([str(home / "log")])
    (home / "log").write_text("said")
    assert written(ends) == "said"
    (home / "log").unlink()
    (home / "log").symlink_to(victim / "file")
    assert written(ends) == ""


def test_exchanged_hidden_directory_leads_root_nowhere(home, victim):
    """At each step of a run that is killed there, its directory is exchanged by a link;
    then the next run clears up.
    """
    for step in range(1, 40):
        steps = iter(range(1, 100))

        def kill(steps=steps, step=step):
            if next(steps) == step:
                raise KeyboardInterrupt

        (home / "file").write_text("old")
        child = os.fork()
        if not child:
            try:
                Transaction._undo = Transaction._finish = lambda *_all: os._exit(9)
                make(home, {"file": "ours", "more": "ours"}, kill=kill)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        for hidden in [path for path in home.iterdir() if path.name.startswith(".lamp")]:
            hidden.rename(home / f"taken{step}")
            hidden.symlink_to(victim)
            os.lchown(hidden, OTHER, OTHER)
        transaction = Transaction(str(home.parent / "journal/t"))
        transaction.lock()
        try:
            transaction.heal()
        except TreeError as error:
            assert "The journal" in str(error)
        assert os.listdir(victim) == ["file"]
        os.close(transaction._lock)
        for left in [path for path in home.iterdir() if path.name.startswith(".lamp")]:
            left.unlink()
        transaction.heal()
