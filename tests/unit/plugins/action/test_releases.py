"""The action releases, with what the task of playbooks/releases.yml gives it."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml

from ..plugin_utils.status.test_releases import NEW, application
from .test_status import HOSTS, act

PLAYBOOK = pathlib.Path(__file__).parents[4] / "playbooks/releases.yml"
_plan, PLAY = yaml.safe_load(PLAYBOOK.read_text())
(TASK,) = [task for task in PLAY["tasks"] if "foobar.lamp.releases" in task]


@pytest.fixture
def variables():
    """Return the variables of the first of two hosts; a third one gave no answer."""
    answers = {name: {"applications": [application()], "changed": False} for name in HOSTS}
    hostvars = {name: {"__python_app_list": answer} for name, answer in answers.items()}
    return {"ansible_play_hosts": HOSTS, "hostvars": {**hostvars, "web3": {}}}


def test_people_get_a_table_once(variables, capsys):
    assert TASK["run_once"]
    result = act("foobar.lamp.releases", TASK["foobar.lamp.releases"], variables)
    assert not result["changed"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ""
    assert lines[1].startswith("APPLICATION  RELEASE ")
    assert lines[2].startswith(f"shop         {NEW}  ")
    assert "  web1, web2  " in lines[2]


def test_programs_get_one_line_of_json(variables, capsys):
    variables["lamp_status_format"] = "json"
    act("foobar.lamp.releases", TASK["foobar.lamp.releases"], variables)
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)["applications"]
    assert [(one["host"], one["name"], one["current"]) for one in found] == [
        ("web1", "shop", NEW),
        ("web2", "shop", NEW),
    ]


def test_other_formats_are_refused(variables):
    arguments = {**TASK["foobar.lamp.releases"], "format": "xml"}
    with pytest.raises(Exception, match="value of format must be one of: page, json"):
        act("foobar.lamp.releases", arguments, variables)
