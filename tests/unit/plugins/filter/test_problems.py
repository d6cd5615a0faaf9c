"""What is wrong with the inputs of the roles apache, bind and linux_base: each problem alone, in one sentence."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter import apache, bind, linux_base

VHOST = {"name": "a.com", "document_root": "/srv/a"}


@pytest.mark.parametrize(
    ("vhosts", "options", "words"),
    [
        ([VHOST], {"listen": [0]}, "apache_listen has the port 0: give one from 1 to 65535"),
        ([VHOST], {"status_port": 70000}, "apache_status_port has the port 70000"),
        ([VHOST], {"status_port": 80}, "apache_status_port is 80, which apache_listen has too"),
        ([VHOST], {"modules": ["../x"]}, "apache_modules has '../x'"),
        ([{**VHOST, "name": "a b"}], {"default_site": ""}, "apache_vhosts has the name 'a b'"),
        ([VHOST, {**VHOST, "name": "b.com", "aliases": ["A.com"]}], {}, "gives the name A.com to two virtual hosts"),
        ([VHOST, VHOST], {}, "gives the name a.com to two virtual hosts"),
        ([{"name": "a.com"}], {}, "gives a.com nothing to serve"),
        ([{**VHOST, "wsgi": [{"path": "x"}]}], {}, "gives a.com an application under the path 'x': begin it with a slash"),
        ([{**VHOST, "wsgi": [{"name": "x"}, {"name": "y"}]}], {}, "gives a.com two applications under the path /"),
        ([{**VHOST, "wsgi": [{"path": "/x"}, {"path": "/y"}]}], {}, "names two applications a.com"),
        ([VHOST], {"default_site": "b.com"}, "apache_default_site is 'b.com', which apache_vhosts does not have"),
    ],
)
def test_apache(vhosts, options, words):
    good = {"default_site": "a.com", "listen": [80], "status_port": 8079, "modules": []}
    (problem,) = apache.apache_problems(vhosts, **{**good, **options})
    assert words in problem
    assert apache.apache_problems([VHOST, {**VHOST, "name": "b.com"}], **good) == []


def test_apache_takes_the_deeper_path_first():
    found = apache.apache_applications({"name": "a.com", "wsgi": [{}, {"name": "x", "path": "/x"}]})
    assert [(wsgi["name"], wsgi["path"]) for wsgi in found] == [("x", "/x"), ("a.com", "/")]


ZONE = {"name": "a.com", "nameservers": [{"name": "ns1.a.com", "addresses": ["192.0.2.1"]}], "update_key": "k"}


@pytest.mark.parametrize(
    ("zones", "keys", "words"),
    [
        ([ZONE], ["k", "k k"], "bind_keys has the name 'k k'"),
        ([{**ZONE, "name": "a.com."}], ["k"], "bind_zones has the name 'a.com.'"),
        ([ZONE, {**ZONE, "name": "A.com"}], ["k"], "bind_zones has A.com twice"),
        ([{**ZONE, "nameservers": []}], ["k"], "bind_zones gives a.com no name server"),
        ([{**ZONE, "nameservers": [{"name": "NS1.a.com."}]}], ["k"], "the name server NS1.a.com. without addresses"),
        ([ZONE], [], "bind_zones gives a.com the update_key k: add that to bind_keys"),
        ([{**ZONE, "transfer_key": "t"}], ["k"], "bind_zones gives a.com the transfer_key t: add that to bind_keys"),
        ([{**ZONE, "dnssec_policy": "ours"}], ["k"], "bind_zones gives a.com the dnssec_policy ours: take one of default"),
        ([{**ZONE, "dnssec_policy": "default", "primaries": ["192.0.2.1"]}], ["k"], "both primaries and a dnssec_policy"),
    ],
)
def test_bind(zones, keys, words):
    (problem,) = bind.bind_problems(zones, keys)
    assert words in problem
    good = [
        ZONE,
        {**ZONE, "name": "b.com", "nameservers": [{"name": "ns1.nota.com"}]},
        {"name": "c.com", "primaries": ["192.0.2.1"]},
        {**ZONE, "name": "d.com", "dnssec_policy": "ours"},
    ]
    assert bind.bind_problems(good, ["k"], ["ours"]) == []


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
        ({"trusted_certificates": [{**CERTIFICATE, "name": "a/b"}]}, "linux_base_trusted_certificates has 'a/b'"),
        ({"trusted_certificates": [{**CERTIFICATE, "content": "x"}]}, "linux_base_trusted_certificates has 'ours'"),
    ],
)
def test_linux_base(inputs, words):
    (problem,) = linux_base.linux_base_problems({**BASE, **inputs}, {})
    assert words in problem


def test_linux_base_does_not_shut_itself_out():
    sshd = {"passwordauthentication": ["no"], "kbdinteractiveauthentication": ["no"]}
    login = {"user": "ada", "root": False, "by_sudo": False, "sshd": sshd, "by_password": True, "groups": []}
    login |= {"client": "", "server": "", "port": "", "method": "", "keys": [], "certificate": False, "sudo": []}
    (problem,) = linux_base.linux_base_problems(BASE, login)
    assert "this run logs in with a password" in problem
    assert linux_base.linux_base_problems(BASE, {**login, "method": "publickey"}) == []
