"""Who may reach which port follows from the roles of a host,
and no rule closes the way of the run.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import firewall, make, roles

from .example import facts, problems_of, site_of

pytestmark = pytest.mark.usefixtures("no_more_roles")

SITES = {
    "www.foobar.com": {"app": {"requirement": "shop==1", "wsgi": "shop:app"}, "database": "shop"}
}
PAIR = {"lamp_peer_address": ["10.0.0.2", "fd00::2"]}
OLD = {"login": {"user": "root", "client": "192.0.2.99", "port": "22"}}


def plan_of(site, host, given=None):
    """Return the plan of a host, to which the inventory gives these inputs."""
    return make.plan(site, site.host(host), given or {})


def rules_of(site, host, given=None):
    """Return what the firewall of a host lets in besides SSH:
    ``{port/protocol: sources}``, None for everybody.
    """
    plan = plan_of(site, host, given)
    assert plan.problems == []
    return {
        f"{rule['port']}/{rule['protocol']}": rule.get("from")
        for rule in plan.inputs["firewall_rules"]
    }


def knows(**firewall):
    """Return the variables of a host that says this of its firewall."""
    return {"ansible_facts": {"foobar_lamp": facts(addresses=["192.0.2.1"], firewall=firewall)}}


def test_host_that_does_all_keeps_its_database_to_itself():
    assert rules_of(site_of(SITES, web="one", db="one", dns="one"), "one") == {
        "53/tcp": None,
        "53/udp": None,
        "80/tcp": None,
    }


def test_database_is_for_the_hosts_of_its_accounts_alone():
    site = site_of(SITES, web="one two", db="three", dns="four", hosts={"two": PAIR})
    assert rules_of(site, "one") == rules_of(site, "two") == {"80/tcp": None}
    assert rules_of(site, "four") == {"53/tcp": None, "53/udp": None}
    plan = plan_of(site, "three")
    assert plan.inputs["firewall_rules"] == [
        {
            "port": 3306,
            "protocol": "tcp",
            "comment": "mysql",
            "from": ["192.0.2.1", "10.0.0.2", "fd00::2"],
        }
    ]
    assert {user["host"] for user in plan.inputs["mysql_users"]} == set(
        plan.inputs["firewall_rules"][0]["from"]
    )


@pytest.mark.parametrize(
    ("host", "sources"),
    [
        ("198.51.100.7", ["198.51.100.7"]),
        ("2001:DB8::7", ["2001:db8::7"]),
        ("198.51.100.0/255.255.255.0", ["198.51.100.0/24"]),
        # What no packet filter knows, and what is no other host.
        ("198.51.100.%", []),
        ("reports.foobar.com", []),
        ("localhost", []),
        ("127.0.0.1", []),
    ],
)
def test_account_of_the_inventory_is_let_in_from_its_address(host, sources):
    given = {
        "mysql_users": [
            {
                "name": "report",
                "password": "long enough for all",
                "host": host,
                "databases": ["shop"],
            }
        ]
    }
    assert rules_of(site_of(SITES, web="one", db="two"), "two", given) == {
        "3306/tcp": ["192.0.2.1", *sources]
    }
    # Where all is on one host, the server has to be told to listen.
    assert rules_of(site_of(SITES, web="one", db="one"), "one", given) == {"80/tcp": None}
    rules = rules_of(
        site_of(SITES, web="one", db="one"), "one", {**given, "mysql_bind_address": "::"}
    )
    assert rules == {"80/tcp": None, **({"3306/tcp": sources} if sources else {})}


def test_host_of_the_database_that_serves_too_does_not_let_itself_in():
    site = site_of(SITES, web="one two", db="one")
    assert rules_of(site, "one") == {"80/tcp": None, "3306/tcp": ["192.0.2.2"]}


def test_ports_are_those_of_the_web_server_that_is_chosen():
    site = site_of(SITES, web="one", db="one", lamp_web_server="nginx")
    assert rules_of(site, "one", {"nginx_listen": [8080, 80], "apache_listen": [81]}) == {
        "80/tcp": None,
        "8080/tcp": None,
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"port": 9100, "from": ["198.51.100.0/24"]}], {"9100/tcp": ["198.51.100.0/24"]}),
        # Of the same port and protocol, by whatever type the port was given.
        ([{"port": "80", "protocol": "tcp", "from": ["192.0.2.7"]}], {"80/tcp": ["192.0.2.7"]}),
        ([{"port": 80, "protocol": "udp"}], {"80/udp": None}),
    ],
)
def test_rule_of_the_inventory_is_added_and_wins(given, expected):
    given = [{"protocol": "tcp", **rule} for rule in given]
    assert (
        rules_of(site_of(SITES, web="one", db="one"), "one", {"firewall_rules": given})
        == {"80/tcp": None} | expected
    )


def test_rule_without_a_protocol_is_one_of_tcp():
    plan = plan_of(
        site_of(SITES, web="one", db="one"),
        "one",
        {"firewall_rules": [{"port": 80, "from": ["192.0.2.7"]}]},
    )
    assert plan.inputs["firewall_rules"] == [{"port": 80, "from": ["192.0.2.7"]}]


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        ({}, []),
        ({"linux_base_sshd_settings": {"Port": 2222}}, [2222]),
        ({"linux_base_sshd_settings": {"port": ["22", 2222]}}, [22, 2222]),
        ({"linux_base_sshd_settings": {"Port": 2222}, "linux_base_sshd": False}, []),
        ({"firewall_ssh_ports": [2200]}, [2200]),
    ],
)
def test_ports_of_sshd_are_those_that_are_declared(given, ports):
    assert (
        plan_of(site_of(SITES, web="one", db="one"), "one", given).inputs["firewall_ssh_ports"]
        == ports
    )


def test_hosts_that_copy_their_backups_here_may_log_in_from_anywhere_but_where_that_is_limited():
    copying = {"backup_copy_to": "backup@store:/srv/two"}
    hosts = {"two": copying, "three": {"backup_copy_to": "backup@10.0.0.2:/x"}, "one": PAIR}
    site = site_of(SITES, web="one", db="two", dns="three", hosts=hosts)
    site.host("one").given = {"ansible_host": "store"}
    assert plan_of(site, "one").inputs["firewall_ssh_from"] == []
    given = {"firewall_ssh_from": ["198.51.100.1"]}
    site.host("one").given = {"ansible_host": "store"}
    assert roles.ALL["firewall"].inputs(site, site.host("one"), {}).get("firewall_ssh_from") is None
    site.host("one").given = {"ansible_host": "store", **given}
    assert roles.ALL["firewall"].inputs(site, site.host("one"), {})["firewall_ssh_from"] == [
        "192.0.2.2",
        "192.0.2.3",
    ]
    assert plan_of(site, "two", given).inputs["firewall_ssh_from"] == ["198.51.100.1"]


def test_host_that_cannot_have_one_goes_without_unless_it_is_wanted():
    site = site_of(
        SITES, web="one", db="one", hosts={"one": knows(unable="its kernel has no nf_tables")}
    )
    plan = plan_of(site, "one")
    assert plan.problems == []
    assert plan.inputs["firewall_enabled"] is False
    assert "nftables" not in plan.inputs["linux_base_packages"]
    (problem,) = plan_of(site, "one", {"firewall_enabled": True}).problems
    assert problem == (
        "firewall_enabled is true, but the host cannot have a firewall: its kernel has no "
        "nf_tables. Set it to false, or leave it out: "
        "then the site's hosts that cannot have one go without."
    )
    assert plan_of(site, "one", {"firewall_enabled": False}).problems == []


def test_two_firewalls_are_refused_unless_ours_is_not_wanted():
    site = site_of(SITES, web="one", db="one", hosts={"one": knows(foreign=["ufw"])})
    (problem,) = plan_of(site, "one").problems
    assert problem == (
        "The host already has a firewall, ufw. A packet must pass both, so ufw may drop what "
        "this one lets in. Remove ufw, or disable and stop it, or set firewall_enabled to false."
    )
    assert plan_of(site, "one", {"firewall_enabled": False}).problems == []


@pytest.mark.parametrize(
    ("given", "closed"),
    [
        ({}, "25/tcp (master), 5000/tcp (node), 51820/udp"),
        ({"firewall_rules": [{"port": "25"}, {"port": 5000, "from": ["192.0.2.7"]}]}, "51820/udp"),
        ({"firewall_rules": [{"port": "1-60000"}, {"port": 51820, "protocol": "udp"}]}, ""),
        ({"firewall_take_over": True}, ""),
        ({"firewall_enabled": False}, ""),
    ],
)
def test_what_others_serve_is_not_closed_unless_that_is_said(given, closed):
    listening = {
        "22/tcp": "systemd",
        "80/tcp": "lighttpd",
        "25/tcp": "master",
        "5000/tcp": "node",
        "51820/udp": "",
    }
    site = site_of(SITES, web="one", db="one", hosts={"one": knows(listening=listening)})
    problems = plan_of(site, "one", given).problems
    assert [problem.partition(",")[0] for problem in problems if not closed] == []
    if closed:
        (problem,) = problems
        assert problem.startswith(
            f"The host listens on {closed}, to which firewall_rules lets in nobody. Add rules"
        )
    site = site_of(
        SITES, web="one", db="one", hosts={"one": knows(listening=listening)}, lamp_take_over=True
    )
    assert plan_of(site, "one", given).problems == []


@pytest.mark.parametrize(
    ("of", "closed"),
    [
        (
            {"web": "two", "db": "two", "dns": "two one"},
            "8080/tcp (nginx), 3306/tcp (mariadbd), 33060/tcp (mysqld)",
        ),
        ({"web": "one", "db": "two"}, "3306/tcp (mariadbd), 33060/tcp (mysqld), 53/udp (named)"),
        # Apache takes the place of nginx, which is told so by a variable of its own.
        ({"web": "one", "db": "one", "dns": "one", "lamp_web_server": "apache"}, ""),
    ],
)
def test_server_is_closed_without_a_word_only_where_its_role_says_what_it_listens_on(of, closed):
    listening = {
        "22/tcp": "sshd",
        "2022/tcp": "sshd",
        "8080/tcp": "nginx",
        "3306/tcp": "mariadbd",
        "33060/tcp": "mysqld",
        "53/udp": "named",
    }
    problems = plan_of(
        site_of(SITES, hosts={"one": knows(listening=listening)}, **of), "one"
    ).problems
    assert [problem.partition(", to which")[0] for problem in problems] == (
        [f"The host listens on {closed}"] if closed else []
    )


def test_server_of_no_role_is_said_where_the_firewall_is_used_alone():
    (problem,) = problems_of(
        "firewall", {}, {"firewall": {"listening": {"22/tcp": "sshd", "3306/tcp": "mariadbd"}}}
    )
    assert problem.startswith(
        "The host listens on 3306/tcp (mariadbd), to which firewall_rules lets in nobody."
    )


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"firewall_rules": [{"port": 0}]}, "firewall_rules has the port '0'"),
        ({"firewall_rules": [{"port": "65536"}]}, "firewall_rules has the port '65536'"),
        ({"firewall_rules": [{"port": "http"}]}, "firewall_rules has the port 'http'"),
        ({"firewall_rules": [{"port": "90-80"}]}, "firewall_rules has the port '90-80'"),
        ({"firewall_rules": [{"port": "80-"}]}, "firewall_rules has the port '80-'"),
        ({"firewall_rules": [{"port": "80-81-82"}]}, "firewall_rules has the port '80-81-82'"),
        (
            {"firewall_rules": [{"protocol": "udp"}]},
            "firewall_rules has a rule for udp: give a port for the protocols tcp and udp",
        ),
        ({"firewall_rules": [{"comment": "x"}]}, "firewall_rules has a rule for tcp: give a port"),
        (
            {"firewall_rules": [{"protocol": "vrrp", "port": 80}]},
            "firewall_rules has a rule for the port 80: give a port for the protocols",
        ),
        (
            {"firewall_rules": [{"protocol": "vrrp", "from": []}]},
            "firewall_rules lets nobody reach vrrp, because from is empty",
        ),
        (
            {"firewall_rules": [{"port": 80, "from": []}]},
            "firewall_rules lets nobody reach the port 80, because from is empty",
        ),
        (
            {"firewall_rules": [{"port": 80, "from": ["web1"]}]},
            "firewall_rules lets in to the port 80 'web1', which is not an address or a network",
        ),
        (
            {"firewall_rules": [{"port": 80, "comment": 'a"b'}]},
            "firewall_rules has the comment 'a\"b'",
        ),
        (
            {"firewall_rules": [{"port": 80, "comment": "a\nb"}]},
            "firewall_rules has the comment 'a\\nb'",
        ),
        ({"firewall_ssh_from": ["192.0.2.7/24"]}, "give the network's own address, 192.0.2.0/24."),
        (
            {"firewall_ssh_from": ["2001:db8::1/64"]},
            "give the network's own address, 2001:db8::/64.",
        ),
        ({"firewall_ssh_ports": [70000]}, "firewall_ssh_ports has 70000"),
        (
            {"firewall_rules": [{"port": "20-30", "from": ["192.0.2.7"]}]},
            "has its own rules: give the addresses in firewall_ssh_from.",
        ),
        (
            {"firewall_ssh_from": ["198.51.100.0/24", "fd00::/8"]},
            "is 198.51.100.0/24, fd00::/8, which locks out 192.0.2.99, the address that this",
        ),
    ],
)
def test_wrong(inputs, words):
    (problem,) = problems_of("firewall", inputs, OLD)
    assert words in problem
    assert problems_of("firewall", {**inputs, "firewall_enabled": False}, OLD) == []


@pytest.mark.parametrize(
    "client", ["192.0.2.99", "::ffff:192.0.2.99", "2001:db8:1::5", "fe80::1%eth0", ""]
)
def test_right(client):
    inputs = {
        "firewall_rules": [
            {
                "port": "6000-6010",
                "protocol": "udp",
                "from": ["192.0.2.0/24", "2001:db8::/32"],
                "comment": "märchen (1)",
            }
        ],
        "firewall_ssh_from": ["192.0.2.0/24", "2001:db8::/32", "fe80::/10"],
    }
    assert problems_of("firewall", inputs, {"login": {**OLD["login"], "client": client}}) == []


@pytest.mark.parametrize(
    ("declared", "login", "ports"),
    [
        ([], {}, [22]),
        ([], {"sshd": {}}, [22]),
        ([2200], {}, [2200]),
        ([], {"sshd": {"listenaddress": ["0.0.0.0:2222", "[::]:2222"]}}, [2222]),
        (
            [],
            {"sshd": {"listenaddress": ["0.0.0.0:22", "[::]:22", "0.0.0.0:2222"]}, "port": "22"},
            [22, 2222],
        ),
        # One that systemd listens on for sshd, which does not know of it.
        ([], {"sshd": {"listenaddress": ["0.0.0.0:22"]}, "port": "2022"}, [22, 2022]),
        ([2222], {"sshd": {"listenaddress": ["0.0.0.0:22"]}, "port": "22"}, [22, 2222]),
        ([2222], {"sshd": {"listenaddress": ["0.0.0.0:22"]}, "port": ""}, [2222]),
    ],
)
def test_ports_of_sshd(declared, login, ports):
    assert firewall.ssh_ports(declared, login) == ports
