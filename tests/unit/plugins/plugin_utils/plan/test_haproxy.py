"""Balancers before the web hosts: what follows for each part of the site, and what is wrong with
the inputs of their role.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import (
    make,
    read,
    records,
    roles,
    secrets,
)

from .example import APP, SITE, inputs_of, problems_of, site_of

TLS = {"chain": "/etc/x/chain.pem", "key": "/etc/x/key.pem"}
#: Two balancers before two web hosts, one of which has an address of its own for the others.
GROUPS = {"lb": "lb1 lb2", "web": "one two", "db": "three", "dns": "four"}
HOSTS = {
    "lb2": {"lamp_peer_address": ["10.0.0.9", "fd00::9"]},
    "two": {"lamp_peer_address": "10.0.0.2"},
}
ACME = {"lamp_tls": "auto"}
SITES = {"www.foobar.com": {"aliases": ["foobar.com"], "document_root": "/srv/www"}}


def balanced(sites=None, **more):
    return site_of(sites, **{"hosts": HOSTS, **GROUPS, **more})


def rules_of(site, host, given=None):
    plan = make.plan(site, site.host(host), given or {})
    assert plan.problems == []
    return {rule["port"]: rule.get("from") for rule in plan.inputs["firewall_rules"]}


def test_balancers_know_the_web_hosts_by_the_addresses_for_peers_and_by_their_ports():
    site = balanced()
    assert inputs_of("haproxy", site, "lb1")["haproxy_servers"] == [
        {"name": "one", "address": "192.0.2.1", "port": 80},
        {"name": "two", "address": "10.0.0.2", "port": 80},
    ]
    site = balanced(
        lamp_web_server="nginx",
        hosts={"one": {"nginx_listen": [8080, 80]}, "two": {"apache_listen": [81]}},
    )
    assert [server["port"] for server in inputs_of("haproxy", site, "lb2")["haproxy_servers"]] == [
        8080,
        80,
    ]


def test_all_balancers_do_the_same():
    site = balanced(**ACME)
    assert inputs_of("haproxy", site, "lb1") == inputs_of("haproxy", site, "lb2")


def test_tls_ends_on_the_balancers_alone():
    site = balanced(**ACME)
    (one,) = inputs_of("haproxy", site, "lb1")["haproxy_sites"]
    assert (one["name"], one["aliases"]) == ("www.foobar.com", ["foobar.com"])
    assert (
        one["tls"]["chain"]
        == "/var/lib/foobar.lamp/certificates/www.foobar.com/current/fullchain.pem"
    )
    assert inputs_of("haproxy", site, "lb1")["haproxy_default_tls"]["key"].endswith(
        "/_default/current/key.pem"
    )
    for role in ("apache", "nginx"):
        inputs = inputs_of(role, site, "one")
        assert not any("tls" in vhost for vhost in inputs[f"{role}_vhosts"])
        assert not {f"{role}_default_tls", f"{role}_acme_thumbprint"} & set(inputs)
        assert inputs[f"{role}_trusted_proxies"] == ["192.0.2.5", "10.0.0.9", "fd00::9"]
    assert not any(app["tls"] for app in inputs_of("python_app", site, "one")["python_app_apps"])


def test_web_hosts_without_balancers_end_tls_as_ever_and_trust_nobody():
    site = site_of(web="one", db="one", **ACME)
    for role in ("apache", "nginx"):
        inputs = inputs_of(role, site, "one")
        assert (
            inputs[f"{role}_vhosts"][0]["tls"]
            and inputs[f"{role}_default_tls"]
            and inputs[f"{role}_acme_thumbprint"]
        )
        assert f"{role}_trusted_proxies" not in inputs
    assert inputs_of("certificates", site, "one")["certificates_certificates"]


@pytest.mark.usefixtures("no_more_roles")
def test_certificates_are_the_balancers_and_the_web_hosts_have_none_any_more():
    site = balanced(**ACME)
    names = [
        one["name"] for one in inputs_of("certificates", site, "lb2")["certificates_certificates"]
    ]
    assert names == ["www.foobar.com", "_default"]
    assert inputs_of("certificates", site, "one") == {}
    # It is told so: what an earlier run set up ends.
    assert "certificates" in make.plan(site, site.host("one"), {}).roles
    assert make.plan(site, site.host("one"), {}).inputs["certificates_certificates"] == []
    plan = make.plan(site, site.host("lb1"), {})
    assert plan.problems == []
    assert plan.roles == [
        "linux_base",
        "firewall",
        "certificates",
        "haproxy",
        "keepalived",
        "backup",
    ]
    (load,) = plan.inputs["certificates_load"]
    assert load == {
        "unit": "haproxy.service",
        "test": ["haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"],
        "serves": "127.0.0.1:443",
    }


def test_balancers_prove_the_names_by_keys_of_their_own():
    site = balanced(**ACME)
    names = [key["name"] for key in inputs_of("bind", site, "four")["bind_keys"]]
    assert names == ["lamp", "acme-lb1", "acme-lb2"]
    (zone,) = inputs_of("bind", site, "four")["bind_zones"]
    assert zone["update_policy"][1:] == [
        f"grant acme-{host} name _acme-challenge.{name}. TXT"
        for host in ("lb1", "lb2")
        for name in ("www.foobar.com", "foobar.com")
    ]
    assert inputs_of("certificates", site, "lb1")["certificates_dns"]["key_name"] == "acme-lb1"


def test_where_no_name_server_is_ours_balancers_answer_what_a_ca_asks():
    site = balanced(dns="", **ACME)
    assert len(inputs_of("haproxy", site, "lb1")["haproxy_acme_thumbprint"]) == 43
    assert "haproxy_acme_thumbprint" not in inputs_of("haproxy", balanced(**ACME), "lb1")


def test_lost_keys_of_balancers_are_missed(tmp_path):
    hosts = {
        "four": {
            "ansible_facts": {
                "foobar_lamp": {
                    "addresses": ["192.0.2.4"],
                    "paths": {"/etc/bind/keys/acme-lb1.key": {}},
                }
            }
        }
    }
    problems = secrets.lost(balanced(hosts=hosts, **ACME), str(tmp_path))
    assert any(
        "the host lb1 is not in" in problem and "four has them" in problem for problem in problems
    )
    assert not any("the host one" in problem for problem in problems)


def test_names_lead_to_the_balancers():
    found = {
        (one["name"], one["type"]): one["values"]
        for one in records.records_of(balanced(hosts={"lb1": {"lamp_address": "203.0.113.1"}}))
    }
    assert (
        found["www.foobar.com.", "A"] == found["foobar.com.", "A"] == ["203.0.113.1", "192.0.2.6"]
    )


@pytest.mark.usefixtures("no_more_roles")
def test_web_hosts_are_reached_by_balancers_alone():
    site = balanced(SITES, **ACME)
    assert (
        rules_of(site, "one") == rules_of(site, "two") == {80: ["192.0.2.5", "10.0.0.9", "fd00::9"]}
    )
    assert rules_of(site, "lb1") == {80: None, 443: None}
    # HTTP/3 goes by UDP.
    rules = make.plan(site, site.host("lb1"), {"haproxy_http3": True}).problems
    assert rules == [
        (
            "haproxy_http3 is true, and the haproxy of Debian 12 has no HTTP/3: "
            "set it to false for this host."
        )
    ]
    inputs = make.defaults("haproxy") | inputs_of("haproxy", site, "lb1") | {"haproxy_http3": True}
    ports = roles.ALL["haproxy"].ports(inputs)
    assert [(port.number, port.protocol) for port in ports] == [
        (80, "tcp"),
        (443, "tcp"),
        (443, "udp"),
    ]
    # Of ports that the inventory gives, the same holds.
    assert rules_of(site, "one", {"apache_listen": [8080]}) == {
        8080: ["192.0.2.5", "10.0.0.9", "fd00::9"]
    }


def test_certificates_that_cas_limit_are_counted_by_balancer():
    groups = {
        "all": [],
        "lamp": [*"abcdefg"],
        "lamp_web": [*"abcde"],
        "lamp_db": ["a"],
        "lamp_lb": ["f"],
    }

    def problems(groups):
        given = {"lamp_domain": "foobar.com", "lamp_sites": SITE}
        hosts = dict.fromkeys(groups["lamp"], given)
        return read.site_problems(
            {**given, "groups": {**groups, "all": groups["lamp"]}, "hostvars": hosts},
            Plain(),
            lambda _doubt: None,
        )

    assert not any(
        "five certificates a week" in problem
        for problem in problems({**groups, "lamp": [*"abcdef"]})
    )
    many = {**groups, "lamp_web": ["a"], "lamp_lb": [*"bcdef"], "lamp": [*"abcdef"]}
    assert any(
        "lamp_lb has 5 hosts: a CA issues no more than five" in problem
        for problem in problems(many)
    )


class Plain:
    """Nothing to work out."""

    def template(self, value):
        return value


@pytest.mark.parametrize(
    ("sites", "default", "check"),
    [
        ({"a.com": {"app": APP}}, "", ("a.com", "/", "200-399")),
        (
            {"a.com": {"app": {**APP, "health_path": "/health"}}},
            "",
            ("a.com", "/health", "200-399"),
        ),
        (
            {"a.com": {"apps": {"/shop": {**APP, "health_path": "/health"}}}},
            "",
            ("a.com", "/shop/health", "200-399"),
        ),
        ({"a.com": {"apps": {"/shop": APP}}}, "", ("a.com", "/shop/", "200-399")),
        # An application tells more than a directory, and the default site is the one that matters
        # most.
        (
            {"a.com": {"document_root": "/srv/a"}, "b.com": {"app": APP}},
            "a.com",
            ("b.com", "/", "200-399"),
        ),
        ({"a.com": {"app": APP}, "b.com": {"app": APP}}, "b.com", ("b.com", "/", "200-399")),
        # Who asks for a password has answered.
        (
            {"a.com": {"app": APP, "access": {"users": {}}}, "b.com": {"app": APP}},
            "",
            ("b.com", "/", "200-399"),
        ),
        ({"a.com": {"app": APP, "access": {"users": {}}}}, "", ("a.com", "/", "200-499")),
        ({"a.com": {"document_root": "/srv/a"}}, "", ("a.com", "/", "200-499")),
        # Where there is no site yet, a web host that answers works.
        ({}, "", ("foobar.com", "/", "200-499")),
    ],
)
def test_health_is_asked_of_the_page_that_tells_most(sites, default, check):
    found = inputs_of("haproxy", balanced(sites, lamp_default_site=default), "lb1")["haproxy_check"]
    assert (found["host"], found["path"], found["status"]) == check


def test_who_waits_for_an_application_is_not_given_up_before():
    sites = {"a.com": {"app": APP}, "b.com": {"app": {**APP, "request_timeout": 300}}}
    assert inputs_of("haproxy", balanced(sites), "lb1")["haproxy_timeout"] == 305
    assert (
        inputs_of("haproxy", balanced({"a.com": {"document_root": "/srv"}}), "lb1")[
            "haproxy_timeout"
        ]
        == 65
    )


GOOD = {
    "haproxy_servers": [
        {"name": "one", "address": "192.0.2.1"},
        {"name": "two", "address": "2001:db8::2", "port": 8080},
    ],
    "haproxy_sites": [{"name": "a.com", "aliases": ["www.a.com"], "tls": TLS}],
    "haproxy_check": {"host": "a.com", "path": "/health?full", "status": "200-399,401"},
}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"haproxy_listen": [0]}, "haproxy_listen has the port 0: give one from 1 to 65535"),
        (
            {"haproxy_tls_listen": [80]},
            "haproxy_tls_listen has the port 80, which is in haproxy_listen too",
        ),
        ({"haproxy_tls_listen": []}, "haproxy_tls_listen is empty, and there are certificates"),
        (
            {"haproxy_status_port": 443},
            "haproxy_status_port is 443, which is in haproxy_tls_listen too",
        ),
        ({"haproxy_default_tls": {"chain": "/x"}}, "haproxy_default_tls.key is missing or empty"),
        ({"haproxy_acme_thumbprint": "x"}, "haproxy_acme_thumbprint is 'x'"),
        (
            {"haproxy_default_site": "b.com"},
            "haproxy_default_site is 'b.com', which haproxy_sites does not have",
        ),
        ({"haproxy_timeout": 0}, "haproxy_timeout is 0: give the seconds"),
        (
            {"haproxy_servers": [{"name": "a b", "address": "192.0.2.1"}]},
            "haproxy_servers has the name 'a b': use letters",
        ),
        (
            {"haproxy_servers": [{"name": "a", "address": "web1"}]},
            "haproxy_servers gives a the address 'web1': give an IPv4 or IPv6",
        ),
        (
            {"haproxy_servers": [{"name": "a", "address": "::1", "port": 0}]},
            "haproxy_servers gives a the port 0",
        ),
        (
            {"haproxy_servers": [{"name": "a", "address": "::1"}, {"name": "a", "address": "::2"}]},
            "haproxy_servers has a twice",
        ),
        ({"haproxy_sites": [{"name": "a b"}]}, "haproxy_sites has the name 'a b': use letters"),
        (
            {"haproxy_sites": [{"name": "a.com"}, {"name": "b.com", "aliases": ["A.com"]}]},
            "gives the name A.com to two sites",
        ),
        (
            {"haproxy_sites": [{"name": "a.com", "tls": {**TLS, "key": ""}}]},
            "haproxy_sites['a.com'].tls.key is missing or empty",
        ),
        (
            {"haproxy_sites": [{"name": "a.com", "tls": {**TLS, "hsts": -1}}]},
            "haproxy_sites['a.com'].tls.hsts is -1",
        ),
        (
            {"haproxy_check": {"host": "a.com", "path": "health"}},
            "haproxy_check.path is 'health': begin it with a slash",
        ),
        ({"haproxy_check": {"host": "a.com", "path": "/a b"}}, "haproxy_check.path is '/a b'"),
        ({"haproxy_check": {"host": "a\nb"}}, "haproxy_check.host is 'a\\nb': give the host name"),
        (
            {"haproxy_check": {"host": "a.com", "status": "ok"}},
            "haproxy_check.status is 'ok': give statuses and ranges",
        ),
        ({"haproxy_check": {"path": "/"}}, "haproxy_check.host is missing"),
    ],
)
def test_problem_names_variable_value_and_remedy(inputs, words):
    assert problems_of("haproxy", GOOD) == []
    (problem,) = problems_of("haproxy", {**GOOD, **inputs})
    assert words in problem
    assert problem.endswith(".")


def test_what_others_pass_on_already_is_not_taken_off_line_unasked():
    known = {"unmanaged": {"haproxy": ["frontend shop of /etc/haproxy/haproxy.cfg"]}}
    (problem,) = problems_of("haproxy", GOOD, known)
    assert "This host serves frontend shop" in problem and "set haproxy_take_over" in problem
    assert problems_of("haproxy", {**GOOD, "haproxy_take_over": True}, known) == []
