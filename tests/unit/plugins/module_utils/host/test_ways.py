"""Whether a run that came by SSH could come again: each way that is closed, in one sentence."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import login as host_login
from ansible_collections.foobar.lamp.plugins.module_utils.host import ways

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfMaJsKJ4g0z4Zt0vV1yXyE4bC9d1rYbZ0pQ0l0m3cS ada@desk"
[FINGERPRINT] = ways.fingerprints([KEY])
SSHD = {
    "authenticationmethods": ["any"],
    "listenaddress": ["[::]:22", "0.0.0.0:22"],
    "passwordauthentication": ["no"],
    "kbdinteractiveauthentication": ["no"],
    "pubkeyauthentication": ["yes"],
    "permitrootlogin": ["without-password"],
    "authorizedkeysfile": [".ssh/authorized_keys .ssh/authorized_keys2"],
}
ADA = {
    "user": "ada",
    "root": False,
    "groups": ["ada", "sudo"],
    "client": "192.0.2.9",
    "server": "192.0.2.1",
    "port": "22",
    "method": "publickey",
    "keys": [FINGERPRINT],
    "certificate": False,
    "by_sudo": True,
    "sudo": ["/etc/sudoers"],
    "sshd": SSHD,
    "by_password": False,
}
ROOT = {**ADA, "user": "root", "root": True, "groups": ["root"], "by_sudo": False, "sudo": []}
#: One whose way is a password that sshd did not log.
UNLOGGED = {**ADA, "method": "", "by_password": True}
#: One who logs in with a key and a code.
FACTORS = {**ADA, "method": "several", "steps": ["publickey", "keyboard-interactive"]}
FACTORS["sshd"] = {
    **SSHD,
    "kbdinteractiveauthentication": ["yes"],
    "authenticationmethods": ["publickey,keyboard-interactive:pam"],
}


def closed(login, sshd):
    return ways.closed({**login, "sshd": {**login["sshd"], **sshd}}, addresses=True, sudo=True)


@pytest.mark.parametrize(
    ("login", "sshd", "words"),
    [
        (
            {**ADA, "method": "password", "by_password": True},
            {},
            (
                "PasswordAuthentication is no, but this run logs in with a password: "
                "give the host an SSH key"
            ),
        ),
        (
            {**ADA, "method": "password"},
            {},
            (
                "with a password: if it has a key meanwhile, "
                "wait until ssh ends the connection that it keeps"
            ),
        ),
        (UNLOGGED, {}, "PasswordAuthentication is no, but this run logs in with a password"),
        (
            ADA,
            {"pubkeyauthentication": ["no"]},
            "PubkeyAuthentication is no, but this run logs in with a key",
        ),
        (
            {**ADA, "method": "gssapi"},
            {"gssapiauthentication": ["no"]},
            "GSSAPIAuthentication is no",
        ),
        (
            ROOT,
            {"permitrootlogin": ["no"]},
            "PermitRootLogin is no, but this run logs in as root with a key: make an administrator",
        ),
        (
            {**ROOT, "method": "password"},
            {"passwordauthentication": ["yes"]},
            "PermitRootLogin is without-password",
        ),
        (ADA, {"allowusers": ["bob", "eve"]}, "AllowUsers is bob eve, which locks out ada"),
        (
            ADA,
            {"allowusers": ["ada@198.51.100.0/24"]},
            "AllowUsers is ada@198.51.100.0/24, which locks out ada",
        ),
        (ADA, {"allowgroups": ["ssh-*"]}, "AllowGroups is ssh-*, which locks out ada"),
        (ADA, {"denyusers": ["a*"]}, "DenyUsers is a*, which locks out ada"),
        (ADA, {"denygroups": ["sudo"]}, "DenyGroups is sudo, which locks out ada"),
        (
            ADA,
            {"listenaddress": ["[::]:2222", "0.0.0.0:2222"]},
            "Port is 2222, but this run came by port 22: name both, [2222, 22]",
        ),
        (
            ADA,
            {"listenaddress": ["192.0.2.2:22"]},
            "ListenAddress is 192.0.2.2:22, but this run came by 192.0.2.1, port 22",
        ),
        (ADA, {"listenaddress": ["[::]:22"]}, "ListenAddress is [::]:22"),
        (
            ADA,
            {"authenticationmethods": ["publickey,password"]},
            "AuthenticationMethods is publickey,password",
        ),
        (
            FACTORS,
            {"pubkeyauthentication": ["no"]},
            "PubkeyAuthentication is no, but this run logs in with several methods (publickey, key",
        ),
        (
            FACTORS,
            {"kbdinteractiveauthentication": ["no"]},
            "KbdInteractiveAuthentication is no, but this run logs in with several methods",
        ),
        ({**ADA, "sudo": []}, {}, "linux_base_admins leaves ada without sudo"),
    ],
)
def test_way_that_is_closed(login, sshd, words):
    (problem,) = closed(login, sshd)
    assert words in problem


@pytest.mark.parametrize(
    ("login", "sshd"),
    [
        (ADA, {}),
        (ROOT, {}),
        ({}, {}),
        ({**ADA, "sshd": {}}, {}),
        # A key was there besides the password, and sshd took that.
        ({**ADA, "by_password": True}, {}),
        ({**ADA, "method": "password"}, {"kbdinteractiveauthentication": ["yes"]}),
        (ADA, {"allowusers": ["ada@192.0.2.0/24"], "allowgroups": ["sud?"]}),
        (ADA, {"allowusers": ["ada@192.0.2.*"], "denyusers": ["ada@198.51.100.1"]}),
        (ADA, {"listenaddress": ["0.0.0.0:2222", "192.0.2.1:22"]}),
        ({**ADA, "server": "2001:db8::1"}, {"listenaddress": ["[::]:22"]}),
        (ADA, {"authenticationmethods": ["password", "publickey"]}),
        (ADA, {"permitrootlogin": ["no"]}),
        (FACTORS, {}),
    ],
)
def test_way_that_stays_open(login, sshd):
    login = {**login, "sshd": {**login.get("sshd", {}), **sshd}} if login.get("sshd") else login
    assert ways.closed(login, addresses=True, sudo=True) == []


def test_what_cannot_be_told_is_not_judged():
    # A port of ssh.socket or of an option, and sudo by a rule for single commands.
    assert ways.closed({**ADA, "port": "2222", "sudo": []}) == []
    assert not ways.has_addresses({"PasswordAuthentication": "no"})
    assert ways.has_addresses({"listenAddress": "192.0.2.1"})


@pytest.mark.parametrize(
    ("login", "admin", "words"),
    [
        (ADA, {"state": "absent"}, "linux_base_admins removes ada, the user of this run"),
        (ADA, {"ssh_keys": [KEY], "shell": "/usr/sbin/nologin"}, "the shell /usr/sbin/nologin"),
        (
            ADA,
            {"ssh_keys": [KEY.replace("IJfM", "IJfN")]},
            f"without the one by which this run came (SHA256:{FINGERPRINT})",
        ),
        (ADA, {}, "ssh_keys without the one by which this run came"),
        (FACTORS, {}, "ssh_keys without the one by which this run came"),
        (
            {**ADA, "sudo": [ways.SUDOERS]},
            {"ssh_keys": [KEY], "sudo": False},
            "leaves ada without sudo",
        ),
    ],
)
def test_administrator_who_would_be_shut_out(login, admin, words):
    (problem,) = ways.admins_close(login, [{"name": "eve"}, {"name": "ada", **admin}])
    assert words in problem


@pytest.mark.parametrize(
    ("login", "admins"),
    [
        (ADA, []),
        (ADA, [{"name": "ada", "ssh_keys": ['from="192.0.2.9" ' + KEY], "sudo": False}]),
        (ADA, [{"name": "ada", "ssh_keys": KEY}]),
        (ADA, [{"name": "ada", "ssh_keys": ["https://keys.example.com/ada"]}]),
        (ADA, [{"name": "eve", "state": "absent"}]),
        ({**ADA, "sudo": [ways.SUDOERS]}, [{"name": "ada", "ssh_keys": [KEY]}]),
        (
            {
                **ADA,
                "certificate": True,
                "sshd": {**SSHD, "trustedusercakeys": ["/etc/ssh/ca.pub"]},
            },
            [{"name": "ada"}],
        ),
        ({**ADA, "sshd": {**SSHD, "authorizedkeyscommand": ["/usr/bin/keys"]}}, [{"name": "ada"}]),
        (ROOT, [{"name": "ada", "state": "absent"}]),
        ({}, [{"name": "ada", "state": "absent"}]),
    ],
)
def test_administrator_who_is_not_shut_out(login, admins):
    assert list(ways.admins_close(login, admins)) == []


def test_administrator_who_is_taken_out_loses_sudo():
    (problem,) = ways.admins_close({**ADA, "sudo": [ways.SUDOERS]}, [{"name": "eve"}])
    assert "linux_base_admins leaves ada without sudo" in problem


LOG = f"""Connection from 192.0.2.9 port 5000 on 192.0.2.1 port 22
Accepted password for ada from 192.0.2.9 port 4000 ssh2
Accepted publickey for ada from 192.0.2.9 port 5000 ssh2: ED25519 SHA256:{FINGERPRINT}
pam_unix(sshd:session): session opened for user ada(uid=1000) by ada(uid=0)
Accepted keyboard-interactive/pam for ada from 192.0.2.9 port 6000 ssh2
Partial publickey for ada from 192.0.2.9 port 7000 ssh2: ED25519 SHA256:{FINGERPRINT}
Accepted keyboard-interactive/pam for ada from 192.0.2.9 port 7000 ssh2
"""


@pytest.mark.parametrize(
    ("port", "method", "keys"),
    [
        ("4000", "password", []),
        ("5000", "publickey", [FINGERPRINT]),
        ("6000", "password", []),
        ("1", "", []),
    ],
)
def test_log_of_sshd(port, method, keys):
    assert ways.accepted(LOG, port) == {"method": method, "keys": keys, "certificate": False}


def test_log_of_a_login_by_several_methods():
    steps = ["publickey", "keyboard-interactive"]
    assert ways.accepted(LOG, "7000") == {
        "method": "several",
        "steps": steps,
        "keys": [FINGERPRINT],
        "certificate": False,
    }


SUDO = """Matching Defaults entries for ada on server1:
    env_reset, mail_badpass

