"""Which member of a cluster takes the backup for all, and how the others do not wait for it."""

from __future__ import annotations

import http.server
import json
import threading
import types

import pytest
from lamp_backup import BackupError, members, restore


def says(writer="db1", state="Synced", status="Primary", running=True):
    return {"running": running, "status": status, "state": state, "writer": writer}


@pytest.mark.parametrize(
    ("said", "maker"),
    [
        ({"db1": says(), "db2": says(), "db3": says()}, "db2"),
        ({"db3": says("db2"), "db2": says("db2"), "db1": says("db2")}, "db1"),
        # While it is at it, the others still know that it is.
        ({"db1": says(), "db2": says(state="Donor/Desynced"), "db3": says()}, "db2"),
        (
            {"db1": says(), "db2": says(state="Joining: receiving State Transfer"), "db3": says()},
            "db3",
        ),
        ({"db1": says(), "db2": None, "db3": says(status="non-Primary")}, "db1"),
        ({"db1": says(), "db2": says(running=False), "db3": says()}, "db3"),
        # While nobody writes, anybody may.
        ({"db1": says(""), "db2": says("")}, "db1"),
        ({"db1": None, "db2": None}, ""),
        ({"db1": {}, "db2": says(status="non-Primary")}, ""),
    ],
)
def test_maker(said, maker):
    assert members.maker(said) == maker


@pytest.fixture
def agents():
    """Return ``{name: what its agent answers}``, which may be changed, and their URLs."""
    answers = {"db1": says(), "db2": says(), "db3": says()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answers[self.path[1:]]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words):
            pass

    agent = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=agent.serve_forever, daemon=True).start()
    yield answers, {name: f"http://127.0.0.1:{agent.server_port}/{name}" for name in answers}
    agent.shutdown()
    agent.server_close()


def settings(tmp_path, urls, host):
    return types.SimpleNamespace(directory=tmp_path, cluster={"host": host, "members": urls})


def test_one_takes_it_and_the_others_know_who(agents, tmp_path):
    answers, urls = agents
    assert [members.another(settings(tmp_path, urls, host)) for host in answers] == [
        "db2",
        "",
        "db2",
    ]
    answers["db2"] = None
    assert [members.another(settings(tmp_path, urls, host)) for host in answers] == [
        "db3",
        "db3",
        "",
    ]
    assert members.another(types.SimpleNamespace(cluster={})) == ""


class Live:
    """A server that has one setting."""

    def __init__(self, desync="0", up=True):
        self.desync, self.up, self.failing = desync, up, False

    def answers(self):
        return self.up

    def ask(self, statement):
        if self.failing:
            raise BackupError("Operation 'desync' failed")
        if statement.startswith("SET"):
            self.desync = {"ON": "1", "OFF": "0"}[statement.rpartition(" ")[2]]
        return [[self.desync]]


@pytest.mark.parametrize(("host", "desync"), [("db2", "1"), ("db1", "0")])
def test_the_others_do_not_wait_for_one_that_takes_it_unless_it_writes(
    agents, tmp_path, host, desync
):
    live, given = Live(), settings(tmp_path, agents[1], host)
    with members.apart(given, live):
        assert live.desync == desync
    assert live.desync == "0"
    assert not (tmp_path / members.MARK).exists()


def test_what_a_person_has_set_stays(agents, tmp_path):
    live = Live(desync="1")
    with members.apart(settings(tmp_path, agents[1], "db2"), live):
        pass
    assert live.desync == "1"


def test_a_killed_run_is_made_up_for(agents, tmp_path):
    live, given = Live(desync="1"), settings(tmp_path, agents[1], "db2")
    (tmp_path / members.MARK).touch()
    members.together(given, live)
    assert live.desync == "0"
    assert not (tmp_path / members.MARK).exists()
    # A server that is down has forgotten it.
    (tmp_path / members.MARK).touch()
    members.together(given, Live(desync="1", up=False))
    assert not (tmp_path / members.MARK).exists()


def test_a_server_that_refuses_is_read_all_the_same(agents, tmp_path, capsys):
    live = Live()
    live.failing = True
    with members.apart(settings(tmp_path, agents[1], "db2"), live):
        live.failing = False
    assert "may have to wait" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mine", "lacking"),
    [
        ({**says(), "uuid": "a"}, False),
        ({**says(running=False), "uuid": "b"}, True),
        ({**says(status="non-Primary"), "uuid": "b"}, True),
        (None, True),
    ],
)
def test_who_gets_the_data_of_the_others(mine, lacking):
    assert members.lacking({"db1": {**says(), "uuid": "a"}, "db2": mine}, "db2") is lacking


def test_nobody_throws_data_away_where_there_is_no_cluster():
    with pytest.raises(BackupError, match="No member runs as the cluster"):
        members.lacking({"db1": {**says(status="non-Primary"), "uuid": "a"}, "db2": None}, "db2")


@pytest.mark.parametrize("forms", [False, True])
def test_all_data_of_a_member_are_replaced_for_the_whole_cluster_or_not_at_all(
    agents, tmp_path, forms, capsys
):
    answers, urls = agents
    given = settings(tmp_path, urls, "db2")
    with pytest.raises(
        BackupError, match="stop mariadb there first" if forms else "run foobar.lamp.restore"
    ):
        restore.require_told(given, forms)
    answers.update(db1=says(running=False), db3=None)
    if forms:
        restore.require_told(given, forms)
        assert "db3 does not answer" in capsys.readouterr().err
    restore.require_told(types.SimpleNamespace(cluster={}), forms)
