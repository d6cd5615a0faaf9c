"""The address that one of the balancers has: what follows from it, and what is wrong with it."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import keepalived, make, records

from .example import facts, inputs_of, problems_of, site_of

GROUPS = {"lb": "lb1 lb2", "web": "one", "db": "one"}
SITES = {"www.foobar.com": {"document_root": "/srv/www"}}
NETWORKS = {"eth0": ["203.0.113.0/24", "2001:db8::/64"], "eth1": ["10.0.0.0/8"]}
BOTH = {
    "lb1": {"lamp_peer_address": ["10.0.0.1", "fd00::1"]},
    "lb2": {"lamp_peer_address": ["fd00::2", "10.0.0.2"]},
}


def balanced(**more):
    return site_of(SITES, **{**GROUPS, **more})


def rules_of(site, host):
    plan = make.plan(site, site.host(host), {})
    assert plan.problems == []
    return [rule for rule in plan.inputs["firewall_rules"] if rule["protocol"] == "vrrp"]


def test_all_balancers_may_have_the_address_the_first_one_before_the_others():
    site = balanced(lamp_vip="203.0.113.5/24", lb="lb1 lb2 lb3")
    first, last = (inputs_of("keepalived", site, host) for host in ("lb1", "lb3"))
    assert first["keepalived_addresses"] == ["203.0.113.5/24"]
    assert (
        first["keepalived_hosts"]
        == last["keepalived_hosts"]
        == ["192.0.2.2", "192.0.2.3", "192.0.2.4"]
    )
    assert (first["keepalived_host"], last["keepalived_host"]) == ("192.0.2.2", "192.0.2.4")
    assert "keepalived" in make.plan(site, site.host("lb1"), {}).inputs["linux_base_packages"]


@pytest.mark.parametrize(
    ("vip", "hosts"),
    [
        ("203.0.113.5", ["10.0.0.1", "10.0.0.2"]),
        ("2001:db8::5", ["fd00::1", "fd00::2"]),
        (["2001:db8::5", "203.0.113.5"], ["10.0.0.1", "10.0.0.2"]),
    ],
)
def test_balancers_speak_to_each_other_at_the_addresses_for_peers_of_a_family_that_the_address_has(
    vip, hosts
):
    assert (
        inputs_of("keepalived", balanced(lamp_vip=vip, hosts=BOTH), "lb2")["keepalived_hosts"]
        == hosts
    )


def test_sites_in_the_same_network_are_told_apart_by_their_domains():
    numbers = {
        domain: keepalived.router_id(domain)
        for domain in ("foobar.com", "example.com", "example.org")
    }
    assert len(set(numbers.values())) == 3 and all(
        1 <= number <= 255 for number in numbers.values()
    )
    inputs = inputs_of("keepalived", balanced(lamp_vip="203.0.113.5"), "lb1")
    assert inputs["keepalived_settings"] == {"virtual_router_id": numbers["foobar.com"]}
    # A value of the inventory's takes its place, and leaves the others.
    site = balanced(lamp_vip="203.0.113.5")
    plan = make.plan(site, site.host("lb1"), {"keepalived_settings": {"advert_int": 1}})
    assert plan.inputs["keepalived_settings"] == {
        "virtual_router_id": numbers["foobar.com"],
        "advert_int": 1,
    }


def test_balancer_without_such_an_address_needs_nothing():
    for site in (balanced(), balanced(lb="lb1"), balanced(lamp_vip=[])):
        plan = make.plan(site, site.host("lb1"), {})
        assert plan.problems == []
        assert plan.inputs["keepalived_addresses"] == []
        assert (
            "keepalived"
            not in plan.inputs["linux_base_packages"] + plan.inputs["linux_base_started_later"]
        )
        assert rules_of(site, "lb1") == []


def test_haproxy_is_asked_where_it_says_whether_it_works():
    site = balanced(lamp_vip="203.0.113.5")
    assert inputs_of("keepalived", site, "lb1")["keepalived_check"] == {
        "port": 8404,
        "path": "/monitor",
        "unit": "haproxy",
    }
    assert (
        make.plan(site, site.host("lb1"), {"haproxy_status_port": 9000}).inputs["keepalived_check"][
            "port"
        ]
        == 9000
    )


def test_what_balancers_say_of_the_address_is_let_in_from_them_alone():
    site = balanced(lamp_vip="203.0.113.5", hosts=BOTH)
    assert rules_of(site, "lb1") == [
        {"protocol": "vrrp", "comment": "keepalived", "from": ["fd00::2", "10.0.0.2"]}
    ]
    assert rules_of(site, "lb2") == [
        {"protocol": "vrrp", "comment": "keepalived", "from": ["10.0.0.1", "fd00::1"]}
    ]
    assert rules_of(site, "one") == []


@pytest.mark.parametrize(
    ("vip", "values"),
    [
        ("203.0.113.5/24", {"A": ["203.0.113.5"]}),
        (["203.0.113.5", "2001:db8::5/64"], {"A": ["203.0.113.5"], "AAAA": ["2001:db8::5"]}),
        ([], {"A": ["192.0.2.2", "192.0.2.3"]}),
    ],
)
def test_names_lead_to_the_address_or_else_to_all_balancers(vip, values):
    found = records.records_of(balanced(lamp_vip=vip, dns="one"))
    assert {
        one["type"]: one["values"] for one in found if one["name"] == "www.foobar.com."
    } == values
    # Name servers are hosts of their own.
    assert [one["values"] for one in found if one["name"] == "ns1.foobar.com."] == [["192.0.2.1"]]


GROUPED = {"lamp": ["one", "lb1", "lb2"], "lamp_lb": ["lb1", "lb2"]}
HOSTS = {
    "one": {"lamp_address": "203.0.113.1"},
    "lb1": {"ansible_host": "203.0.113.2"},
    "lb2": {"lamp_peer_address": ["10.0.0.3", "2001:DB8::3"]},
}


@pytest.mark.parametrize(
    ("given", "groups", "words"),
    [
        (
            {"lamp_vip": "lb.foobar.com"},
            GROUPED,
            "lamp_vip has 'lb.foobar.com': give an IPv4 or IPv6 address, such as 203.0.113.5,",
        ),
        (
            {"lamp_vip": "203.0.113.5/33"},
            GROUPED,
            "lamp_vip has '203.0.113.5/33': give an IPv4 or IPv6",
        ),
        (
            {"lamp_vip": "203.0.113.5/255.255.255.0"},
            GROUPED,
            "lamp_vip has '203.0.113.5/255.255.255.0': give",
        ),
        ({"lamp_vip": "fe80::1%eth0"}, GROUPED, "lamp_vip has 'fe80::1%eth0': give"),
        (
            {"lamp_vip": "127.0.0.1"},
            GROUPED,
            "lamp_vip has '127.0.0.1', by which no other host can be reached",
        ),
        (
            {"lamp_vip": "203.0.113.0/24"},
            GROUPED,
            "lamp_vip has '203.0.113.0/24', which is the network 203.0.113.0/24 or its broadcast",
        ),
        (
            {"lamp_vip": ["203.0.113.5", "203.0.113.6"]},
            GROUPED,
            "lamp_vip has more than one address of IPv4: leave one in it",
        ),
        (
            {"lamp_vip": "203.0.113.1"},
            GROUPED,
            (
                "lamp_vip has 203.0.113.1, which is lamp_address of one: "
                "give an address that no host has"
            ),
        ),
        (
            {"lamp_vip": "203.0.113.2/24"},
            GROUPED,
            "lamp_vip has 203.0.113.2, which is ansible_host of lb1",
        ),
        ({"lamp_vip": "2001:db8::3"}, GROUPED, "which is lamp_peer_address of lb2"),
        (
            {"lamp_vip": "203.0.113.5"},
            {**GROUPED, "lamp_lb": ["lb1"]},
            "lamp_vip is set, but the group lamp_lb has one host, lb1: put two or more",
        ),
        (
            {"lamp_vip": "203.0.113.5"},
            {"lamp": ["one"]},
            "lamp_vip is set, but the group lamp_lb is empty: put two or more hosts into it",
        ),
        ({"lamp_vip_command": ["attach"]}, GROUPED, "lamp_vip_command is set, but lamp_vip is not"),
    ],
)
def test_address_of_the_site_that_cannot_be_is_refused(given, groups, words):
    (problem,) = keepalived.vip_problems(given, groups, HOSTS)
    assert words in problem
    assert problem.endswith(".")


@pytest.mark.parametrize(
    "vip",
    [
        "203.0.113.5",
        "203.0.113.5/24",
        "2001:db8::5/64",
        ["203.0.113.5", "2001:db8::5"],
        "203.0.113.4/31",
        [],
    ],
)
def test_good_address_has_no_problem(vip):
    assert list(keepalived.vip_problems({"lamp_vip": vip}, GROUPED, HOSTS)) == []


GOOD = {
    "keepalived_addresses": ["203.0.113.5", "2001:db8::5/64"],
    "keepalived_hosts": ["10.0.0.1", "10.0.0.2"],
    "keepalived_host": "10.0.0.2",
    "keepalived_check": {"port": 80, "path": "/health"},
}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (
            {"keepalived_addresses": ["x"]},
            "keepalived_addresses has 'x': give an IPv4 or IPv6 address",
        ),
        (
            {"keepalived_hosts": ["10.0.0.2", "lb1"]},
            "keepalived_hosts has 'lb1': give an IPv4 or IPv6 address",
        ),
        (
            {"keepalived_hosts": ["10.0.0.2"]},
            "keepalived_hosts has 1 addresses: give those of 2 to 25 hosts",
        ),
        ({"keepalived_hosts": ["10.0.0.2", "10.0.0.2"]}, "keepalived_hosts has an address twice"),
        (
            {"keepalived_hosts": ["10.0.0.2", "fd00::1"]},
            "keepalived_hosts has addresses of IPv4 and of IPv6",
        ),
        (
            {"keepalived_host": ""},
            (
                "keepalived_host is '', which keepalived_hosts does not have: give this host's, "
                "which must be one of them"
            ),
        ),
        (
            {"keepalived_addresses": ["2001:db8::5"]},
            "has no address of IPv4, by which the hosts talk to each other",
        ),
        (
            {"keepalived_addresses": ["10.0.0.1"]},
            "keepalived_addresses has 10.0.0.1, which is the address of a host",
        ),
        (
            {"keepalived_addresses": ["203.0.113.9"]},
            "keepalived_addresses has 203.0.113.9, which is the address of a host",
        ),
        (
            {"keepalived_addresses": ["198.51.100.5"]},
            (
                "has 198.51.100.5, which is in no network of this host (203.0.113.0/24, "
                "2001:db8::/64, 10.0.0.0/8): give an address of these"
            ),
        ),
        (
            {"keepalived_hosts": ["192.0.2.1", "192.0.2.2"], "keepalived_host": "192.0.2.1"},
            "keepalived_host is 192.0.2.1, which is in no network of this host: name the interface",
        ),
        ({"keepalived_interface": "eth 0"}, "keepalived_interface is 'eth 0': give the name"),
        ({"keepalived_check": {"port": 0}}, "keepalived_check.port is 0"),
        ({"keepalived_check": {"path": "/x"}}, "keepalived_check.port is missing"),
        (
            {"keepalived_check": {"port": 80, "path": "/x y"}},
            "keepalived_check.path is '/x y': begin it with a slash",
        ),
        (
            {"keepalived_check": {"port": 80, "unit": "a b"}},
            "keepalived_check.unit is 'a b': give the name of a service",
        ),
        (
            {"keepalived_command": ["", "secret"]},
            "keepalived_command begins with an empty argument",
        ),
    ],
)
def test_problem_names_variable_value_and_remedy(inputs, words):
    known = facts(networks=NETWORKS, addresses=["203.0.113.9"])
    assert problems_of("keepalived", GOOD, known) == []
    (problem,) = problems_of("keepalived", {**GOOD, **inputs}, known)
    assert words in problem
    assert problem.endswith(".")
    assert "secret" not in problem
    # Without addresses there is nothing to do, and so nothing wrong.
    assert problems_of("keepalived", {**GOOD, **inputs, "keepalived_addresses": []}, known) == []


@pytest.mark.parametrize(
    "more", [{"keepalived_interface": "eth0"}, {"keepalived_command": ["attach"]}]
)
def test_address_may_lie_elsewhere_where_that_is_meant(more):
    assert (
        problems_of(
            "keepalived",
            {**GOOD, "keepalived_addresses": ["198.51.100.5"], **more},
            facts(networks=NETWORKS),
        )
        == []
    )


def test_host_that_has_the_address_by_us_is_not_told_that_it_is_its_own():
    known = facts(networks=NETWORKS, addresses=["203.0.113.5"], made=["keepalived"])
    assert problems_of("keepalived", GOOD, known) == []


def test_addresses_that_a_host_holds_already_are_not_taken_unasked():
    known = facts(
        unmanaged={"keepalived": ["vrrp_instance VI_1 of /etc/keepalived/keepalived.conf"]}
    )
    (problem,) = problems_of("keepalived", GOOD, known)
    assert (
        "This host serves vrrp_instance VI_1" in problem and "set keepalived_take_over" in problem
    )
    assert problems_of("keepalived", {**GOOD, "keepalived_take_over": True}, known) == []


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.5/24", "eth0"),
        ("2001:db8::5", "eth0"),
        ("10.1.2.3", "eth1"),
        ("10.2.0.1", "eth2"),
        ("192.0.2.1", ""),
    ],
)
def test_address_lies_in_the_smallest_network_that_has_it(address, name):
    assert keepalived.network_of(address, {**NETWORKS, "eth2": ["10.2.0.0/16"]}) == name
