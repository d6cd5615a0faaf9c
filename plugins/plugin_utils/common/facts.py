# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_facts said of a host, by its variables. Private to the collection. Pure."""

from __future__ import annotations


def facts_of(variables):
    """Return the facts; nothing of a host that was not asked."""
    return ((variables or {}).get("ansible_facts") or {}).get("foobar_lamp") or {}
