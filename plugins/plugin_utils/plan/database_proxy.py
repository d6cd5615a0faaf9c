# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role database_proxy in the plan: how applications reach the one of several database hosts
that writes. Private to the collection.

Pure.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import DATABASE, is_address

#: Of a host that has a proxy; it goes when that ends.
UNIT = "/etc/systemd/system/lamp-database-proxy.service"
_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")


class DatabaseProxy(Role):
    """See Role."""

    GROUP = "lamp_web"
    EDGES = {
        "the addresses of the database's hosts": "lamp_db",
        "the port that reports the writer": "mysql",
    }

    def inputs(self, site, host, offered):
        """The database's hosts, the one that stands alone, too: an application goes to that by
        itself, but a proxy that is there leads to it until all applications do.

        Not on that one: its server takes the proxy's address.
        """
        if not site.clustered and DATABASE in host.groups:
            return {}
        return {
            "database_proxy_servers": [
                {
                    "name": one.name,
                    "address": one.peer_addresses[0],
                    "check_port": one.given.get("mysql_cluster_port") or 9200,
                }
                for one in site.hosts(DATABASE)
            ]
        }

    def packages(self, inputs):
        """The proxy, which is wanted where there are several."""
        return ["haproxy"] if inputs["database_proxy_servers"][1:] else []

    def offers(self, inputs):
        """Its service. That of the package it lets alone."""
        several = inputs["database_proxy_servers"][1:]
        return {"services": ["lamp-database-proxy"]} if several else {}

    def site_problems(self, site, host, inputs):
        """Whether the one that is left is alone: the run asks that one."""
        absent = [one.name for one in site.hosts(DATABASE) if not one.facts]
        if site.clustered or UNIT not in host.facts.get("paths", {}) or not absent:
            return []
        return [
            f"{absent[0]} of {DATABASE} is not in this run, and {host.name} would lead to it "
            f"alone, while others may still write: run all, without --limit."
        ]

    def problems(self, inputs, facts, search=()):
        """Names, addresses and ports."""
        names = [one["name"] for one in inputs["database_proxy_servers"]]
        problems = [
            f"database_proxy_servers has {name} twice: remove one."
            for name in sorted(set(names))
            if names.count(name) > 1
        ]
        for one in inputs["database_proxy_servers"]:
            if not _NAME.match(one["name"]):
                problems.append(
                    f"database_proxy_servers has the name {one['name']!r}: use letters, digits, "
                    f"dots, hyphens and underscores."
                )
            if not is_address(one["address"]):
                problems.append(
                    f"database_proxy_servers gives {one['name']} the address {one['address']!r}: "
                    f"give an IPv4 or IPv6 address."
                )
            for key, default in (("port", 3306), ("check_port", 9200)):
                port = default if one.get(key) is None else one[key]
                if not 0 < port < 65536:
                    problems.append(
                        f"database_proxy_servers gives {one['name']} the {key} {port}: "
                        f"give one from 1 to 65535."
                    )
        if not 0 < inputs["database_proxy_port"] < 65536:
            problems.append(
                f"database_proxy_port is {inputs['database_proxy_port']}: "
                f"give a port from 1 to 65535."
            )
        return problems


ROLE = DatabaseProxy("database_proxy")
