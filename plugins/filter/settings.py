# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for settings that a role hands on to a program. Private to the collection."""

from __future__ import annotations

import json

#: What each program reads as true and as false.
_WORDS = {
    "apache": ("On", "Off"),
    "bind": ("yes", "no"),
    "haproxy": ("on", "off"),
    "keepalived": ("on", "off"),
    "mysql": ("1", "0"),
    "nginx": ("on", "off"),
    "sshd": ("yes", "no"),
    "sysctl": ("1", "0"),
    "systemd": ("yes", "no"),
}


def setting(value, program):
    """Return ``value`` as the configuration of ``program`` has it. A number is written as it is."""
    if isinstance(value, bool):
        return _WORDS[program][0 if value else 1]
    return str(value).rstrip("\n")


def systemd_command(words):
    """Return a command, a list of words, as systemd reads it."""
    return " ".join(json.dumps(str(word)).replace("%", "%%").replace("$", "$$") for word in words)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"setting": setting, "systemd_command": systemd_command}
