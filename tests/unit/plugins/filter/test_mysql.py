"""What is wrong with the inputs of the role mysql, and which databases differ from the server's."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter import mysql

USER = {"name": "shop", "password": "correct horse", "databases": ["shop_1"]}


@pytest.mark.parametrize(
    ("databases", "users", "options", "words"),
    [
        (["a'b"], [], {}, 'mysql_databases has the name "a\'b": use 1 to 64'),
        (["a", "a"], [], {}, "mysql_databases has a twice"),
        ([{"name": "a", "encoding": "utf8'"}], [], {}, 'mysql_databases gives a the encoding "utf8\'"'),
        (
            [{"name": "a", "encoding": "latin1", "collation": "utf8mb4_bin"}],
            [],
            {},
            "the collation utf8mb4_bin, which is not of its encoding",
        ),
        (["shop_1"], [{**USER, "name": "a'b"}], {}, "mysql_users has the name"),
        (["shop_1"], [{**USER, "name": "a" * 33}], {"longest_name": 32}, "use 1 to 32 letters"),
        (["shop_1"], [{**USER, "name": "root"}], {}, "mysql_users has root, an account of the server's own"),
        (["mysql"], [], {}, "mysql_databases has mysql, which is the server's own"),
        (["shop_1"], [{**USER, "host": "a'b"}], {}, 'mysql_users gives shop the host "a\'b"'),
        (["shop_1"], [{**USER, "password": "short"}], {}, "a password of fewer than 12 characters"),
        (["shop_1"], [{**USER, "privileges": "admin"}], {}, "the privileges 'admin': give one of all, write, read, monitor"),
        (["shop_1"], [{**USER, "privileges": ["SELECT; DROP"]}], {}, "the privilege 'SELECT; DROP'"),
        (["shop_1"], [{**USER, "databases": []}], {}, "mysql_users gives shop no database"),
        (["shop_1"], [USER, {**USER, "host": "LOCALHOST"}], {}, "mysql_users has shop@localhost twice"),
        (["other"], [USER], {}, "mysql_users gives shop the database shop_1: add that to mysql_databases"),
        ([], [], {"settings": {"max_connections": 5}}, "mysql_settings.max_connections is 5: put settings into a section"),
        ([], [], {"tls_names": ["a b"]}, "mysql_tls_names has 'a b'"),
        ([], [], {"engine": "mysql", "packages": ["mariadb-server"]}, "mysql_implementation is mysql, and the host has mariadb-server"),
        (
            [],
            [],
            {"settings": {"mysqld": {"innodb-buffer-pool-size": "3G"}}, "memory_mb": 2048},
            "mysql_settings has innodb_buffer_pool_size 3G, and the host has 2048 MiB of memory: give less",
        ),
        ([], [], {"settings": {"server": {"innodb_buffer_pool_size": 2**31 + 1}}, "memory_mb": 2048}, "has 2048 MiB of memory"),
    ],
)
def test_problem_names_variable_value_and_remedy_and_no_password(databases, users, options, words):
    given = [{"name": database} if isinstance(database, str) else database for database in databases]
    (problem,) = mysql.mysql_problems(given, users, **{"settings": {}, **options})
    assert words in problem
    assert "'short'" not in problem


@pytest.mark.parametrize(
    ("size", "memory"), [("2G", 2048), (2**31, 2048), ("2048m", 2048), ("2049M", 0), ("lots", 2048), (None, 2048), ("1T", "0")]
)
def test_buffer_pool_that_fits_or_cannot_be_compared_is_no_problem(size, memory):
    assert mysql.mysql_problems([], [], {"mysqld": {"innodb_buffer_pool_size": size}, "client": {"x": 1}}, memory_mb=memory) == []


def test_good_inputs_have_no_problem():
    users = [USER, {**USER, "host": "%", "privileges": ["select"]}, {"name": "watch", "password": "correct horse", "privileges": "monitor"}]
    databases = [{"name": "shop_1", "collation": "uca1400_ai_ci", "encoding": "utf8mb4"}]
    assert mysql.mysql_problems(databases, users, {"mysqld": {}}, "mariadb", ["192.0.2.1", "*.db"], ["mariadb-server"]) == []


THERE = [{"name": "a", "encoding": "utf8mb4", "collation": "utf8mb4_unicode_ci"}, {"name": "b", "encoding": "latin1", "collation": "x"}]


def test_databases_that_are_not_there_are_made_with_what_they_declare_or_the_default():
    made = mysql.mysql_unlike_databases(
        [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d", "collation": "latin1_bin"}, {"name": "e", "encoding": "utf8mb3"}], THERE
    )
    assert [(database["name"], database["encoding"], database["collation"]) for database in made] == [
        ("c", "utf8mb4", "utf8mb4_unicode_ci"),
        ("d", "latin1", "latin1_bin"),
        ("e", "utf8mb3", ""),
    ]


def test_only_what_is_declared_can_be_in_conflict_with_what_is_there():
    assert mysql.mysql_conflicts([{"name": "a"}, {"name": "b"}, {"name": "c", "encoding": "utf8mb4"}], THERE) == []
    (problem,) = mysql.mysql_conflicts(
        [{"name": "a", "encoding": "UTF8MB4"}, {"name": "b", "encoding": "utf8mb4", "collation": "y"}], THERE
    )
    assert "The database b has the encoding latin1, and mysql_databases declares utf8mb4" in problem
    assert "ALTER DATABASE `b` CHARACTER SET utf8mb4" in problem


def test_database_is_filled_if_it_is_empty_or_an_import_was_cut_short():
    wanted = [{"name": name, "import": "x.sql"} for name in "abcd"] + [{"name": "e"}]
    rows = [{"name": "a", "tables": 0, "cut": 0}, {"name": "b", "tables": 3, "cut": 0}, {"name": "c", "tables": 3, "cut": 1}]
    assert [(database["name"], database["cut"]) for database in mysql.mysql_imports(wanted, rows)] == [
        ("a", False),
        ("c", True),
        ("d", False),
    ]


def test_names_of_a_certificate():
    assert [mysql.mysql_tls_name(name) for name in ("db1", "192.0.2.1", "2001:db8::1")] == ["DNS:db1", "IP:192.0.2.1", "IP:2001:db8::1"]


@pytest.mark.parametrize(
    ("declared", "there"),
    [
        ({"encoding": "utf8"}, {"encoding": "utf8mb3", "collation": "utf8mb3_general_ci"}),
        ({"collation": "utf8_general_ci"}, {"encoding": "utf8mb3", "collation": "utf8mb3_general_ci"}),
        ({"collation": "uca1400_ai_ci"}, {"encoding": "utf8mb4", "collation": "utf8mb4_uca1400_ai_ci"}),
        ({"collation": "uca1400_ai_ci"}, {"encoding": "utf8mb4", "collation": "uca1400_ai_ci"}),
    ],
)
def test_other_spelling_is_no_conflict(declared, there):
    assert mysql.mysql_conflicts([{"name": "a", **declared}], [{"name": "a", **there}]) == []
    assert mysql.mysql_conflicts([{"name": "a", **declared}], [{"name": "a", "encoding": "latin1", "collation": "latin1_bin"}])


def test_import_that_was_cut_short_is_not_begun_anew_where_an_account_could_write():
    imports = [{"name": "a_1", "cut": True}, {"name": "b", "cut": True}, {"name": "c", "cut": False}]
    grants = [{"place": r"a\_1.*"}, {"place": "c.*"}, {"place": "*.*"}]
    assert mysql.mysql_imports_in_use(imports, grants) == ["a_1"]
