"""What root copies of a tree that somebody else made, and what it refuses."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import tree as common_tree

ME = frozenset({os.geteuid()})


@pytest.fixture
def tree(tmp_path):
    (found := tmp_path / "tree").mkdir()
    return found


def copy(tree, owners=ME):
    common_tree.copy(str(tree), str(tree.with_name("copy")), owners)
    return tree.with_name("copy")


def test_copy_has_files_directories_and_links_of_its_own(tree):
    (tree / "deep").mkdir(mode=0o700)
    (tree / "deep/file").write_text("content")
    (tree / "deep/file").chmod(0o6600)
    os.utime(tree / "deep/file", ns=(1, 1234567890123456789))
    (tree / "program").write_text("x")
    (tree / "program").chmod(0o4711)
    (tree / "empty").touch()
    (tree / "link").symlink_to("/etc/shadow")
    (tree / "folder").symlink_to("deep")
    found = copy(tree)
    assert sorted(path.relative_to(found).as_posix() for path in found.rglob("*")) == [
        "deep",
        "deep/file",
        "empty",
        "folder",
        "link",
        "program",
    ]
    assert (found / "deep/file").read_text() == "content"
    assert os.stat(found / "deep/file").st_mtime_ns == 1234567890123456789
    assert [os.readlink(found / name) for name in ("link", "folder")] == ["/etc/shadow", "deep"]
    modes = {
        name: stat.S_IMODE(os.stat(found / name).st_mode)
        for name in ("", "deep", "deep/file", "program")
    }
    assert modes == {"": 0o755, "deep": 0o755, "deep/file": 0o644, "program": 0o755}


def test_copy_is_out_of_reach_for_who_has_the_original_open(tree):
    (tree / "file").write_text("good")
    with open(tree / "file", "w", encoding="utf-8") as held:
        held.write("good")
        held.flush()
        found = copy(tree)
        held.write(" evil")
    assert (found / "file").read_text() == "good"


def listen(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [os.mkfifo, listen], ids=["FIFO", "socket"])
def test_what_is_no_file_is_refused(tree, make, monkeypatch):
    monkeypatch.chdir(tree)  # a socket's path has to be short
    make("odd")
    with pytest.raises(
        common_tree.RefusedError, match="tree/odd is neither file, directory nor link"
    ):
        copy(tree)


def test_file_of_another_user_is_refused(tree):
    (tree / "deep").mkdir()
    (tree / "deep/secret").write_text("x")
    with pytest.raises(common_tree.RefusedError, match="tree/deep/secret is a file of the user "):
        copy(tree, {12345})


def test_hard_link_to_a_file_of_another_user_is_refused(tree, tmp_path):
    if os.geteuid():
        pytest.skip("only root can make one of another user's")
    (tmp_path / "secret").write_text("x")
    os.link(tmp_path / "secret", tree / "mine")
    os.chown(tree, 12345, 12345)
    with pytest.raises(common_tree.RefusedError, match="tree/mine is a file of the user root"):
        copy(tree, {12345})


def test_directories_in_each_other_have_an_end(tree):
    os.makedirs(f"{tree}/{'d/' * 200}")
    with pytest.raises(common_tree.RefusedError, match="tree/d/d/d/d/… has more than 100"):
        copy(tree)


def test_file_that_grows_is_copied_as_long_as_it_was(tree, monkeypatch):
    (tree / "log").write_text("12345")
    sendfile = os.sendfile

    def grow(*words):
        with open(tree / "log", "a", encoding="utf-8") as file:
            file.write("x" * 1000)
        return sendfile(*words)

    monkeypatch.setattr(os, "sendfile", grow)
    assert (copy(tree) / "log").read_text() == "12345"


def test_directory_is_made_below_ones_own(tree):
    common_tree.make(str(tree), "public/static")
    common_tree.make(str(tree), "public/static")
    assert (tree / "public/static").is_dir()


def test_only_the_owners_files_are_given(tree):
    if os.geteuid():
        pytest.skip("only root can give")
    (tree / "deep").mkdir()
    for name, owner in (("deep/file", 12345), ("deep/alien", 0)):
        (tree / name).write_text("x")
        os.chown(tree / name, owner, owner)
    (tree / "link").symlink_to("/etc/passwd")
    os.lchown(tree / "link", 12345, 12345)
    common_tree.give(str(tree), 54321, 54321, {12345})
    owners = {
        name: os.lstat(tree / name).st_uid
        for name in ("", "deep", "deep/file", "deep/alien", "link")
    }
    assert owners == {"": 54321, "deep": 54321, "deep/file": 54321, "deep/alien": 0, "link": 54321}
    assert os.stat("/etc/passwd").st_uid == 0


@pytest.mark.parametrize(
    ("links", "out"),
    [
        ({"static/x": "../src/x"}, []),
        ({"static/x": "gone"}, []),
        ({"static/x": "/srv/a/releases/1/src/x"}, []),
        ({"static/x": "/srv/a/releases/12/src/x"}, ["static/x"]),
        ({"static/x": "/etc/shadow"}, ["static/x"]),
        ({"static/x": "../../x"}, ["static/x"]),
        ({"static/x": "../src/here/../../y", "src/here": "../static/deep/er"}, []),
        ({"static/x": "deep/up/../../y", "static/deep/up": "../.."}, ["static/x"]),
        ({"static/x": "y", "static/y": "x"}, ["static/x", "static/y"]),
        ({"static/x": "../src/y", "src/y": "/srv/b"}, ["static/x"]),
        ({"src/x": "/etc/shadow"}, []),
    ],
)
def test_links_that_lead_out(tree, links, out):
    for name in ("static/deep/er", "src"):
        (tree / name).mkdir(parents=True)
    for name, end in links.items():
        (tree / name).symlink_to(end)
    assert common_tree.links_out(str(tree), "static", "/srv/a/releases/1") == out
