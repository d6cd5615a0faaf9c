"""A new role costs its directory, a file of the plan, a word in the list of roles and a play."""

from __future__ import annotations

import copy
import os
import shutil

import pytest
from support.containers import remove, run, start
from support.plays import ROOT

from .users import HOST, IMAGE, User

#: A host that has the other roles' packages.
TOY = f"{HOST}-toy"

FILES = {
    "roles/toy/defaults/main.yml": "---\ntoy_greeting: Hello\n",
    "roles/toy/meta/argument_specs.yml": """---
argument_specs:
  main:
    short_description: A greeting
    description: [A greeting.]
    options: &options
      toy_greeting: {type: str, default: Hello, description: What is said.}
  preflight:
    short_description: Check the inputs and change nothing
    options: *options
""",
    "roles/toy/tasks/converge.yml": """---
- name: Greet
  ansible.builtin.copy: {content: "{{ toy_greeting }}", dest: /etc/toy, mode: "0644"}
""",
    "plugins/plugin_utils/plan/toy.py": '''"""The role toy in the plan."""

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Role


class Toy(Role):
    """See Role."""

    GROUP = "lamp_toy"
    HOSTS = (0, 1)
    EDGES = {"the greeting": "lamp_domain"}

    def inputs(self, site, host, offered):
        return {"toy_greeting": f"Hello from {site.domain}"}

    def packages(self, inputs):
        return ["hello"]

    def problems(self, inputs, facts, search=()):
        return ["toy_greeting is empty: say something."] if not inputs["toy_greeting"] else []


ROLE = Toy("toy")
''',
}
PLAY = """
- name: Toy
  hosts: lamp_toy
  gather_facts: false
  become: true
  vars_files: [vars/connection.yml, vars/toy.yml]
  tasks:
    - name: The toy
      ansible.builtin.import_role:
        {name: foobar.lamp.toy, tasks_from: converge, rolespec_validate: false}
      tags: toy
"""


@pytest.fixture(scope="module")
def host():
    """Start it; returns its name."""
    start(TOY, "server1", f"{IMAGE}-packages")
    yield TOY
    remove(TOY)


@pytest.fixture(scope="module")
def owner(tmp_path_factory, archive):
    """Return a user whose collection has one more role, and host one more group."""
    owner = User(tmp_path_factory.mktemp("owner"), archive)
    top = owner.place / "collections/ansible_collections/foobar/lamp"
    for name, text in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    roles = top / "plugins/plugin_utils/plan/roles.py"
    roles.write_text(roles.read_text().replace('"backup")', '"backup", "toy")'))
    with (top / "playbooks/site.yml").open("a") as site:
        site.write(PLAY)
    (top / "script").mkdir(exist_ok=True)
    shutil.copy(ROOT / "script/inputs", top / "script/inputs")
    made = run(
        top / "script/inputs", env={**os.environ, "PYTHONPATH": str(owner.place / "collections")}
    )
    assert made.returncode == 0, made.stderr
    owner.inventory = copy.deepcopy(owner.inventory)
    owner.inventory["lamp"]["children"]["lamp_db"]["hosts"]["server1"]["ansible_host"] = TOY
    owner.inventory["lamp"]["children"]["lamp_toy"] = owner.inventory["lamp"]["children"]["lamp_db"]
    owner.top = top
    return owner


def test_the_role_runs_with_what_follows_and_its_package_comes_with_the_others(owner, host):
    done = owner.play("--tags", "linux_base,toy")
    assert done.returncode == 0, done.stdout[-3000:]
    assert run("docker", "exec", host, "cat", "/etc/toy").stdout == "Hello from example.com"
    assert "TASK [foobar.lamp.linux_base : Install packages" in done.stdout
    assert run("docker", "exec", host, "dpkg", "--status", "hello").returncode == 0
    assert "lamp_toy: server1" in done.stdout


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "toy_greeting is 5, a whole number where a text is wanted"),
        ("", "toy_greeting is empty"),
    ],
)
def test_its_problems_are_said_before_the_first_change(owner, host, value, words):
    done = owner.play("--tags", "toy", toy_greeting=value)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr


def test_the_picture_shows_it(owner):
    page = (owner.top / "docs/wiring.md").read_text()
    assert 'lamp_domain["lamp_domain"] -- "the greeting" --> toy' in page
    assert "| `toy` | `lamp_toy` | 0 to 1 |" in page
