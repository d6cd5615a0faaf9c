# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the roles that are web servers: what their inputs say. Private to the collection."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import web


def web_common(vhosts):
    """Return what is the same for all virtual hosts, and which parts of the server they need."""
    return {**web.common(), "proxies": any(vhost.get("proxy") for vhost in vhosts)}


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "web_access": front.fingerprints,
            "web_access_due": web.due,
            "web_common": web_common,
            "web_error_pages": web.pages_of_controller,
            "web_passwords": web.passwords,
            "web_site": web.site,
            "web_tls": web.tls,
            "web_user_files": web.user_files,
        }
