"""Secrets that are made once. Those that hosts have and the
controller has lost are not made a second time.
"""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import secrets

from .example import facts, site_of

SITES = {
    "www.foobar.com": {"database": "www", "app": {}, "apps": {"/api": {}}},
    "shop.foobar.com": {"app": {}},
    "static.foobar.com": {"document_root": "/srv/static"},
}
NEW = {path: {} for path in ("/etc/python_app/other.env", "/srv/other/current")}


def lost(tmp_path, name_servers=None, given=None, **web):
    """Return what is said to be lost, where hosts have these paths;
    None of one that was not asked.
    """
    hosts = web | (name_servers or {})
    said = {
        name: {"ansible_facts": {"foobar_lamp": facts(paths=dict.fromkeys(paths, {}) | NEW)}}
        for name, paths in hosts.items()
        if paths is not None
    }
    said |= {name: {"ansible_facts": {}} for name, paths in hosts.items() if paths is None}
    site = site_of(
        SITES,
        hosts=said,
        web=" ".join(web),
        dns=" ".join(name_servers or {}),
        lamp_secrets=given or {},
    )
    return secrets.lost(site, str(tmp_path))


def keep(tmp_path, name, *terms):
    (tmp_path / name).mkdir(exist_ok=True)
    for term in terms:
        (tmp_path / name / term).write_text("kept")


def test_first_run_makes_them(tmp_path):
    assert lost(tmp_path, web1=[], web2=[]) == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/python_app/www.foobar.com.env",
        "/etc/python_app/www.foobar.com_api.env",
        "/srv/www.foobar.com/current",
    ],
)
def test_host_that_has_a_site_is_named_with_the_remedy(tmp_path, path):
    (problem,) = lost(tmp_path, web1=[], web2=[path])
    named = (
        "database_password and secret_key of www.foobar.com",
        f"{tmp_path}/www.foobar.com",
        "web2 has them",
    )
    for word in (*named, f"copy {tmp_path} here", "lamp_new_secrets"):
        assert word in problem


def test_one_lost_file_is_not_made_anew_either(tmp_path):
    keep(tmp_path, "www.foobar.com", "database_password")
    (problem,) = lost(tmp_path, web1=["/etc/python_app/www.foobar.com.env"])
    assert problem.startswith("secret_key of www.foobar.com is not in")


def test_site_that_is_added_needs_no_word(tmp_path):
    keep(tmp_path, "www.foobar.com", "database_password", "secret_key")
    assert (
        lost(tmp_path, web1=["/etc/python_app/www.foobar.com.env", "/srv/www.foobar.com/current"])
        == []
    )


def test_secret_that_is_given_is_not_lost(tmp_path):
    given = {"www.foobar.com": {"database_password": "new", "secret_key": "new"}}
    assert lost(tmp_path, given=given, web1=["/etc/python_app/www.foobar.com.env"]) == []


def test_host_that_was_not_asked_may_have_them(tmp_path):
    problem = lost(tmp_path, web1=None)[0]
    for word in (
        "web1, which may have them, is not part of this run",
        "without --limit",
        "lamp_new_secrets",
    ):
        assert word in problem


def test_key_of_transfers(tmp_path):
    for site in SITES:
        keep(tmp_path, site, "database_password", "secret_key")
    key = "/etc/bind/keys/lamp-transfer.key"
    assert lost(tmp_path, {"dns1": [], "dns2": []}, web1=[]) == []
    (problem,) = lost(tmp_path, {"dns1": [], "dns2": [key]}, web1=[])
    assert (
        problem.startswith("transfer_key of the zone foobar.com is not in")
        and "dns2 has them" in problem
    )
    assert lost(tmp_path, {"dns1": [key]}, web1=[]) == []
    keep(tmp_path, "foobar.com", "transfer_key")
    assert lost(tmp_path, {"dns1": [key], "dns2": [key]}, web1=[]) == []


def test_secret_that_a_site_has_no_use_for_is_not_asked_for(tmp_path):
    (problem,) = lost(tmp_path, web1=["/etc/python_app/shop.foobar.com.env"])
    assert problem.startswith("secret_key of shop.foobar.com is not in")
    unknown = lost(tmp_path, web1=None)
    assert not [problem for problem in unknown if "static.foobar.com" in problem]


