"""Plans for zones: what has to change, in what order, and what is refused."""

from __future__ import annotations

import dns.name
import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.dns import plan, rrsets
from hypothesis import given
from hypothesis import strategies as st

ZONE = dns.name.from_text("foobar.com")
WWW = {"name": "www", "type": "A", "values": ["192.0.2.1"]}


def parse(*records):
    return rrsets.parse(records, ZONE, 3600)


def content(*records):
    return {
        key: rrsets.RRset(declaration.ttl, declaration.values)
        for key, declaration in parse(*records).items()
    }


def hosts(*numbers, **more):
    """Return declarations of the hosts h0, h1 and so on."""
    return [
        {"name": f"h{number}", "type": "A", "values": ["192.0.2.1"], **more} for number in numbers
    ]


APEX = content({"name": "@", "type": "NS", "values": ["ns1", "ns2"]})


def actions(changes):
    return [
        (change.action, change.name.relativize(ZONE).to_text(), change.type) for change in changes
    ]


def values(rrset):
    return sorted(value.to_text() for value in rrset.values)


def test_equal_content_needs_no_change():
    assert plan.plan({**APEX, **content(WWW)}, parse(WWW), ZONE) == []


def test_what_is_new_comes_before_what_changes_and_that_before_what_goes():
    existing = {**APEX, **content(WWW, {"name": "old", "type": "A", "values": ["192.0.2.9"]})}
    declared = parse(
        {"name": "old", "type": "A", "state": "absent"},
        {**WWW, "ttl": 60},
        {"name": "z", "type": "A", "values": ["192.0.2.3"]},
    )
    assert actions(plan.plan(existing, declared, ZONE)) == [
        ("create", "z", "A"),
        ("update", "www", "A"),
        ("delete", "old", "A"),
    ]


@pytest.mark.parametrize(
    ("before", "declaration", "after"),
    [
        (["192.0.2.1"], {"state": "append", "values": ["192.0.2.2"]}, ["192.0.2.1", "192.0.2.2"]),
        ([], {"state": "append", "values": ["192.0.2.2"]}, ["192.0.2.2"]),
        (["192.0.2.1", "192.0.2.2"], {"state": "absent", "values": ["192.0.2.2"]}, ["192.0.2.1"]),
        (["192.0.2.2"], {"state": "absent", "values": ["192.0.2.2", "192.0.2.3"]}, []),
        (["192.0.2.1", "192.0.2.2"], {"state": "absent"}, []),
        ([], {"state": "absent"}, []),
        (["192.0.2.1"], {"state": "ignore"}, ["192.0.2.1"]),
        (["192.0.2.1"], {"state": "present", "values": ["192.0.2.2"]}, ["192.0.2.2"]),
    ],
)
def test_states(before, declaration, after):
    existing = {**APEX, **(content({**WWW, "values": before}) if before else {})}
    result = plan.applied(
        existing,
        plan.plan(
            existing, parse({"name": "www", "type": "A", **declaration}), ZONE, exclusive=True
        ),
    )
    found = {key: rrset for key, rrset in result.items() if key not in APEX}
    assert [values(rrset) for rrset in found.values()] == ([after] if after else [])


def test_appending_keeps_the_ttl_unless_one_is_given():
    existing = content({**WWW, "ttl": 60})
    more = {**WWW, "values": ["192.0.2.2"], "state": "append"}
    assert [change.after.ttl for change in plan.plan(existing, parse(more), ZONE)] == [60]
    assert [
        change.after.ttl for change in plan.plan(existing, parse({**more, "ttl": 5}), ZONE)
    ] == [5]


