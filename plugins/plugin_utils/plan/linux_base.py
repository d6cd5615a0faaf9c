# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role linux_base in the plan: the base of every host, with what the other roles of it
offer. Private to the collection. Pure.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.module_utils.host import ways as _ways
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, values
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Port, Role

_TIMEZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*\Z")
_HOSTNAME = re.compile(
    r"(?=.{1,64}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)
_LOCALE = re.compile(r"[A-Za-z0-9_.@-]+\Z")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_FILE = re.compile(r"[A-Za-z0-9._-]+\Z")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
#: Keys instead of passwords, and no more than a login needs. The plan keeps this from locking out
#: the run itself. A list of algorithms that begins with a minus is the version's own without these:
#: what comes with a new version is offered by itself, its best first. Curve25519 stays beside the
#: hybrids that outlive a quantum computer, which not all clients have.
SSHD_SETTINGS = {
    "PermitRootLogin": "prohibit-password",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "X11Forwarding": "no",
    "MaxAuthTries": 4,
    # One address takes less than a third of the logins that can be under way, and others are not
    # turned away by chance before it is half.
    "LoginGraceTime": 30,
    "MaxStartups": "50:30:100",
    "PerSourceMaxStartups": 30,
    "KexAlgorithms": "-ecdh-sha2-nistp*,diffie-hellman-*",
    "HostKeyAlgorithms": "-*ecdsa-sha2-nistp*,ssh-rsa*,ssh-dss*",
    "Ciphers": "-*-cbc*,arcfour*",
    "MACs": "-*sha1*,*md5*,umac-64*,hmac-sha2-256,hmac-sha2-512,umac-128@openssh.com",
}
#: What sshd has from a version of OpenSSH on.
SSHD_SETTINGS_SINCE = {(9, 8): {"PerSourcePenalties": "yes"}}
_FORMS = (
    ("timezone", _TIMEZONE, "give a name such as Etc/UTC or Europe/Berlin."),
    ("hostname", _HOSTNAME, "use letters, digits, hyphens and dots, at most 64."),
    ("locale", _LOCALE, "give a name such as C.UTF-8 or de_DE.UTF-8."),
    ("security_updates_reboot", _TIME, "give a time of day such as 03:30, or leave it empty."),
)


class LinuxBase(Role):
    """See Role."""

    COLLECTS = True
    EDGES = {"packages, services and kernel settings": "each other role"}

    def inputs(self, site, host, offered):
        """Packages of all roles are installed in one transaction;
        a service is started by its role, when it is configured.
        """
        return {
            "linux_base_packages": offered.get("packages", []),
            "linux_base_started_later": offered.get("services", []),
            "linux_base_sysctl": offered.get("sysctl", {}),
        }

    def ports(self, inputs):
        """SSH."""
        settings = inputs["linux_base_sshd_settings"]
        return (
            [Port(number) for number in declared_ports(True, settings) or [22]]
            if inputs["linux_base_sshd"]
            else []
        )

    def problems(self, inputs, facts, search=()):
        """A run does not close the way by which it came, which ``facts`` say."""
        login, admins = facts.get("login") or {}, inputs["linux_base_admins"]
        settings = inputs["linux_base_sshd_settings"] if inputs["linux_base_sshd"] else {}
        problems = [
            f"linux_base_{name} is {value!r}: {remedy}"
            for name, form, remedy in _FORMS
            if (value := inputs[f"linux_base_{name}"]) and not form.match(value)
        ]
        names = [admin["name"] for admin in admins]
        problems += [
            f"linux_base_admins has the name {name!r}: use up to 32 lower-case letters, digits, "
            f"underscores and hyphens, and begin with a letter or an underscore."
            for name in names
            if not _ACCOUNT.match(name)
        ]
        problems += [
            f"linux_base_admins has {key!r} among the ssh_keys of {admin['name']}, which is not "
            f"a public key: give the line of its .pub file."
            for admin in admins
            for key in admin.get("ssh_keys") or []
            if _ways.fingerprints([key]) is None
        ]
        problems += [
            f"linux_base_admins has {name} twice: remove one."
            for name in sorted(set(names))
            if names.count(name) > 1
        ]
        problems += [
            f"linux_base_trusted_certificates has {certificate['name']!r}, which is not a plain "
            f"file name, or has no certificate: use letters, digits, dots and hyphens in the "
            f"name, and the PEM text as content."
            for certificate in inputs["linux_base_trusted_certificates"]
            if not _FILE.match(certificate["name"])
            or "-----BEGIN CERTIFICATE-----" not in certificate["content"]
        ]
        return [
            *problems,
            *_ways.closed(login, _ways.has_addresses(settings)),
            *_ways.admins_close(login, admins, inputs["linux_base_sshd"]),
        ]


def declared_ports(sshd, settings):
    """Return the ports that the role's two inputs give sshd:
    none where they leave it those that it has.
    """
    if not sshd:
        return []
    given = [value for name, value in settings.items() if name.lower() == "port"]
    return [
        int(one)
        for value in given
        for one in (value if isinstance(value, list) else [value])
        if str(one).isdecimal()
    ]


def sshd_settings(sshd, settings, version=""):
    """Return the settings that sshd is to have, of the role's two inputs:
    none where it stays as it is.

    ``version``: of OpenSSH, as far as it is known. A host is asked with these before inputs are
    checked: where they are of wrong types, there are none.
    """
    given = {"linux_base_sshd": sshd, "linux_base_sshd_settings": settings}
    known = options.options("linux_base")
    settled = values.settle({name: known[name] for name in given}, given)
    if settled.problems or not settled.values["linux_base_sshd"]:
        return {}
    ours = dict(SSHD_SETTINGS)
    for since, more in SSHD_SETTINGS_SINCE.items():
        ours |= (
            more if tuple(int(number) for number in version.split(".") if number) >= since else {}
        )
    return _over(ours, settled.values["linux_base_sshd_settings"])


def _over(ours, given):
    """Return settings with those that are ``given`` in the place of ours,
    whose names sshd reads in any case.
    """
    names = {name.lower() for name in given}
    return {name: value for name, value in ours.items() if name.lower() not in names} | given


ROLE = LinuxBase("linux_base")
