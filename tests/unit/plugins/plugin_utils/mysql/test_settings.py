"""Declared settings against what a server runs with."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import settings


def row(name, value, read_only=0, ours=0):
    return {"name": name, "value": value, "read_only": read_only, "ours": ours}


@pytest.mark.parametrize(
    ("declared", "running"),
    [
        ("512M", "536870912"),
        ("1g", 1073741824),
        (True, "ON"),
        (0, "OFF"),
        (None, "ON"),
        ("yes", "1"),
        (1, "1.000000"),
        (0.5, "0.500000"),
        ("UTF8MB4", "utf8mb4"),
        ("/srv/data", "/srv/data/"),
        ("B,A", "a,b"),
        ('"x"', "x"),
    ],
)
def test_values_that_mean_the_same_are_alike(declared, running):
    assert settings.plain(declared) == settings.plain(running)


def test_values_that_mean_another_are_not():
    assert settings.plain("512M") != settings.plain("513M")
    assert settings.plain("100") != settings.plain("1")


@pytest.mark.parametrize(
    ("value", "literal"),
    [("8M", "8388608"), (True, "1"), (0.5, "0.5"), ("it's", "'it''s'"), ("FILE", "'FILE'")],
)
def test_value_in_sql(value, literal):
    assert settings.literal(value) == literal


def test_what_can_be_set_is_set_and_the_rest_needs_a_restart():
    wanted = {
        "mysqld": {"max-connections": 9, "back_log": 7, "plugin_load_add": "x", "same": 1},
        "mysqldump": {"quick": None},
    }
    running = [
        row("MAX_CONNECTIONS", "5"),
        row("BACK_LOG", "5", read_only=1),
        row("SAME", "ON"),
        row("OLD", "1", ours=1),
        row("OTHER", "1"),
    ]
    found = settings.differences(wanted, running, ["gone", "same"])
    assert found["live"] == [
        {"name": "max_connections", "value": "9", "literal": "9", "was": "5", "back": "5"}
    ]
    assert found["restart"] == ["back_log", "plugin_load_add", "gone", "old"]


def test_options_have_the_names_of_their_variables():
    assert settings.variables(
        {
            "mysqld": {"loose-x": 1, "default-time-zone": "UTC"},
            "mariadb-11.8": {"y": 2},
            "client": {"z": 3},
        }
    ) == {
        "x": 1,
        "time_zone": "UTC",
        "y": 2,
    }


@pytest.mark.parametrize(
    ("value", "now", "refused"),
    [
        ("300M", "402653184", []),
        ("300M", "134217728", ["a"]),
        ("90", "80", ["a"]),
        ("x", "X", []),
        ("ansi", "IGNORE_SPACE,ANSI", []),
    ],
)
def test_server_may_round_up_and_not_ignore(value, now, refused):
    assert settings.refused([{"name": "a", "value": value}], [row("A", now)]) == refused


@pytest.mark.parametrize(
    ("value", "now", "found"),
    [(1, "7.000000", ["long_query_time"]), (1, "1.000000", []), (1.5, "2", [])],
    ids=["set by hand", "as declared", "rounded up"],
)
def test_drift_is_what_somebody_set(value, now, found):
    running = [{"name": "LONG_QUERY_TIME", "value": now, "read_only": 0, "ours": 1}]
    assert [
        item["name"] for item in settings.drifted({"mysqld": {"long_query_time": value}}, running)
    ] == found


def test_what_a_server_makes_of_a_setting_is_no_drift_from_then_on():
    declared = {"mysqld": {"long_query_time": 5}}
    running = [{"name": "long_query_time", "value": "1", "read_only": 0, "ours": 1}]
    marks = settings.marks(settings.drifted(declared, running), running)
    assert settings.drifted(declared, running, marks) == []
    assert settings.drifted(declared, [{**running[0], "value": "2"}], marks) != []
    assert settings.drifted({"mysqld": {"long_query_time": 6}}, running, marks) != []


@pytest.mark.parametrize(
    ("reasons", "taken_up", "sentence"),
    [
        (["back_log"], [], "The server is restarted for back_log."),
        (["back_log", "port"], [], "The server is restarted for back_log, port."),
        (["port"], ["a", "b"], "The server is restarted for port, and takes up a, b by that."),
    ],
)
def test_sentence_says_what_the_server_is_restarted_for(reasons, taken_up, sentence):
    assert settings.restart_sentence(reasons, taken_up) == sentence
