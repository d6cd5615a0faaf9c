# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role keepalived, and of the plays on its hosts. Private to the collection."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import keepalived


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"holder_last": keepalived.holder_last, "keepalived_instance": keepalived.instance}
