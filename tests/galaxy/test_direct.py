"""What goes to a host through the connection's pipe, without a module, and what a module does
all the same: with the same result.
"""

from __future__ import annotations

import datetime
import json

import pytest
import yaml
from support.containers import run

from .users import HOST, PIPE

#: What ps and -vvv show of a host that is asked without a module.
SIGN = "/usr/bin/python3 - foobar.lamp."


@pytest.fixture
def ask(user, host):
    """Return ``ask(action, arguments, variables, **task)``:
    the result of one task, and all that the run said.
    """

    def ask(action, arguments, variables, *options, **task):
        here = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        }
        kept = {"content": "{{ answer | to_json }}", "dest": f"{user.place}/answer.json"}
        tasks = [
            {"name": "Ask", action: arguments, "register": "answer", "ignore_errors": True, **task},
            {
                "ansible.builtin.copy": kept,
                "delegate_to": "localhost",
                "vars": here,
                "check_mode": False,
            },
        ]
        (user.place / "ask.yml").write_text(
            yaml.safe_dump(
                [{"hosts": "lamp", "gather_facts": False, "tasks": tasks, "vars": variables}]
            )
        )
        done = user.play("-vvv", *options, playbook="ask.yml")
        assert done.returncode == 0, done.stdout
        return json.loads((user.place / "answer.json").read_text()), done.stdout + done.stderr

    return ask


@pytest.fixture
def pages(host):
    """Serve one page on the host."""
    run(
        "docker",
        "exec",
        HOST,
        "sh",
        "-euc",
        "mkdir -p /run/pages; touch /run/pages/there",
        check=True,
    )
    run(
        "docker",
        "exec",
        HOST,
        "systemd-run",
        "--unit=pages",
        "python3",
        "-m",
        "http.server",
        "8099",
        "--directory=/run/pages",
        check=True,
    )
    yield
    run("docker", "exec", HOST, "systemctl", "stop", "pages", check=True)


def test_health_is_the_same_by_both_ways(ask, pages):
    arguments = {
        "pages": [{"name": "shop", "path": "/there"}, {"name": "other", "path": "/missing"}],
        "port": 8099,
        "timeout": 3,
    }
    for variables in (PIPE, {}):
        answer, said = ask("foobar.lamp.http_health_info", arguments, variables)
        assert answer["unhealthy"] == {"other": "answered 404 File not found"}
        assert (f"{SIGN}http_health_info" in said) is (variables == PIPE)


def test_facts_are_the_same_by_both_ways(ask):
    found = []
    for variables in (PIPE, {}):
        answer, said = ask("foobar.lamp.host_facts", {}, variables)
        assert (f"{SIGN}host_facts" in said) is (variables == PIPE)
        found.append({**answer["ansible_facts"]["foobar_lamp"], "asked_by": ""})
    assert found[0] == found[1]
    assert "dpkg" in found[0]["packages"]


def test_switch_leaves_the_question_to_the_module(ask):
    answer, said = ask("foobar.lamp.host_facts", {}, {**PIPE, "lamp_direct": False})
    assert "dpkg" in answer["ansible_facts"]["foobar_lamp"]["packages"]
    assert SIGN not in said


def test_environment_of_the_task_is_the_hosts(ask):
    answer, said = ask("foobar.lamp.host_facts", {}, PIPE, environment={"PATH": "/nowhere"})
    assert f"{SIGN}host_facts" in said
    assert answer["ansible_facts"]["foobar_lamp"]["packages"] == []


@pytest.mark.parametrize("variables", [PIPE, {}], ids=["pipe", "module"])
def test_wrong_argument_is_refused_in_the_same_words(ask, variables):
    assert (
        ask("foobar.lamp.http_health_info", {}, variables)[0]["msg"] == "pages is missing: set it."
    )
    facts = ask("foobar.lamp.host_facts", {"refesh": True}, variables)[0]
    assert "Unsupported parameters" in facts["msg"]
    assert "refesh" in facts["msg"]
    assert "maybe" in ask("foobar.lamp.host_facts", {"refresh": "maybe"}, variables)[0]["msg"]


def test_task_in_the_background_is_a_modules(ask, pages):
    arguments = {"pages": [{"name": "shop", "path": "/there"}], "port": 8099}
    answer, said = ask("foobar.lamp.http_health_info", arguments, PIPE, **{"async": 30, "poll": 1})
    assert (answer["unhealthy"], answer["finished"]) == ({}, True)
    assert SIGN not in said


def test_argument_that_is_no_json_is_the_modules(ask, pages):
    page = {"name": "shop", "path": "/there", "headers": {"Expires": datetime.date(2026, 1, 1)}}
    answer, said = ask(
        "foobar.lamp.http_health_info", {"pages": [page], "port": 8099, "timeout": 1}, PIPE
    )
    assert answer["unhealthy"] == {"shop": "answered with Expires: None, not 2026-01-01"}
    assert SIGN not in said


def test_python_that_is_not_there_is_said_by_the_module(ask):
    answer, said = ask(
        "foobar.lamp.host_facts", {}, {**PIPE, "ansible_python_interpreter": "/opt/python"}
    )
    assert answer["failed"]
    assert "/opt/python" in said.partition("fatal:")[2]


def test_warning_of_a_dry_run_is_shown(ask):
    record = {"name": "www", "type": "A", "values": ["192.0.2.1"]}
    answer, said = ask(
        "foobar.lamp.dns_records",
        {"zone": "example.com", "key_file": "/nowhere", "records": [record]},
        PIPE,
        "--check",
    )
    assert [change["action"] for change in answer["changes"]] == ["create"]
    # The module would have missed dnspython before the key.
    assert "[WARNING]: The key file /nowhere does not exist yet. In check mode," in " ".join(
        said.split()
    )
