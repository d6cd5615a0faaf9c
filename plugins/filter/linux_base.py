# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role linux_base: what is wrong with its inputs, and whether a run could come again. Private to the role."""

from __future__ import annotations

import re
import shlex

from ansible_collections.foobar.lamp.plugins.module_utils.host import ways as _ways
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct

_TIMEZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*\Z")
_HOSTNAME = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z")
_LOCALE = re.compile(r"[A-Za-z0-9_.@-]+\Z")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_FILE = re.compile(r"[A-Za-z0-9._-]+\Z")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")


def linux_base_problems(inputs, login):
    """Return what is wrong with the role's inputs, ``{name without linux_base_: value}``: a list of sentences.

    ``login``: how this run came to the host, as host_facts says it. A run does not close the way by which it came.
    """
    problems = []
    for name, form, remedy in (
        ("timezone", _TIMEZONE, "give a name such as Etc/UTC or Europe/Berlin."),
        ("hostname", _HOSTNAME, "use letters, digits, hyphens and dots, at most 64."),
        ("locale", _LOCALE, "give a name such as C.UTF-8 or de_DE.UTF-8."),
        ("security_updates_reboot", _TIME, "give a time of day such as 03:30, or leave it empty."),
    ):
        if inputs[name] and not form.match(inputs[name]):
            problems.append(f"linux_base_{name} is {inputs[name]!r}: {remedy}")
    names = [admin["name"] for admin in inputs["admins"]]
    problems += [
        f"linux_base_admins has the name {name!r}: use up to 32 small letters, digits, underscores and hyphens, no digit first."
        for name in names
        if not _ACCOUNT.match(name)
    ]
    problems += [
        f"linux_base_admins has {key!r} among the ssh_keys of {admin['name']}, which is no public key: give the line of its .pub file."
        for admin in inputs["admins"]
        for key in admin.get("ssh_keys") or []
        if _ways.fingerprints([key]) is None
    ]
    problems += [f"linux_base_admins has {name} twice: remove one." for name in sorted(set(names)) if names.count(name) > 1]
    problems += [
        f"linux_base_trusted_certificates has {certificate['name']!r}, which is no plain file name or holds no certificate: "
        "use letters, digits, dots and hyphens in the name, and the PEM text as content."
        for certificate in inputs["trusted_certificates"]
        if not _FILE.match(certificate["name"]) or "-----BEGIN CERTIFICATE-----" not in certificate["content"]
    ]
    return [
        *problems,
        *_ways.closed(login, _ways.has_addresses(inputs["sshd_settings"])),
        *_ways.admins_close(login, inputs["admins"], inputs["sshd"]),
    ]


def linux_base_way_test(login, settings):
    """Return the line of a shell script that fails, with the reasons, if this run could not come again by the files on the host.

    ``login``: how it came, as host_facts said before the first change. ``settings``: those of sshd that are given.
    It asks sshd and sudo themselves, and is content with a run that did not come by SSH.
    """
    arguments = {
        "by_password": login.get("by_password", False),
        "addresses": _ways.has_addresses(settings),
        "sudo": bool(login.get("sudo")),
    }
    return f"python3 -c {shlex.quote(_direct.program('host.login', arguments))} > /dev/null"


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"linux_base_problems": linux_base_problems, "linux_base_way_test": linux_base_way_test}
