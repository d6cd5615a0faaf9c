# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of dns_records."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.dns import arguments
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct


class ActionModule(ActionBase):
    """Lead the zone to what is declared without a module."""

    _supports_async = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Return what the module would."""
        super().run(tmp, task_vars)
        return _direct.do(
            self, "dns.dns_records", arguments.RECORDS, task_vars, **arguments.CONSTRAINTS
        )
