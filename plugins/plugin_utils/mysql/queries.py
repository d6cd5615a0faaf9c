# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 # these are statements made of strings; what goes into them was checked before
"""What the role mysql asks a server, for mysql_query_info. Private to the collection. Pure.

The statements are written for an empty ``sql_mode``. What goes into them was checked by
mysql_problems: names and hosts hold no quotes.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.accounts import account_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.settings import variables

#: A table that is there while a database is filled.
MARK = "foobar_lamp_import"

# Each row of `cures` is a statement that ends something a safe server does not have.
_UNSAFE_ACCOUNTS = """
SELECT CONCAT('DROP USER ', QUOTE(user), '@', QUOTE(host)) AS cure FROM mysql.user
WHERE user = '' OR (user = 'root' AND host <> 'localhost')
"""
_EMPTY_TEST_DATABASE = """
SELECT 'DROP DATABASE test' FROM information_schema.schemata WHERE schema_name = 'test'
AND NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'test')
AND NOT EXISTS (SELECT 1 FROM information_schema.routines WHERE routine_schema = 'test')
AND NOT EXISTS (SELECT 1 FROM information_schema.events WHERE event_schema = 'test')
"""
# Debian's own tools are root through the socket. A password that somebody gave to root stays; the
# server reads it itself, so that no statement shows it.
_ADD_SOCKET = """
BEGIN NOT ATOMIC
SET @kept = (SELECT JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv
  WHERE User = 'root' AND Host = 'localhost');
EXECUTE IMMEDIATE CONCAT('ALTER USER root@localhost IDENTIFIED VIA unix_socket ',
  'OR mysql_native_password USING ', QUOTE(@kept));
