"""A task's arguments, before Ansible turns their types into others."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.foobar.lamp.plugins.action import mysql_query_info
from ansible_collections.foobar.lamp.plugins.module_utils.dns import arguments
from ansible_collections.foobar.lamp.plugins.plugin_utils import _arguments

SPEC = arguments.RECORDS
WWW = {"name": "www", "type": "A", "values": ["192.0.2.1"]}


def problems(**arguments):
    return _arguments.settle(SPEC, {"zone": "foobar.com", **arguments})[1]


@pytest.mark.parametrize("text", ["v=DMARC1; rua=mailto:a@x,mailto:b@x", "one"])
def test_text_where_a_list_is_wanted_is_one_value(text):
    record = {**WWW, "type": "TXT", "values": text}
    arguments = {
        "zone": "x",
        "records": [record],
        "keep": text,
        "wait_servers": text,
        "reverse_of": {"zone": "x", "records": [record]},
    }
    settled, wrong = _arguments.settle(SPEC, arguments)
    assert wrong == []
    assert settled["keep"] == settled["wait_servers"] == [text]
    assert (
        settled["records"][0]["values"] == settled["reverse_of"]["records"][0]["values"] == [text]
    )
    assert record["values"] == text, "what was given is left alone"


def test_query_of_a_database_is_taken_whole():
    arguments = {"queries": {"both": "SELECT a, b"}, "login_unix_socket": "/s", "engine": "mysql"}
    asked, wrong = _arguments.settle(mysql_query_info.ARGUMENT_SPEC, arguments)
    assert (asked["queries"], wrong) == ({"both": "SELECT a, b"}, [])
    assert mysql_query_info.query_problems(asked["queries"]) == []


@pytest.mark.parametrize("query", [["SELECT 1"], 1, None, " "])
def test_query_of_a_database_that_is_no_statement_is_named(query):
    (problem,) = mysql_query_info.query_problems({"one": "SELECT 1", "two": query})
    assert problem == f"queries.two is {query!r}: give one statement as text."


@pytest.mark.parametrize(
    ("queries", "engine"), [("SELECT a, b", "mysql"), ({"one": "SELECT 1"}, "oracle")]
)
def test_queries_without_names_and_other_engines_are_refused(queries, engine):
    arguments = {"queries": queries, "login_unix_socket": "/s", "engine": engine}
    assert len(_arguments.settle(mysql_query_info.ARGUMENT_SPEC, arguments)[1]) == 1


TEXTS = sorted(
    name
    for name, option in SPEC.items()
    if option["type"] in ("str", "path") and name != "key_secret"
)


@pytest.mark.parametrize("option", TEXTS)
@pytest.mark.parametrize("value", [10.2, 10, False, datetime.date(2026, 11, 27)])
def test_option_of_type_text_that_is_none_is_refused(option, value):
    (problem,) = problems(**{option: value})
    assert problem.startswith(f"{option} is ")
    assert "put it in quotes, as you wrote it" in problem


@pytest.mark.parametrize("value", [10.2, 10, False])
@pytest.mark.parametrize("key", ["name", "type"])
def test_record_with_a_name_or_type_that_is_no_text_is_named(key, value):
    (problem,) = problems(records=[WWW, {**WWW, key: value}])
    assert problem.startswith(f"records[1].{key} is ")
    assert "put it in quotes, as you wrote it" in problem


def test_value_of_a_record_that_is_no_text_is_refused():
    (problem,) = problems(
        records=[{"name": "www", "type": "TXT", "values": ["x", {"v=spf1": "-all"}]}]
    )
    assert problem.startswith("records[0].values[1] is a dictionary where a text is wanted")
    (problem,) = problems(reverse_of={"zone": "x", "records": [{**WWW, "values": 10.20}]})
    assert problem.startswith(
        "reverse_of.records[0].values[0] is 10.2, a number where a text is wanted: put it in quotes"
    )


def test_secret_is_not_shown():
    (problem,) = problems(key_secret=1234567.5)
    assert problem.startswith("key_secret is a number where a text is wanted: put it in quotes")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({**WWW, "typ": "A"}, "records[0].typ is not a known key: did you mean type?"),
        ({"name": "www", "values": ["x"]}, "records[0].type is missing: add it."),
        ({**WWW, "name": None}, "records[0].name is missing: add it."),
        (
            {**WWW, "state": "presnt"},
            (
                "records[0].state is 'presnt', which is not one of its values: give present or "
                "append or absent or ignore."
            ),
        ),
        (
            {**WWW, "ttl": "1h"},
            (
                "records[0].ttl is '1h', a text where a whole number is wanted: "
                "give digits, without quotes."
            ),
        ),
        (
            {**WWW, "ttl": True},
            (
                "records[0].ttl is true, a boolean where a whole number is wanted: "
                "give digits, without quotes."
            ),
        ),
        (
            "www A",
            "records[0] is 'www A', a text where a dictionary is wanted: give keys with values.",
        ),
    ],
)
def test_entry_that_is_wrong_is_named(record, problem):
    assert problems(records=[record]) == [problem]


def test_all_that_is_wrong_is_said_together():
    assert len(problems(zone=1, records=[{"name": 1, "typ": "A"}, {**WWW, "values": [2, 3]}])) == 6


def test_list_of_dictionaries_is_not_made_of_a_text():
    assert problems(records="www A 1") == [
        "records is 'www A 1', a text where a list is wanted: make it a list."
    ]


def test_what_is_right_or_is_not_ours_to_judge_is_left():
    arguments = {
        "zone": "foobar.com",
        "port": "5300",
        "force": "yes",
        "key_file": None,
        "unknown": 1,
    }
    record = {**WWW, "ttl": "300", "state": None}
    settled, wrong = _arguments.settle(SPEC, {**arguments, "records": [record]})
    assert wrong == []
    assert settled == {
        "zone": "foobar.com",
        "port": 5300,
        "force": "yes",
        "unknown": 1,
        "records": [{**WWW, "ttl": 300}],
    }
