# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of playbooks/wiring.yml and playbooks/preflight.yml: thin names for the functions of module_utils/_sites.py and
plugin_utils/_site_records.py."""

from __future__ import annotations

import gc

from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import connection_loader, lookup_loader, test_loader
from ansible.utils.display import Display
from ansible_collections.foobar.lamp.plugins.module_utils import _sites
from ansible_collections.foobar.lamp.plugins.plugin_utils import _inputs, _secrets, _site_records

display = Display()


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
    for name in ("builtin.env", "builtin.file", "builtin.fileglob"):
        lookup_loader.get(f"ansible.{name}", class_only=True)
    for name in ("input_problems", "site_secrets"):
        lookup_loader.get(f"foobar.lamp.{name}", class_only=True)
    _inputs.options("lamp")
    for name in connections:
        connection_loader.get(name, class_only=True)
    gc.freeze()
    return text


def variable_problems(names):
    """Return what is wrong with the ``names`` of variables, and warn of those that are likely misspelt."""
    for doubt in _sites.variable_doubts(names, _inputs.of_roles()):
        display.warning(doubt)
    return _sites.variable_problems(names)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "address_problems": _site_records.address_problems,
            "addresses": addresses,
            "addresses_each": addresses_each,
            "lost_secrets": _secrets.lost,
            "ready_to_fork": ready_to_fork,
            "record_problems": _site_records.record_problems,
            "server_problems": _site_records.server_problems,
            "variable_problems": variable_problems,
            **{
                name: getattr(_sites, name)
                for name in (
                    "apache_vhosts",
                    "backup_files",
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
                    "removal_problems",
                    "secret_problems",
                    "site_problems",
                    "with_given",
                )
            },
        }
