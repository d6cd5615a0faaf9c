# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role apache: what its inputs say in Apache's words. Private to the collection."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import apache


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "apache_closed": apache.closed,
            "apache_module_files": apache.module_files,
            "apache_names": apache.names,
            "apache_not_checks": apache.not_checks,
            "apache_not_encrypted": apache.not_encrypted,
            "apache_not_from": apache.not_from,
            "apache_quoted": apache.quoted,
            "apache_redirects": apache.redirects,
        }
