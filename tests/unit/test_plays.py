"""A play reads the inputs of the roles that it runs, and of those that it names: what is left
out would be a role's default.
"""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import roles
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.options import options
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Role

TOP = pathlib.Path(__file__).resolve().parents[2]
PLAYBOOKS = TOP / "playbooks"
OWNERS = {option: name for name in roles.ROLES for option in options(name)}


def plays():
    """Return (path, play) for each play that runs on hosts after the plan."""
    paths = [*PLAYBOOKS.glob("*.yml"), *PLAYBOOKS.glob("plays/*.yml")]
    found = [
        (path, play)
        for path in paths
        if path.name != "plan.yml"
        for play in yaml.safe_load(path.read_text())
    ]
    return [(path, play) for path, play in found if "hosts" in play]


def wanted(path, play):
    """Return the roles whose inputs a play has a use for."""
    text = yaml.safe_dump(play, width=1000)
    text += "".join(
        (path.parent / name).read_text()
        for name in re.findall(r"(?:import|include)_tasks: (\S+)", text)
    )
    run = set(re.findall(r"name: foobar\.lamp\.(\w+)", text)) & set(roles.ROLES)
    if "foobar.lamp.{{ __plan.web.role }}" in text:
        run |= {name for name in roles.ROLES if roles.ALL[name].CHOICE}
    return run | {OWNERS[word] for word in re.findall(r"(?<![\w.])\w+", text) if word in OWNERS}


@pytest.mark.parametrize(
    ("path", "play"),
    plays(),
    ids=lambda one: one.get("name") if isinstance(one, dict) else one.stem,
)
def test_a_play_reads_the_inputs_that_it_uses_and_no_others(path, play):
    files = play.get("vars_files", [])
    names = {pathlib.Path(file).stem for file in files} - {"connection"}
    given = set(play.get("vars", {}))
    assert names == {name for name in wanted(path, play) if set(options(name)) - given}
    assert all((path.parent / file).is_file() for file in files)


def test_status_asks_for_the_services_of_applications_too():
    (play,) = [
        play
        for play in yaml.safe_load((PLAYBOOKS / "status.yml").read_text())
        if play["hosts"] == "lamp"
    ]
    (asked,) = [
        task["foobar.lamp.status_info"]
        for task in play["tasks"]
        if "foobar.lamp.status_info" in task
    ]
    for inputs, services in [
        (
            {
                "linux_base_started_later": ["apache2"],
                "python_app_apps": [{"name": "shop", "services": ["redis-server"]}],
            },
            ["apache2", "redis-server"],
        ),
        ({}, []),
    ]:
        variables = {"__plan": {"inputs": inputs}}
        templar = Templar(loader=DataLoader(), variables=variables)
        assert templar.template(trust_as_template(asked["services"])) == services


def test_run_about_a_role_has_its_ports_let_in():
    (tags,) = [
        task["tags"]
        for _path, play in plays()
        for task in play.get("tasks", [])
        if "foobar.lamp.firewall" in str(task)
    ]
    followed = {
        source for sources in roles.ALL["firewall"].EDGES.values() for source in sources.split(", ")
    }
    ours = {role.name for role in roles.ALL.values() if type(role).ports is not Role.ports}
    assert ours <= followed, (
        f"Add to EDGES in plugins/plugin_utils/plan/firewall.py, and to the tags of the firewall's "
        f"task in playbooks/site.yml: {', '.join(ours - followed)}."
    )
    assert {"firewall", "web_server", *followed} <= set(tags)


@pytest.mark.parametrize(
    ("options", "batches"),
    # Of three hosts, web1 fails.
    [([], [["web2"], ["web1"]]), (["--check"], [["web2", "web1", "web3"]])],
    ids=["run", "check mode"],
)
def test_update_goes_from_host_to_host_unless_it_changes_nothing(options, batches, tmp_path):
    (update,) = [play for path, play in plays() if path.name == "update.yml" and "serial" in play]
    ways = {key: update[key] for key in ("serial", "any_errors_fatal") if key in update}
    tasks = [
        {"ansible.builtin.assert": {"that": "inventory_hostname != 'web1'", "quiet": True}},
        {"ansible.builtin.debug": {"msg": "shown: {{ inventory_hostname }}"}},
    ]
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": tasks, **ways}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    words = ["ansible-playbook", "--inventory", "web2,web1,web3,", "play.yml", *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    _before, *said = done.stdout.split("\nPLAY [all]")
    assert said, done.stdout
    well = [sorted({*batch} - {"web1"}) for batch in batches]
    # Those of one batch are done in any order.
    assert [sorted(re.findall(r"shown: (\w+)", text)) for text in said] == well


@pytest.mark.parametrize(
    "options", [["--skip-tags", "linux_base,firewall,mysql"], ["--tags", "certificates"]]
)
def test_no_tag_leaves_out_whether_the_last_member_of_a_cluster_leaves_it(options):
    words = ["ansible-playbook", "--list-tasks", "--inventory", "inventory/cluster.yml", *options]
    done = subprocess.run(
        [*words, "playbooks/site.yml"], capture_output=True, text=True, check=True, cwd=TOP
    )
    assert "See whether it is the last one" in done.stdout
    assert "Lead to the one that is left" in done.stdout


def rescues(tasks):
    """Yield each task of a rescue, whatever it is in."""
    for task in tasks or ():
        yield from task.get("rescue", ())
        for part in ("block", "rescue", "always"):
            yield from rescues(task.get(part))


@pytest.mark.parametrize(
    "path",
    [*TOP.glob("roles/*/tasks/*.yml"), *PLAYBOOKS.glob("tasks/*.yml"), PLAYBOOKS / "site.yml"],
    ids=lambda path: str(path.relative_to(TOP)),
)
def test_a_host_that_has_not_failed_does_nothing_in_a_rescue(path):
    """With any_errors_fatal, Ansible sends all hosts of a play into the rescue of one.

    They have no ansible_failed_result, and nothing of theirs is to be started anew.
    """
    found = yaml.safe_load(path.read_text()) or []
    tasks = [task for one in found for task in (one.get("tasks", []) if "hosts" in one else [one])]
    for task in rescues(tasks):
        text = yaml.safe_dump(task)
        if "ansible_failed_result" in text or "foobar.lamp.config_tree_service" in task:
            conditions = task.get("when", [])
            assert "ansible_failed_result is defined" in (
                conditions if isinstance(conditions, list) else [conditions]
            ), task["name"]
