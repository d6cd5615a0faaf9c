"""Given certificates: whether chain and key fit each other and
the names, before anything changes.
"""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import certificates
from support.certificates import certificate

from .example import inputs_of, problems_of, site_of

CHAIN, KEY, _SERIAL = certificate("www.foobar.com", "*.shop.foobar.com")


def problems(chain=CHAIN, key=KEY, names=("www.foobar.com",)):
    given = [
        {
            "name": "www.foobar.com",
            "names": list(names),
            "source": "given",
            "chain": chain,
            "key": key,
        }
    ]
    return problems_of("certificates", {"certificates_certificates": given})


@pytest.mark.parametrize(
    "names", [["www.foobar.com"], ["WWW.foobar.com", "a.shop.foobar.com"], ["*.shop.foobar.com"]]
)
def test_pair_that_fits_is_taken(names):
    assert problems(names=names) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"key": certificate("www.foobar.com")[1]},
            ["a key that does not belong to the certificate", "give a pair"],
        ),
        (
            {"names": ["www.foobar.com", "foobar.com", "b.a.shop.foobar.com"]},
            ["without foobar.com, b.a.shop.foobar.com"],
        ),
        (
            {"chain": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"},
            ["a chain without a certificate"],
        ),
        (
            {"key": "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----"},
            ["a key that cannot be read", "passphrase"],
        ),
        (
            {"chain": "certs/none.pem"},
            ["the chain 'certs/none.pem', which is neither a file on this computer nor a PEM text"],
        ),
        ({"key": "SECRET"}, ["a key, which is neither a file on this computer nor a PEM text"]),
        ({"key": ""}, ["no key"]),
        (
            {"key": "$ANSIBLE_VAULT;1.1;AES256\n61SECRET"},
            ["a key from a file that Ansible Vault has encrypted", "lookup('ansible.builtin.file'"],
        ),
        (
            {"chain": "$ANSIBLE_VAULT;1.2;AES256;x\n61"},
            ["a chain from a file that Ansible Vault has encrypted"],
        ),
    ],
)
def test_pair_that_does_not_is_refused_and_no_key_is_shown(given, words):
    (problem,) = problems(**given)
    assert problem.startswith("certificates_certificates gives www.foobar.com ")
    for word in words:
        assert word in problem
    assert "SECRET" not in problem


def test_certificate_of_the_past_is_refused():
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=9999)
    (problem,) = certificates.pair_problems(CHAIN, KEY, ["www.foobar.com"], later)
    assert problem.startswith("a certificate that expired on 2")


def test_files_beside_the_inventory_are_read_and_those_of_the_host_are_left_there(tmp_path):
    (tmp_path / "www.pem").write_text(CHAIN)
    own = {"certificate": {"chain": "./www.pem", "key": "/etc/ssl/www.key", "trusted": True}}
    site = site_of(
        {"www.foobar.com": {"document_root": "/srv", "tls": own}},
        web="h",
        base=str(tmp_path),
        lamp_tls="auto",
    )
    (found, _default) = inputs_of("certificates", site, "h")["certificates_certificates"]
    assert (found["source"], found["chain"], found["key"], found["trusted"]) == (
        "given",
        CHAIN,
        "/etc/ssl/www.key",
        True,
    )
    assert problems_of("certificates", {"certificates_certificates": [found]}) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {
                "certificates_certificates": [
                    {"name": "WWW", "names": ["a.de"], "source": "private"}
                ]
            },
            ["has the name 'WWW'"],
        ),
        (
            {
                "certificates_certificates": [
                    {"name": "authority", "names": ["a.de"], "source": "private"}
                ]
            },
            ["has the name 'authority'"],
        ),
        (
            {"certificates_certificates": [{"name": "a", "names": ["a"], "source": "private"}] * 2},
            ["has a twice"],
        ),
        (
            {"certificates_certificates": [{"name": "a", "names": ["a b"], "source": "private"}]},
            ["the name 'a b'"],
        ),
        (
            {"certificates_certificates": [{"name": "a", "names": [], "source": "private"}]},
            ["gives a no names"],
        ),
        (
            {"certificates_cas": [{"name": "own", "directory": "http://ca"}]},
            ["certificates_cas[0].directory is 'http://ca'"],
        ),
        (
            {
                "certificates_cas": [
                    {"name": "own", "directory": "https://ca/d", "ca_file": "ca.pem"}
                ]
            },
            ["certificates_cas[0].ca_file is 'ca.pem'", "not a file on this computer"],
        ),
        ({"certificates_load": [{"unit": "a b"}]}, ["certificates_load has the unit 'a b'"]),
    ],
)
def test_inputs_of_the_role_alone_are_judged_too(given, words):
    (problem,) = problems_of("certificates", given)
    for word in words:
        assert word in problem


def test_certificate_of_a_ca_needs_a_ca_an_account_and_a_key():
    wild = {"name": "a", "names": ["*.foobar.com"], "source": "acme"}
    said = problems_of(
        "certificates",
        {"certificates_certificates": [wild, {**wild, "name": "b", "method": "dns-01"}]},
    )
    for word in (
        "certificates_cas is empty",
        "certificates_account_secret is missing",
        "cannot prove a wildcard",
        "certificates_dns has no key",
    ):
        assert word in "\n".join(said)