def test_exclusive_leaves_what_is_not_its_own():
    mine = content(WWW)
    others = content(
        {"name": "_acme-challenge", "type": "TXT", "values": ["x"]},
        {"name": "_acme-challenge.shop", "type": "CNAME", "values": ["elsewhere.example."]},
        {
            "name": "a-shop",
            "type": "TXT",
            "values": ["heritage=external-dns,external-dns/owner=default"],
        },
        {"name": "_owner.a.shop", "type": "TXT", "values": ["*octodns*"]},
        {
            "name": "pc",
            "type": "DHCID",
            "values": ["AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="],
        },
    )
    existing = {**APEX, **mine, **others}
    assert actions(plan.plan(existing, {}, ZONE, exclusive=True)) == [("delete", "www", "A")]
    assert plan.plan(existing, {}, ZONE) == []


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ([], set()),
        (["*.dyn"], {"pc.dyn A", "pc.dyn SSHFP"}),
        (["* sshfp"], {"pc.dyn SSHFP", "www SSHFP"}),
        (["PC.dyn A", "www"], {"pc.dyn A", "www SSHFP"}),
    ],
)
def test_patterns_keep(keep, left):
    finger = "4 2 " + "ab" * 32
    existing = content(
        {"name": "pc.dyn", "type": "A", "values": ["192.0.2.1"]},
        {"name": "pc.dyn", "type": "SSHFP", "values": [finger]},
        {"name": "www", "type": "SSHFP", "values": [finger]},
    )
    after = plan.applied(existing, plan.plan(existing, {}, ZONE, True, keep))
    assert {f"{name.relativize(ZONE)} {kind}" for name, kind in after} == left


def test_alias_takes_the_place_of_an_address_but_not_beside_it():
    existing = {**APEX, **content(WWW)}
    alias = {"name": "www", "type": "CNAME", "values": ["@"]}
    with pytest.raises(
        rrsets.DeclarationError, match="www.foobar.com. would be an alias .* have A"
    ):
        plan.plan(existing, parse(alias), ZONE)
    changes = plan.plan(
        existing, parse(alias, {"name": "www", "type": "A", "state": "absent"}), ZONE
    )
    assert actions(changes) == [("delete", "www", "A"), ("create", "www", "CNAME")]
    assert plan.parts(changes, 1) == [changes]


def test_own_name_servers_cannot_be_absent_and_are_not_dropped_lightly():
    with pytest.raises(rrsets.DeclarationError, match="name servers"):
        plan.plan(APEX, parse({"name": "@", "type": "NS", "state": "absent"}), ZONE)
    fewer = plan.plan(APEX, parse({"name": "@", "type": "NS", "values": ["ns1", "ns3"]}), ZONE)
    with pytest.raises(
        plan.UnsafeError, match=r"takes the name server ns2.foobar.com. from .* set force"
    ):
        plan.check(APEX, fewer, ZONE, 30, 10)
    more = plan.plan(
        APEX, parse({"name": "@", "type": "NS", "values": ["ns3"], "state": "append"}), ZONE
    )
    plan.check(APEX, more, ZONE, 30, 10)


def test_delegation_is_signed_only_where_there_is_one():
    ds = {"name": "sub", "type": "DS", "values": ["1 13 2 " + "ab" * 32]}
    with pytest.raises(rrsets.DeclarationError, match=r"sub.foobar.com. would have DS but no NS"):
        plan.plan(APEX, parse(ds), ZONE)
    assert (
        len(
            plan.plan(
                APEX, parse(ds, {"name": "sub", "type": "NS", "values": ["x.example."]}), ZONE
            )
        )
        == 2
    )


def test_name_server_keeps_an_address():
    own = [
        {"name": "ns1", "type": "A", "values": ["192.0.2.1"]},
        {"name": "ns1", "type": "AAAA", "values": ["2001:db8::1"]},
    ]
    existing = {**APEX, **content(*own)}
    with pytest.raises(
        rrsets.DeclarationError,
        match="ns1.foobar.com., a name server of foobar.com., would have no address",
    ):
        plan.plan(existing, {}, ZONE, exclusive=True)
    assert len(plan.plan(existing, parse(own[0]), ZONE, exclusive=True)) == 1


