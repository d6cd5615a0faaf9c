"""What is wrong with the inputs of the role linux_base, and the
settings of sshd that a host is asked with.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import linux_base

from .example import problems_of

CERTIFICATE = {"name": "ours", "content": "-----BEGIN CERTIFICATE-----\n"}
BASE = {
    "sshd_settings": {},
    "admins": [{"name": "ada"}],
    "hostname": "",
    "locale": "de_DE.UTF-8",
    "security_updates_reboot": "",
    "sshd": True,
    "timezone": "Europe/Berlin",
    "trusted_certificates": [CERTIFICATE],
}


def problems(login=None, **inputs):
    given = {f"linux_base_{name}": value for name, value in {**BASE, **inputs}.items()}
    return problems_of("linux_base", given, {"login": login} if login else {})


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"timezone": "../etc"}, "linux_base_timezone is '../etc'"),
        ({"hostname": "a_b"}, "linux_base_hostname is 'a_b'"),
        ({"locale": "de DE"}, "linux_base_locale is 'de DE'"),
        ({"security_updates_reboot": "24:00"}, "linux_base_security_updates_reboot is '24:00'"),
        ({"admins": [{"name": "Ada"}]}, "linux_base_admins has the name 'Ada'"),
        (
            {"admins": [{"name": "ada", "ssh_keys": ["https://keys.example.com/ada"]}]},
            "'https://keys.example.com/ada' among the ssh_keys of",
        ),
        ({"admins": [{"name": "ada"}, {"name": "ada"}]}, "linux_base_admins has ada twice"),
        (
            {"trusted_certificates": [{**CERTIFICATE, "name": "a/b"}]},
            "linux_base_trusted_certificates has 'a/b'",
        ),
        (
            {"trusted_certificates": [{**CERTIFICATE, "content": "x"}]},
            "linux_base_trusted_certificates has 'ours'",
        ),
    ],
)
def test_problem_names_variable_value_and_remedy(inputs, words):
    (problem,) = problems(**inputs)
    assert words in problem


def test_run_does_not_shut_itself_out():
    sshd = {"passwordauthentication": ["no"], "kbdinteractiveauthentication": ["no"]}
    login = {
        "user": "ada",
        "root": False,
        "by_sudo": False,
        "sshd": sshd,
        "by_password": True,
        "groups": [],
    }
    login |= {
        "client": "",
        "server": "",
        "port": "",
        "method": "",
        "keys": [],
        "certificate": False,
        "sudo": [],
    }
    (problem,) = problems(login)
    assert "this run logs in with a password" in problem
    assert problems({**login, "method": "publickey"}) == []


def test_settings_of_sshd_are_ours_with_those_that_are_given():
    assert linux_base.sshd_settings(True, {}) == linux_base.SSHD_SETTINGS
    assert linux_base.sshd_settings(True, {"MaxAuthTries": 2, "Port": [22, 2222]}) == {
        **linux_base.SSHD_SETTINGS,
        "MaxAuthTries": 2,
        "Port": [22, 2222],
    }
    assert linux_base.sshd_settings("yes", {}) == linux_base.SSHD_SETTINGS
    # sshd reads names in any case, and the first of two holds.
    assert linux_base.sshd_settings(True, {"macs": "x"}) == {
        **{name: value for name, value in linux_base.SSHD_SETTINGS.items() if name != "MACs"},
        "macs": "x",
    }
    # sshd stays as it is.
    assert (
        linux_base.sshd_settings(False, {"Port": 2222}) == linux_base.sshd_settings("no", {}) == {}
    )


@pytest.mark.parametrize(
    ("version", "there"), [("", False), ("9.2", False), ("9.8", True), ("10.0", True)]
)
def test_sshd_gets_no_setting_that_its_version_does_not_know(version, there):
    assert ("PerSourcePenalties" in linux_base.sshd_settings(True, {}, version)) == there
