"""Which databases differ from the server's, and which are filled."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter import mysql

THERE = [
    {"name": "a", "encoding": "utf8mb4", "collation": "utf8mb4_unicode_ci"},
    {"name": "b", "encoding": "latin1", "collation": "x"},
]


def test_databases_that_are_not_there_are_made_with_what_they_declare_or_the_default():
    made = mysql.mysql_drifted_databases(
        [
            {"name": "a"},
            {"name": "b"},
            {"name": "c"},
            {"name": "d", "collation": "latin1_bin"},
            {"name": "e", "encoding": "utf8mb3"},
        ],
        THERE,
    )
    assert [
        (database["name"], database["encoding"], database["collation"]) for database in made
    ] == [
        ("c", "utf8mb4", "utf8mb4_unicode_ci"),
        ("d", "latin1", "latin1_bin"),
        ("e", "utf8mb3", ""),
    ]


def test_only_what_is_declared_can_be_in_conflict_with_what_is_there():
    assert (
        mysql.mysql_conflicts(
            [{"name": "a"}, {"name": "b"}, {"name": "c", "encoding": "utf8mb4"}], THERE
        )
        == []
    )
    (problem,) = mysql.mysql_conflicts(
        [
            {"name": "a", "encoding": "UTF8MB4"},
            {"name": "b", "encoding": "utf8mb4", "collation": "y"},
        ],
        THERE,
    )
    assert "The database b has the encoding latin1, and mysql_databases declares utf8mb4" in problem
    assert "ALTER DATABASE `b` CHARACTER SET utf8mb4" in problem


def test_database_is_filled_if_it_is_empty_or_an_import_was_cut_short():
    wanted = [{"name": name, "import": "x.sql"} for name in "abcd"] + [{"name": "e"}]
    rows = [
        {"name": "a", "tables": 0, "cut": 0},
        {"name": "b", "tables": 3, "cut": 0},
        {"name": "c", "tables": 3, "cut": 1},
    ]
    assert [
        (database["name"], database["cut"]) for database in mysql.mysql_imports(wanted, rows)
    ] == [
        ("a", False),
        ("c", True),
        ("d", False),
    ]


def test_names_of_a_certificate():
    assert [mysql.mysql_tls_name(name) for name in ("db1", "192.0.2.1", "2001:db8::1")] == [
        "DNS:db1",
        "IP:192.0.2.1",
        "IP:2001:db8::1",
    ]


@pytest.mark.parametrize(
    ("declared", "there"),
    [
        ({"encoding": "utf8"}, {"encoding": "utf8mb3", "collation": "utf8mb3_general_ci"}),
        (
            {"collation": "utf8_general_ci"},
            {"encoding": "utf8mb3", "collation": "utf8mb3_general_ci"},
        ),
        (
            {"collation": "uca1400_ai_ci"},
            {"encoding": "utf8mb4", "collation": "utf8mb4_uca1400_ai_ci"},
        ),
        ({"collation": "uca1400_ai_ci"}, {"encoding": "utf8mb4", "collation": "uca1400_ai_ci"}),
    ],
)
def test_other_spelling_is_no_conflict(declared, there):
    assert mysql.mysql_conflicts([{"name": "a", **declared}], [{"name": "a", **there}]) == []
    assert mysql.mysql_conflicts(
        [{"name": "a", **declared}],
        [{"name": "a", "encoding": "latin1", "collation": "latin1_bin"}],
    )


def test_import_that_was_cut_short_is_not_begun_anew_where_an_account_could_write():
    imports = [
        {"name": "a_1", "cut": True},
        {"name": "b", "cut": True},
        {"name": "c", "cut": False},
    ]
    grants = [{"place": r"a\_1.*"}, {"place": "c.*"}, {"place": "*.*"}]
    assert mysql.mysql_imports_in_use(imports, grants) == ["a_1"]
