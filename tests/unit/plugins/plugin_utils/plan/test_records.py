"""The records of a site, and what is wrong with them before anything changes."""

from __future__ import annotations

import importlib.util

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, records, values

from .example import site_of

SITES = {
    "www.foobar.com": {
        "aliases": ["foobar.com", "www.elsewhere.example"],
        "document_root": "/srv/www",
    }
}
AUTHORITIES = ("letsencrypt.org",)
KEY = {"name": "lamp", "secret": "c2VjcmV0"}


def problems(*declared, servers=1, authorities=AUTHORITIES):
    return records.record_problems(list(declared), "foobar.com", SITES, servers, authorities)


def record(name, kind, *values, **more):
    return {"name": name, "type": kind, "values": list(values), **more}


@pytest.mark.parametrize(
    "declared",
    [
        [],
        [record("mail", "A", "192.0.2.25"), record("@", "MX", "10 mail")],
        [record("www", "A", "192.0.2.9")],
        [record("www", "A", state="absent"), record("www", "CNAME", "elsewhere.example.")],
        [{"name": "_dmarc", "type": "TXT", "values": "v=DMARC1; rua=mailto:a@x,mailto:b@x"}],
        [record("sub", "DS", "12345 13 2 " + "ab" * 32)],
        [record("ns1", "AAAA", "2001:db8::1"), record("ns1", "A", state="absent")],
        [
            record("old", "A", state="absent"),
            record("@", "NS", "ns9.elsewhere.example.", state="append"),
        ],
    ],
)
@pytest.mark.parametrize("servers", [0, 2])
def test_records_that_can_be(declared, servers):
    assert problems(*declared, servers=servers) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            record("x", "A", "not-an-address"),
            ("lamp_dns_records[1] (x A) has the value 'not-an-address'", "none of this type"),
        ),
        (
            record("x", "B", "1"),
            ("lamp_dns_records[1] (x B) has the unknown type B", "give one such as A"),
        ),
        (record("x", "A"), ("lamp_dns_records[1] (x A) has no values", "give at least one")),
        (
            record("x.elsewhere.example.", "A", "192.0.2.1"),
            ("lamp_dns_records[1]", "lies outside the zone", "correct the name"),
        ),
        (
            record("ok", "A", "192.0.2.2"),
            ("lamp_dns_records[1] (ok A) differs from lamp_dns_records[0]", "put both into one"),
        ),
        (
            record("www", "CNAME", "elsewhere"),
            (
                "www.foobar.com. would be an alias (CNAME) and have A",
                "lamp_sites",
                "remove one of them",
            ),
        ),
        (
            record("@", "CNAME", "elsewhere"),
            ("foobar.com. would be an alias (CNAME) and have", "NS"),
        ),
        (
            record("@", "NS", state="absent"),
            ("The name servers of foobar.com. itself cannot be absent",),
        ),
        (record("ns1", "A", state="absent"), ("ns1.foobar.com.", "name server")),
    ],
)
def test_record_that_cannot_be_is_named_with_a_remedy(wrong, said):
    (problem,) = problems(record("ok", "A", "192.0.2.1"), wrong)
    for words in said:
        assert words in problem


@pytest.mark.parametrize("servers", [0, 1])
def test_alias_in_the_place_of_the_zone_itself_is_refused_on_any_server(servers):
    (problem,) = problems(record("@", "CNAME", "elsewhere"), servers=servers)
    assert "would be an alias (CNAME) and have" in problem


def test_all_that_is_wrong_is_said_together():
    assert (
        len(problems(record("x", "A", "x"), record("ok", "A", "192.0.2.1"), record("y", "B", "x")))
        == 2
    )


def test_authority_that_no_record_can_hold_is_refused():
    (problem,) = problems(authorities=['a"b'])
    assert problem.startswith("lamp_certificate_authorities: ")
    assert "CAA" in problem


def test_controller_without_dnspython_is_no_reason_to_stop(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert problems(record("x", "A", "x")) == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            {"name": "www", "typ": "A", "values": "not-a-list"},
            ["lamp_dns_records[0].typ is not a known key: did you mean", "type is missing"],
        ),
        (record(10.20, "A", "192.0.2.1"), ["lamp_dns_records[0].name is 10.2", "put it in quotes"]),
        (record("x", "TXT", False), ["lamp_dns_records[0].values[0] is false", "put it in quotes"]),
        (
            record("x", "A", "192.0.2.1", state="presnt"),
            ["lamp_dns_records[0].state is 'presnt'", "append"],
        ),
        (
            record("x", "A", "192.0.2.1", ttl="1h"),
            ["lamp_dns_records[0].ttl is '1h'", "give digits"],
        ),
    ],
)
def test_malformed_entry_is_refused_by_its_types(entry, words):
    said = "\n".join(values.settle(options.options("lamp"), {"lamp_dns_records": [entry]}).problems)
    for word in words:
        assert word in said


def test_text_is_one_value_for_the_playbooks_too():
    given = {
        "lamp_dns_records": [
            {"name": "_dmarc", "type": "TXT", "values": "v=DMARC1; rua=mailto:a@x,mailto:b@x"}
        ]
    }
    assert values.settle(options.options("lamp"), given).problems == []


