# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role firewall: the rules that its inputs describe. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.firewall import ssh_ports
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles.firewall import remarks, ruleset


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "firewall_remarks": remarks,
            "firewall_ruleset": ruleset,
            "firewall_ssh_ports": ssh_ports,
        }
