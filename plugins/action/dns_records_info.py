# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of dns_records_info: the module, for arguments of the right types."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.dns import arguments
from ansible_collections.foobar.lamp.plugins.plugin_utils import _arguments


class ActionModule(ActionBase):
    """Refuse what Ansible would turn into another text."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return what the module returns."""
        super().run(tmp, task_vars)
        args, problems = _arguments.settle(arguments.NAME_SERVER, self._task.args)
        if problems:
            return {"failed": True, "changed": False, "msg": "\n".join(problems)}
        return self._execute_module(
            module_args=args, task_vars=task_vars, wrap_async=self._task.async_val
        )
