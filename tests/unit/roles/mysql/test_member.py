"""What a member says of its directory of data, and when it takes the writer's part."""

from __future__ import annotations

import json

import cluster
import members
import pytest
import start
from writer import claims

ONE = "11111111-aaaa-11e1-8000-000000000001"
STATE = (
    f"# GALERA saved state\nversion: 2.1\nuuid:    {ONE}\nseqno:   {{}}\nsafe_to_bootstrap: {{}}\n"
)


@pytest.mark.parametrize(
    ("there", "state", "silent", "without", "taken"),
    [
        (True, "4", 0, 0, False),
        (True, "4", 5, 0, False),
        (True, "4", 6, 0, True),
        (False, "4", 0, 0, True),
        # One that gives its data to another waits for one that does not; one that gets them writes
        # nothing.
        (False, "2", 0, 1, False),
        (False, "2", 0, 4, True),
        (True, "2", 9, 0, False),
        (False, "1", 9, 9, False),
        (False, "3", 9, 9, False),
    ],
)
def test_who_takes_the_writers_part(there, state, silent, without, taken):
    assert claims(there, state, silent, without) is taken


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a directory of data of a server that never ran in a cluster."""
    monkeypatch.setattr(members, "RECORDED", str(tmp_path / "recorded.json"))
    monkeypatch.setattr(members, "NOTES", str(tmp_path / "notes.json"))
    found = tmp_path / "data"
    for name in ("mysql", "performance_schema", "sys", "#innodb_temp", ".sst"):
        (found / name).mkdir(parents=True)
    return found


def test_a_server_without_databases_is_fresh(place):
    assert members.on_disk(str(place))["data"] == cluster.FRESH
    (place / "foobar_lamp").mkdir()
    assert members.on_disk(str(place))["data"] == cluster.FRESH


def test_a_server_with_databases_has_data_of_its_own(place, tmp_path):
    (place / "shop").mkdir()
    assert members.on_disk(str(place))["data"] == cluster.OWN
    # Of one that was a member, they are what is left of a copy.
    (tmp_path / "recorded.json").write_text(json.dumps(["db1", "db2", "db3"]))
    assert members.on_disk(str(place))["data"] == cluster.PARTIAL


def test_a_member_says_how_far_it_is(place):
    (place / "shop").mkdir()
    (place / "grastate.dat").write_text(STATE.format(42, 1))
    found = members.on_disk(str(place))
    assert [found[name] for name in ("data", "uuid", "seqno", "safe")] == [
        cluster.CLUSTER,
        ONE,
        42,
        True,
    ]
    # One that crashed does not know; what was recovered says it, if it is of the same history.
    (place / "grastate.dat").write_text(STATE.format(-1, 0))
    assert members.on_disk(str(place))["seqno"] == -1
    assert members.on_disk(str(place), f"--wsrep_start_position={ONE}:41,0-1-5")["seqno"] == 41
    assert members.on_disk(str(place), f"--wsrep_start_position={ONE[::-1]}:41")["seqno"] == -1
    (place / "grastate.dat").write_text(STATE.replace(ONE, cluster.NOBODY).format(-1, 0))
    assert members.on_disk(str(place))["data"] == cluster.PARTIAL


def test_notes_are_kept_for_the_agent(place):
    assert members.noted() is None
    members.note(members.on_disk(str(place)))
    assert members.noted() == members.on_disk(str(place))


def test_what_was_so_before_a_start_is_no_answer_of_a_server_that_hangs(place, monkeypatch):
    known = {"me": "db1", "members": {"db1": "127.0.0.1"}, "port": 9}
    monkeypatch.setattr(members, "settings", lambda: known)
    monkeypatch.setattr(members, "ask", lambda *_place: {"running": True, "synced": True})
    members.note(members.on_disk(str(place)))
    start.started()
    assert members.noted() is None
    # A second time there is nothing to forget.
    start.started()


def test_who_says_nothing_is_none():
    assert members.ask("127.0.0.1", 9, timeout=0.2) is None
