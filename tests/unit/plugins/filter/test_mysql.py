"""What is wrong with the inputs of the role mysql, and what differs from the server."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter import mysql

USER = {"name": "shop", "password": "correct horse", "databases": ["shop_1"]}
# What MariaDB answers to SELECT PASSWORD("correct horse").
HASH = "*0E8F21E4240F5AD5A07D088F9C93890D13D78A4E"


def grants(*lines):
    return [{"Grants for shop@localhost": line} for line in lines]


@pytest.mark.parametrize(
    ("databases", "users", "settings", "words"),
    [
        (["a'b"], [], {}, 'mysql_databases has the name "a\'b": use 1 to 64'),
        (["a", "a"], [], {}, "mysql_databases has a twice"),
        (["shop_1"], [{**USER, "name": "a'b"}], {}, "mysql_users has the name"),
        (["shop_1"], [{**USER, "host": "a'b"}], {}, 'mysql_users gives shop the host "a\'b"'),
        (["shop_1"], [{**USER, "password": "short"}], {}, "a password of fewer than 12 characters"),
        (["other"], [USER], {}, "mysql_users gives shop the database shop_1: add that to mysql_databases"),
        ([], [], {"max_connections": 5}, "mysql_settings.max_connections is 5: put settings into a section"),
    ],
)
def test_problem_names_variable_value_and_remedy_and_no_password(databases, users, settings, words):
    (problem,) = mysql.mysql_problems([{"name": name} for name in databases], users, settings)
    assert words in problem
    assert "'short'" not in problem


def test_databases_are_compared_with_their_encoding():
    there = [{"name": "a", "encoding": "utf8mb4", "collation": "utf8mb4_unicode_ci"}, {"name": "b", "encoding": "latin1", "collation": "x"}]
    unlike = mysql.mysql_unlike_databases([{"name": "a"}, {"name": "b"}, {"name": "c"}], there)
    assert [database["name"] for database in unlike] == ["b", "c"]


GOOD = (
    f"GRANT USAGE ON *.* TO `shop`@`localhost` IDENTIFIED BY PASSWORD '{HASH}'",
    r"GRANT ALL PRIVILEGES ON `shop\_1`.* TO `shop`@`localhost`",
)


@pytest.mark.parametrize(
    ("answer", "unlike"),
    [
        (GOOD, False),
        ((), True),
        (GOOD[:1], True),
        ((GOOD[0].replace(HASH, "*0"), GOOD[1]), True),
        ((*GOOD, "GRANT SELECT ON `other`.* TO `shop`@`localhost`"), True),
        ((GOOD[0], GOOD[1].replace(r"\_", "_")), True),
    ],
)
def test_accounts_are_compared_with_password_and_all_grants(answer, unlike):
    assert mysql.mysql_unlike_users([USER], [[], grants(*answer)]) == ([USER] if unlike else [])
