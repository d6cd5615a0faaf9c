# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts without the secrets in them. Private to the collection. Pure: no I/O, no Ansible import."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def plain(text):
    """Return ``text`` without the credentials of the addresses in it."""
    return _CREDENTIALS.sub("", str(text))


def mask(text, environment):
    """Return ``text`` without the values of ``environment`` and
    without credentials in addresses.
    """
    for value in environment.values():
        if len(str(value)) > 3:
            text = text.replace(str(value), "***")
    return plain(text)
