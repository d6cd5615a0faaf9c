"""What the role mysql asks a server. The servers themselves are asked in the scenario mysql."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import queries

FILE = "/etc/mysql/zz.cnf"
USER = {"name": "shop", "host": "%", "password": "correct horse battery"}


def state(engine="mariadb", databases=(), users=(), settings=None, hours="24"):
    return queries.state(engine, FILE, databases, users, settings or {}, hours)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_each_engine_is_asked_the_same(engine):
    asked = state(engine)
    assert list(asked) == ["cures", "databases", "accounts", "grants", "settings"]
    assert not [query for query in asked.values() if "{" in query or "}" in query or "\n" in query]
    assert f"'{FILE}'" in asked["settings"]


@pytest.mark.parametrize(
    ("given", "query", "words", "others"),
    [
        ({}, "cures", "DROP DATABASE test", ""),
        ({"databases": [{"name": "test"}]}, "cures", "DROP USER", "DROP DATABASE test"),
        ({}, "cures", "unix_socket", "RESET PERSIST"),
        ({"engine": "mysql"}, "cures", "RESET PERSIST", "unix_socket"),
        ({}, "databases", "schema_name AS name", "AS cut"),
        (
            {"databases": [{"name": "a", "import": ""}]},
            "databases",
            "schema_name AS name",
            "AS cut",
        ),
        ({"databases": [{"name": "a", "import": "a.sql"}]}, "databases", "AS cut", ""),
        ({"hours": "5"}, "accounts", "3600 * 5,", ""),
        ({"hours": "5", "engine": "mysql"}, "accounts", "INTERVAL 5 HOUR", ""),
        ({}, "grants", 'grantee IN ("")', "'@'"),
        ({"users": [USER]}, "grants", """grantee IN ("'shop'@'%'")""", "correct horse"),
        (
            {"users": [USER, {**USER, "host": "DB1"}]},
            "grants",
            """grantee IN ("'shop'@'%'", "'shop'@'db1'")""",
            "",
        ),
        ({}, "settings", "variable_name IN ('')", ""),
        (
            {"settings": {"mysqld": {"Max-Connections": 5, "port": 1}, "client": {"x": 1}}},
            "settings",
            "variable_name IN ('max_connections', 'port')",
            "'x'",
        ),
        (
            {"engine": "mysql", "settings": {"mysqld": {"port": 1}}},
            "cures",
            "persisted_variables WHERE variable_name IN ('port')",
            "",
        ),
    ],
)
def test_queries_ask_for_what_is_declared(given, query, words, others):
    asked = state(**given)[query]
    assert words in asked
    assert not others or others not in asked


FRESH = {"name": "a", "encoding": "utf8mb4", "collation": "utf8mb4_bin", "cut": False}


@pytest.mark.parametrize(
    ("database", "dropped"),
    [
        (FRESH, []),
        (
            {**FRESH, "cut": True},
            ["DROP DATABASE `a`", "CREATE DATABASE `a` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
        ),
        (
            {**FRESH, "cut": True, "collation": ""},
            ["DROP DATABASE `a`", "CREATE DATABASE `a` CHARACTER SET utf8mb4"],
        ),
    ],
)
def test_import_begins_with_its_mark(database, dropped):
    mark = f"CREATE TABLE `a`.{queries.MARK} (begun INT)"
    assert queries.import_begin(database) == [*dropped, mark]


def test_mark_does_not_count_as_filled():
    assert list(queries.filled("a")) == ["filled"]
    assert f"table_schema = 'a' AND table_name <> '{queries.MARK}'" in queries.filled("a")["filled"]
