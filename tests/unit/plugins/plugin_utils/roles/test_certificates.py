"""What the role certificates writes down for its command, when the
command has something to do, and how it tells people.
"""

from __future__ import annotations

import hashlib
import json
import pathlib

import pytest
import yaml
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import certificates

WELL = {"www.foobar.com": {"source": "acme"}, "shop.foobar.com": {"source": "given"}}
PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----"
ACME = {"name": "www.foobar.com", "names": ["www.foobar.com"], "source": "acme", "method": "dns-01"}
GIVEN = {
    "name": "shop.foobar.com",
    "names": ["shop.foobar.com"],
    "source": "given",
    "chain": PEM,
    "key": KEY,
}
CA = {"name": "own", "directory": "https://ca.example/d", "ca_file": PEM}
DNS = {
    "zone": "foobar.com",
    "primary": "192.0.2.1",
    "servers": ["192.0.2.1"],
    "key_name": "acme-web1",
    "key_secret": "c2VjcmV0",
}


def test_settings_are_those_that_the_command_reads():
    load = [
        {"unit": "apache2.service", "test": ["apache2ctl", "configtest"], "serves": "127.0.0.1:443"}
    ]
    found = certificates.settings(
        [ACME, GIVEN],
        [CA],
        "s" * 48,
        dns=DNS,
        own_ca={"domains": ["foobar.com"]},
        load=load,
        hostname="web1",
    )
    assert found["certificates"] == [
        ACME,
        {
            **GIVEN,
            "chain": "/etc/foobar.lamp/certificates/shop.foobar.com.chain.pem",
            "key": "/etc/foobar.lamp/certificates/shop.foobar.com.key.pem",
            "trusted": None,
            "digest": hashlib.sha256((PEM + KEY).encode()).hexdigest(),
        },
    ]
    (ca,) = found["authorities"]
    assert ca["ca_file"] == "/etc/foobar.lamp/certificates/ca-own.pem"
    assert (ca["trusted"], ca["staging"], ca["profile"], ca["eab"]) == (True, None, None, None)
    assert found["dns"] == {
        **DNS,
        "key_algorithm": "hmac-sha256",
        "addresses": [],
        "resolver": None,
    }
    assert found["authority"] == {"name": "web1", "domains": ["foobar.com"]}
    assert found["load"] == load


def test_settings_change_with_what_is_given_and_have_no_key():
    # A run that was killed after it had written another text is made up for by the next one, which
    # looks at the settings alone.
    said = [
        json.dumps(certificates.settings([{**GIVEN, **more}], []))
        for more in ({}, {"key": "-----BEGIN 2"}, {"chain": "-----BEGIN 3"})
    ]
    assert len(set(said)) == 3
    assert "SECRET" not in said[0]


def test_there_is_no_name_server_where_none_is_given():
    assert certificates.settings([], [], dns={"resolver": ["192.0.2.53"]})["dns"] is None


def test_paths_on_the_host_are_taken_as_they_are():
    one = {**GIVEN, "chain": "/etc/ssl/a.pem", "key": "/etc/ssl/a.key"}
    found = certificates.settings([one], [])["certificates"][0]
    assert (found["chain"], found["key"]) == ("/etc/ssl/a.pem", "/etc/ssl/a.key")
    assert certificates.given([one], []) == []


def test_texts_become_files_and_keys_are_for_root_alone():
    found = {one["path"].rpartition("/")[2]: one for one in certificates.given([ACME, GIVEN], [CA])}
    assert {name: one["secret"] for name, one in found.items()} == {
        "shop.foobar.com.chain.pem": False,
        "shop.foobar.com.key.pem": True,
        "ca-own.pem": False,
    }
    assert found["shop.foobar.com.key.pem"]["content"] == KEY + "\n"
    # The role writes the two kinds apart.
    written = yaml.safe_load(
        (pathlib.Path(__file__).parents[5] / "roles/certificates/vars/main.yml").read_text()
    )["__certificates_own"]
    (keys,) = [one for one in written if "selectattr('secret')" in one.get("each", "")]
    assert (keys["mode"], keys["secret"]) == ("0600", True)