@pytest.mark.parametrize(
    ("server", "key", "words"),
    [
        (
            "192.0.2.53:53",
            KEY,
            ["lamp_dns_server is '192.0.2.53:53'", "give the address or the host name"],
        ),
        ("https://ns1", KEY, ["lamp_dns_server is 'https://ns1'"]),
        ("192.0.2.53", None, ["lamp_dns_key is missing", "give name and secret"]),
        (
            "192.0.2.53",
            {**KEY, "secret": "no base64!"},
            ["lamp_dns_key.secret is not base64", "tsig-keygen"],
        ),
        (None, KEY, ["lamp_dns_key is set, but lamp_dns_server is not"]),
    ],
)
def test_foreign_server_or_key_that_cannot_be(server, key, words):
    (problem,) = records.server_problems(server, key)
    for word in words:
        assert word in problem
    assert "no base64!" not in problem
    assert records.server_problems(server, key, servers=1) == []


def test_foreign_server_and_key_that_can_be(monkeypatch):
    for server in ("192.0.2.53", "2001:db8::53", "ns1.elsewhere.example", "localhost"):
        assert records.server_problems(server, KEY) == []
    assert records.server_problems(None, None) == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (problem,) = records.server_problems("192.0.2.53", KEY)
    assert "needs the Python package dnspython on this computer" in problem


def records_of(*arguments):
    return {
        (record["name"], record["type"]): record["values"]
        for record in records.dns_records(*arguments)
    }


SERVERS = [["192.0.2.1"], ["192.0.2.2", "2001:db8::2"]]


def test_records_lead_to_the_web_hosts_within_the_domain_and_touch_nothing_else():
    sites = {"www.foobar.com": {"aliases": ["foobar.com", "www.elsewhere.org"]}}
    assert records_of(sites, "foobar.com", ["192.0.2.1", "2001:db8::1"]) == {
        ("www.foobar.com.", "A"): ["192.0.2.1"],
        ("www.foobar.com.", "AAAA"): ["2001:db8::1"],
        ("foobar.com.", "A"): ["192.0.2.1"],
        ("foobar.com.", "AAAA"): ["2001:db8::1"],
    }


def test_zone_of_our_own_names_its_servers_who_may_issue_certificates_and_that_it_has_no_mail():
    assert records_of({}, "foobar.com", [], SERVERS, ["letsencrypt.org"]) == {
        ("@", "NS"): ["ns1.foobar.com.", "ns2.foobar.com."],
        ("ns1.foobar.com.", "A"): ["192.0.2.1"],
        ("ns2.foobar.com.", "A"): ["192.0.2.2"],
        ("ns2.foobar.com.", "AAAA"): ["2001:db8::2"],
        ("@", "CAA"): ['0 issue "letsencrypt.org"', '0 issuewild ";"'],
        ("@", "MX"): ["0 ."],
        ("@", "TXT"): ["v=spf1 -all"],
        ("_dmarc", "TXT"): ["v=DMARC1; p=reject"],
    }
    assert records_of({}, "foobar.com", [], SERVERS)["@", "CAA"] == ['0 issue ";"']
    wildcard = {"www.foobar.com": {"tls": {"wildcard": ["foobar.com"]}}}
    assert records_of(wildcard, "foobar.com", [], SERVERS, ["letsencrypt.org"])["@", "CAA"] == [
        '0 issue "letsencrypt.org"'
    ]


def test_declared_records_win_and_declared_mail_ends_the_denial_of_mail():
    declared = [
        {"name": "foobar.com.", "type": "mx", "values": ["10 mail"]},
        {"name": "www", "type": "A", "values": ["192.0.2.9"]},
    ]
    found = records_of(
        {"www.foobar.com": {}}, "foobar.com", ["192.0.2.1"], SERVERS[:1], [], declared
    )
    assert found["foobar.com.", "mx"] == ["10 mail"]
    assert found["www", "A"] == ["192.0.2.9"]
    assert (
        not {("www.foobar.com.", "A"), ("@", "MX"), ("@", "TXT"), ("_dmarc", "TXT")} & found.keys()
    )


def test_records_are_those_of_the_hosts_of_the_site():
    declared = [{"name": "mail", "type": "A", "values": ["192.0.2.25"]}]
    site = site_of(web="one two", dns="two three", lamp_dns_records=declared)
    found = {
        (record["name"], record["type"]): record["values"] for record in records.records_of(site)
    }
    assert found["www.foobar.com.", "A"] == found["foobar.com.", "A"] == ["192.0.2.1", "192.0.2.2"]
    assert found["ns1.foobar.com.", "A"] == ["192.0.2.2"]
    assert found["ns2.foobar.com.", "A"] == ["192.0.2.3"]
    assert found["@", "CAA"] == ['0 issue "letsencrypt.org"', '0 issuewild ";"']
    assert found["mail", "A"] == ["192.0.2.25"]
    site = site_of(web="one", dns="one", lamp_certificate_authorities=["ca.example"])
    assert {
        "name": "@",
        "type": "CAA",
        "values": ['0 issue "ca.example"', '0 issuewild ";"'],
    } in records.records_of(site)
    assert {record["type"] for record in records.records_of(site_of(web="one"))} == {"A"}
