# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accounts of a database server differ from the declared ones. Private to the collection.
Pure: no I/O, no Ansible import.

*users* are the items of ``mysql_users``. *rows* is what the server says of each account: name,
host, plugin, secret (the authentication string in hexadecimal), tls, two (whether an old password
is valid besides), aged (whether the password was changed long ago). *grants* has a row with
account, place and privilege for each. Names and hosts hold no quotes: mysql_problems has seen to
that.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.password import matches, native

#: What engines, packages and clusters have for themselves. A password for root would take its way
#: in from the host.
OWN_ACCOUNTS = {
    "debian-sys-maint",
    "mariadb.sys",
    "mysql",
    "mysql-agent",
    "mysql.infoschema",
    "mysql.session",
    "mysql.sys",
    "root",
}
OWN_DATABASES = {"foobar_lamp", "information_schema", "mysql", "performance_schema", "sys"}
#: What both engines mean by ALL on a database; MariaDB means a little more.
_ALL = {
    "ALTER",
    "ALTER ROUTINE",
    "CREATE",
    "CREATE ROUTINE",
    "CREATE TEMPORARY TABLES",
    "CREATE VIEW",
    "DELETE",
    "DROP",
    "EVENT",
    "EXECUTE",
    "INDEX",
    "INSERT",
    "LOCK TABLES",
    "REFERENCES",
    "SELECT",
    "SHOW VIEW",
    "TRIGGER",
    "UPDATE",
}
_MORE = {"DELETE HISTORY", "SHOW CREATE ROUTINE"}
#: The named sets, each on the account's own databases.
SETS = {
    "all": {"ALL"},
    "write": {
        "CREATE TEMPORARY TABLES",
        "DELETE",
        "EXECUTE",
        "INSERT",
        "LOCK TABLES",
        "SELECT",
        "SHOW VIEW",
        "UPDATE",
    },
    "read": {"SELECT", "SHOW VIEW"},
    "monitor": set(),  # none there: the engine says what it takes to watch a server
}
#: What may be named besides.
PRIVILEGES = _ALL | _MORE | {"ALL"}


def host_of(user):
    """Return the host that an account may come from."""
    return (user.get("host") or "localhost").lower()


def account_of(user):
    """Return ``'name'@'host'``, as SQL has it."""
    return f"'{user['name']}'@'{host_of(user)}'"


def privileges(user, monitor):
    """Return ``{place: {privilege}}`` of an account. *monitor* is the same of the named set
    monitor, which the engine says.
    """
    named = user.get("privileges") or "all"
    own = SETS[named] if isinstance(named, str) else {str(privilege).upper() for privilege in named}
    # An underscore stands for any character in a grant unless it is escaped.
    found = {
        re.sub("([_%])", r"\\\1", database) + ".*": own
        for database in user.get("databases") or []
        if own
    }
    if named == "monitor":
        found |= {place: set(kinds) for place, kinds in monitor.items()}
    return found


def grants_of(user, monitor):
    """Return the same as a module takes it: ``{place: "PRIVILEGE,PRIVILEGE"}``."""
    return {place: ",".join(sorted(kinds)) for place, kinds in privileges(user, monitor).items()}


def _granted(user, grants):
    found = {}
    for row in grants:
        if row["account"] == account_of(user) and row["privilege"] != "USAGE":
            found.setdefault(row["place"], set()).add(row["privilege"])
    return found


def _alike(wanted, granted):
    return wanted.keys() == granted.keys() and all(
        kinds == granted[place] or (kinds == {"ALL"} and _ALL <= granted[place] <= _ALL | _MORE)
        for place, kinds in wanted.items()
    )


def plan(users, rows, grants, monitor, keep_hours, passwords):
    """Return what is to be done so that accounts are as ``users`` declares them, by subject.

    ``passwords``: the ``account`` as people know it, the declared ``password``, and the
    ``statements`` that give it that password, or end the old one. They are made of the templates
    ``passwords``, which the engine says: create, change, keep (change and leave the old one valid,
    as ``plugin`` can), and end. ``%(password)s`` in one stands for the password.
    ``privileges``: ``name`` and ``host`` of accounts with other privileges or another duty to use
    TLS, the ``privileges`` as a module takes them, and whether to set ``require_tls`` with them.
    """
    there = _by_name(rows)
    later = {(account["name"], account["host"]) for account in tls_later(users, rows)}
    found = {"passwords": [], "privileges": []}
    for user in users:
        name, host = user["name"], host_of(user)
        row = there.get((name, host))
        steps = _password_steps(user, row, keep_hours, passwords["plugin"])
        if steps:
            statements = [_statement(passwords[step], step, user, row) for step in steps]
            account = {"account": f"{name}@{host}", "password": user["password"]}
            found["passwords"].append({**account, "statements": statements})
        tls = bool(user.get("require_tls"))
        if (
            not row
            or (row["tls"] and not tls)
            or not _alike(privileges(user, monitor), _granted(user, grants))
        ):
            account = {"name": name, "host": host, "privileges": grants_of(user, monitor)}
            found["privileges"].append(
                {**account, "require_tls": tls and (name, host) not in later}
            )
    return found


def tls_later(users, rows):
    """Return name and host of the accounts that are there without TLS and are to require it.

    That waits until the end of a run: whoever uses such an account may not use TLS before.
    """
    there = _by_name(rows)
    accounts = [(user["name"], host_of(user)) for user in users if user.get("require_tls")]
    return [
        {"name": name, "host": host}
        for name, host in accounts
        if (name, host) in there and not there[name, host]["tls"]
    ]


def _by_name(rows):
    return {(row["name"], row["host"].lower()): row for row in rows}


def _statement(template, step, user, row):
    statement = template.format(
        # The driver takes a lone % for the begin of an argument.
        account=account_of(user).replace("%", "%%"),
        new=native(user["password"]),
        old=_kept(row).decode("ascii", "replace"),
    )
    return statement + (" REQUIRE SSL" if step == "create" and user.get("require_tls") else "")


def _kept(row):
    return bytes.fromhex(row["secret"] or "") if row else b""


def _password_steps(user, row, keep_hours, plugin):
    if not row:
        return ["create"]
    kept = _kept(row)
    if matches(user["password"], row["plugin"], kept):
        return ["end"] if row["two"] and row["aged"] else []
    if kept and keep_hours and row["plugin"] == plugin:
        return ["keep"]
    # A change alone leaves valid what an earlier change kept.
    return ["change", "end"] if row["two"] else ["change"]


def undeclared(users, rows, kept):
    """Return a statement for each account that is neither declared nor one of ``kept`` nor the
    server's own, which removes it.
    """
    kept = OWN_ACCOUNTS.union(kept)
    declared = {(user["name"], host_of(user)) for user in users}
    return [
        f"DROP USER '{_quoted(row['name'])}'@'{_quoted(row['host'])}'"
        for row in rows
        if row["name"]
        and row["name"] not in kept
        and (row["name"], row["host"].lower()) not in declared
    ]


def _quoted(text):
    return text.replace("\\", "\\\\").replace("'", "''")
