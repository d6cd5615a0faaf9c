"""The rules that are rendered for inputs."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import firewall

ANYWHERE = "tcp dport { 22 } jump ssh"


def own_rules(rules=(), ports=(22,), ssh_from=(), forward="accept"):
    """Return the lines of the ruleset that differ from host to host,
    without those that every host has.
    """
    common = firewall.ruleset([], [], ["192.0.2.0"], "accept").splitlines()
    text = firewall.ruleset(list(rules), list(ports), list(ssh_from), forward)
    assert text.count("{") == text.count("}")
    return [line.strip() for line in text.splitlines() if line not in common]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], []),
        ([{"port": 80}], ["tcp dport 80 accept"]),
        (
            [{"port": "80", "protocol": "tcp", "comment": "apache"}],
            ['tcp dport 80 accept comment "apache"'],
        ),
        ([{"port": "6000-6010", "protocol": "udp"}], ["udp dport 6000-6010 accept"]),
        # A rule for each family that there are sources of.
        (
            [{"port": 3306, "from": ["10.0.0.2", "fd00::2", "10.0.0.1"]}],
            [
                "ip saddr { 10.0.0.1, 10.0.0.2 } tcp dport 3306 accept",
                "ip6 saddr { fd00::2 } tcp dport 3306 accept",
            ],
        ),
        ([{"port": 3306, "from": ["fd00::2"]}], ["ip6 saddr { fd00::2 } tcp dport 3306 accept"]),
        # A protocol without ports, after those that have some.
        (
            [{"protocol": "vrrp", "from": ["::2"]}, {"port": 80}],
            ["tcp dport 80 accept", "ip6 saddr { ::2 } meta l4proto 112 accept"],
        ),
        # None overlap, which nft would refuse.
        (
            [{"port": 1, "from": ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"]}],
            ["ip saddr { 10.0.0.0/8 } tcp dport 1 accept"],
        ),
        (
            [{"port": 1, "from": ["10.0.0.2/31", "10.0.0.0/31"]}],
            ["ip saddr { 10.0.0.0/30 } tcp dport 1 accept"],
        ),
        # Nobody at all is not everybody.
        ([{"port": 1, "from": []}], []),
        # In an order that is the same whatever the order of the inventory.
        (
            [{"port": 443}, {"port": 53, "protocol": "udp"}, {"port": 80}, {"port": 53}],
            [
                "tcp dport 53 accept",
                "tcp dport 80 accept",
                "tcp dport 443 accept",
                "udp dport 53 accept",
            ],
        ),
    ],
)
def test_rules(rules, expected):
    assert own_rules(rules) == [ANYWHERE, *expected]
    assert own_rules(reversed(rules)) == [ANYWHERE, *expected]


@pytest.mark.parametrize(
    ("ports", "sources", "expected"),
    [
        ([22, 2222], [], ["tcp dport { 22, 2222 } jump ssh"]),
        ([22], ["192.0.2.7"], ["ip saddr { 192.0.2.7 } tcp dport { 22 } jump ssh"]),
        ([22], ["2001:db8::/32"], ["ip6 saddr { 2001:db8::/32 } tcp dport { 22 } jump ssh"]),
    ],
)
def test_ssh(ports, sources, expected):
    assert own_rules(ports=ports, ssh_from=sources) == expected


def test_packets_for_others_are_dropped_where_that_is_wanted_alone():
    assert "hook forward" not in firewall.ruleset([], [22], [], "accept")
    assert "type filter hook forward priority filter; policy drop;" in own_rules(forward="drop")


def test_nothing_of_others_is_touched():
    text = firewall.ruleset([{"port": 80}], [22], ["192.0.2.7"], "drop")
    assert "flush" not in text
    assert [line for line in text.splitlines() if "table" in line and not line.startswith("#")] == [
        "table inet foobar_lamp",
        "delete table inet foobar_lamp",
        "table inet foobar_lamp {",
    ]


WITHOUT = "db1 goes without a firewall: it lacks the capability CAP_NET_ADMIN."
PAST = (
    "Docker lets the world in past the firewall, to tcp 8080, tcp 9000. "
    "Publish them on 127.0.0.1 if that is not wanted."
)


@pytest.mark.parametrize(
    ("unable", "published", "enabled", "forward", "expected"),
    [
        ("", False, True, "accept", []),
        ("", False, False, "accept", []),
        ("it lacks the capability CAP_NET_ADMIN", False, False, "accept", [WITHOUT]),
        ("it lacks the capability CAP_NET_ADMIN", False, True, "accept", []),
        ("", True, True, "accept", [PAST]),
        ("", True, True, "drop", []),
        ("", True, False, "accept", []),
        ("it lacks the capability CAP_NET_ADMIN", True, False, "accept", [WITHOUT]),
    ],
)
def test_remarks(unable, published, enabled, forward, expected):
    facts = {"unable": unable, "published": ["tcp 8080", "tcp 9000"] if published else []}
    assert firewall.remarks(facts, "db1", enabled, forward) == expected
