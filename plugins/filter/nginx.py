# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role nginx: what its inputs say in nginx's words. Private to the collection."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import nginx


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "nginx_closed": nginx.closed,
            "nginx_events": nginx.events,
            "nginx_header_maps": nginx.header_maps,
            "nginx_headers": nginx.headers,
            "nginx_names": nginx.names,
            "nginx_quoted": nginx.quoted,
            "nginx_redirects": nginx.redirects,
            "nginx_tls": nginx.tls,
        }
