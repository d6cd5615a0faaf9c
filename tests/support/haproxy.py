"""What the role haproxy writes on a host, and its reload. The tests that use it have initialized
Ansible's loader of plugins.
"""

from __future__ import annotations

import importlib.util
import pathlib

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make

ROLE = pathlib.Path(__file__).parents[2] / "roles/haproxy"


def render(name, version="13", ipv6=True, more=None, **given):
    """Return a file that the role writes on a host, by these inputs.
    ``more``: variables in the place of the role's own.
    """
    facts = {
        "memory_mb": 2048,
        "ipv6": ipv6,
        "system": {"version": version},
        "packages": [],
        "running": [],
        "made": [],
    }
    loader = DataLoader()
    own = loader.load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True)
    inputs = {f"haproxy_{key}": value for key, value in given.items()}
    variables = {
        **make.defaults("haproxy"),
        **own,
        "ansible_managed": "Ansible",
        "ansible_facts": {"foobar_lamp": facts},
    }
    text = (ROLE / "templates" / name).read_text()
    return Templar(loader=loader, variables={**variables, **(more or {}), **inputs}).template(
        trust_as_template(text)
    )


def reload_module():
    """Return what the unit runs to reload, as a module of its own."""
    spec = importlib.util.spec_from_file_location("haproxy_reload", ROLE / "files/reload.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