User ada may run the following commands on server1:

Sudoers entry: /etc/sudoers
    RunAsUsers: ALL
    RunAsGroups: ALL
    Commands:
\tALL

Sudoers entry: /etc/sudoers.d/web
    RunAsUsers: root
    Options: !authenticate
    Commands:
\t/usr/bin/systemctl reload apache2
"""


def test_sudo():
    assert ways.sudo_from(SUDO) == ["/etc/sudoers"]
    assert ways.sudo_from(SUDO.replace("Sudoers entry: /etc/sudoers\n", "LDAP Role: admins\n")) == [
        "admins"
    ]
    assert ways.sudo_from(SUDO.replace("Sudoers entry: /etc/sudoers.d/web", "LDAP Role: web")) == [
        "/etc/sudoers"
    ]
    # Older ones do not name the file.
    assert ways.sudo_from(SUDO.replace("entry: /etc/sudoers", "entry:")) == [""]
    assert ways.sudo_from("User ada is not allowed to run sudo on server1.\n") == []


TREE = {
    50: ("python3", 40, 0),
    40: ("sudo", 30, 0),
    30: ("bash", 20, 1000),
    20: ("sshd-session", 10, 1000),
    10: ("sshd-session", 5, 0),
    5: ("sshd", 1, 0),
    1: ("systemd", 0, 0),
    60: ("python3", 61, 0),
    61: ("docker-init", 0, 0),
    70: ("bash", 5, 0),
}


def test_login_is_found_among_the_ancestors():
    assert host_login.ancestors(50, TREE.get) == (
        30,
        1000,
        ["python3", "sudo", "bash"],
        [20, 10, 5],
    )
    assert host_login.ancestors(70, TREE.get) == (70, 0, ["bash"], [5])
    assert host_login.ancestors(60, TREE.get) == (0, 0, [], [])


def test_settings_are_given_to_sshd():
    given = {"PasswordAuthentication": False, "AllowUsers": ["ada", "eve"], "Port": 22}
    assert list(host_login.options(given))[1::2] == [
        "PasswordAuthentication no",
        "AllowUsers ada",
        "AllowUsers eve",
        "Port 22",
    ]
