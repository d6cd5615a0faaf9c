"""What follows for the role bind, what is wrong with its inputs, and
which keys of signed zones are recorded or lost.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import bind
from support.plays import ROOT

from .example import inputs_of, problems_of, site_of

RECORD = "/var/lib/foobar.lamp/bind_keys/Kfoobar.com.+013+{:05}"
PRIVATE = "/var/lib/bind/dnssec/Kfoobar.com.+013+{:05}.private"


def lost(*paths, policy="default", name="foobar.com"):
    return bind.lost_key_problems(
        [{"name": name, "dnssec_policy": policy}, {"name": "example.org"}], dict.fromkeys(paths, {})
    )


def test_lost_key_is_named_with_the_remedy():
    (problem,) = lost(RECORD.format(123))
    for word in (
        "foobar.com",
        "key 123,",
        "Kfoobar.com.+013+00123.private",
        "from a backup",
        "DS record",
        "bind_new_dnssec_keys",
    ):
        assert word in problem


def test_new_key_does_not_stand_for_the_lost_one():
    assert lost(RECORD.format(123), PRIVATE.format(456))


@pytest.mark.parametrize(
    "there",
    [
        (),
        (PRIVATE.format(123),),
        (RECORD.format(123), PRIVATE.format(123)),
        (RECORD.format(123), RECORD.format(456), PRIVATE.format(456)),
    ],
    ids=["first run", "not recorded yet", "kept", "one that follows another"],
)
def test_key_that_is_there_is_not_lost(there):
    assert lost(*there) == []


@pytest.mark.parametrize("policy", ["none", "insecure", None])
def test_zone_that_gets_no_new_key_is_let_be(policy):
    assert lost(RECORD.format(123), policy=policy) == []


def test_zone_has_its_own_keys_in_whatever_case():
    assert lost(RECORD.format(123), name="Foobar.com")
    assert lost(RECORD.format(123), name="www.foobar.com") == []
    assert lost(RECORD.format(123), name="bar.com") == []


def test_records_name_no_other_file():
    lines = [
        "foobar.com. IN DS 123 13 2 AB12",
        "../x. IN DS 1 13 2 AB",
        "foobar.com. IN DS x 13 2 AB",
        "; nothing",
        "a/b. IN DS 1 13 2 AB",
    ]
    assert bind.recorded_keys(lines)[-1] == RECORD.format(123)
    assert bind.recorded_of(bind.recorded_keys(lines), ["foobar.com"]) == [RECORD.format(123)]


ZONE = {
    "name": "a.com",
    "nameservers": [{"name": "ns1.a.com", "addresses": ["192.0.2.1"]}],
    "update_key": "k",
}


def problems(zones, keys, known=None, **more):
    return problems_of(
        "bind", {"bind_zones": zones, "bind_keys": [{"name": key} for key in keys], **more}, known
    )


@pytest.mark.parametrize(
    ("zones", "keys", "words"),
    [
        ([ZONE], ["k", "k k"], "bind_keys has the name 'k k'"),
        ([{**ZONE, "name": "a.com."}], ["k"], "bind_zones has the name 'a.com.'"),
        ([ZONE, {**ZONE, "name": "A.com"}], ["k"], "bind_zones has A.com twice"),
        ([{**ZONE, "nameservers": []}], ["k"], "bind_zones gives a.com no name server"),
        (
            [{**ZONE, "nameservers": [{"name": "NS1.a.com."}]}],
            ["k"],
            "the name server NS1.a.com. without addresses",
        ),
        ([ZONE], [], "bind_zones gives a.com the update_key k: add that to bind_keys"),
        (
            [{**ZONE, "transfer_key": "t"}],
            ["k"],
            "bind_zones gives a.com the transfer_key t: add that to bind_keys",
        ),
        (
            [{**ZONE, "dnssec_policy": "ours"}],
            ["k"],
            "bind_zones gives a.com the dnssec_policy ours: use one of default",
        ),
        (
            [{**ZONE, "dnssec_keys_of": "one"}],
            ["k"],
            "bind_zones gives a.com dnssec_keys_of without primaries",
        ),
        (
            [{**ZONE, "dnssec_policy": "default", "primaries": ["192.0.2.1"]}],
            ["k"],
            "both primaries and a dnssec_policy",
        ),
    ],
)
def test_problem_names_variable_value_and_remedy(zones, keys, words):
    (problem,) = problems(zones, keys)
    assert words in problem
    good = [
        ZONE,
        {**ZONE, "name": "b.com", "nameservers": [{"name": "ns1.nota.com"}]},
        {"name": "c.com", "primaries": ["192.0.2.1"]},
        {**ZONE, "name": "d.com", "dnssec_policy": "ours"},
    ]
    assert problems(good, ["k"], bind_dnssec_policies={"ours": "x"}) == []


def test_host_that_serves_others_or_has_lost_a_key_is_refused_until_agreed():
    signed = [{**ZONE, "name": "foobar.com", "dnssec_policy": "default"}]
    (problem,) = problems(signed, ["k"], {"unmanaged": {"bind": ["example.org"]}})
    assert "This host serves example.org" in problem
    assert "only what bind_zones declares" in problem
    assert (
        problems(signed, ["k"], {"unmanaged": {"bind": ["example.org"]}}, bind_take_over=True) == []
    )
    (problem,) = problems(signed, ["k"], {"paths": {RECORD.format(123): {}}})
    assert "was signed with the key 123" in problem
    assert (
        problems(signed, ["k"], {"paths": {RECORD.format(123): {}}}, bind_new_dnssec_keys=True)
        == []
    )
    for agreed in (True, False):
        assert (
            inputs_of("bind", site_of(dns="one", lamp_take_over=agreed), "one")["bind_take_over"]
            is agreed
        )


def test_first_name_server_is_primary_and_the_others_copy_it():
    site = site_of(dns="one two", lamp_dnssec_policy="default")
    (primary,), (secondary,) = (
        inputs_of("bind", site, host)["bind_zones"] for host in ("one", "two")
    )
    assert primary["secondaries"] == ["192.0.2.2"]
    assert [server["name"] for server in primary["nameservers"]] == [
        "ns1.foobar.com",
        "ns2.foobar.com",
    ]
    assert [server["addresses"] for server in primary["nameservers"]] == [
        ["192.0.2.1"],
        ["192.0.2.2"],
    ]
    assert primary["dnssec_policy"] == "default"
    assert secondary == {
        "name": "foobar.com",
        "transfer_key": "lamp-transfer",
        "primaries": ["192.0.2.1"],
        "dnssec_keys_of": "one",
    }
    assert [key["name"] for key in inputs_of("bind", site, "one")["bind_keys"]] == [
        "lamp",
        "lamp-transfer",
    ]
    assert inputs_of("bind", site, "two")["bind_keys"] == [
        {"name": "lamp-transfer", "secret": "for transfers"}
    ]
    assert inputs_of("bind", site_of(dns="one"), "one")["bind_keys"] == [{"name": "lamp"}]
    (alone,) = inputs_of("bind", site_of(dns="one"), "one")["bind_zones"]
    assert not {"dnssec_policy", "transfer_key"} & alone.keys()


def test_named_name_server_is_primary_and_all_keep_their_names():
    site = site_of(dns="one two three", lamp_dns_primary="two")
    first, second, third = (
        inputs_of("bind", site, host)["bind_zones"][0] for host in ("one", "two", "three")
    )
    assert second["nameservers"] == [
        {"name": "ns2.foobar.com", "addresses": ["192.0.2.2"]},
        {"name": "ns1.foobar.com", "addresses": ["192.0.2.1"]},
        {"name": "ns3.foobar.com", "addresses": ["192.0.2.3"]},
    ]
    assert second["secondaries"] == ["192.0.2.1", "192.0.2.3"]
    assert (
        first
        == third
        == {"name": "foobar.com", "transfer_key": "lamp-transfer", "primaries": ["192.0.2.2"]}
    )
    assert [key["name"] for key in inputs_of("bind", site, "two")["bind_keys"]] == [
        "lamp",
        "lamp-transfer",
    ]
    assert [key["name"] for key in inputs_of("bind", site, "one")["bind_keys"]] == ["lamp-transfer"]


def primary_problems(one, two, name="one", primary="one", **values):
    return bind.primary_problems("foobar.com", {"one": one, "two": two}, name, primary, values)


@pytest.mark.parametrize("values", [{}, {"lamp_dns_primary": "one"}], ids=["first", "named"])
@pytest.mark.parametrize("other", ["primary", "secondary"])
def test_new_host_does_not_begin_the_zone_anew_that_another_has(other, values):
    (problem,) = primary_problems("", other, **values)
    for word in (
        "Host one",
        "foobar.com",
        "the zone is on two",
        "Set lamp_dns_primary to two",
        "foobar.lamp.dns_promote",
        "lamp_dns_force",
    ):
        assert word in problem
    assert primary_problems("", other, lamp_dns_force=True) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [("", ""), ("", None), ("primary", "secondary"), ("primary", ""), ("secondary", "primary")],
)
def test_primary_that_is_the_only_one_is_none_to_ask_about(one, two):
    assert primary_problems(one, two) == []


@pytest.mark.parametrize("values", [{}, {"lamp_dns_primary": "one"}], ids=["first", "named"])
def test_primary_is_not_given_up_for_one_that_the_run_does_not_come_to(values):
    (problem,) = primary_problems(None, "primary", "two", **values)
    assert "run without --limit" in problem


def test_one_of_two_primaries_has_to_be_named():
    (problem,) = primary_problems("primary", "primary", "two")
    assert (
        "one and two are both primary name servers of foobar.com: set lamp_dns_primary" in problem
    )
    assert primary_problems("primary", "primary", "two", lamp_dns_primary="one") == []


def test_secondary_becomes_the_primary_by_promotion_alone():
    there = {"zones": {"a.com": {"type": "secondary", "primaries": ["192.0.2.1"]}}}
    (problem,) = problems([ZONE], ["k"], there)
    for word in (
        "the zone a.com",
        "run foobar.lamp.dns_promote",
        "lamp_dns_primary",
        "bind_promote",
    ):
        assert word in problem
    assert problems([ZONE], ["k"], there, bind_promote=True) == []
    assert problems([ZONE], ["k"], {"zones": {"a.com": {"type": "primary", "primaries": []}}}) == []
    assert problems([{"name": "a.com", "primaries": ["192.0.2.1"]}], [], there) == []


def test_zone_is_answered_by_secondaries_for_two_weeks_without_a_primary():
    """As the role makes it: the SOA's fourth number."""
    soa = next(
        line
        for line in (ROOT / "roles/bind/templates/zone.j2").read_text().splitlines()
        if " SOA " in line
    )
    assert int(soa.split()[-2]) >= 14 * 24 * 3600
