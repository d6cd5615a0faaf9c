"""A tree of files is read and made anew, whatever is in it."""

from __future__ import annotations

import io
import json
import os
import pathlib
import shutil
import types

import pytest
from lamp_backup import BackupError, one, owner, store, trees


@pytest.fixture
def tree(tmp_path):
    """Return a directory with some of everything."""
    top = tmp_path / "tree"
    (top / "a/b").mkdir(parents=True)
    (top / "a/one").write_bytes(b"one")
    (top / "a/b/same").write_bytes(b"one")
    (top / os.fsdecode(b"\xff\nodd")).write_bytes(b"x" * 3_000_000)
    (top / "nothing").touch()
    (top / "link").symlink_to("/etc/shadow")
    os.mkfifo(top / "pipe")
    os.utime(top / "a/one", ns=(1, 981173106789000000))
    return top


def scanned(top, known=(), seen=None):
    """Return ``(entry, contents)`` by path."""
    out = io.BytesIO()
    trees.scan(out, str(top), known if known is None else set(known), seen or {})
    out.seek(0)
    return {
        entry["path"]: (entry, b"".join(chunks) if entry.get("new") else None)
        for entry, chunks in trees.entries(out)
    }


def test_scan(tree):
    found = scanned(tree)
    assert found["a/one"][1] == b"one"
    assert found["a/one"][0]["mtime"] == 981173106789000000
    assert found["link"][0]["target"] == "/etc/shadow"
    assert found["pipe"][0]["skipped"] == "is no file, directory or link"
    assert len(found[os.fsdecode(b"\xff\nodd")][1]) == 3_000_000
    assert set(found) == {
        "",
        "a",
        "a/b",
        "a/b/same",
        "a/one",
        "link",
        "nothing",
        "pipe",
        os.fsdecode(b"\xff\nodd"),
    }


def test_what_is_known_is_not_sent_and_what_is_unchanged_is_not_read(tree):
    first = scanned(tree)
    digest, mark = first["a/one"][0]["sha256"], first["a/one"][0]["mark"]
    assert scanned(tree, known=[digest])["a/b/same"][1] is None
    # What was seen is believed as long as inode, time of change and size are the same.
    believed = scanned(tree, known=["fake"], seen={"a/one": [*mark, "fake"]})
    assert believed["a/one"][0]["sha256"] == "fake"
    (tree / "a/one").write_bytes(b"two")
    assert scanned(tree, known=["fake"], seen={"a/one": [*mark, "fake"]})["a/one"][1] == b"two"
    # A content that no backup has any more is sent again.
    assert scanned(tree, seen={"a/one": [*mark, digest]})["a/one"][1] == b"two"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_only_regular_files_are_opened(tmp_path, make):
    make(str(tmp_path / "x"))
    with pytest.raises((BackupError, OSError)):
        owner.regular(str(tmp_path / "x"))


def test_keep_what_was_written_between(tree, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    for name, when in (("old", 1000), ("between", 2000), ("late", 3000)):
        (tree / "a" / name).touch()
        os.utime(tree / "a" / name, (when, when))
    late = max(os.stat(tree / "a" / name).st_ctime for name in ("old", "between", "late")) + 1
    assert trees.keep(str(tree), str(new), late, None) == 0
    assert trees.keep(str(tree), str(new), 1500, 2500) >= 1
    assert (new / "a/between").exists()
    assert not (new / "a/late").exists()


def test_cache_forgets_packs_that_are_gone_or_hardly_wanted(tmp_path):
    settings = types.SimpleNamespace(recipients=[])
    shelf = types.SimpleNamespace(directory=tmp_path, packs=lambda: ["full", "poor"])
    told = {
        "recipients": [],
        "contents": {"a": ["full", 0], "b": ["poor", 0], "c": ["gone", 0]},
        "seen": {"t": {"x": [1, 1, 60, "a"], "y": [2, 1, 10, "b"], "z": [3, 1, 10, "c"]}},
        "sizes": {"full": 100, "poor": 100, "gone": 10},
    }
    store.files.write_json(tmp_path / store.CACHE, told)
    assert store._cache(settings, shelf)["contents"] == {"a": ["full", 0]}
    settings.recipients = ["age1"]
    assert store._cache(settings, shelf)["contents"] == {}


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file", "a/one"),
        PermissionError(13, "Permission denied", "a/one"),
    ],
)
def test_keep_passes_over_what_it_cannot_copy(tree, tmp_path, monkeypatch, capsys, error):
    new, copy = tmp_path / "new", shutil.copy2
    (new / "a").mkdir(parents=True)
    (new / "a/one").write_text("of the backup")

    def copied(source, target, **how):
        if source.endswith("/one"):
            raise error
        return copy(source, target, **how)

    monkeypatch.setattr(shutil, "copy2", copied)
    assert trees.keep(str(tree), str(new), 0, None) == 4
    assert (new / "a/one").read_text() == "of the backup"
    assert sorted(path.name for path in (new / "a").iterdir()) == ["b", "one"]
    assert "Warning: a/one is not kept: " in capsys.readouterr().err


def exchange_that_fails(tmp_path, monkeypatch, loads):
    """Exchange a database whose new contents cannot be loaded,
    and its old ones only where ``loads``.
    """

    def load(_live, _database, source):
        if source.name == "new" or not loads:
            raise BackupError(f"{source.name} cannot be loaded.")

    settings = types.SimpleNamespace(workshop=tmp_path, socket="", files=[])
    monkeypatch.setattr(one.server, "Server", lambda *_arguments: None)
    monkeypatch.setattr(one.logs, "try_to_keep", lambda *_arguments: None)
    monkeypatch.setattr(one, "_there", lambda *_arguments: True)
    monkeypatch.setattr(one, "_dump", lambda _settings, _live, _database, path: path.touch())
    monkeypatch.setattr(one, "_load", load)
    shelf = types.SimpleNamespace(
        read=lambda place, name: json.loads(pathlib.Path(place, name).read_text())
    )
    with pytest.raises(BackupError) as caught:
        one.exchange(settings, shelf, "shop", pathlib.Path("new"), {})
    return str(caught.value)


def test_exchange_that_fails_says_whether_the_database_is_as_it_was(tmp_path, monkeypatch):
    assert (
        exchange_that_fails(tmp_path, monkeypatch, loads=True)
        == "shop and its files are as they were. new cannot be loaded."
    )
    said = exchange_that_fails(tmp_path, monkeypatch, loads=False)
    assert (
        said.startswith("shop is not as it was, which is in ") and "shop and its files" not in said
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_what_is_roots_keeps_its_groups_and_nothing_of_others_is_taken(tree, tmp_path):
    os.chown(tree / "a/one", 0, 1)
    (tree / "a/one").chmod(0o640)
    os.chown(tree / "nothing", 65534, 0)
    found = scanned(tree)
    assert found["nothing"][0]["skipped"] == "is not root's"
    assert found["a/one"][0]["group"] == "daemon"
    (tmp_path / "new").mkdir()
    rows = [found[path][0] for path in ("", "a")]
    one_file = {"kind": "file", "size": 3, "files": [found["a/one"][0]]}
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in (*rows, one_file))
    trees.fill(io.BytesIO(lines + b"one"), str(tmp_path / "new"))
    made = (tmp_path / "new/a/one").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (0, 1, 0o640)