@pytest.mark.parametrize(
    ("size", "gone", "changed", "refused"),
    [
        (10, 3, 0, None),
        (
            10,
            4,
            0,
            (
                "changes 0 and deletes 4 of the 10 record sets of foobar.com.: "
                "40 %, where max_change allows 30 %"
            ),
        ),
        (10, 2, 2, "changes 2 and deletes 2 of the 10 record sets"),
        (9, 9, 0, None),
        (1000, 0, 301, "changes 301 and deletes 0 of the 1000 record sets of foobar.com.: 30 %"),
        (1000, 0, 300, None),
    ],
)
def test_large_changes_are_refused_with_their_numbers(size, gone, changed, refused):
    existing = content(*hosts(*range(size)))
    declared = parse(
        *hosts(*range(gone), state="absent"),
        *hosts(*range(gone, gone + changed), ttl=1),
        *hosts(*range(5000, 6000)),
    )
    changes = plan.plan(existing, declared, ZONE)
    if refused is None:
        plan.check(existing, changes, ZONE, 30, 10)
    else:
        with pytest.raises(plan.UnsafeError) as caught:
            plan.check(existing, changes, ZONE, 30, 10)
        assert refused in str(caught.value)
        assert "set force" in str(caught.value)


def test_server_types_are_neither_counted_nor_touched():
    soa = dns.rdata.from_text("IN", "SOA", "ns1.foobar.com. hostmaster.foobar.com. 1 2 3 4 5")
    existing = {(ZONE, "SOA"): rrsets.RRset(300, frozenset({soa})), **APEX}
    assert plan.plan(existing, {}, ZONE, exclusive=True) == []


def test_parts_hold_all_changes_in_order_within_the_limit():
    changes = plan.plan({}, parse(*hosts(*range(500))), ZONE)
    parts = plan.parts(changes, 2000)
    assert len(parts) > 10
    assert [change for part in parts for change in part] == changes
    assert plan.parts([]) == []


_addresses = st.lists(st.integers(1, 254).map("192.0.2.{}".format), min_size=1, max_size=3)
_sets = st.one_of(
    st.tuples(st.just("A"), _addresses),
    st.tuples(st.just("TXT"), st.lists(st.text("ab ", max_size=5), min_size=1, max_size=3)),
    st.tuples(st.just("CNAME"), st.sampled_from([["a"], ["b"]])),
)
_contents = st.dictionaries(st.sampled_from("abcdef"), st.tuples(_sets, st.integers(0, 9))).map(
    lambda names: [
        {"name": name, "type": kind, "ttl": ttl, "values": values}
        for name, ((kind, values), ttl) in names.items()
    ]
)


@given(_contents, _contents)
def test_an_exclusive_plan_leads_where_it_should_and_then_there_is_nothing_to_do(
    existing, declared
):
    existing = {**APEX, **content(*existing)}
    after = plan.applied(existing, plan.plan(existing, parse(*declared), ZONE, exclusive=True))
    assert after == {**APEX, **content(*declared)}
    assert plan.plan(after, parse(*declared), ZONE, exclusive=True) == []


_states = st.sampled_from(["present", "append", "absent", "ignore"])


@given(_contents, _contents, st.data())
def test_every_state_is_reached_in_one_step_whole_or_in_parts(existing, declared, data):
    existing = {**APEX, **content(*existing)}
    for record in declared:
        record["state"] = data.draw(_states)
        if record["state"] == "ignore":
            record["values"] = []
    try:
        changes = plan.plan(existing, parse(*declared), ZONE)
    except rrsets.DeclarationError as error:
        assert "would be an alias" in str(error)
        return
    after = plan.applied(existing, changes)
    assert plan.plan(after, parse(*declared), ZONE) == []
    in_parts = existing
    for part in plan.parts(changes, 100):
        in_parts = plan.applied(in_parts, part)
    assert in_parts == after
