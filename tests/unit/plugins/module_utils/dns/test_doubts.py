"""What can be served as it is declared, and is likely not meant so."""

from __future__ import annotations

import dns.name
import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.dns import doubts as zone_doubts
from ansible_collections.foobar.lamp.plugins.module_utils.dns import rrsets
from support.record_types import EXAMPLES

ZONE = "foobar.com"
REVERSE = "2.0.192.in-addr.arpa"


def doubts(*records, zone=ZONE, there=()):
    origin = dns.name.from_text(zone)
    declared = rrsets.parse(records, origin, 3600)
    others = {(dns.name.from_text(name, origin), kind) for name, kind in there}
    return list(zone_doubts.doubts(records, origin, {*declared, *others}))


def record(kind, value, name="x", **more):
    return {"name": name, "type": kind, "values": [value], **more}


@pytest.mark.parametrize(
    ("kind", "value", "target"),
    [
        ("CNAME", "www.foobar.com", "www.foobar.com"),
        ("CNAME", "FOOBAR.com", "FOOBAR.com"),
        ("CNAME", "shops.example.net", "shops.example.net"),
        ("CNAME", "_x.acm-validations.aws", "_x.acm-validations.aws"),
        ("CNAME", "bücher.xn--p1ai", "xn--bcher-kva.xn--p1ai"),
        ("DNAME", "elsewhere.example", "elsewhere.example"),
        ("MX", "10 mail.example.net", "mail.example.net"),
        ("MX", "10 192.0.2.1", "192.0.2.1"),
        ("NS", "ns1.example.net", "ns1.example.net"),
        ("PTR", "www.example.com", "www.example.com"),
        ("SRV", "0 5 389 ldap.example.net", "ldap.example.net"),
        ("HTTPS", "1 cdn.example.net alpn=h2", "cdn.example.net"),
    ],
)
def test_relative_target_that_looks_like_a_full_name(kind, value, target):
    (doubt,) = doubts(record(kind, value))
    assert doubt == (
        f"records[0] (x {kind}) leads to {target}.foobar.com., since '{target}' has no dot at "
        f"its end: write '{target}.', or '{target}.foobar.com.' if that is what is meant."
    )


@pytest.mark.parametrize("target", ["www.foobar.com", "www", "10"])
def test_pointer_into_its_own_reverse_zone(target):
    (doubt,) = doubts(record("PTR", target), zone=REVERSE)
    assert doubt.startswith(f"records[0] (x PTR) leads to {target}.{REVERSE}., since")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("CNAME", "mail"),
        ("CNAME", "@"),
        ("CNAME", "www.example.net."),
        ("CNAME", "selector1._domainkey"),
        ("CNAME", "www.dc1"),
        ("MX", "10 mail"),
        ("MX", "0 ."),
        ("NS", "ns1"),
        ("SRV", "0 5 389 ldap"),
        ("SRV", "0 0 0 ."),
        ("PTR", "Printer._ipp._tcp"),
        ("HTTPS", "1 . alpn=h2"),
        ("TXT", "www.example.net"),
        ("CAA", "0 issue letsencrypt.org"),
    ],
)
def test_no_false_alarm(kind, value):
    assert doubts(record(kind, value)) == []


def test_no_false_alarm_for_any_type():
    records = [
        record(kind, one, f"x-{kind}") for kind, values in EXAMPLES.items() for one in values
    ]
    assert doubts(*(one for one in records if one["type"] not in ("SVCB", "HTTPS"))) == []


def test_classless_reverse_zone_is_no_false_alarm():
    assert doubts(record("CNAME", "1.0-25", "1"), zone=REVERSE) == []
    assert len(doubts(record("CNAME", "1.customer.example.com", "1"), zone=REVERSE)) == 1


@pytest.mark.parametrize(
    "there",
    [
        ("www.prod", "A"),
        ("a.www.prod", "A"),
        ("*.prod", "A"),
        ("*", "A"),
        ("prod", "NS"),
        ("www.prod", "NS"),
    ],
)
def test_name_that_the_zone_has_is_meant(there):
    assert len(doubts(record("CNAME", "www.prod"))) == 1
    assert doubts(record("CNAME", "www.prod"), there=[there]) == []
    # But not where the name has the zone's own in it, or nobody would ever be told.
    assert len(doubts(record("CNAME", "www.foobar.com"), there=[("www.foobar.com", "A")])) == 1


def test_record_that_is_to_go_is_in_no_doubt():
    assert doubts(record("CNAME", "www.foobar.com", state="absent")) == []


@pytest.mark.parametrize(
    ("name", "short"), [("www.foobar.com", "www"), ("foobar.com", "@"), ("a.B.Foobar.com", "a.B")]
)
def test_name_of_a_record_with_the_zones_own_at_its_end(name, short):
    (doubt,) = doubts(record("A", "192.0.2.1", name))
    assert doubt == (
        f"records[0] ({name} A) is the name {name}.foobar.com., since it has no dot at its "
        f"end: write '{short}' or '{name}.'."
    )


@pytest.mark.parametrize(
    "name",
    [
        "www",
        "www.foobar.com.",
        "foobar.com.",
        "foobar",
        "notfoobar.com",
        "other.example._report._dmarc",
    ],
)
def test_name_of_a_record_that_is_in_no_doubt(name):
    assert doubts(record("A", "192.0.2.1", name)) == []


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (r"v=DMARC1\; p=none", "its backslashes"),
        (r"say \"hello\"", "its backslashes"),
        (r"caf\195\169", "its backslashes"),
        ('v=DKIM1; p=MIIB" "IjANBg', "quotes between its parts"),
        ('( "v=DKIM1; p=MIIB" "IjANBg" )', "quotes between its parts"),
        ('("v=DKIM1; p=MIIB")', "a parenthesis around it"),
        ("\u201cv=spf1 -all\u201d", "quotes of another kind around it"),
        ("'v=spf1 -all'", "quotes of another kind around it"),
    ],
)
def test_text_that_was_copied_with_its_escapes(value, what):
    (doubt,) = doubts(record("TXT", value))
    assert doubt.startswith(
        f"records[0] (x TXT) has the value '{value}', "
        f"which is served as it stands, with {what}, as zone files"
    )


@pytest.mark.parametrize(
    "value",
    [
        "v=DMARC1; p=none",
        r'"v=DMARC1\; p=none"',
        r"path=C:\shop",
        '{"a": "b"}',
        "it's",
        "(c) 2026",
        "\u201cso\u201d he said",
        "'a' or so",
        "",
    ],
)
def test_text_that_is_in_no_doubt(value):
    assert doubts(record("TXT", value)) == []
