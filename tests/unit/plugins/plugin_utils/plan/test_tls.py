"""Certificates of sites: where they come from, how names are proved, what follows for each role,
and what is wrong with all that.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import (
    account,
    make,
    options,
    records,
    tls,
    values,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import web
from support.certificates import ACCOUNT

from .example import inputs_of, site_of

STATIC = {"document_root": "/srv/www"}
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


def site(sites=None, web="web1", dns="ns1", **more):
    """Return a site with public names, on hosts apart, of which nothing is said but this."""
    return site_of(
        {"www.foobar.com": STATIC} if sites is None else sites,
        web=web,
        dns=dns,
        **{"db": "web1", "lamp_tls": "auto", **more},
    )


def problems(sites=None, web=1, dns=1, **more):
    """Return what is wrong, types being right."""
    given = {
        "lamp_domain": "foobar.com",
        "lamp_sites": {"www.foobar.com": STATIC} if sites is None else sites,
        **more,
    }
    assert values.settle(options.options("lamp"), given).problems == []
    return list(tls.problems(given, web, dns))


def of(**said):
    return {"www.foobar.com": {**STATIC, "tls": said}}


# Where a certificate comes from.


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "www.example.com",
        "shop.test",
        "a.home.arpa",
        "x.internal",
        "printer.local",
        "web1",
        "192.0.2.1",
    ],
)
def test_name_that_nobody_owns_has_a_private_certificate(name):
    assert tls.source_of({}, name, STATIC) == "private"


@pytest.mark.parametrize("name", ["www.foobar.com", "example.org.foobar.com", "testing.de"])
def test_public_name_has_one_of_a_ca_without_a_word(name):
    assert tls.source_of({}, name, STATIC) == "acme"


@pytest.mark.parametrize(
    ("said", "own", "source"),
    [
        ("private", {}, "private"),
        ("off", {}, "none"),
        (False, {}, "none"),
        (True, {}, "acme"),
        ("off", {"certificate": "acme"}, "none"),
        ("private", {"certificate": "acme"}, "acme"),
        ("auto", {"certificate": "none"}, "none"),
        ("auto", {"certificate": {"chain": "/a", "key": "/b"}}, "given"),
    ],
)
def test_inventory_and_site_choose(said, own, source):
    assert tls.source_of({"lamp_tls": said}, "www.foobar.com", {**STATIC, "tls": own}) == source


def test_names_of_our_own_zone_are_proved_by_records_and_others_by_pages():
    sites = {
        "www.foobar.com": {**STATIC, "aliases": ["foobar.com"]},
        "www.other.net": STATIC,
        "m.foobar.com": {**STATIC, "aliases": ["m.de"]},
    }
    found = {one.name: (one.names, one.method) for one in tls.certificates(site(sites))}
    assert found == {
        "www.foobar.com": (["www.foobar.com", "foobar.com"], "dns-01"),
        "www.other.net": (["www.other.net"], "http-01"),
        "m.foobar.com": (["m.foobar.com", "m.de"], "http-01"),
        "_default": (["localhost"], ""),
    }
    assert {one.method for one in tls.certificates(site(sites, dns=""))} == {"http-01", ""}


def test_fifth_host_has_a_name_of_its_own_since_a_ca_issues_the_same_names_five_times_a_week():
    names = "a b c d e"
    assert [tls.certificates(site(web=names), position)[0].names for position in (3, 4)] == [
        ["www.foobar.com"],
        ["www.foobar.com", "tls-5.hosts.foobar.com"],
    ]


def test_no_wildcard_of_a_site_covers_the_name_of_a_fifth_host():
    one = site({"www.foobar.com": {**STATIC, "tls": {"wildcard": ["foobar.com"]}}}, web="a b c d e")
    assert tls.certificates(one, 4)[0].names == [
        "www.foobar.com",
        "*.foobar.com",
        "tls-5.hosts.foobar.com",
    ]
    assert "_acme-challenge.tls-5.hosts.foobar.com" in tls.challenge_names(one, 4)


def test_site_that_shows_itself_for_unknown_names_is_opened_as_localhost():
    one = site(lamp_tls="private", lamp_default_site="www.foobar.com")
    (own,) = tls.certificates(one)
    assert own.names == ["www.foobar.com", "localhost"]
    assert "apache_default_tls" not in inputs_of("apache", one, "web1")


# What follows for the roles.


def test_nothing_follows_where_tls_is_off():
    plan = make.plan(site(lamp_tls="off"), site(lamp_tls="off").host("web1"), {})
    assert plan.problems == []
    assert plan.inputs["certificates_certificates"] == []
    assert "tls" not in plan.inputs["apache_vhosts"][0]
    assert not {"python3-cryptography", "python3-acme"} & set(plan.inputs["linux_base_packages"])


def test_private_certificate_needs_no_ca_and_nobody_is_led_to_it():
    one = site(lamp_tls="private")
    plan = make.plan(one, one.host("web1"), {})
    assert plan.problems == []
    assert plan.inputs["certificates_certificates"] == [
        {"name": "www.foobar.com", "names": ["www.foobar.com"], "source": "private"},
        {"name": "_default", "names": ["localhost"], "source": "private"},
    ]
    assert (
        plan.inputs["certificates_cas"],
        plan.inputs["certificates_account_secret"],
        plan.inputs["certificates_dns"],
    ) == ([], "", {})
    assert plan.inputs["certificates_own_ca"] == {
        "name": "web1",
        "domains": ["foobar.com", "localhost"],
    }
    assert plan.inputs["apache_vhosts"][0]["tls"] == {
        "chain": "/var/lib/foobar.lamp/certificates/www.foobar.com/current/fullchain.pem",
        "key": "/var/lib/foobar.lamp/certificates/www.foobar.com/current/key.pem",
        "trusted_file": "/var/lib/foobar.lamp/certificates/www.foobar.com/trusted",
        "redirect": False,
        "hsts": 0,
    }
    assert {"python3-cryptography"} == {
        name for name in plan.inputs["linux_base_packages"] if name.startswith("python3-c")
    }
    assert "python3-acme" not in plan.inputs["linux_base_packages"]


def test_whoever_says_that_visitors_trust_a_private_certificate_has_them_led_to_it():
    found = tls.vhost({"lamp_tls": "private"}, "www.foobar.com", {"tls": {"redirect": True}})
    assert (found["redirect"], found["trusted_file"], found["hsts"]) == (True, "", 0)


@pytest.mark.parametrize("certificate", ["acme", "private", {"chain": "/a", "key": "/b"}])
def test_site_that_stays_on_http_leads_nobody_away(certificate):
    said = {"certificate": certificate, "http": True, "redirect": True, "hsts": 60}
    found = tls.vhost({}, "www.foobar.com", {"tls": said})
    assert {**found, "chain": "", "key": ""} == {
        "chain": "",
        "key": "",
        "trusted_file": "/var/lib/foobar.lamp/certificates/www.foobar.com/trusted",
        "redirect": False,
        "hsts": 0,
    }


@pytest.mark.parametrize("server", ["apache", "nginx"])
def test_certificate_of_a_ca_follows_without_a_line(server):
    one = site(lamp_web_server=server)
    plan = make.plan(one, one.host("web1"), {})
    assert plan.problems == []
    inputs = plan.inputs
    assert inputs["certificates_certificates"][0] == {
        "name": "www.foobar.com",
        "names": ["www.foobar.com"],
        "source": "acme",
        "method": "dns-01",
    }
    assert [(ca["name"], ca["directory"], ca["trusted"]) for ca in inputs["certificates_cas"]] == [
        ("letsencrypt", LETSENCRYPT, True)
    ]
    assert inputs["certificates_dns"] == {
        "key_name": "acme-web1",
        "key_secret": "k" * 48,
        "zone": "foobar.com",
        "primary": "192.0.2.2",
        "servers": ["192.0.2.2"],
        "addresses": ["192.0.2.2"],
    }
    (load,) = inputs["certificates_load"]
    assert (load["unit"], load["serves"]) == (
        {"apache": "apache2.service", "nginx": "nginx.service"}[server],
        "127.0.0.1:443",
    )
    assert not {"redirect", "hsts"} & set(inputs[f"{server}_vhosts"][0]["tls"])
    encrypted = web.of_tls(inputs[f"{server}_vhosts"][0])
    assert (encrypted["redirect"], encrypted["hsts"]) == (True, 15552000)
    assert encrypted["trusted_file"].endswith("/www.foobar.com/trusted")
    assert (
        inputs[f"{server}_default_tls"]["chain"]
        == "/var/lib/foobar.lamp/certificates/_default/current/fullchain.pem"
    )
    # Its names are proved in the zone: the web server has no part in that.
    assert f"{server}_acme_thumbprint" not in inputs_of(server, one, "web1")
    assert {"python3-acme", "python3-dnspython"} <= set(inputs["linux_base_packages"])


@pytest.mark.parametrize("server", ["apache", "nginx"])
def test_web_server_answers_challenges_where_a_site_is_proved_by_them(server):
    for one in (site(dns=""), site({"www.foobar.com": STATIC, "www.other.net": STATIC})):
        assert inputs_of(server, one, "web1")[f"{server}_acme_thumbprint"] == account.thumbprint(
            "a" * 48
        )


def test_name_servers_are_asked_by_their_addresses_for_peers_and_known_to_the_world_by_the_others():
    one = site(
        hosts={
            "ns1": {"lamp_address": ["192.0.2.9", "2001:db8::9"], "lamp_peer_address": "10.0.0.9"}
        }
    )
    found = inputs_of("certificates", one, "web1")["certificates_dns"]
    assert (found["primary"], found["servers"]) == ("10.0.0.9", ["10.0.0.9"])
    assert found["addresses"] == ["192.0.2.9", "2001:db8::9"]


def test_port_of_the_web_server_is_where_certificates_have_to_arrive_and_health_is_asked():
    one = site()
    plan = make.plan(one, one.host("web1"), {"apache_tls_listen": [8443]})
    assert plan.inputs["certificates_load"][0]["serves"] == "127.0.0.1:8443"
    assert plan.inputs["python_app_tls_port"] == 8443


def test_health_of_an_application_is_asked_by_tls_where_its_site_has_it():
    app = {"app": {"source": "../app", "wsgi": "shop:app"}}
    sites = {"www.foobar.com": app, "plain.foobar.com": {**app, "tls": {"certificate": "none"}}}
    assert [
        one["tls"] for one in inputs_of("python_app", site(sites), "web1")["python_app_apps"]
    ] == [True, False]


def test_each_web_host_may_prove_its_names_by_a_key_of_its_own_and_change_nothing_else():
    sites = {
        "www.foobar.com": {
            **STATIC,
            "aliases": ["foobar.com"],
            "tls": {"wildcard": ["foobar.com"]},
        },
        "www.other.net": STATIC,
    }
    one = site(sites, web="web1 web2", dns="ns1 ns2")
    inputs = inputs_of("bind", one, "ns1")
    assert inputs["bind_keys"] == [
        {"name": "lamp"},
        {"name": "acme-web1", "secret": "k" * 48},
        {"name": "acme-web2", "secret": "k" * 48},
        {"name": "lamp-transfer", "secret": "for transfers"},
    ]
    assert inputs["bind_zones"][0]["update_policy"] == [
        "grant lamp zonesub any",
        "grant acme-web1 name _acme-challenge.www.foobar.com. TXT",
        "grant acme-web1 name _acme-challenge.foobar.com. TXT",
        "grant acme-web2 name _acme-challenge.www.foobar.com. TXT",
        "grant acme-web2 name _acme-challenge.foobar.com. TXT",
    ]
    # The copies have none of it.
    assert [key["name"] for key in inputs_of("bind", one, "ns2")["bind_keys"]] == ["lamp-transfer"]
    assert "update_policy" not in inputs_of("bind", one, "ns2")["bind_zones"][0]


def test_name_elsewhere_is_proved_in_our_zone_if_its_owner_leads_there():
    sites = {"www.other.net": {**STATIC, "tls": {"challenge": "dns-01"}}}
    assert inputs_of("bind", site(sites), "ns1")["bind_zones"][0]["update_policy"][1:] == [
        "grant acme-web1 name _acme-challenge.www.other.net.foobar.com. TXT"
    ]


@pytest.mark.parametrize("said", ["private", "off"])
def test_zone_is_as_ever_where_nobody_proves_anything(said):
    inputs = inputs_of("bind", site(lamp_tls=said), "ns1")
    assert inputs["bind_keys"] == [{"name": "lamp"}]
    assert "update_policy" not in inputs["bind_zones"][0]


@pytest.mark.parametrize(
    ("acme", "expected"),
    [
        ({}, ["letsencrypt.org"]),
        ({"directory": "letsencrypt-staging"}, ["letsencrypt.org"]),
        ({"directory": ["letsencrypt", {"directory": "google"}]}, ["letsencrypt.org", "pki.goog"]),
        (
            {"account_caa": "https://ca.example/1"},
            ["letsencrypt.org; accounturi=https://ca.example/1"],
        ),
    ],
)
def test_records_let_those_issue_who_are_asked(acme, expected):
    found = {
        record["type"]: record["values"]
        for record in records.records_of(site(lamp_acme=acme))
        if record["name"] == "@"
    }
    assert found["CAA"] == [*(f'0 issue "{name}"' for name in expected), '0 issuewild ";"']


def test_site_may_say_in_its_records_that_it_is_served_by_https():
    found = records.records_of(
        site(
            {
                "www.foobar.com": {
                    **STATIC,
                    "aliases": ["www.other.net"],
                    "tls": {"https_record": True},
                }
            }
        )
    )
    assert [record for record in found if record["type"] == "HTTPS"] == [
        {"name": "www.foobar.com.", "type": "HTTPS", "ttl": 300, "values": ['1 . alpn="h2"']}
    ]


# The CAs.


def test_cas_are_asked_in_the_order_of_the_list():
    eab = {"kid": "me", "hmac": "c2VjcmV0"}
    found = tls.cas(
        {
            "lamp_acme": {
                "directory": [
                    "letsencrypt",
                    {"directory": "zerossl", "eab": eab},
                    {"directory": "https://ca.lan/d"},
                ]
            }
        }
    )
    assert [(one["name"], one["trusted"]) for one in found] == [
        ("letsencrypt", True),
        ("zerossl", True),
        ("ca3", True),
    ]
    assert found[0]["staging"].startswith("https://acme-staging")
    assert found[1]["eab"] == eab


def test_no_known_ca_has_both_a_staging_and_an_account_of_its_own():
    assert not [name for name, one in tls.CAS.items() if one.eab and one.staging]


def test_ca_that_the_system_does_not_know_is_none_that_browsers_know():
    (ca,) = tls.cas(
        {"lamp_acme": {"directory": "https://ca.lan/d", "ca_file": "ca.pem", "profile": "short"}}
    )
    assert ca == {
        "name": "ca1",
        "directory": "https://ca.lan/d",
        "trusted": False,
        "ca_file": "ca.pem",
        "profile": "short",
    }
    (ca,) = tls.cas(
        {"lamp_acme": {"directory": "https://ca.lan/d", "ca_file": "ca.pem", "trusted": True}}
    )
    assert ca["trusted"] is True
    assert tls.cas({"lamp_acme": {"directory": "letsencrypt-staging"}})[0]["trusted"] is False


def test_key_of_the_account_follows_from_the_secret_and_is_what_hosts_compute():
    secret, thumbprint = ACCOUNT
    assert account.thumbprint(secret) == thumbprint
    assert account.thumbprint("b" * 48) != thumbprint


# What is wrong.


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lamp_tls": "on please"}, ["lamp_tls is 'on please'", "give auto or private or off"]),
        (
            {"lamp_acme": {"directory": "letsencrypted"}},
            ["lamp_acme.directory is 'letsencrypted'", "address"],
        ),
        ({"lamp_acme": {"directory": []}}, ["lamp_acme.directory is empty"]),
        (
            {"lamp_acme": {"directory": ["letsencrypt", "http://ca"]}},
            ["lamp_acme.directory[1] is 'http://ca'"],
        ),
        (
            {"lamp_acme": {"directory": "zerossl"}},
            ["lamp_acme.directory is zerossl", "lamp_acme.eab"],
        ),
        (
            {"lamp_acme": {"directory": ["letsencrypt", "letsencrypt-staging"], "profile": "x"}},
            ["lamp_acme.profile does not go with a list", "give it to the CA that it is for"],
        ),
        (
            {"lamp_acme": {"contact": "somebody"}},
            ["lamp_acme.contact is 'somebody'", "leave it out"],
        ),
        (
            {"lamp_acme": {"challenge": "tls-alpn-01"}},
            ["lamp_acme.challenge is 'tls-alpn-01'", "dns-01"],
        ),
        (
            {"lamp_acme": {"account_secret": "short"}},
            ["lamp_acme.account_secret is shorter than 32"],
        ),
        (
            {"lamp_acme": {"account_caa": "123"}},
            ["lamp_acme.account_caa is '123'", "foobar.lamp.certificates shows"],
        ),
        (
            {"lamp_acme": {"directory": "https://ca.example/d"}},
            ["whose name in CAA records is not known here", "lamp_certificate_authorities"],
        ),
        (
            {"lamp_certificate_authorities": ["pki.goog"]},
            ["lamp_certificate_authorities does not have letsencrypt.org", "add it"],
        ),
        (
            {"sites": of(certificate="letsencrypt")},
            ["tls.certificate is 'letsencrypt'", "acme, private or none"],
        ),
        (
            {"sites": of(certificate="private", hsts=60)},
            ["tls.hsts is 60", "refuse the site", "Leave hsts out"],
        ),
        ({"sites": of(hsts=-1)}, ["tls.hsts is -1", "0 for none"]),
        (
            {"sites": of(certificate="none", redirect=True)},
            ["its certificate is none", "leave them out"],
        ),
        (
            {"sites": of(wildcard=["*.foobar.com"])},
            ["tls.wildcard has '*.foobar.com'", "such as foobar.com"],
        ),
        (
            {"sites": of(wildcard=["foobar.com"]), "dns": 0},
            ["tls.wildcard has foobar.com", "dns-01", "lamp_dns"],
        ),
        ({"sites": of(wildcard=["other.net"])}, ["tls.wildcard has other.net", "dns-01"]),
        (
            {"sites": of(challenge="dns-01"), "dns": 0},
            ["should be proved by dns-01", "lamp_dns has no hosts"],
        ),
        ({"sites": of(challenge="dns")}, ["tls.challenge is 'dns'"]),
        ({"dns": 0, "web": 5}, ["lamp_web has 5 hosts", "4 hosts at most", "chain and key"]),
        (
            {"sites": {"shop.test": {**STATIC, "tls": {"certificate": "acme"}}}},
            ["shop.test, for which no CA issues", "private"],
        ),
        (
            {"sites": {"www.foobar.com": {**STATIC, "aliases": ["www.lan.local"]}}},
            ["www.lan.local, for which no CA", "site of its own"],
        ),
        (
            {
                "sites": {
                    "www.foobar.com": {
                        **STATIC,
                        "aliases": [f"n{n}.foobar.com" for n in range(100)],
                    }
                }
            },
            ["has 101 names", "100 at most", "two sites"],
        ),
        (
            {
                "lamp_acme": {"profile": "shortlived"},
                "sites": {
                    "www.foobar.com": {**STATIC, "aliases": [f"n{n}.foobar.com" for n in range(25)]}
                },
            },
            ["has 26 names", "25 at most"],
        ),
    ],
)
def test_what_cannot_be_is_said_with_the_remedy(given, words):
    (problem,) = problems(**given)
    for word in words:
        assert word in problem


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"lamp_tls": "off", "lamp_acme": {"directory": "https://ca.example/d"}},
        {"dns": 0, "web": 4},
        {"web": 9},
        {
            "lamp_acme": {"directory": "https://ca.example/d"},
            "lamp_certificate_authorities": ["ca.example"],
        },
        {"sites": of(wildcard=["foobar.com"], redirect=False, hsts=0, http=True)},
        {"sites": {"shop.test": {**STATIC, "aliases": ["localhost"]}}},
    ],
)
def test_what_can_be_is_taken(given):
    assert problems(**given) == []


def test_no_sentence_has_a_secret():
    for said in (
        {"eab": {"kid": "a b", "hmac": "SECRET"}, "directory": "zerossl"},
        {"account_secret": "SECRET"},
    ):
        assert "SECRET" not in "\n".join(problems(lamp_acme=said))
