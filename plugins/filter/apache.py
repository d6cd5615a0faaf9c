# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role apache: what its inputs say. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import apache as _apache


def apache_proxies(vhost):
    """Return the proxies of a virtual host with name and path, deeper paths first: Apache takes the first that fits."""
    found = [{**proxy, "name": proxy.get("name") or vhost["name"], "path": proxy.get("path") or "/"} for proxy in vhost.get("proxy") or []]
    return sorted(found, key=lambda proxy: proxy["path"], reverse=True)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"apache_proxies": apache_proxies, "apache_module_files": _apache.module_files}
