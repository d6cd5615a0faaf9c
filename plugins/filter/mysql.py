# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role mysql: what its inputs say, and what differs from what the server says.

*databases* and *users* are the items of ``mysql_databases`` and ``mysql_users``. Private to the
role.
"""

from __future__ import annotations

import ipaddress
import json
import re

from ansible_collections.foobar.lamp.plugins.module_utils.mysql import cluster as _cluster
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import accounts as _mysql_accounts
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import apparmor as _mysql_apparmor
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import declared as _mysql_declared
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import galera as _mysql_galera
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import joining as _mysql_joining
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import queries as _mysql_queries
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import rolling as _mysql_rolling
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import settings as _mysql_settings
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.mysql import import_problems
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import due as _due

_COLLATION = "utf8mb4_unicode_ci"


def mysql_drifted_databases(databases, found):
    """Return those of ``databases`` that the server lacks, defaults filled in.

    ``found``: rows with name, encoding and collation.
    """
    there = {row["name"] for row in found}
    return [_filled(database) for database in databases if database["name"] not in there]


def _filled(database):
    """A collation begins with its character set;
    a character set alone takes its own default collation.
    """
    encoding, collation = database.get("encoding"), database.get("collation")
    if not encoding and not collation:
        collation = _COLLATION
    encoding = encoding or ("utf8mb4" if collation.startswith("uca") else collation.split("_")[0])
    return {
        **database,
        "encoding": encoding,
        "collation": collation or "",
        "kind": f"{encoding} {collation}",
    }


def _spelt(name, encoding):
    """Return the one spelling of a character set or collation:
    servers say utf8mb3 for utf8, and have a set before each collation.
    """
    name = re.sub(r"^utf8(?=_|$)", "utf8mb3", name.lower())
    return f"{encoding.lower()}_{name}" if name.startswith("uca") else name


def mysql_conflicts(databases, found):
    """Return a sentence for each of ``databases`` that is there with
    another encoding or collation than it declares.

    What a database does not declare may be as it is.
    """
    there = {row["name"]: row for row in found}
    problems = []
    for database in databases:
        row = there.get(database["name"])
        for key, words in (("encoding", "CHARACTER SET"), ("collation", "COLLATE")):
            if (
                row
                and database.get(key)
                and _spelt(database[key], row["encoding"]) != _spelt(row[key], row["encoding"])
            ):
                problems.append(
                    f"The database {database['name']} has the {key} {row[key]}, and "
                    f"mysql_databases declares {database[key]}: declare what is there, or, with "
                    f"a backup at hand, run ALTER DATABASE `{database['name']}` {words} "
                    f"{database[key]} for tables to come and ALTER TABLE … CONVERT TO CHARACTER "
                    f"SET … for each that is there."
                )
                break
    return problems


def mysql_imports(databases, found):
    """Return those of ``databases`` that are to be filled from a file:
    there is nothing in them, or what an import left that was cut short.

    ``found``: rows with name, tables (how many) and cut (whether one of them is an import's own
    mark).
    """
    there = {row["name"]: row for row in found}
    wanted = [database for database in databases if database.get("import")]
    fresh = {"tables": 0, "cut": 0}
    return [
        {**_filled(database), "cut": bool(there.get(database["name"], fresh)["cut"])}
        for database in wanted
        if not int(there.get(database["name"], fresh)["tables"] or 0)
        or int(there[database["name"]]["cut"] or 0)
    ]


def mysql_imports_in_use(imports, grants):
    """Return the names of those of ``imports`` that were cut short
    and that an account could write to since.

    ``grants``: rows with place.
    """
    places = {re.sub(r"\\([_%])", r"\1", row["place"].rpartition(".")[0]) for row in grants}
    return [
        database["name"] for database in imports if database["cut"] and database["name"] in places
    ]


def mysql_joining_problems(hosts, hostvars):
    """Return what keeps the servers of ``hosts`` from becoming members of one cluster,
    by what each of them has said to the role.
    """
    said = {name: hostvars[name].get("__mysql_surveyed") or {} for name in hosts}
    return _mysql_joining.problems(
        {
            name: _mysql_joining.read(one["stdout_lines"], _due.recorded(hostvars[name]))
            for name, one in said.items()
            if "stdout_lines" in one
        },
        {one for name in hosts for one in _due.members(hostvars[name])},
    )


def mysql_leaving_problem(said):
    """Return why a server may not leave its cluster and go on alone,
    empty if it may, by what all members have ``said`` (JSON).
    """
    found = json.loads(said)
    members = {name: _cluster.said(one) for name, one in found.get("members", {}).items()}
    return _cluster.not_alone(members, found["me"]) if found else ""


def mysql_tls_name(name):
    """Return a name or an address as a certificate has it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f"DNS:{name}"
    return f"IP:{name}"


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "mysql_apparmor": _mysql_apparmor.local,
            "mysql_apparmor_left": _mysql_apparmor.left,
            "mysql_conflicts": mysql_conflicts,
            "mysql_datadir": _mysql_declared.datadir,
            "mysql_declared": _mysql_declared.declared,
            "mysql_differences": _mysql_settings.differences,
            "mysql_filled_query": _mysql_queries.filled,
            "mysql_galera": _mysql_galera.galera,
            "mysql_import_begin": _mysql_queries.import_begin,
            "mysql_import_problems": import_problems,
            "mysql_imports": mysql_imports,
            "mysql_imports_in_use": mysql_imports_in_use,
            "mysql_plan": _mysql_accounts.plan,
            "mysql_joining_problems": mysql_joining_problems,
            "mysql_leaving_problem": mysql_leaving_problem,
            "mysql_logs": _mysql_settings.logs,
            "mysql_drifted": _mysql_settings.drifted,
            "mysql_marks": _mysql_settings.marks,
            "mysql_refused": _mysql_settings.refused,
            "mysql_restart_order": _mysql_rolling.restart_order,
            "mysql_restart_sentence": _mysql_settings.restart_sentence,
            "mysql_settings_query": _mysql_queries.settings,
            "mysql_state_queries": _mysql_queries.state,
            "mysql_tls_later": _mysql_accounts.tls_later,
            "mysql_tls_name": mysql_tls_name,
            "mysql_undeclared": _mysql_accounts.undeclared,
            "mysql_drifted_databases": mysql_drifted_databases,
            "mysql_variables": _mysql_settings.variables,
        }
