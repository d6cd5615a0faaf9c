"""Plan an inventory as a run would plan it, host by host.
Nothing is changed and no host is asked.
"""

from __future__ import annotations

import re

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, read, roles

#: All that an inventory may say, but for what its own values name.
KNOWN = {name for of in ("lamp", "hosts", *roles.ROLES) for name in options.options(of)}


def planned(path):
    """Return what is wrong with an inventory, a sentence each, and the roles of each host."""
    loader = DataLoader()
    loader.set_basedir(str(path.parent))
    inventory = InventoryManager(loader, sources=[str(path)])
    manager = VariableManager(loader, inventory)
    hosts = inventory.get_hosts("lamp")
    for number, host in enumerate(hosts, 1):
        facts = {
            "system": {"name": "debian", "version": "13"},
            "addresses": [f"192.0.2.{number}"],
            "memory_mb": 2048,
        }
        manager.set_host_facts(
            host.name, {"foobar_lamp": {**facts, "unmanaged": {}, "packages": [], "paths": {}}}
        )
    of, found = {}, []
    for host in hosts:
        # No secret is made, and no repository is asked.
        variables = manager.get_vars(host=host) | {
            "ansible_check_mode": True,
            "ansible_run_tags": ["linux_base"],
        }
        variables["hostvars"] = {
            one.name: manager.get_vars(host=one, include_hostvars=False) for one in hosts
        }
        templar = Templar(loader, variables)
        if host == hosts[0]:
            found += read.site_problems(variables, templar, found.append)
            found += _unknown(path, variables["hostvars"])
        result = _plan(loader, templar, variables)
        found += result["problems"]
        of[host.name] = result.get("roles")
    return found, of


def _plan(loader, templar, variables):
    context = PlayContext()
    parts = {
        "connection": connection_loader.get("local", context),
        "play_context": context,
        "loader": loader,
        "shared_loader_obj": None,
    }
    task = Task.load({"foobar.lamp.plan": {}})
    task.args = {}
    return action_loader.get("foobar.lamp.plan", task=task, templar=templar, **parts).run(
        task_vars=variables
    )


def _unknown(path, hostvars):
    """A variable that no role has is a sentence, unless an expression of the inventory names it."""
    texts = "".join(file.read_text() for file in (path, *path.parent.glob("group_vars/*.yml")))
    named = set(re.findall(r"\w+", " ".join(re.findall(r"{{(.*?)}}", texts))))
    given = set(re.findall(r"^ *(\w+):", texts, re.MULTILINE)) & {
        name for one in hostvars.values() for name in one
    }
    for name in sorted(given - KNOWN - named):
        if not name.startswith("ansible_"):
            yield f"{name} is no variable of this collection."
