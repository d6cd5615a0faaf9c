# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role haproxy: what its inputs say in
haproxy's words. Private to the collection.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import haproxy


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "haproxy_certificates": haproxy.certificates,
            "haproxy_common": haproxy.common,
            "haproxy_drained": haproxy.drained,
            "haproxy_left_over": haproxy.left_over,
            "haproxy_sticky": haproxy.sticky,
            "haproxy_ways": haproxy.ways,
        }