END
"""
_ROOT_WITHOUT_SOCKET = f"""
SELECT "{" ".join(_ADD_SOCKET.split())}" FROM mysql.global_priv
WHERE User = 'root' AND Host = 'localhost' AND Priv NOT LIKE '%unix_socket%'
AND JSON_VALUE(Priv, '$.plugin') = 'mysql_native_password'
"""
# A setting that somebody had the server keep (SET PERSIST) wins over all files at its next start.
_PERSISTED = """
SELECT CONCAT('RESET PERSIST IF EXISTS ', variable_name)
FROM performance_schema.persisted_variables WHERE variable_name IN ({declared})
"""
_CURES = {"mariadb": _ROOT_WITHOUT_SOCKET, "mysql": _PERSISTED}

_DATABASES = """
SELECT s.schema_name AS name, s.default_character_set_name AS encoding,
s.default_collation_name AS collation{filled} FROM information_schema.schemata s
"""
# Only where a database is to be filled: counting tables takes a large server a while.
_FILLED = f""",
(SELECT COUNT(*) FROM information_schema.tables t WHERE t.table_schema = s.schema_name) AS tables,
(SELECT COUNT(*) FROM information_schema.tables t
  WHERE t.table_schema = s.schema_name AND t.table_name = '{MARK}') AS cut"""

_ACCOUNTS = {
    "mariadb": """
        SELECT u.User AS name, u.Host AS host, u.plugin, HEX(u.authentication_string) AS secret,
        u.ssl_type AS tls,
        COALESCE(JSON_VALUE(p.Priv, '$.auth_or[1].plugin') = 'mysql_native_password', 0) AS two,
        COALESCE(JSON_VALUE(p.Priv, '$.password_last_changed')
          < UNIX_TIMESTAMP() - 3600 * {hours}, 0) AS aged
        FROM mysql.user u JOIN mysql.global_priv p ON p.User = u.User AND p.Host = u.Host
        WHERE COALESCE(JSON_VALUE(p.Priv, '$.is_role'), 0) = 0
    """,
    "mysql": """
        SELECT u.User AS name, u.Host AS host, u.plugin, HEX(u.authentication_string) AS secret,
        u.ssl_type AS tls,
        JSON_EXTRACT(u.User_attributes, '$.additional_password') IS NOT NULL AS two,
        COALESCE(u.password_last_changed < NOW() - INTERVAL {hours} HOUR, 0) AS aged
        FROM mysql.user u WHERE NOT EXISTS (SELECT 1 FROM mysql.role_edges e
          WHERE e.FROM_USER = u.User AND e.FROM_HOST = u.Host)
    """,
}

_GRANTS = (
    ("user", "'*.*'"),
    ("schema", "CONCAT(table_schema, '.*')"),
    ("table", "CONCAT(table_schema, '.', table_name)"),
    ("column", "CONCAT(table_schema, '.', table_name)"),
)

_SETTINGS = {
    "mariadb": """
        SELECT variable_name AS name, COALESCE(global_value, '') AS value,
        read_only = 'YES' AS read_only, COALESCE(global_value_path, '') = '{file}' AS ours
        FROM information_schema.system_variables WHERE variable_scope <> 'SESSION ONLY'
    """,
    # Which of them can be set while it runs, only the attempt says.
    "mysql": """
        SELECT variable_name AS name, v.variable_value AS value, 0 AS read_only,
        i.variable_path = '{file}' AS ours
        FROM performance_schema.global_variables v
        JOIN performance_schema.variables_info i USING (variable_name) WHERE TRUE
    """,
}


def _listed(names):
    """SQL knows no empty list; nothing has the empty name."""
    return ", ".join(f"'{name}'" for name in names) or "''"


def _line(statement):
    return " ".join(statement.split())


def settings(engine, config_file):
    """Return the question for all settings of a server; ``ours`` are those from ``config_file``."""
    return {"settings": _line(_SETTINGS[engine].format(file=config_file))}


def import_begin(database):
    """Return the statements that an import into ``database``, an
    item of mysql_imports, begins with.

    The mark tells the next run that this one was cut short. What that left is dropped.
    """
    name = database["name"]
    collate = f" COLLATE {database['collation']}" if database["collation"] else ""
    anew = f"CREATE DATABASE `{name}` CHARACTER SET {database['encoding']}{collate}"
    return [
        *([f"DROP DATABASE `{name}`", anew] if database["cut"] else []),
        f"CREATE TABLE `{name}`.{MARK} (begun INT)",
    ]


def filled(database):
    """Return the question how many tables an import has made in ``database``."""
    return {
        "filled": (
            f"SELECT COUNT(*) AS tables FROM information_schema.tables WHERE table_schema = "
            f"'{database}' AND table_name <> '{MARK}'"
        )
    }


def state(engine, config_file, databases, users, declared, hours):
    """Return the questions that say what is left to do on a server, ``{name: statement}``.

    ``databases`` and ``users`` are the role's, ``declared`` the settings of its files, by section.
    An old password is aged after ``hours``.
    """
    variables_declared = _listed(variables(declared))
    cures = [_UNSAFE_ACCOUNTS, _CURES[engine].format(declared=variables_declared)]
    if "test" not in [database["name"] for database in databases]:
        cures.append(_EMPTY_TEST_DATABASE)
    # information_schema has an account as 'name'@'host', with its quotes.
    grantees = ", ".join(f'"{account_of(user)}"' for user in users) or '""'
    grants = [
        f"SELECT grantee AS account, {place} AS place, privilege_type AS privilege "
        f"FROM information_schema.{kind}_privileges WHERE grantee IN ({grantees})"
        for kind, place in _GRANTS
    ]
    imports = any(database.get("import") for database in databases)
    asked = {
        "cures": " UNION ".join(cures),
        "databases": _DATABASES.format(filled=_FILLED if imports else ""),
        "accounts": _ACCOUNTS[engine].format(hours=int(hours)),
        "grants": " UNION ALL ".join(grants),
        "settings": settings(engine, config_file)["settings"]
        + f" AND variable_name IN ({variables_declared})",
    }
    return {name: _line(statement) for name, statement in asked.items()}
