# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which hosts the last plays of a run have anything to do. Private to the collection. Pure.

A play without hosts costs a run next to nothing; one whose tasks are all passed over costs a
process for each task and host. Each function takes the names of hosts and ``hostvars``, and returns
those of the names, in their order. Of a host that this run has not asked nothing is due.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import accounts
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.database_proxy import UNIT
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import NAME_SERVERS, primary
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import (
    certificates as of_certificates,
)


def failed(hosts, hostvars):
    """Return those on which an application failed in this run."""
    return [name for name in hosts if model.failed(hostvars.get(name) or {})]


def require_tls(hosts, hostvars):
    """Return those whose database server has accounts that are to require TLS,
    and did not when it was asked.
    """
    return [
        name
        for name in hosts
        if accounts.tls_later(
            _inputs(hostvars.get(name)).get("mysql_users", []),
            _rows(hostvars.get(name), "mysql").get("accounts", []),
        )
    ]


def joining(hosts, hostvars):
    """Return all that were asked where their cluster is to have other members than it had."""
    asked = [name for name in hosts if members(hostvars.get(name))]
    return (
        asked
        if any(set(remembered(hostvars[name])) != set(members(hostvars[name])) for name in asked)
        else []
    )


def members(variables):
    """Return the names of those with which a host's database server is to be a cluster."""
    return [one["name"] for one in _inputs(variables).get("mysql_cluster_members") or []]


def leaving(hosts, hostvars):
    """Return those whose database server was a member of a cluster and is to be none."""
    asked = [name for name in hosts if "mysql_cluster_members" in _inputs(hostvars.get(name))]
    return [
        name
        for name in asked
        if recorded(hostvars[name]) and not _inputs(hostvars[name])["mysql_cluster_members"]
    ]


def proxies(hosts, hostvars):
    """Return those that have the way to several database hosts, of which one is left."""
    asked = [name for name in hosts if "database_proxy_servers" in _inputs(hostvars.get(name))]
    return [
        name
        for name in asked
        if UNIT in facts_of(hostvars[name]).get("paths", {})
        and not _inputs(hostvars[name])["database_proxy_servers"][1:]
    ]


def remembered(variables):
    """Return with which names a host's database server was a cluster when a run last saw to it."""
    return (facts_of(variables).get("state") or {}).get("mysql_cluster") or []


def recorded(variables):
    """Whether it was a member then."""
    return bool(remembered(variables))


def certificates(hosts, hostvars):
    """Return those on which the command of the certificates has to see to any in this run."""
    return [name for name in hosts if _certificates(hostvars.get(name) or {})]


def _certificates(variables):
    inputs, there = _inputs(variables), facts_of(variables).get("certificates") or {}
    placed = "__certificates_placed" in variables
    return of_certificates.due(
        inputs.get("certificates_certificates", []),
        there,
        placed,
        inputs.get("certificates_retry", False),
    )


def records(hosts, groups, hostvars):
    """Return the one that declares the records:
    the primary name server, or any that was asked where somebody else's server takes them.
    """
    asked = [name for name in hosts if "__plan" in (hostvars.get(name) or {})]
    if groups.get(NAME_SERVERS):
        return [name for name in asked if name == primary(groups, hostvars[name])]
    return [name for name in asked if "lamp_dns_server" in hostvars[name]][:1]


def _inputs(variables):
    return ((variables or {}).get("__plan") or {}).get("inputs") or {}


def _rows(variables, role):
    return ((variables or {}).get(f"__{role}_state") or {}).get("rows") or {}
