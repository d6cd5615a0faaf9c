"""Plans for zones: what is declared, what is there, what has to change."""

from __future__ import annotations

import dns.name
import pytest
from ansible_collections.foobar.lamp.plugins.module_utils import _zone_plan
from hypothesis import given
from hypothesis import strategies as st

ZONE = dns.name.from_text("foobar.com")


def parse(*records):
    return _zone_plan.parse([{"state": "present", **record} for record in records], ZONE, 3600)


def content(*records):
    return parse(*records)[0]


APEX = content({"name": "@", "type": "NS", "values": ["ns1"]})
WWW = {"name": "www", "type": "A", "values": ["192.0.2.1"]}


def actions(changes):
    return [(change.action, str(change.name), change.type) for change in changes]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("A", ["192.0.2.1", "192.0.2.2"], ["192.0.2.2", "192.0.2.1"]),
        ("AAAA", ["2001:DB8:0::1"], ["2001:db8::1"]),
        ("MX", ["10 Mail.FOOBAR.com."], ["10 mail"]),
        ("CNAME", ["WWW"], ["www.foobar.com."]),
        ("TXT", ['"v=spf1 mx -all"'], ["v=spf1 mx -all"]),
        ("TXT", ["x" * 300], ['"' + "x" * 255 + '" "' + "x" * 45 + '"']),
        ("TXT", ['a;b\\c"d'], ['"a;b\\\\c\\"d"']),
        ("SRV", ["0 5 443 www"], ["0 5 443 www.foobar.com."]),
        ("CAA", ['0 issue "letsencrypt.org"'], ['0   issue   "letsencrypt.org"']),
    ],
)
def test_spellings_of_one_value_are_equal(kind, one, other):
    assert content({"name": "x", "type": kind, "values": one}) == content({"name": "X.foobar.com.", "type": kind.lower(), "values": other})


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"name": "www.example.org.", "type": "A", "values": ["192.0.2.1"]}, "records[0] (www.example.org. A) lies outside the zone"),
        ({"name": "www", "type": "A", "values": ["192.0.2.999"]}, "has the value '192.0.2.999'"),
        ({"name": "www", "type": "X", "values": ["1"]}, "has the unknown type X"),
        ({"name": "www", "type": "SOA", "values": ["1"]}, "which the server itself keeps"),
        ({"name": "www", "type": "ANY", "values": ["1"]}, "which the server itself keeps"),
        ({"name": "www", "type": "A", "values": []}, "has no values"),
        ({"name": "www", "type": "A", "ttl": -1, "values": ["192.0.2.1"]}, "has the ttl -1"),
        ({"name": "www", "type": "CNAME", "values": ["a", "b"]}, "has 2 values"),
        ({"name": "a..b", "type": "A", "values": ["192.0.2.1"]}, "has no valid name"),
    ],
)
def test_what_cannot_be_is_refused(record, words):
    with pytest.raises(_zone_plan.PlanError) as caught:
        parse(record)
    assert words in str(caught.value)


def test_duplicate_names_both_places():
    with pytest.raises(_zone_plan.PlanError, match=r"records\[1\] .* is declared by records\[0\]"):
        parse(WWW, {**WWW, "name": "WWW.foobar.com."})


def test_equal_content_needs_no_change():
    existing = {**APEX, **content(WWW)}
    assert _zone_plan.plan(existing, content(WWW), set(), ZONE) == []


def test_create_update_delete_in_order():
    existing = {**APEX, **content(WWW, {"name": "old", "type": "A", "values": ["192.0.2.9"]})}
    desired, absent = parse(
        {**WWW, "ttl": 60}, {"name": "new", "type": "A", "values": ["192.0.2.3"]}, {"name": "old", "type": "A", "state": "absent"}
    )
    assert actions(_zone_plan.plan(existing, desired, absent, ZONE)) == [
        ("delete", "old.foobar.com.", "A"),
        ("create", "new.foobar.com.", "A"),
        ("update", "www.foobar.com.", "A"),
    ]


def test_exclusive_keeps_name_servers_and_challenges():
    existing = {**APEX, **content(WWW, {"name": "_acme-challenge", "type": "TXT", "values": ["x"]})}
    assert actions(_zone_plan.plan(existing, {}, set(), ZONE, exclusive=True)) == [("delete", "www.foobar.com.", "A")]
    assert _zone_plan.plan(existing, {}, set(), ZONE) == []


def test_alias_takes_the_place_of_an_address_but_not_beside_it():
    existing = {**APEX, **content(WWW)}
    alias = content({"name": "www", "type": "CNAME", "values": ["@"]})
    with pytest.raises(_zone_plan.PlanError, match="would be an alias"):
        _zone_plan.plan(existing, alias, set(), ZONE)
    changes = _zone_plan.plan(existing, alias, {next(iter(content(WWW)))}, ZONE)
    assert [change.action for change in changes] == ["delete", "create"]


def test_own_name_servers_cannot_be_absent():
    with pytest.raises(_zone_plan.PlanError, match="name servers"):
        _zone_plan.plan(APEX, {}, set(APEX), ZONE)


_addresses = st.lists(st.integers(1, 254).map("192.0.2.{}".format), min_size=1, max_size=3)
_contents = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 9), _addresses)).map(
    lambda names: content(*({"name": name, "type": "A", "ttl": ttl, "values": values} for name, (ttl, values) in names.items()))
)


@given(_contents, _contents, st.booleans())
def test_a_plan_leads_where_it_should_and_then_there_is_nothing_to_do(existing, desired, exclusive):
    existing = {**APEX, **existing}
    after = _zone_plan.applied(existing, _zone_plan.plan(existing, desired, set(), ZONE, exclusive))
    assert after == ({**APEX, **desired} if exclusive else {**existing, **desired})
    assert _zone_plan.plan(after, desired, set(), ZONE, exclusive) == []
