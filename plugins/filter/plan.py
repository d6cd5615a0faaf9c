# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbooks and roles that name functions of the plan. Private to the collection."""

from __future__ import annotations

import os
import shlex

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import (
    inventory,
    make,
    roles,
    site,
    update,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import due


def role_packages(role, **inputs):
    """Return the Debian packages that a role needs,
    by those of its inputs on which that depends.
    """
    return roles.ALL[role].packages({**make.defaults(role), **inputs})


def program_files(paths, directory):
    """Return the files of a program that a role brings, as config_tree takes them;
    ``paths``: where they are on the controller, ``directory``: where they are on the host.
    """
    return [
        {"src": path, "dest": f"{directory}/{os.path.basename(path)}", "diff": False}
        for path in sorted(paths)
    ]


def ssh_command(words, host):
    """Return what opens a terminal on a host and runs a shell's ``words`` as root there;
    ``host``: its variables.
    """
    address = host.get("ansible_host") or host["inventory_hostname"]
    user, port = (
        host.get("ansible_user") or host.get("ansible_ssh_user"),
        host.get("ansible_port") or host.get("ansible_ssh_port"),
    )
    if (host.get("ansible_connection") or "").endswith("docker"):
        return f"docker exec -it {address} sh -c {shlex.quote(words)}"
    become = words if user == "root" else f"sudo sh -c {shlex.quote(words)}"
    return (
        f"ssh -t {f'-p {port} ' if port else ''}{f'{user}@' if user else ''}{address} "
        f"{shlex.quote(become)}"
    )


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "certificates_hosts_due": due.certificates,
            "database_proxy_hosts_to_end": due.proxies,
            "inventory_summary": inventory.inventory_summary,
            "mysql_hosts_to_join": due.joining,
            "mysql_hosts_to_leave": due.leaving,
            "mysql_hosts_to_require_tls": due.require_tls,
            "program_files": program_files,
            "python_app_hosts_failed": due.failed,
            "records_hosts_due": due.records,
            "removal_problems": site.removal_problems,
            "role_packages": role_packages,
            "ssh_command": ssh_command,
            "update_order": update.order,
            "update_report": update.report,
        }
