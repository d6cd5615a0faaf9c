# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a database server without a module, or else by its collection's."""

from __future__ import annotations

from ansible.executor.module_common import _apply_action_arg_defaults
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.plugin_utils import _arguments, _direct

ARGUMENT_SPEC = {
    "queries": {"type": "list", "elements": "str", "required": True},
    "login_unix_socket": {"type": "str", "required": True},
    "session_vars": {"type": "dict", "default": {}},
    "module": {"type": "str", "required": True},
}


class ActionModule(ActionBase):
    """Asks; what goes wrong is the module's to say."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return the rows, or what the module returns."""
        super().run(tmp, task_vars)
        # One question as a text is one, whatever commas are in it.
        self._task.args, problems = _arguments.settle(ARGUMENT_SPEC, self._task.args)
        if problems:
            return {"failed": True, "changed": False, "msg": "\n".join(problems)}
        _checked, params = self.validate_argument_spec(ARGUMENT_SPEC)
        asked = {name: params[name] for name in ("login_unix_socket", "session_vars")}
        # Who sets module_defaults for the module means its place, too; what they say of the way to log in only the module knows.
        module_args = _apply_action_arg_defaults(params["module"], self._task, {"query": params["queries"], **asked}, self._templar)
        if set(module_args) == {"query", *asked}:
            result = _direct.call(self, "mysql.query_info", {"queries": params["queries"], **asked}, task_vars)
            if result is not None:
                return result
        return self._execute_module(module_name=params["module"], module_args=module_args, task_vars=task_vars)