def kept(directory, given=None, make=True):
    """Return the secret of a site."""
    return secrets.kept(str(directory), ["www.foobar.com"], ["secret_key"], given or {}, make)[
        "www.foobar.com"
    ]["secret_key"]


def test_made_once_strong_and_private(tmp_path):
    secret = kept(tmp_path / "secrets")
    assert len(secret) == 48
    assert kept(tmp_path / "secrets") == secret
    assert kept(tmp_path / "others") != secret
    file = tmp_path / "secrets/www.foobar.com/secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (tmp_path / "secrets/.gitignore").read_text() == "*\n"


def test_given_wins_and_nothing_is_made(tmp_path):
    assert kept(tmp_path, {"www.foobar.com": {"secret_key": "given"}}) == "given"
    assert not (tmp_path / "www.foobar.com").exists()


def test_file_open_to_others_is_closed_and_an_empty_one_refused(tmp_path):
    kept(tmp_path)
    file = tmp_path / "www.foobar.com/secret_key"
    file.chmod(0o644)
    kept(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("")
    with pytest.raises(
        ValueError, match="is empty: write the secret into it, or remove it to have a new one made"
    ):
        kept(tmp_path)


def test_run_that_may_not_make_any_makes_none_and_reads_what_is_there(tmp_path):
    assert len(kept(tmp_path / "secrets", make=False)) == 48
    assert not (tmp_path / "secrets").exists()
    secret = kept(tmp_path / "secrets")
    assert kept(tmp_path / "secrets", make=False) == secret


def test_of_two_that_make_a_secret_at_once_the_first_wins(tmp_path, monkeypatch):
    link = os.link

    def second(source, target):
        with open(target, "w", encoding="ascii") as file:
            file.write("the first one's")
        link(source, target)

    monkeypatch.setattr(os, "link", second)
    assert kept(tmp_path) == "the first one's"
    assert sorted(path.name for path in (tmp_path / "www.foobar.com").iterdir()) == ["secret_key"]


# What certificates are issued with.


def lost_of_acme(tmp_path, web=(), dns=(), **more):
    hosts = {"web1": web, "ns1": dns}
    said = {
        name: {"ansible_facts": {"foobar_lamp": facts(paths=dict.fromkeys(paths, {}))}}
        for name, paths in hosts.items()
    }
    static = {"www.foobar.com": {"document_root": "/srv/www"}}
    return secrets.lost(
        site_of(static, hosts=said, web="web1", dns="ns1", **{"lamp_tls": "auto", **more}),
        str(tmp_path),
    )


def test_first_certificates_need_no_secrets_of_before(tmp_path):
    assert lost_of_acme(tmp_path) == []


def test_account_that_a_host_has_is_not_made_anew(tmp_path):
    (problem,) = lost_of_acme(tmp_path, web=["/etc/foobar.lamp/acme_thumbprint"])
    for word in (
        "acme_account of the account with the CA",
        f"{tmp_path}/foobar.com",
        "web1 has them",
        "lamp_new_secrets",
    ):
        assert word in problem
    keep(tmp_path, "foobar.com", "acme_account")
    assert lost_of_acme(tmp_path, web=["/etc/foobar.lamp/acme_thumbprint"]) == []
    given = {"account_secret": "s" * 48}
    assert lost_of_acme(tmp_path, web=["/etc/foobar.lamp/acme_thumbprint"], lamp_acme=given) == []


def test_key_of_a_web_host_that_the_name_server_has_is_not_made_anew(tmp_path):
    (problem,) = lost_of_acme(tmp_path, dns=["/etc/bind/keys/acme-web1.key"])
    assert problem.startswith("acme_key of the host web1 is not in")
    assert "ns1 has them" in problem


def test_nothing_is_lost_that_nobody_has_a_use_for(tmp_path):
    there = {"web": ["/etc/foobar.lamp/acme_thumbprint"], "dns": ["/etc/bind/keys/acme-web1.key"]}
    assert lost_of_acme(tmp_path, **there, lamp_tls="private") == []
