# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role backup: what its inputs say. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import backup as _backup


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "backup_absent": _backup.absent,
            "backup_database": _backup.database,
            "backup_timers": _backup.timers,
            "backup_timers_unwanted": _backup.timers_unwanted,
            "backup_units": _backup.units,
        }
