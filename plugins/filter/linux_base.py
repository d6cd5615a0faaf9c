# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role linux_base that says what is wrong with its inputs. Private to the role."""

from __future__ import annotations

import re

_TIMEZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*\Z")
_HOSTNAME = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z")
_LOCALE = re.compile(r"[A-Za-z0-9_.@-]+\Z")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_FILE = re.compile(r"[A-Za-z0-9._-]+\Z")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")


def linux_base_problems(inputs, by_password):
    """Return what is wrong with the role's inputs, ``{name without linux_base_: value}``: a list of sentences.

    ``by_password``: whether this run logs in with a password.
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
    problems += [f"linux_base_admins has {name} twice: remove one." for name in sorted(set(names)) if names.count(name) > 1]
    problems += [
        f"linux_base_trusted_certificates has {certificate['name']!r}, which is no plain file name or holds no certificate: "
        "use letters, digits, dots and hyphens in the name, and the PEM text as content."
        for certificate in inputs["trusted_certificates"]
        if not _FILE.match(certificate["name"]) or "-----BEGIN CERTIFICATE-----" not in certificate["content"]
    ]
    accepts = str(inputs["sshd_settings"].get("PasswordAuthentication", "no")).lower() in ("yes", "true")
    if by_password and inputs["sshd"] and not accepts:
        problems.append(
            "linux_base_sshd_settings.PasswordAuthentication is no, but this run logs in with a password (ansible_password): give the "
            "host an SSH key and log in with that, or set linux_base_sshd_settings.PasswordAuthentication to 'yes'."
        )
    return problems


class FilterModule:
    """Names the filter."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"linux_base_problems": linux_base_problems}
