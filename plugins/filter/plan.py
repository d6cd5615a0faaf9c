# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbooks and roles that name functions of the plan. Private to the collection."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import inventory, make, roles, site


def role_packages(role, **inputs):
    """Return the Debian packages that a role needs, by those of its inputs on which that depends."""
    return roles.ALL[role].packages({**make.defaults(role), **inputs})


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "inventory_summary": inventory.inventory_summary,
            "removal_problems": site.removal_problems,
            "role_packages": role_packages,
        }
