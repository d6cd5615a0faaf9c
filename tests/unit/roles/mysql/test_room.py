"""When a member leaves the cluster as its disk is full, and that it ends then."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import members
import pytest
import room

ALL = ["db1", "db2", "db3"]
SYNCED = {"running": True, "synced": True, "view": ALL, "writer": "db2"}
MIB = 1 << 20


def answers(**others):
    return dict.fromkeys(ALL, SYNCED) | others


@pytest.mark.parametrize(
    ("me", "found", "place"),
    [
        # The one that writes goes first, and then one after the other.
        ("db2", answers(), 0),
        ("db1", answers(), 1),
        ("db3", answers(), 2),
        # What it says itself, or does not, makes no difference.
        ("db2", answers(db2=None), 0),
        ("db2", answers(db2={**SYNCED, "synced": False}), 0),
        # Where another one is away, it is needed.
        ("db2", answers(db3=None), None),
        ("db2", answers(db3={**SYNCED, "synced": False}), None),
        ("db2", answers(db1={**SYNCED, "view": ["db1", "db2"]}), None),
    ],
)
def test_who_leaves_first(me, found, place):
    assert room.turn(me, found) == place


@pytest.fixture
def server():
    """Return a process that ends when it is told to."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Return the settings of a member that writes."""
    monkeypatch.setattr(members, "ask_all", lambda _known: answers())
    return {
        "me": "db2",
        "members": dict.fromkeys(ALL, "127.0.0.1"),
        "port": 9,
        "datadir": str(tmp_path),
    }


def watched(server, known, monkeypatch, *left):
    """Watch a server for a hundred looks; return how it ended, None if it did not."""
    said = [one * MIB for one in left]
    monkeypatch.setattr(room, "left", lambda _path: said.pop(0) if len(said) > 1 else said[0])
    looks = iter(range(100))
    monkeypatch.setattr(room, "_EVERY", 0.01)
    room.watch(server.pid, known, lambda: server.poll() is None and next(looks, None) is not None)
    try:
        return server.wait(0.5)
    except subprocess.TimeoutExpired:
        return None


def test_with_room_the_server_goes_on(server, known, monkeypatch):
    assert watched(server, known, monkeypatch, 33) is None


def test_a_writer_hands_over_before_it_ends(server, known, monkeypatch):
    named = []
    monkeypatch.setattr(
        members, "name_heir", lambda name, _seconds: named.append((name, server.poll()))
    )
    monkeypatch.setattr(members, "ask", lambda *_place: {"writer": named[0][0]})
    assert watched(server, known, monkeypatch, 33, 31) == -signal.SIGTERM
    assert named == [("db1", None)]


@pytest.mark.parametrize("left", [(0,), (33, 31, 31, 0)])
def test_one_that_can_write_nothing_is_killed(server, known, monkeypatch, left):
    # It would wait for room before it ends, and hands over nothing.
    monkeypatch.setattr(room.signal, "SIGTERM", signal.SIGURG)
    monkeypatch.setattr(members, "name_heir", lambda *_order: None)
    monkeypatch.setattr(members, "ask", lambda *_place: {"writer": "db2"})
    began = time.monotonic()
    assert watched(server, known, monkeypatch, *left) == -signal.SIGKILL
    assert time.monotonic() - began < 1


def test_a_server_goes_on_where_others_are_missing(server, known, monkeypatch, capsys):
    monkeypatch.setattr(members, "ask_all", lambda _known: answers(db1=None))
    assert watched(server, known, monkeypatch, 0) is None
    assert "The server goes on, as other members are missing: make room." in capsys.readouterr().err


def test_one_waits_for_its_turn(server, known, monkeypatch):
    assert watched(server, {**known, "me": "db3"}, monkeypatch, 0) is None
    monkeypatch.setattr(room, "_APART", 0)
    assert watched(server, {**known, "me": "db3"}, monkeypatch, 0) == -signal.SIGTERM


ALONE = {"running": True, "status": "non-Primary", "view": ["db2"], "data": "cluster", "seqno": 5}
STOPPED = {"data": "cluster", "seqno": 4}


@pytest.fixture
def told(known, monkeypatch, tmp_path):
    """Return what the agents of members say, which are asked at once."""
    told = {"db1": STOPPED, "db2": ALONE, "db3": STOPPED}
    monkeypatch.setattr(members, "SETTINGS", str(tmp_path / "settings.json"))
    (tmp_path / "settings.json").write_text(json.dumps(known))
    monkeypatch.setattr(members, "ask", lambda *_place, timeout: told["db2"])
    monkeypatch.setattr(members, "ask_all", lambda _known: told)
    monkeypatch.setattr(room, "_ASKING", 0)
    monkeypatch.setattr(room, "_IN_VAIN", 0.1)
    return told


