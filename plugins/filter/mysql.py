# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role mysql: what its inputs say, and what differs from what the server says.

*databases* and *users* are the items of ``mysql_databases`` and ``mysql_users``. Private to the role.
"""

from __future__ import annotations

import ipaddress
import os
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import accounts as _mysql_accounts
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import apparmor as _mysql_apparmor
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import settings as _mysql_settings
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.accounts import host_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.dump import PACKED, dump_problems

_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}\Z")
_USER = re.compile(r"[0-9A-Za-z_.$-]{1,80}\Z")
_HOST = re.compile(r"[0-9A-Za-z_.:%/-]{1,255}\Z")
_CHARSET = re.compile(r"[0-9A-Za-z_]{1,64}\Z")
_TLS_NAME = re.compile(r"[0-9A-Za-z.:*-]{1,253}\Z")
_SHORTEST = 12
_COLLATION = "utf8mb4_unicode_ci"
_UNPACKERS = dict(zip(PACKED.values(), ("gzip", "xz-utils", "bzip2", "zstd"), strict=True))
_SERVER_PACKAGES = {"mariadb": "mariadb-server", "mysql": "mysql-server"}


def mysql_problems(databases, users, settings, engine="mariadb", tls_names=(), packages=(), longest_name=80, memory_mb=0):
    """Return what is wrong with the role's inputs: a list of sentences. Passwords are never shown.

    ``packages``: what the host has. ``longest_name``: of an account, which the engine says. ``memory_mb``: the host's, 0 if unknown.
    """
    names = [database["name"] for database in databases]
    accounts = [(user["name"], host_of(user)) for user in users]
    problems = [
        f"mysql_implementation is {engine}, and the host has {package} with its data: dump that and remove the package first, "
        f"or set mysql_implementation to {other}."
        for other, package in _SERVER_PACKAGES.items()
        if other != engine and package in packages
    ]
    for database in databases:
        problems += _database_problems(database)
    problems += [f"mysql_databases has {name} twice: remove one." for name in sorted(set(names)) if names.count(name) > 1]
    problems += [
        f"mysql_users has {name}@{host} twice: remove one." for name, host in sorted(set(accounts)) if accounts.count((name, host)) > 1
    ]
    for user in users:
        problems += _user_problems(user, names, longest_name)
    problems += [
        f"mysql_settings.{section} is {values!r}: put settings into a section, for instance mysql_settings.mysqld."
        for section, values in settings.items()
        if not isinstance(values, dict)
    ]
    problems += _memory_problems({section: values for section, values in settings.items() if isinstance(values, dict)}, int(memory_mb))
    problems += [
        f"mysql_tls_names has {name!r}: give a host name or an address, as clients use it."
        for name in tls_names
        if not _TLS_NAME.match(name)
    ]
    return problems


def _memory_problems(settings, memory_mb):
    """The server takes the buffer pool bit by bit: one that the host has no room for ends it weeks later."""
    given = _mysql_settings.variables(settings).get("innodb_buffer_pool_size")
    size = _mysql_settings.plain(given) if given is not None else ""
    if memory_mb and size.isdecimal() and int(size) > memory_mb * 2**20:
        yield (
            f"mysql_settings has innodb_buffer_pool_size {given}, and the host has {memory_mb} MiB of memory: give less, "
            "half of it at most where others live on the host, or leave it out for a quarter."
        )


def _database_problems(database):
    name = database["name"]
    if not _DATABASE.match(name):
        yield f"mysql_databases has the name {name!r}: use 1 to 64 letters, digits, underscores, hyphens or dollar signs."
    if name.lower() in _mysql_accounts.OWN_DATABASES:
        yield f"mysql_databases has {name}, which is the server's own: choose another name."
    encoding, collation = database.get("encoding"), database.get("collation")
    for key in ("encoding", "collation"):
        if database.get(key) and not _CHARSET.match(database[key]):
            yield f"mysql_databases gives {name} the {key} {database[key]!r}: use letters, digits and underscores."
    # A collation without the name of a character set before it, such as uca1400_ai_ci, goes with several.
    if encoding and collation and collation.split("_")[0] != encoding and collation != "binary" and not collation.startswith("uca"):
        yield f"mysql_databases gives {name} the collation {collation}, which is not of its encoding {encoding}: correct one of them."


def _user_problems(user, databases, longest_name):
    where = f"mysql_users gives {user['name']}"
    if not _USER.match(user["name"]) or len(user["name"]) > longest_name:
        yield (
            f"mysql_users has the name {user['name']!r}: use 1 to {longest_name} letters, digits, underscores, dots, hyphens, dollar signs."
        )
    if user["name"].lower() in _mysql_accounts.OWN_ACCOUNTS:
        yield f"mysql_users has {user['name']}, an account of the server's own: choose another name. Root logs in through the socket."
    if not _HOST.match(host_of(user)):
        yield f"{where} the host {host_of(user)!r}: give a name, an address, or a pattern of them."
    if len(user["password"]) < _SHORTEST:
        yield f"{where} a password of fewer than {_SHORTEST} characters: give a longer one."
    for database in user.get("databases") or []:
        if database not in databases:
            yield f"{where} the database {database}: add that to mysql_databases, or correct it."
    given = user.get("privileges") or "all"
    if isinstance(given, str):
        if given not in _mysql_accounts.SETS:
            yield f"{where} the privileges {given!r}: give one of {', '.join(_mysql_accounts.SETS)}, or a list such as [SELECT, INSERT]."
    else:
        for privilege in given:
            if str(privilege).upper() not in _mysql_accounts.PRIVILEGES:
                yield f"{where} the privilege {privilege!r}: give one that goes with databases, such as SELECT or CREATE VIEW."
    if given != "monitor" and not user.get("databases"):
        yield f"{where} no database: name some in databases, or set privileges to monitor."


def mysql_unlike_databases(databases, found):
    """Return those of ``databases`` that the server lacks, defaults filled in.

    ``found``: rows with name, encoding and collation.
    """
    there = {row["name"] for row in found}
    return [_filled(database) for database in databases if database["name"] not in there]


def _filled(database):
    """A collation begins with its character set; a character set alone takes its own default collation."""
    encoding, collation = database.get("encoding"), database.get("collation")
    if not encoding and not collation:
        collation = _COLLATION
    encoding = encoding or ("utf8mb4" if collation.startswith("uca") else collation.split("_")[0])
    return {**database, "encoding": encoding, "collation": collation or "", "kind": f"{encoding} {collation}"}


def _spelt(name, encoding):
    """Return the one spelling of a character set or collation: servers say utf8mb3 for utf8, and have a set before each collation."""
    name = re.sub(r"^utf8(?=_|$)", "utf8mb3", name.lower())
    return f"{encoding.lower()}_{name}" if name.startswith("uca") else name


def mysql_conflicts(databases, found):
    """Return a sentence for each of ``databases`` that is there with another encoding or collation than it declares.

    What a database does not declare may be as it is.
    """
    there = {row["name"]: row for row in found}
    problems = []
    for database in databases:
        row = there.get(database["name"])
        for key, words in (("encoding", "CHARACTER SET"), ("collation", "COLLATE")):
            if row and database.get(key) and _spelt(database[key], row["encoding"]) != _spelt(row[key], row["encoding"]):
                problems.append(
                    f"The database {database['name']} has the {key} {row[key]}, and mysql_databases declares {database[key]}: declare "
                    f"what is there, or, with a backup at hand, run "
                    f"ALTER DATABASE `{database['name']}` {words} {database[key]} for tables to come "
                    f"and ALTER TABLE … CONVERT TO CHARACTER SET … for each that is there."
                )
                break
    return problems


def mysql_imports(databases, found):
    """Return those of ``databases`` that are to be filled from a file: there is nothing in them, or what an import left that was cut short.

    ``found``: rows with name, tables (how many) and cut (whether one of them is an import's own mark).
    """
    there = {row["name"]: row for row in found}
    wanted = [database for database in databases if database.get("import")]
    fresh = {"tables": 0, "cut": 0}
    return [
        {**_filled(database), "cut": bool(there.get(database["name"], fresh)["cut"])}
        for database in wanted
        if not int(there.get(database["name"], fresh)["tables"] or 0) or int(there[database["name"]]["cut"] or 0)
    ]


def mysql_imports_in_use(imports, grants):
    """Return the names of those of ``imports`` that were cut short and that an account could write to since.

    ``grants``: rows with place.
    """
    places = {re.sub(r"\\([_%])", r"\1", row["place"].rpartition(".")[0]) for row in grants}
    return [database["name"] for database in imports if database["cut"] and database["name"] in places]


def mysql_import_packages(databases):
    """Return the packages that unpack the files which fill ``databases``."""
    suffixes = {os.path.splitext(str(database.get("import") or ""))[1] for database in databases}
    return sorted(_UNPACKERS[suffix] for suffix in suffixes & _UNPACKERS.keys())


def mysql_import_problems(imports, search, users, rows=(), engine="mariadb"):
    """Return what is wrong with the files that are to fill the databases ``imports``: a list of sentences.

    ``search``: where Ansible looks for a relative path. ``rows``: accounts that the server has, with name and host.
    """
    accounts = {f"{user['name']}@{host_of(user)}".lower() for user in users} | {f"{row['name']}@{row['host']}".lower() for row in rows}
    problems = []
    for database in imports:
        name = os.path.expanduser(database["import"])
        places = [os.path.normpath(os.path.join(place, inner, name)) for place in search for inner in ("files", "")]
        path = next((place for place in places if os.path.isfile(place)), None)
        found = (
            dump_problems(path, database["name"], accounts | {"root@localhost"}, engine) if path else ["is not there. Correct the path."]
        )
        problems += [f"mysql_databases fills {database['name']} from {path or name}, which {problem}" for problem in found]
    return problems


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
            "mysql_accounts": lambda users: [_mysql_accounts.account_of(user) for user in users],
            "mysql_apparmor": _mysql_apparmor.local,
            "mysql_conflicts": mysql_conflicts,
            "mysql_differences": _mysql_settings.differences,
            "mysql_grants": _mysql_accounts.grants_of,
            "mysql_import_packages": mysql_import_packages,
            "mysql_import_problems": mysql_import_problems,
            "mysql_imports": mysql_imports,
            "mysql_imports_in_use": mysql_imports_in_use,
            "mysql_plan": _mysql_accounts.plan,
            "mysql_problems": mysql_problems,
            "mysql_drifted": _mysql_settings.drifted,
            "mysql_marks": _mysql_settings.marks,
            "mysql_refused": _mysql_settings.refused,
            "mysql_tls_name": mysql_tls_name,
            "mysql_undeclared": _mysql_accounts.undeclared,
            "mysql_unlike_databases": mysql_unlike_databases,
            "mysql_variables": _mysql_settings.variables,
        }
