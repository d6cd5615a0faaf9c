"""On which hosts the last plays of a run have anything to do."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import due

HOSTS = ["one", "two", "three"]


def planned(facts=None, registered=None, **inputs):
    return {
        "__plan": {"inputs": inputs},
        "ansible_facts": {"foobar_lamp": facts or {}},
        **(registered or {}),
    }


@pytest.mark.parametrize(
    "which",
    [
        due.failed,
        due.joining,
        due.leaving,
        due.proxies,
        due.require_tls,
        due.certificates,
        lambda *one: due.records(one[0], {}, one[1]),
    ],
)
def test_nothing_is_due_on_hosts_that_were_not_asked(which):
    assert which(HOSTS, {}) == []
    assert which(HOSTS, {"one": {}}) == []


def test_hosts_on_which_an_application_failed():
    failure = {"failures": [{"plan": {"name": "shop"}}]}
    assert due.failed(HOSTS, {"one": planned(), "two": {"__python_app_switched": failure}}) == [
        "two"
    ]


def test_hosts_of_which_one_becomes_a_member():
    inputs, member = (
        {"mysql_cluster_members": [{"name": "one"}]},
        {"state": {"mysql_cluster": ["one"]}},
    )
    assert due.joining(HOSTS, {"one": planned(member, **inputs), "two": planned({}, **inputs)}) == [
        "one",
        "two",
    ]
    assert (
        due.joining(HOSTS, {"one": planned(member, **inputs), "two": planned(member, **inputs)})
        == []
    )
    assert due.joining(HOSTS, {"one": planned({}, mysql_cluster_members=[])}) == []


def test_hosts_of_which_one_is_a_member_no_more():
    inputs = {"mysql_cluster_members": [{"name": "one"}]}
    was = {"state": {"mysql_cluster": ["one", "gone"]}}
    assert due.joining(HOSTS, {"one": planned(was, **inputs)}) == ["one"]


def test_hosts_that_leave_a_cluster():
    was, some = {"state": {"mysql_cluster": ["one"]}}, [{"name": "one"}]
    assert due.leaving(
        HOSTS,
        {
            "one": planned(was, mysql_cluster_members=[]),
            "two": planned(was, mysql_cluster_members=some),
        },
    ) == ["one"]
    assert due.leaving(HOSTS, {"one": planned({}, mysql_cluster_members=[])}) == []


def test_hosts_that_have_a_way_to_several_database_hosts_of_which_one_is_left():
    some = [{"name": "one"}]
    runs = {"paths": {"/etc/systemd/system/lamp-database-proxy.service": {}}}
    assert due.proxies(
        HOSTS,
        {
            "one": planned(runs, database_proxy_servers=[]),
            "two": planned(runs, database_proxy_servers=some),
            "three": planned(runs, database_proxy_servers=some * 3),
        },
    ) == ["one", "two"]
    assert due.proxies(HOSTS, {"one": planned({}, database_proxy_servers=some)}) == []


def test_hosts_whose_accounts_are_to_require_tls():
    users, there = (
        [{"name": "shop", "host": "%", "require_tls": True}],
        {"name": "shop", "host": "%"},
    )

    def host(tls):
        return planned(
            registered={"__mysql_state": {"rows": {"accounts": [{**there, "tls": tls}]}}},
            mysql_users=users,
        )

    assert due.require_tls(
        HOSTS, {"one": host(True), "two": host(False), "three": planned(mysql_users=users)}
    ) == ["two"]


@pytest.mark.parametrize(
    ("host", "is_due"),
    [
        ({"facts": {"certificates": {"shop": {"source": "acme"}}}}, False),
        ({"facts": {"certificates": {"shop": {"source": "placeholder"}}}}, True),
        (
            {"facts": {"certificates": {"shop": {"source": "acme"}}}, "certificates_retry": True},
            True,
        ),
        (
            {
                "facts": {"certificates": {"shop": {"source": "acme"}}},
                "registered": {"__certificates_placed": {}},
            },
            True,
        ),
    ],
)
def test_hosts_whose_certificates_are_due(host, is_due):
    given = planned(certificates_certificates=[{"name": "shop"}], **host)
    assert due.certificates(["one", "two"], {"one": given, "two": planned()}) == (
        ["one"] if is_due else []
    )


@pytest.mark.parametrize(
    ("groups", "variables", "asked", "found"),
    [
        ({"lamp_dns": ["two", "three"]}, {}, HOSTS, ["two"]),
        ({"lamp_dns": ["two", "three"]}, {"lamp_dns_primary": "three"}, HOSTS, ["three"]),
        # With --limit.
        ({"lamp_dns": ["two", "three"]}, {}, ["one", "three"], []),
        ({}, {"lamp_dns_server": "192.0.2.1"}, HOSTS, ["one"]),
        ({}, {"lamp_dns_server": "192.0.2.1"}, ["three"], ["three"]),
        ({"lamp_dns": []}, {}, HOSTS, []),
    ],
)
def test_host_that_declares_the_records(groups, variables, asked, found):
    hosts = {name: {**(planned() if name in asked else {}), **variables} for name in HOSTS}
    assert due.records(HOSTS, groups, hosts) == found
