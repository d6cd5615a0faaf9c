"""The action status, with what the tasks of playbooks/status.yml give it."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader
from ansible.template import Templar, trust_as_template

from ..plugin_utils.status.test_report import WELL

PLAYBOOK = pathlib.Path(__file__).parents[4] / "playbooks/status.yml"
_inventory, PLAY = yaml.safe_load(PLAYBOOK.read_text())
TASKS = {
    module: task[module]
    for task in PLAY["tasks"]
    for module in task
    if module.startswith("foobar.lamp.")
}
HOSTS = ["web1", "web2"]
GROUPS = {
    "all": HOSTS,
    "lamp": HOSTS,
    "lamp_web": HOSTS,
    "lamp_db": ["web2"],
    "lamp_dns": ["web1"],
    "ungrouped": [],
}
SITES = {"www.foobar.com": {"app": {"requirement": "shop==1", "wsgi": "shop:app"}}}
GOOD = {"lamp_domain": trust_as_template("{{ 'foobar' }}.com"), "lamp_sites": SITES}


def trusted(value):
    """Return what a playbook has, as Ansible reads it."""
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value


def act(module, arguments, variables):
    """Return the result of the task."""
    loader, context = DataLoader(), PlayContext()
    parts = {
        "connection": connection_loader.get("local", context),
        "play_context": context,
        "loader": loader,
        "shared_loader_obj": None,
    }
    task, templar = Task.load({module: {}}), Templar(loader, variables)
    task.args = templar.template(trusted(arguments))
    return action_loader.get(module, task=task, templar=templar, **parts).run(task_vars=variables)


@pytest.fixture
def variables(tmp_path):
    """Return the variables of the first host, of which no fact is known, and of the other."""
    known = {
        **GOOD,
        "groups": GROUPS,
        "inventory_dir": str(tmp_path),
        "ansible_play_hosts_all": HOSTS,
    }
    held = {"web1": {"203.0.113.5": True}, "web2": {"203.0.113.5": False}}
    answers = {
        name: {"changed": False, "status": {**WELL, "addresses": held[name]}} for name in HOSTS
    }
    hostvars = {
        name: {**GOOD, "__plan": {"problems": []}, "__status": answers[name]} for name in HOSTS
    }
    return {**known, **hostvars["web1"], "hostvars": hostvars, "inventory_hostname": "web1"}


@pytest.mark.usefixtures("no_more_roles")
def test_plan_without_facts_says_what_has_to_be_there(variables):
    plan = act("foobar.lamp.plan", {"converges": False}, variables)
    assert plan["problems"] == []
    asked = TASKS["foobar.lamp.status_info"]
    templar = Templar(DataLoader(), {**variables, "__plan": plan})
    assert templar.template(trusted(asked)) == {
        "roles": plan["roles"],
        "services": ["apache2", "named"],
        "applications": [
            {"name": "www.foobar.com", "host": "www.foobar.com", "path": "/", "tls": True}
        ],
        "port": 80,
        "tls_port": 443,
        "zones": ["foobar.com"],
        "servers": [],
        "database_servers": [],
        "addresses": [],
    }


@pytest.mark.usefixtures("no_more_roles")
def test_balancers_are_asked_for_web_hosts_and_addresses(variables):
    variables["groups"] = {
        **GROUPS,
        "lamp_lb": ["web3"],
        "lamp": [*HOSTS, "web3"],
        "all": [*HOSTS, "web3"],
    }
    known = {
        "lamp_vip": ["203.0.113.5/24", "2001:db8::5"],
        "lamp_address": "203.0.113.7",
        "inventory_hostname": "web3",
    }
    variables["hostvars"]["web3"] = {**GOOD, **known}
    plan = act("foobar.lamp.plan", {"converges": False}, {**variables, **known})
    assert plan["problems"] == []
    asked = Templar(DataLoader(), {**variables, "__plan": plan}).template(
        trusted(TASKS["foobar.lamp.status_info"])
    )
    assert asked["services"] == ["haproxy", "keepalived"]
    assert asked["servers"] == HOSTS
    assert asked["addresses"] == ["203.0.113.5", "2001:db8::5"]


def test_page_of_a_site_that_is_well(variables, capsys):
    result = act("foobar.lamp.status", TASKS["foobar.lamp.status"], variables)
    assert "failed" not in result
    assert (
        capsys.readouterr().out.splitlines()[1] == "foobar.com at 2026-11-27T12:00:00Z: all is well"
    )


def test_problems_fail_the_task_and_are_json_for_programs(variables, capsys):
    variables["hostvars"]["web2"]["__status"] = {"unreachable": True, "msg": "gone"}
    variables["hostvars"]["web1"]["__plan"]["problems"] = ["lamp_sites is empty."]
    variables["hostvars"]["web1"]["__status"] = {"status": {**WELL, "addresses": {}}}
    result = act(
        "foobar.lamp.status",
        TASKS["foobar.lamp.status"],
        {**variables, "lamp_status_format": "json", "lamp_status_full": "31"},
    )
    assert result["failed"]
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert result["msg"] == "3 problems, described above."
    assert [one["text"] for one in found["problems"]] == [
        "lamp_sites is empty.",
        (
            "web2: the host cannot be reached (gone): "
            "make sure that it runs, and that SSH lets you in."
        ),
        "web1: / is 31 % full: make room, or enlarge it.",
    ]
    assert found["hosts"]["web1"]["groups"] == ["lamp_dns", "lamp_web"]


def test_other_formats_are_refused(variables):
    with pytest.raises(Exception, match="value of format must be one of: page, json"):
        act("foobar.lamp.status", {**TASKS["foobar.lamp.status"], "format": "xml"}, variables)


def test_inventory_without_hosts_is_not_well():
    words = ["ansible-playbook", "--inventory", "localhost,", str(PLAYBOOK)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=PLAYBOOK.parents[1]
    )
    assert done.returncode == 2
    assert "The group lamp has no hosts: name an inventory by -i" in done.stdout
