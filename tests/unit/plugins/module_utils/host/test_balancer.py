"""What a balancer takes its web hosts for, and whether it has an address."""

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import balancer

# Of haproxy 3.0, without the columns that nobody reads.
SAID = """# pxname,svname,status,lastchg,check_status,last_chk,check_desc,
visitors,FRONTEND,OPEN,,,,,
web,web1,UP,190,L7OK,,Layer7 check passed,
web,web2,DOWN 1/2,7,L4CON,Connection refused,Layer4 connection problem,
web,web3,DRAIN,190,L7OK,,Layer7 check passed,
web,web4,UP 1/2,190,L7OK,,Layer7 check passed,
web,BACKEND,UP,190,,,,
once,web1,UP,190,,,,
once,web2,DOWN,7,,,,
once,web4,MAINT (via web/web9),190,,,,
unchecked,web1,no check,190,,,,
unchecked,web2,MAINT,3,,,,

"""


def test_states_of_web_hosts():
    assert balancer.servers(["web1", "web2", "web3", "web4", "web5"], SAID) == {
        "web1": {"state": "UP", "seconds": 190, "why": ""},
        "web2": {
            "state": "DOWN",
            "seconds": 7,
            "why": "Layer4 connection problem: Connection refused",
        },
        "web3": {"state": "DRAIN", "seconds": 190, "why": ""},
        # Drained for forms alone.
        "web4": {"state": "MAINT", "seconds": 190, "why": ""},
        "web5": None,
    }


# The way from a web host to the database, likewise.
OF_DATABASE = """# pxname,svname,status,lastchg,check_status,last_chk,check_desc,
database,FRONTEND,OPEN,,,,,
database,db1,UP,190,L7OK,HTTP status check returned code <3C>200<3E>,Layer7 check passed,
database,db2,DOWN (agent),190,L7STS,HTTP status check returned code <3C>503<3E>,Layer7 wrong status,
database,BACKEND,UP,190,,,,
db1,FRONTEND,OPEN,,,,,
db1,it,no check,190,,,,
db1,BACKEND,UP,190,,,,
"""


def test_states_of_database_hosts():
    found = balancer.servers(["db1", "db2", "db3"], OF_DATABASE)
    assert {name: one and one["state"] for name, one in found.items()} == {
        "db1": "UP",
        "db2": "DOWN",
        "db3": None,
    }
    assert found["db2"]["why"].startswith("Layer7 wrong status: ")


def test_balancer_that_says_nothing(tmp_path):
    assert balancer.stat(str(tmp_path / "none")) == ""
    assert balancer.servers(["web1"], "") == {"web1": None}


def test_question_to_haproxy(tmp_path):
    asked = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "admin.sock"))
        server.listen()

        def answer():
            connection = server.accept()[0]
            with connection:
                asked.append(connection.recv(100))
                connection.sendall(SAID.encode())

        thread = threading.Thread(target=answer)
        thread.start()
        assert balancer.stat(str(tmp_path / "admin.sock")) == SAID
        thread.join()
    assert asked == [b"show stat\n"]


@pytest.mark.parametrize(
    ("address", "held"), [("127.0.0.1", True), ("192.0.2.1", False), ("2001:db8::1", False)]
)
def test_address_of_a_host(address, held):
    assert balancer.holds(address) is held