def test_one_without_a_majority_ends_where_all_others_are_stopped(
    server, known, monkeypatch, told, capsys
):
    assert watched(server, known, monkeypatch, 33) == -signal.SIGTERM
    said = capsys.readouterr().err
    assert "ends, to start again: db2 runs and has no majority, and db1 and db3 are" in said


def test_one_that_the_engine_has_given_up_joins_the_others_again(
    server, known, monkeypatch, told, capsys
):
    there = {**ALONE, "status": "Primary", "view": ["db1", "db3"]}
    told.update(db1=there, db3=there)
    assert watched(server, known, monkeypatch, 33) == -signal.SIGTERM
    assert "ends, to start again: db1 and db3 are the cluster." in capsys.readouterr().err


@pytest.mark.parametrize(
    "others",
    [
        # One may be in a majority that this one does not see, or have other data.
        {"db1": None},
        {
            "db1": {**ALONE, "status": "Primary", "uuid": "another"},
            "db3": {**ALONE, "status": "Primary"},
        },
        # They may find together, and nobody is stopped.
        {"db1": ALONE, "db3": ALONE},
        {"db2": {**ALONE, "status": "Primary"}},
        {"db2": None},
    ],
)
def test_one_without_a_majority_goes_on_as_long_as_it_may_get_one(
    server, known, monkeypatch, told, others
):
    told.update(others)
    assert watched(server, known, monkeypatch, 33) is None


def test_one_that_gets_a_majority_while_the_others_are_asked_goes_on(
    server, known, monkeypatch, told
):
    primary = {**ALONE, "status": "Primary"}
    monkeypatch.setattr(members, "ask_all", lambda _known: dict.fromkeys(told, primary))
    assert watched(server, known, monkeypatch, 33) is None


@pytest.mark.parametrize(("status", "ended"), [("non-Primary", -signal.SIGKILL), ("Primary", None)])
def test_one_without_a_majority_that_does_not_end_is_killed(
    server, known, monkeypatch, told, status, ended
):
    told["db2"] = {**ALONE, "status": status}
    monkeypatch.setattr(room, "_IN_VAIN", 60)
    monkeypatch.setattr(room, "_ENDING", 0.1)
    monkeypatch.setattr(room, "left", lambda _path: room.LEAST)
    monkeypatch.setattr(room, "_EVERY", 0.01)
    looks, since = iter(range(100)), []

    def ends():
        # The first looks are before it is told to end.
        since.append(time.monotonic())
        return since[10] if len(since) > 10 else 0.0

    room.watch(
        server.pid, known, lambda: server.poll() is None and next(looks, None) is not None, ends
    )
    assert (server.wait(0.5) if ended else server.poll()) == ended


def test_one_is_without_a_majority_for_a_while(server, known, monkeypatch, told):
    monkeypatch.setattr(room, "_IN_VAIN", 60)
    assert watched(server, known, monkeypatch, 33) is None


def test_a_server_goes_on_while_nobody_says_who_the_members_are(
    server, known, monkeypatch, told, tmp_path
):
    (tmp_path / "settings.json").write_text("{")
    assert watched(server, known, monkeypatch, 33) is None


BECOMES_ONE = """
import json, os, sys
import members, room
members.ask_all, room.left = lambda _known: json.loads(sys.argv[1]), lambda _path: 0
room.guard({"me": "db2", "datadir": "/"})
os.execvp("sleep", ["sleep", "600"])
"""


def test_what_becomes_the_server_is_watched():
    words = [sys.executable, "-c", BECOMES_ONE, json.dumps(answers(db2=None))]
    done = subprocess.run(
        words,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert -done.returncode in (signal.SIGTERM, signal.SIGKILL), done.stderr
    assert "The server leaves the cluster until there are 64: make room." in done.stderr


def test_a_start_waits_for_room(known, monkeypatch, capsys):
    noted, said = [], [0, 63 * MIB, 64 * MIB]
    monkeypatch.setattr(members, "note", noted.append)
    monkeypatch.setattr(room, "left", lambda _path: said.pop(0))
    monkeypatch.setattr(room.time, "sleep", lambda _seconds: None)
    room.wait(known)
    assert (said, len(noted)) == ([], 1)
    assert (
        f"Waits: 0 MiB are left for {known['datadir']}, and a server needs 64: make room."
        in capsys.readouterr().err
    )


def test_room_is_what_the_server_can_use(tmp_path):
    assert room.left(str(tmp_path)) > 0
