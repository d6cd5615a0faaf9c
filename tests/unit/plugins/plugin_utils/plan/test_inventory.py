"""The groups of an inventory, and the names of its variables."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import inventory, roles
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Choice, Role


def test_inventory_summary_names_few_hosts_and_counts_many():
    groups = {
        "lamp": ["a", "b"],
        "lamp_web": ["a", "b"],
        "lamp_db": ["a"],
        "lamp_dns": [],
        "all": list("abcde"),
    }
    assert inventory.inventory_summary(groups) == "lamp_db: a; lamp_web: a, b"
    assert inventory.inventory_summary({"lamp_web": list("abcde")}) == "lamp_web: 5 hosts"


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (
            {"lamp": ["a", "b"], "lamp_web": ["a"], "lamp_db": ["a"]},
            "Host b is in no group that a role is for",
        ),
        (
            {"lamp": ["a"], "lamp_web": ["a"], "lamp_db": ["a"], "ungrouped": ["c"]},
            "Host c is in no group",
        ),
        ({"lamp": ["a"], "lamp_web": ["a"]}, "Group lamp_db is empty"),
        ({"lamp": ["a"], "lamp_db": ["a"]}, "Group lamp_web is empty"),
        ({"lamp": [], "lamp_web": ["a"], "lamp_db": ["a"]}, "make lamp_web a child"),
        (
            {"lamp": ["a", "b"], "lamp_web": ["a"], "lamp_db": ["a", "b"]},
            "Group lamp_db has 2 hosts (a, b)",
        ),
        (
            {"lamp": ["a", "b"], "lamp_web": ["a", "b"], "lamp_db": ["a"], "lamp_lb": ["b"]},
            (
                "Host b is in lamp_lb and in lamp_web, which both listen on the same ports: "
                "remove it from lamp_lb, or"
            ),
        ),
        (
            {"lamp": ["a"], "lamp_web": ["a"], "lamp_db": ["a"], "lamp_lb": ["b"]},
            "make lamp_lb a child of the group lamp",
        ),
    ],
)
def test_inventory_problems(groups, words):
    problems = inventory.inventory_problems(groups, {})
    assert words in "\n".join(problems)
    # Two roles of one group say it once.
    assert len(problems) == len(set(problems))


@pytest.mark.parametrize("balancers", [["b"], ["b", "c"], ["a", "b"]])
def test_balancers_may_have_further_parts_but_that_of_web_hosts(balancers):
    groups = {
        "lamp": ["a", "b", "c", "d"],
        "lamp_web": ["d"],
        "lamp_db": ["a"],
        "lamp_dns": ["b", "c"],
        "lamp_lb": balancers,
    }
    assert inventory.inventory_problems(groups, {}) == []


def test_one_balancer_is_said_to_be_a_single_point():
    (doubt,) = inventory.balancer_doubts({"lamp_lb": ["b"]})
    assert doubt.startswith(
        "Group lamp_lb has one host, b, through which all visitors come: "
        "when it is down, so are the sites."
    )
    assert (
        inventory.balancer_doubts({"lamp_lb": ["b", "c"]})
        == inventory.balancer_doubts({"lamp_lb": []})
        == inventory.balancer_doubts({})
        == []
    )


def test_good_inventory_has_no_problems():
    assert (
        inventory.inventory_problems(
            {"lamp": ["a"], "lamp_web": ["a"], "lamp_db": ["a"], "ungrouped": []}, {}
        )
        == []
    )


def test_misspelt_variables_are_named():
    assert (
        inventory.variable_problems(
            [
                "lamp_sites",
                "lamp_domain",
                "lamp_address",
                "lamp_peer_address",
                "other",
                "apache_listen",
            ]
        )
        == []
    )
    assert inventory.variable_problems(["lamp_secret"]) == [
        "lamp_secret is not a known variable: did you mean lamp_secrets?"
    ]
    assert (
        "lamp_wxyzwxyz is not a known variable: correct or remove it"
        in inventory.variable_problems(["lamp_wxyzwxyz"])[0]
    )


def test_variables_that_are_nearly_inputs_of_roles_are_doubted():
    inputs = ["mysql_settings", "mysql_users", "apache_listen"]
    doubt = (
        "mysql_setings is not a variable of any role and has no effect: "
        "did you mean mysql_settings?"
    )
    assert inventory.variable_doubts(["mysql_setings"], inputs) == [doubt]
    assert (
        inventory.variable_doubts(
            [*inputs, "mysql_root_password", "mysql_vault_users", "apache", "settings"], inputs
        )
        == []
    )


def test_address_of_a_host_that_is_none_is_refused():
    hosts = {
        "a": {"lamp_address": "192.0.2.1"},
        "b": {"lamp_address": ["2001:db8::1", "b.example"]},
        "c": {},
    }
    assert inventory.address_problems(hosts) == [
        "lamp_address of b is 'b.example': give an IPv4 or IPv6 address."
    ]
    hosts = {"a": {"lamp_address": "192.0.2.1", "lamp_peer_address": "10.0.0.256"}}
    assert inventory.address_problems(hosts) == [
        "lamp_peer_address of a is '10.0.0.256': give an IPv4 or IPv6 address."
    ]


GROUPS = {"lamp": ["a", "b", "c", "d"], "lamp_web": ["a"], "lamp_db": ["a"]}


@pytest.mark.parametrize(
    ("limits", "hosts", "problem"),
    [
        ((0, None), "", None),
        ((0, 1), "a", None),
        ((1, None), "a b c d", None),
        ((2, 3), "a b", None),
        ((2, 3), "a b c", None),
        ((1, 1), "", "Group lamp_toys is empty: put the host that does this part into it."),
        ((2, 3), "", "Group lamp_toys is empty: put 2 hosts at least into it."),
        ((3, 4), "a b", "Group lamp_toys has only a, b: put 3 hosts at least into it."),
        ((2, 3), "a", "Group lamp_toys has only a: put 2 hosts at least into it."),
        (
            (0, 1),
            "a b",
            "Group lamp_toys has 2 hosts (a, b): this version takes one, leave one in it.",
        ),
        (
            (2, 3),
            "a b c d",
            "Group lamp_toys has 4 hosts (a, b, c, d): this version takes 3, leave 3 in it.",
        ),
    ],
)
def test_limits_of_a_role(monkeypatch, limits, hosts, problem):
    class Toy(Role):
        GROUP = "lamp_toys"
        HOSTS = limits

    monkeypatch.setitem(roles.ALL, "toy", Toy("toy"))
    groups = {**GROUPS, "lamp_toys": hosts.split(), "lamp": sorted({*hosts.split(), "a"})}
    assert inventory.inventory_problems(groups, {}) == ([problem] if problem else [])


class One(Role):
    """A role that does the work of lamp_toys, on one host."""

    GROUP = "lamp_toys"
    HOSTS = (1, 1)
    CHOICE = Choice("lamp_toy", "one")


class Cluster(One):
    """Another one, on three at least."""

    HOSTS = (3, None)


@pytest.fixture
def toys(monkeypatch):
    """Have two roles for one group, of which the inventory chooses one."""
    monkeypatch.setitem(roles.ALL, "one", One("one"))
    monkeypatch.setitem(roles.ALL, "cluster", Cluster("cluster"))


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    ("values", "hosts", "problem"),
    [
        ({}, "a", None),
        ({"lamp_toy": "one"}, "a", None),
        ({"lamp_toy": "cluster"}, "a b c", None),
        (
            {},
            "a b c",
            "Group lamp_toys has 3 hosts (a, b, c): this version takes one, leave one in it.",
        ),
        ({"lamp_toy": "cluster"}, "a", "Group lamp_toys has only a: put 3 hosts at least into it."),
        # Which number is the right one nobody knows.
        ({"lamp_toy": "many"}, "a b", "lamp_toy is 'many': give one or cluster."),
        ({"lamp_toy": "many"}, "", "lamp_toy is 'many': give one or cluster."),
    ],
)
def test_only_the_chosen_role_asks_for_its_number_of_hosts(values, hosts, problem):
    groups = {**GROUPS, "lamp_toys": hosts.split(), "lamp": sorted({*hosts.split(), "a"})}
    assert inventory.inventory_problems(groups, values) == ([problem] if problem else [])


def test_group_that_is_nearly_one_of_ours_is_doubted():
    groups = {
        "lamp": ["a"],
        "lamp_web": ["a"],
        "lamp_db": ["a"],
        "lamp_nds": ["a"],
        "lamp_web_eu": ["a"],
        "lampshades": ["b"],
        "all": ["a", "b"],
    }
    assert inventory.group_doubts(groups) == [
        (
            "Group lamp_nds is not a group of this collection, "
            "so no role runs on its hosts: did you mean lamp_dns?"
        )
    ]


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ("a b", "two cannot tell a host that is gone from a cable that is cut"),
        ("a b c d", "four are no safer than three"),
    ],
)
def test_database_on_an_even_number_of_hosts_is_refused_with_the_reason(hosts, words):
    (problem,) = inventory.inventory_problems(
        {"lamp": hosts.split(), "lamp_db": hosts.split(), "lamp_web": ["a"]}, {}
    )
    assert words in problem
    assert problem.startswith("Group lamp_db has ")
    for number in (1, 3, 5):
        names = [f"db{one}" for one in range(number)]
        assert (
            inventory.inventory_problems(
                {"lamp": names, "lamp_db": names, "lamp_web": names[:1]}, {}
            )
            == []
        )


def test_two_neighbours_that_are_swapped_are_one_slip():
    assert inventory.group_doubts({"lamp_bd": ["db1"], "lamp_lb": ["lb1"]}) == [
        (
            "Group lamp_bd is not a group of this collection, "
            "so no role runs on its hosts: did you mean lamp_db?"
        )
    ]
