"""How the writer's part goes from one member to another, on purpose."""

from __future__ import annotations

import socket
import threading
import time

import agent
import members
import pymysql
import pytest
import start
from proxies import Proxies
from support.waiting import wait_for
from writer import heir, missing

ALL = ["db1", "db2", "db3"]
SYNCED = {"running": True, "synced": True, "view": ALL, "writer": "db1"}


def answers(**others):
    return dict.fromkeys(ALL, SYNCED) | others


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (answers(), []),
        (answers(db3=None), ["db3"]),
        (answers(db2={**SYNCED, "synced": False}), ["db2"]),
        # It runs, and the others do not see it.
        (
            answers(db1={**SYNCED, "view": ["db1", "db2"]}, db2={**SYNCED, "view": ["db1", "db2"]}),
            ["db3"],
        ),
        (dict.fromkeys(ALL), ALL),
    ],
)
def test_who_is_missing(found, names):
    assert missing(found) == names


@pytest.mark.parametrize(
    ("me", "found", "name"),
    [
        ("db1", answers(), "db2"),
        ("db2", answers(), "db1"),
        ("db1", answers(db2={**SYNCED, "synced": False}), "db3"),
        ("db1", answers(db2=None, db3=None), None),
    ],
)
def test_to_whom_the_writer_may_leave_it(me, found, name):
    assert heir(me, found) == name


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Have members keep what they tell each other here."""
    monkeypatch.setattr(members, "HEIR", str(tmp_path / "heir.json"))


@pytest.mark.usefixtures("places")
def test_an_order_to_hand_over_is_forgotten():
    assert members.heir() == ""
    members.name_heir("db2", 60)
    assert members.heir() == "db2"
    members.name_heir("db2", 0)
    assert members.heir() == ""


def test_one_that_stops_waits_for_the_proxies_that_are_there():
    proxies = Proxies()
    proxies.told("198.18.0.1", time.monotonic())
    waits = threading.Thread(target=proxies.wait_until_told, args=(20,))
    waits.start()
    # An answer of before is none.
    proxies.told("198.18.0.1", time.monotonic() - 0.5)
    assert waits.is_alive()
    proxies.told("198.18.0.1", time.monotonic())
    waits.join(10)
    assert not waits.is_alive()


def test_one_that_stops_waits_for_no_proxy_that_is_gone():
    proxies = Proxies()
    proxies.told("198.18.0.2", time.monotonic() - 5)
    began = time.monotonic()
    proxies.wait_until_told(20)
    assert time.monotonic() - began < 5


def test_one_that_stops_does_not_wait_for_ever():
    proxies = Proxies()
    proxies.told("198.18.0.1", time.monotonic())
    began = time.monotonic()
    proxies.wait_until_told(0.2)
    assert 0.1 < time.monotonic() - began < 5


@pytest.fixture
def hosts(monkeypatch):
    """Return three members whose agents answer, by name, without a server behind them."""
    known = {"members": dict.fromkeys(ALL, "127.0.0.1"), "port": 0}
    found, ports = {}, {}
    for name in ALL:
        member = agent.Member({**known, "me": name})
        member.status = {
            "wsrep_cluster_state_uuid": "u", "wsrep_cluster_status": "Primary",
            "wsrep_flow_control_paused": "0", "wsrep_ready": "ON",
            "wsrep_last_committed": "1", "wsrep_local_recv_queue": "0",
            "wsrep_local_state": "4", "wsrep_local_state_comment": "Synced",
        }  # fmt: skip
        member.view, member.row, member.asked, member.why = (
            ALL,
            ("db1", 1, 0),
            time.monotonic() + 60,
            "",
        )
        server = agent.Server(("127.0.0.1", 0), agent.handler_of(member))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found[name], ports[name] = (member, server), server.socket.getsockname()[1]
    monkeypatch.setattr(members, "settings", lambda: {**known, "me": "db1"})
    asked = members.ask
    # All have one address here, and a port each.
    monkeypatch.setattr(members, "ask", lambda address, _port: asked("127.0.0.1", ports["db1"]))
    monkeypatch.setattr(
        members,
        "ask_all",
        lambda _known: {name: asked("127.0.0.1", port) for name, port in ports.items()},
    )
    yield {name: (member, ports[name]) for name, (member, _server) in found.items()}
    for _member, server in found.values():
        server.shutdown()
        server.server_close()


def said(port):
    """Return what a proxy gets, which asks as haproxy does."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET /proxy\n\n")
        return connection.makefile().read()


def test_a_proxy_is_told_in_its_own_words(hosts):
    assert [said(port) for _member, port in hosts.values()] == [
        "up\n",
        "down #db1 writes\n",
        "down #db1 writes\n",
    ]


class Stopped:
    """The connection to a server that stops."""

    def cursor(self):
        raise pymysql.OperationalError(2006, "gone")

    def _force_close(self):
        pass


