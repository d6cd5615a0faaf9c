"""Declared accounts against those of a server."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import accounts

USER = {"name": "shop", "host": "%", "password": "correct horse", "databases": ["shop_1"]}
HASH = "*0E8F21E4240F5AD5A07D088F9C93890D13D78A4E"
ROW = {
    "name": "shop",
    "host": "%",
    "plugin": "mysql_native_password",
    "secret": HASH.encode().hex(),
    "tls": "",
    "two": 0,
    "aged": 0,
}
ALL = accounts._ALL
PASSWORDS = {
    kind: f"{kind} {{account}} {{new}} {{old}}" for kind in ("create", "change", "keep", "end")
} | {"plugin": "mysql_native_password"}
NOTHING = {"passwords": [], "privileges": []}
MONITOR = {"*.*": ["PROCESS"], "performance_schema.*": ["SELECT"]}


def grants(privileges, place=r"shop\_1.*"):
    return [
        {"account": "'shop'@'%'", "place": place, "privilege": privilege}
        for privilege in ("USAGE", *privileges)
    ]


def plan(*given, granted=None, hours=24, **named):
    user, row = (*given, *(USER, ROW)[len(given) :])
    row = named.get("row", row)
    return accounts.plan(
        [user],
        [row] if row else [],
        grants(ALL) if granted is None else granted,
        MONITOR,
        hours,
        PASSWORDS,
    )


def test_account_as_declared_needs_nothing():
    assert plan() == NOTHING
    assert plan(granted=grants(ALL | {"DELETE HISTORY"})) == NOTHING
    assert plan({**USER, "privileges": "read"}, granted=grants(["SELECT", "SHOW VIEW"])) == NOTHING
    assert plan({**USER, "privileges": ["select"]}, granted=grants(["SELECT"])) == NOTHING
    assert plan({**USER, "require_tls": True}, {**ROW, "tls": "ANY"}) == NOTHING
    watch = grants(["PROCESS"], "*.*") + grants(["SELECT"], "performance_schema.*")
    assert plan({**USER, "databases": [], "privileges": "monitor"}, granted=watch) == NOTHING


@pytest.mark.parametrize(
    ("user", "row", "granted"),
    [
        (USER, ROW, grants(ALL - {"DROP"})),
        (USER, ROW, grants(ALL) + grants(["SELECT"], "other.*")),
        (USER, ROW, grants(ALL, "shop_1.*")),
        ({**USER, "privileges": "read"}, ROW, grants(["SELECT", "SHOW VIEW", "INSERT"])),
        (USER, {**ROW, "tls": "ANY"}, grants(ALL)),
    ],
)
def test_other_privileges_or_tls_are_set(user, row, granted):
    found = plan(user, row, granted=granted)
    (step,) = found["privileges"]
    assert found["passwords"] == []
    assert (step["name"], step["host"], step["require_tls"]) == ("shop", "%", False)
    assert step["privileges"] == accounts.grants_of(user, MONITOR)


def test_tls_is_required_later_of_an_account_that_is_there_without():
    user = {**USER, "require_tls": True}
    assert accounts.tls_later([user], [ROW]) == [{"name": "shop", "host": "%"}]
    assert plan(user) == NOTHING
    (step,) = plan(user, granted=grants(["SELECT"]))["privileges"]
    assert not step["require_tls"]


@pytest.mark.parametrize(
    ("user", "row"),
    [
        (USER, ROW),
        ({**USER, "require_tls": True}, None),
        ({**USER, "require_tls": True}, {**ROW, "tls": "ANY"}),
        ({**USER, "require_tls": True}, {**ROW, "host": "10.0.0.1"}),
    ],
)
def test_tls_is_not_required_later_of_others(user, row):
    assert accounts.tls_later([user], [row] if row else []) == []


def test_new_account_requires_tls_at_once():
    (step,) = plan({**USER, "require_tls": True}, None)["privileges"]
    assert step["require_tls"]


def test_account_is_told_by_its_host():
    other = {**USER, "host": "LOCALHOST", "privileges": "read"}
    rows = [ROW, {**ROW, "host": "localhost"}]
    found = accounts.plan([USER, other], rows, grants(ALL), MONITOR, 24, PASSWORDS)
    assert [(step["name"], step["host"]) for step in found["privileges"]] == [("shop", "localhost")]


@pytest.mark.parametrize(
    ("row", "hours", "statements", "make"),
    [
        (None, 24, [f"create 'shop'@'%%' {HASH} "], True),
        ({**ROW, "secret": b"*OLD".hex()}, 24, [f"keep 'shop'@'%%' {HASH} *OLD"], False),
        ({**ROW, "secret": b"*OLD".hex()}, 0, [f"change 'shop'@'%%' {HASH} *OLD"], False),
        # An old password that an earlier change kept does not outlive a change that keeps none.
        (
            {**ROW, "secret": b"*OLD".hex(), "two": 1},
            0,
            [f"change 'shop'@'%%' {HASH} *OLD", f"end 'shop'@'%%' {HASH} *OLD"],
            False,
        ),
        ({**ROW, "secret": ""}, 24, [f"change 'shop'@'%%' {HASH} "], False),
        (
            {**ROW, "secret": "", "plugin": "unix_socket"},
            24,
            [f"change 'shop'@'%%' {HASH} "],
            False,
        ),
        ({**ROW, "two": 1, "aged": 1}, 24, [f"end 'shop'@'%%' {HASH} {HASH}"], False),
    ],
)
def test_password_is_made_changed_and_ended(row, hours, statements, make):
    found = plan(row=row, hours=hours)
    wanted = {"account": "shop@%", "password": USER["password"], "statements": statements}
    assert found["passwords"] == [wanted]
    assert bool(found["privileges"]) == make


def test_old_password_of_today_stays():
    assert plan(row={**ROW, "two": 1}) == NOTHING


def test_undeclared_accounts():
    rows = [
        ROW,
        {**ROW, "host": "10.0.0.1"},
        {**ROW, "name": "root"},
        {**ROW, "name": "kept"},
        {**ROW, "name": ""},
        {**ROW, "name": "o'b"},
    ]
    assert accounts.undeclared([USER], rows, ["kept"]) == [
        "DROP USER 'shop'@'10.0.0.1'",
        "DROP USER 'o''b'@'%'",
    ]


def test_new_account_is_made_with_its_tls():
    user = {**USER, "require_tls": True}
    (step,) = plan(user, row=None)["passwords"]
    assert step["statements"][0].endswith(" REQUIRE SSL")
    assert accounts.tls_later([user], []) == []
    (step,) = plan(USER, row=None)["passwords"]
    assert "SSL" not in step["statements"][0]
