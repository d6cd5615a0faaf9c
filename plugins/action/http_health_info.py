# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of http_health_info."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.host import http_health_info
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct


class ActionModule(ActionBase):
    """Ask without a module."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return what the module would."""
        super().run(tmp, task_vars)
        return _direct.do(self, "host.http_health_info", http_health_info.ARGUMENT_SPEC, task_vars)