def paths(settings=1.0, mark=2.0, names=("www.foobar.com",)):
    found = {
        f"/var/lib/foobar.lamp/certificates/{name}/current": {"changed": 0.0} for name in names
    }
    found[certificates.SETTINGS] = {"changed": settings}
    return found | ({certificates.MARK: {"changed": mark}} if mark else {})


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (paths(), False),
        ({}, True),
        (paths(mark=None), True),  # a run was killed before
        (paths(settings=3.0), True),  # and one after it had written new settings
        (paths(names=()), True),
    ],
)
def test_command_is_called_where_it_has_something_to_do(there, wanted):
    assert certificates.to_place([ACME], there) is wanted


@pytest.mark.parametrize(
    ("there", "more", "wanted"),
    [
        ({}, {}, ["www.foobar.com", "shop.foobar.com"]),
        (
            {"www.foobar.com": {"source": "placeholder"}, "shop.foobar.com": {"source": "given"}},
            {},
            ["www.foobar.com"],
        ),
        ({"www.foobar.com": {"source": "acme"}, "shop.foobar.com": {"source": "given"}}, {}, []),
        (
            {"www.foobar.com": {"source": "acme"}, "shop.foobar.com": {"source": "given"}},
            {"retry": True},
            ["www.foobar.com", "shop.foobar.com"],
        ),
    ],
)
def test_run_sees_to_what_is_not_as_it_is_wanted(there, more, wanted):
    private = {"name": "x.test", "names": ["x.test"], "source": "private"}
    assert certificates.due([ACME, GIVEN, private], there, False, **more) == wanted


def test_run_that_changes_what_is_wanted_sees_to_it():
    assert certificates.due([ACME], {"www.foobar.com": {"source": "acme"}}, True) == [
        "www.foobar.com"
    ]


ROW = {
    "name": "www.foobar.com",
    "names": ["www.foobar.com"],
    "source": "acme",
    "state": "issued",
    "until": "2027-02-01T00:00:00Z",
    "issuer": "R13",
    "trusted": True,
    "reason": "",
    "next": "2027-01-01T00:00:00Z",
}


def test_sentence_of_what_waits_says_what_is_served_meanwhile():
    placeholder = {
        **ROW,
        "source": "placeholder",
        "reason": "the registrar still names ns1.elsewhere.",
    }
    failed = {**ROW, "name": "shop.foobar.com", "reason": "the CA does not answer."}
    assert certificates.waiting({"certificates": [ROW, placeholder, failed]}) == [
        "www.foobar.com has no certificate yet: the registrar still names ns1.elsewhere.",
        (
            "shop.foobar.com keeps the certificate "
            "that it has until 2027-02-01T00:00:00Z: the CA does not answer."
        ),
    ]
    assert certificates.waiting({}) == []


def test_line_for_people_has_what_they_look_for():
    (line,) = certificates.shown({"certificates": [{**ROW, "account": "https://ca/account/1"}]})
    for word in (
        "www.foobar.com: issued",
        "by R13",
        "until 2027-02-01",
        "trusted by browsers",
        "account: https://ca/account/1",
        "next: 2027-01-01",
    ):
        assert word in line


def test_terms_are_named_or_where_they_are_found():
    said = certificates.terms(
        [
            {
                "name": "letsencrypt",
                "directory": "x",
                "terms": "https://letsencrypt.org/repository/",
            },
            CA,
        ]
    )
    assert "agree to its terms of service" in said
    assert "letsencrypt: https://letsencrypt.org/repository/, own: https://ca.example/d" in said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("", "", ""), []),
        (("www.foobar.com", "", ""), []),
        (("", "www.foobar.com", "superseded"), []),
        (("x.test", "", ""), ["lamp_certificates_renew is 'x.test'", "give one of www.foobar.com"]),
        (("", "www.foobar.com", ""), ["lamp_certificates_reason is missing", "keyCompromise"]),
        (("", "www.foobar.com", "boredom"), ["lamp_certificates_reason is 'boredom'"]),
        (("www.foobar.com", "www.foobar.com", "superseded"), ["are both set"]),
    ],
)
def test_variables_of_the_playbook(given, words):
    found = certificates.wanted([ACME, GIVEN], *given)
    assert bool(found) == bool(words)
    for word in words:
        assert word in found[0]
