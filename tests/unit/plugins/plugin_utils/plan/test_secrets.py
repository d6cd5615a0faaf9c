"""Secrets that hosts have and the controller has lost are not made a second time."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils import _secrets

SITES = {
    "www.foobar.com": {"database": "www", "app": {}, "apps": {"/api": {}}},
    "shop.foobar.com": {"app": {}},
    "static.foobar.com": {"document_root": "/srv/static"},
}
NEW = {path: {} for path in ("/etc/python_app/other.env", "/srv/other/current")}


def host(name, *paths):
    return {"inventory_hostname": name, "ansible_facts": {"foobar_lamp": {"paths": dict.fromkeys(paths, {}) | NEW}}}


def lost(tmp_path, *web, name_servers=(), given=None):
    return _secrets.lost(SITES, "foobar.com", web, name_servers, str(tmp_path), given or {})


def keep(tmp_path, name, *terms):
    (tmp_path / name).mkdir(exist_ok=True)
    for term in terms:
        (tmp_path / name / term).write_text("kept")


def test_first_run_makes_them(tmp_path):
    assert lost(tmp_path, host("web1"), host("web2")) == []


@pytest.mark.parametrize(
    "path", ["/etc/python_app/www.foobar.com.env", "/etc/python_app/www.foobar.com_api.env", "/srv/www.foobar.com/current"]
)
def test_host_that_has_a_site_is_named_with_the_remedy(tmp_path, path):
    (problem,) = lost(tmp_path, host("web1"), host("web2", path))
    named = ("database_password and secret_key of www.foobar.com", f"{tmp_path}/www.foobar.com", "web2 has them")
    for word in (*named, f"copy {tmp_path} here", "lamp_new_secrets"):
        assert word in problem


def test_one_lost_file_is_not_made_anew_either(tmp_path):
    keep(tmp_path, "www.foobar.com", "database_password")
    (problem,) = lost(tmp_path, host("web1", "/etc/python_app/www.foobar.com.env"))
    assert problem.startswith("secret_key of www.foobar.com is not in")


def test_site_that_is_added_needs_no_word(tmp_path):
    keep(tmp_path, "www.foobar.com", "database_password", "secret_key")
    assert lost(tmp_path, host("web1", "/etc/python_app/www.foobar.com.env", "/srv/www.foobar.com/current")) == []


def test_secret_that_is_given_is_not_lost(tmp_path):
    given = {"www.foobar.com": {"database_password": "new", "secret_key": "new"}}
    assert lost(tmp_path, host("web1", "/etc/python_app/www.foobar.com.env"), given=given) == []


def test_host_that_was_not_asked_may_have_them(tmp_path):
    problem = lost(tmp_path, {"inventory_hostname": "web1"})[0]
    for word in ("web1, which may have them, is not part of this run", "without --limit", "lamp_new_secrets"):
        assert word in problem


def test_key_of_transfers(tmp_path):
    for site in SITES:
        keep(tmp_path, site, "database_password", "secret_key")
    key = "/etc/bind/keys/lamp-transfer.key"
    assert lost(tmp_path, host("web1"), name_servers=[host("dns1"), host("dns2")]) == []
    (problem,) = lost(tmp_path, host("web1"), name_servers=[host("dns1"), host("dns2", key)])
    assert problem.startswith("transfer_key of the zone foobar.com is not in") and "dns2 has them" in problem
    assert lost(tmp_path, host("web1"), name_servers=[host("dns1", key)]) == []
    keep(tmp_path, "foobar.com", "transfer_key")
    assert lost(tmp_path, host("web1"), name_servers=[host("dns1", key), host("dns2", key)]) == []


def test_secret_that_a_site_has_no_use_for_is_not_asked_for(tmp_path):
    (problem,) = lost(tmp_path, host("web1", "/etc/python_app/shop.foobar.com.env"))
    assert problem.startswith("secret_key of shop.foobar.com is not in")
    unknown = lost(tmp_path, {"inventory_hostname": "web1"})
    assert not [problem for problem in unknown if "static.foobar.com" in problem]
