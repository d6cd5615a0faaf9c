"""What haproxy is told while it runs. The haproxy here knows a
few servers and does as it is told.
"""

from __future__ import annotations

import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import haproxy_runtime as runtime

COLUMNS = "pxname,svname,qcur,scur,status,tracked,check_status"


class Haproxy:
    """A runtime socket: ``servers`` has status, sessions and queue by server."""

    def __init__(self):
        self.servers, self.told, self.visitors = {"web1": ["UP", 0], "web2": ["UP", 0]}, [], 0

    def ask(self, *commands, path=""):
        """Answer."""
        self.told += [command for command in commands if not command.startswith("show")]
        if commands[0].startswith("set server"):
            name, state = commands[0].split()[2].split("/")[1], commands[0].split()[4]
            self.servers[name][0] = {"maint": "MAINT", "ready": "UP"}[state]
        if commands[0].startswith("show stat -1 1"):
            return (
                f"# {COLUMNS}\nvisitors,FRONTEND,,{self.visitors},OPEN,,\n"
                f"status,FRONTEND,,7,OPEN,,\n"
            )
        lines = [f"# {COLUMNS}"] if commands[0].startswith("show") else []
        for name, (state, sessions) in self.servers.items() if lines else []:
            lines += [
                f"web,{name},0,{sessions},{state},,L7OK",
                f"once,{name},0,0,{state},web/{name},",
                f"unchecked,{name},0,0,no check,,",
            ]
        return "\n".join([*lines, ""])


@pytest.fixture
def haproxy(monkeypatch, tmp_path):
    found = Haproxy()
    monkeypatch.setattr(runtime, "ask", found.ask)
    monkeypatch.setattr(runtime, "DRAINED", str(tmp_path / "drained"))
    monkeypatch.setattr(runtime, "CLOSING", str(tmp_path / "closing"))
    monkeypatch.setattr(runtime, "PAUSE", 0)
    return found


def marked():
    return os.listdir(runtime.DRAINED) if os.path.isdir(runtime.DRAINED) else []


def test_server_is_drained_where_its_checks_are_and_put_back(haproxy):
    done = runtime.run("web1", "drained", 5)
    assert done == {"changed": True, "known": True, "cut": 0, "status": "MAINT L7OK"}
    # The other backends follow, or have no checks.
    assert haproxy.told == ["set server web/web1 state maint"]
    assert marked() == ["web1"]
    assert runtime.run("web1", "ready", 5)["changed"]
    assert haproxy.servers["web1"][0] == "UP"
    assert marked() == []
    assert not runtime.run("web1", "ready", 5)["changed"]


def test_requests_under_way_when_the_time_is_over_are_counted(haproxy):
    haproxy.servers["web1"][1] = 3
    assert runtime.run("web1", "drained", 0)["cut"] == 3


def test_server_that_is_down_counts_as_drained(haproxy):
    haproxy.servers["web1"][0] = "DOWN"
    assert runtime.run("web1", "drained", 5)["cut"] == 0


def test_server_that_does_not_become_healthy_is_told(haproxy):
    haproxy.servers["web1"][0] = "DOWN"
    assert runtime.run("web1", "ready", 0)["status"] == "DOWN L7OK"


def test_server_is_waited_for_until_a_check_has_found_it_healthy(haproxy, monkeypatch):
    haproxy.servers["web1"][0] = "UP 1/2"
    assert runtime.run("web1", "ready", 0)["status"] == "UP 1/2 L7OK"
    monkeypatch.setattr(
        runtime.time, "sleep", lambda _seconds: haproxy.servers.update(web1=["UP", 0])
    )
    assert runtime.run("web1", "ready", 5)["status"] == "UP"


@pytest.mark.parametrize("state", ["DRAIN", "MAINT"])
def test_server_that_an_operator_took_out_stays_so_where_health_is_asked_for_alone(haproxy, state):
    haproxy.servers["web1"][0] = state
    assert runtime.run("web1", "healthy", 5) == {
        "changed": False,
        "known": True,
        "cut": 0,
        "status": f"{state} L7OK",
    }
    assert haproxy.told == []
    haproxy.servers["web1"][0] = "DOWN"
    assert runtime.run("web1", "healthy", 0)["status"] == "DOWN L7OK"
    assert not os.path.isdir(runtime.DRAINED)


def test_dry_run_and_a_haproxy_that_knows_no_such_server_change_nothing(haproxy):
    assert runtime.run("web1", "drained", 5, check_mode=True)["changed"]
    assert runtime.run("web9", "drained", 5) == {
        "changed": False,
        "known": False,
        "cut": 0,
        "status": "",
    }
    assert haproxy.told == marked() == []


def test_where_haproxy_does_not_run_nothing_is_done(monkeypatch, tmp_path):
    monkeypatch.setitem(runtime.ask.__kwdefaults__, "path", str(tmp_path / "none.sock"))
    assert not runtime.run("web1", "drained", 5)["known"]
    assert not runtime.close(True, 5)["known"]


def test_what_haproxy_refuses_is_said(haproxy, monkeypatch):
    monkeypatch.setattr(
        runtime,
        "ask",
        lambda *commands: (
            haproxy.ask(*commands) if commands[0].startswith("show") else "No such server.\n"
        ),
    )
    with pytest.raises(
        runtime.HaproxyError, match=r"does not set web/web1 to maint: No such server\."
    ):
        runtime.run("web1", "drained", 5)


def test_visitors_are_asked_to_come_by_new_connections_and_may_keep_them_again(haproxy):
    haproxy.visitors = 4
    assert runtime.close(True, 0) == {"changed": True, "known": True, "connections": 4}
    assert os.path.exists(runtime.CLOSING)
    assert haproxy.told == ["experimental-mode on", "set var proc.lamp_closing bool(true)"]
    assert runtime.close(False, 0)["changed"]
    assert haproxy.told[-1] == "set var proc.lamp_closing bool(false)"
    assert not runtime.close(False, 0)["changed"]
