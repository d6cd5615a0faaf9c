# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of playbooks/wiring.yml and playbooks/preflight.yml: thin names for the functions of module_utils/_sites.py."""

from __future__ import annotations

import gc
import pathlib

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.loader import connection_loader, lookup_loader, test_loader
from ansible_collections.foobar.lamp.plugins.module_utils import _sites

ROLES = pathlib.Path(__file__).resolve().parents[2] / "roles"


def addresses(hosts):
    """Return the addresses of hosts; what is missing becomes an Ansible error with the same sentence."""
    try:
        return _sites.addresses(hosts)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


def addresses_each(hosts):
    """Return a list of addresses for each of hosts."""
    return [addresses([host]) for host in hosts]


def ready_to_fork(text, connections=()):
    """Return ``text``, and have this process be one that is cheaply copied; ``connections``: the connection plugins that are used.

    Ansible begins a process for each task and host as a copy of its own, in which names of tasks are made. What is loaded here is
    there in all of them (filters are, by the time that this one runs), and what is frozen their garbage collectors do not walk
    through, which would copy each page of memory that it lies on.
    """
    test_loader.get("defined")
    for name in ("ansible.builtin.env", "ansible.builtin.file", "ansible.builtin.fileglob", "foobar.lamp.site_secrets"):
        lookup_loader.get(name, class_only=True)
    for name in connections:
        connection_loader.get(name, class_only=True)
    gc.freeze()
    return text


def role_options(roles):
    """Return the options of the entry point preflight of each of ``roles``, as their argument_specs.yml say them, without descriptions."""
    options = {}
    for role in roles:
        text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
        options |= _undescribed(yaml_load(text)["argument_specs"]["preflight"]["options"])
    return options


def _undescribed(options):
    return {
        name: {key: _undescribed(value) if key == "options" else value for key, value in option.items() if key != "description"}
        for name, option in options.items()
    }


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "addresses": addresses,
            "addresses_each": addresses_each,
            "ready_to_fork": ready_to_fork,
            "role_options": role_options,
            **{
                name: getattr(_sites, name)
                for name in (
                    "apache_vhosts",
                    "bind_keys",
                    "bind_zones",
                    "database_authorities",
                    "dns_records",
                    "domain_problems",
                    "inventory_problems",
                    "inventory_summary",
                    "mysql_databases",
                    "mysql_users",
                    "python_app_apps",
                    "secret_problems",
                    "site_problems",
                    "variable_problems",
                )
            },
        }