def test_one_whose_server_has_stopped_sends_proxies_where_it_sent_them_before(hosts):
    member, port = hosts["db1"]
    member._last, member._connection = "db2", Stopped()
    member.ask()
    assert (said(port), member.not_writing()[:28]) == (
        "down #db2 writes\n",
        "the server does not answer (",
    )
    # What is no purpose, the other check of a proxy sees.
    member._last = "db1"
    assert said(port) == "up\n"


class Cursor:
    """The table of who writes, as a member's own connection has it."""

    def __init__(self):
        self.row = ("db1", 1, 0)

    def execute(self, statement, values=()):
        if statement.startswith("UPDATE") and "term + 1" in statement:
            self.row = (values[0], values[1] + 1, 0)

    def fetchone(self):
        return self.row


@pytest.mark.usefixtures("places")
def test_a_writer_hands_over_when_all_proxies_know(hosts, monkeypatch):
    monkeypatch.setattr(agent, "_TELLING", 60)
    (member, port), cursor, found = hosts["db1"], Cursor(), []
    assert said(port) == "up\n"
    member.proxies.told("198.18.0.1", time.monotonic())
    members.name_heir("db2", 60)
    asks = threading.Thread(
        target=lambda: found.append(member._write(cursor, member.status, member.view, member.row))
    )
    asks.start()
    wait_for(lambda: said(port) == "down #db2 is to write\n", 10)
    # One of the two proxies does not know it yet.
    assert cursor.row == ("db1", 1, 0)
    member.proxies.told("198.18.0.1", time.monotonic())
    asks.join(10)
    assert found == [("db2", 2, 0)]


@pytest.mark.usefixtures("places")
def test_an_heir_out_of_view_gets_nothing(hosts):
    member, _port = hosts["db1"]
    members.name_heir("db9", 60)
    assert member._write(Cursor(), member.status, member.view, member.row) == ("db1", 1, 0)


@pytest.fixture
def handing_over(hosts):
    """Have the member that writes do as it is told."""
    member, _port = hosts["db1"]

    def hand_over():
        wait_for(members.heir, 60)
        member.row = (members.heir(), 2, 0)

    threading.Thread(target=hand_over, daemon=True).start()


@pytest.mark.usefixtures("places", "handing_over")
def test_leaving_hands_over_and_says_to_whom(capsys):
    start.leave(1)
    assert capsys.readouterr().out == "db2 writes in the place of db1.\n"


@pytest.mark.usefixtures("places", "handing_over")
def test_one_that_is_stopped_hands_over_to_whoever_is_there(hosts, capsys, monkeypatch):
    monkeypatch.setenv("MAINPID", "1")
    hosts["db2"][0].status = {}
    for name in ("db1", "db3"):
        hosts[name][0].view = ["db1", "db3"]
    start.stop()
    assert capsys.readouterr().out == "db3 writes in the place of db1.\n"


@pytest.mark.usefixtures("places")
def test_one_that_ended_or_is_alone_hands_nothing_over(hosts, capsys, monkeypatch):
    monkeypatch.delenv("MAINPID", raising=False)
    start.stop()
    monkeypatch.setenv("MAINPID", "1")
    for name in ("db2", "db3"):
        hosts[name][0].status = {}
    start.stop()
    assert (capsys.readouterr().out, members.heir()) == ("", "")


@pytest.mark.usefixtures("places")
def test_one_that_does_not_write_leaves_as_it_is(hosts, capsys):
    hosts["db1"][0].row = ("db2", 2, 0)
    start.leave(1)
    assert (capsys.readouterr().out, members.heir()) == ("", "")


@pytest.mark.usefixtures("places")
def test_none_leaves_while_another_one_is_missing(hosts):
    hosts["db3"][0].status = {}
    with pytest.raises(
        SystemExit,
        match=(
            "db3 is not there with all that the cluster has, "
            "so no other member is stopped: see to db3 first"
        ),
    ):
        start.leave(0)
    assert members.heir() == ""


@pytest.mark.usefixtures("places")
def test_none_leaves_that_is_older_than_another_one(hosts):
    for name, version in (
        ("db1", "5.5.5-10.11.19-MariaDB-0+deb12u1"),
        ("db2", "11.8.9-MariaDB-0+deb13u1 from Debian"),
        ("db3", "5.5.5-10.11.18-MariaDB-0+deb12u1"),
    ):
        hosts[name][0].version = version
    with pytest.raises(SystemExit, match="db2 has 11.8 of MariaDB.* that of db1.*upgrade it first"):
        start.leave(1)
    assert members.heir() == ""
    # The newest may, and another patch is no other release.
    answers = {name: one[0].state() for name, one in hosts.items()}
    assert not start.writer.newer("db2", answers)
    assert start.writer.newer("db3", answers) == {"db2": "11.8"}
