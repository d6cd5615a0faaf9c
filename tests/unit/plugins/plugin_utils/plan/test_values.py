"""Types of values: what is taken, and what is said of the rest."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OPTIONS = {
    "text": {"type": "str"},
    "one": {"type": "str", "choices": ["a", "b"]},
    "some": {"type": "list", "elements": "str", "choices": ["a", "b"]},
    "number": {"type": "int"},
    "flag": {"type": "bool"},
    "texts": {"type": "list", "elements": "str"},
    "command": {"type": "list", "elements": "str", "words": True},
    "either": {"type": ["str", "list"], "elements": "str"},
    "settings": {"type": "dict", "values": {"type": ["setting", "list"], "elements": "setting"}},
    "sections": {
        "type": "dict",
        "values": {"type": "dict", "values": {"type": "setting", "null": True}},
    },
    "unit": {"type": "dict", "values": {"type": "setting", "octal": re.compile("Mask$")}},
    "environment": {"type": "dict", "no_log": True, "values": {"type": "variable"}},
    "sites": {
        "type": "dict",
        "named": True,
        "values": {"type": "dict", "options": {"app": {"type": "str"}}},
    },
    "users": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "admin": {"type": "bool"},
            "age": {"type": "int"},
        },
    },
}


def settle(text):
    return values.settle(OPTIONS, yaml.safe_load(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text: ''", ""),
        ("text: '10.20'", "10.20"),
        ("number: 7", 7),
        # From the command line all is text.
        ("number: '7'", 7),
        ("flag: 'No'", False),
        ("flag: 'true'", True),
        ("flag: 1", True),
        ("texts: []", []),
        ("texts: [a, b]", ["a", "b"]),
        ("either: a", "a"),
        ("either: [a]", ["a"]),
        ("settings: {a: off, b: 3, c: [x, 0.5]}", {"a": False, "b": 3, "c": ["x", 0.5]}),
        ("sections: {a: {b: }}", {"a": {"b": None}}),
        ("unit: {UMask: '0027', Nice: 5}", {"UMask": "0027", "Nice": 5}),
        ("environment: {A: 3, B: '3'}", {"A": "3", "B": "3"}),
        ("users: [{name: x, admin: yes, age: 3}]", [{"name": "x", "admin": True, "age": 3}]),
    ],
)
def test_taken(text, value):
    settled = settle(text)
    assert settled.problems == []
    assert list(settled.values.values()) == [value]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "text: 23:30",
            (
                "text is 1410, a whole number where a text is wanted: "
                "put it in quotes, as you wrote it. YAML reads"
            ),
        ),
        ("text: 10.20", "text is 10.2, a number where a text is wanted: put it in quotes"),
        (
            "text: no",
            (
                "text is false, a boolean where a text is wanted: "
                "put it in quotes, as you wrote it. YAML reads yes, no"
            ),
        ),
        ("text: 2026-11-27", "text is 2026-11-27, a date where a text is wanted: put it in quotes"),
        (
            "text: 2026-11-27T01:02:03Z",
            (
                "text is 2026-11-27 01:02:03+00:00, "
                "a date with a time where a text is wanted: put it in quotes"
            ),
        ),
        ("text: ", "text is null where a text is wanted: give one, or leave text out"),
        ("text: [a]", "text is a list where a text is wanted: give one text"),
        ("one: c", "one is 'c', which is not one of its values: give a or b"),
        ("some: [a, c]", "some[1] is 'c', which is not one of its values: give a or b"),
        (
            "unit: {UMask: 0027}",
            "unit.UMask is 23: put it in quotes, as you wrote it. YAML reads 0027 as 23",
        ),
        (
            "number: 1.5",
            "number is 1.5, a number where a whole number is wanted: give digits, without quotes",
        ),
        ("number: yes", "number is true, a boolean where a whole number"),
        ("number: '010'", "number is '010', a text where a whole number"),
        (
            "flag: maybe",
            (
                "flag is 'maybe', a text where true or false is wanted: "
                "give true or false, without quotes"
            ),
        ),
        ("texts: a", "texts is 'a', a text where a list is wanted: make it a list, [a]"),
        ("texts: 'no'", 'make it a list, ["no"]'),
        ("texts: 'a,b'", 'make it a list, ["a,b"]'),
        (
            "texts: {a: b}",
            "texts is a dictionary where a list is wanted: begin each item with a hyphen",
        ),
        ("texts: [a, 1]", "texts[1] is 1, a whole number where a text"),
        (
            "command: python 'a b'",
            (
                "command is \"python 'a b'\", a text where a list is wanted: make it a list, "
                '[python, "a b"]'
            ),
        ),
        (
            "either: 5",
            "either is 5, a whole number where a text or a list is wanted: put it in quotes",
        ),
        (
            "settings: {a: }",
            (
                "settings.a is null where a text, a number, a boolean or a list is wanted: give "
                "one, or leave settings.a out"
            ),
        ),
        ("settings: {a.b: 2026-11-27}", "settings['a.b'] is 2026-11-27, a date where"),
        (
            'settings: {a: "x\\ny"}',
            "settings.a is 'x\\ny', a text of several lines: write it in one line",
        ),
        (
            "settings: {on: x}",
            "settings has the key true, which YAML reads as a boolean: put it in quotes",
        ),
        (
            "sections: {a: b}",
            "sections.a is 'b', a text where a dictionary is wanted: give keys with values",
        ),
        (
            "environment: {A: yes}",
            "environment.A is a boolean where a text is wanted: put it in quotes",
        ),
        (
            "environment: {A: }",
            "environment.A is null where a text is wanted: give one, or leave environment.A out",
        ),
        ("sites: {a.com: {ap: x}}", "sites['a.com'].ap is not a known key: did you mean app?"),
        (
            "users: [{name: x, nick: y}]",
            "users[0].nick is not a known key: the known ones are admin, age, name, password",
        ),
        ("users: [{admin: yes}]", "users[0].name is missing: add it"),
        (
            "users: [{name: x, admin: 'yes'}]",
            "users[0].admin is 'yes', a text where true or false is wanted: give true or false",
        ),
        (
            "users: [{name: x, age: '3'}]",
            (
                "users[0].age is '3', a text where a whole number is wanted: "
                "give digits, without quotes"
            ),
        ),
        ("text: [https://me:hush@example.com]", "text is a list"),
        (
            "texts: https://me:hush@example.com",
            "texts is 'https://example.com', a text where a list",
        ),
    ],
)
def test_refused(text, sentence):
    settled = settle(text)
    (problem,) = settled.problems
    assert problem.startswith(sentence) or sentence in problem
    assert settled.values == {}


@pytest.mark.parametrize(
    "text", ["users: hush-hush", "users: [hush-hush]", "users: [{name: x, password: [hush-hush]}]"]
)
def test_secrets_are_not_shown(text):
    assert "hush" not in settle(text).problems[0]


def test_number_that_is_a_secret_is_not_shown():
    (problem,) = settle("users: [{name: x, password: 123456789012}]").problems
    assert problem.startswith(
        "users[0].password is a whole number where a text is wanted: put it in quotes"
    )


def test_variable_that_is_missing():
    assert values.settle({"a": {"type": "str", "required": True}}, {}).problems == [
        "a is missing: set it."
    ]


def test_long_values_are_shortened():
    (problem,) = values.settle(OPTIONS, {"texts": "x" * 500}).problems
    assert len(problem) < 300


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


# The first input makes tables of all characters, which takes seconds on a busy computer.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(OPTIONS, ANYTHING)))
def test_anything_is_taken_or_refused_by_name(found):
    settled = values.settle(OPTIONS, found)
    for name in found:
        assert name in settled.values or any(
            problem.startswith(name) for problem in settled.problems
        )
