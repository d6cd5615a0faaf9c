# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a database server without a module, or else by its collection's."""

from __future__ import annotations

from ansible.executor.module_common import _apply_action_arg_defaults
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.plugin_utils import _arguments, _direct

MODULES = {
    "mariadb": "ansible.mariadb.mariadb_query",
    "mysql": "ansible.mysql.mysql_query",
}
ARGUMENT_SPEC = {
    "queries": {"type": "dict", "required": True},
    "login_unix_socket": {"type": "str", "required": True},
    "session_vars": {"type": "dict", "default": {}},
    "engine": {"type": "str", "choices": list(MODULES), "required": True},
}


def query_problems(queries):
    """Return a sentence for each of ``queries`` that is no statement."""
    return [
        f"queries.{name} is {query!r}: give one statement as text."
        for name, query in queries.items()
        if not isinstance(query, str) or not query.strip()
    ]


class ActionModule(ActionBase):
    """Asks; what goes wrong is the module's to say."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return the rows of each query, or what the module says is wrong."""
        super().run(tmp, task_vars)
        self._task.args, problems = _arguments.settle(ARGUMENT_SPEC, self._task.args)
        problems = problems or query_problems(self._task.args.get("queries") or {})
        if problems:
            return {"failed": True, "changed": False, "msg": "\n".join(problems)}
        _checked, params = self.validate_argument_spec(ARGUMENT_SPEC)
        module, queries = MODULES[params["engine"]], params["queries"]
        asked = {name: params[name] for name in ("login_unix_socket", "session_vars")}
        # Who sets module_defaults for the module means this one, too; what they say of the way to
        # log in, only the module knows.
        module_args = _apply_action_arg_defaults(
            module, self._task, {"query": list(queries.values()), **asked}, self._templar
        )
        result = None
        if set(module_args) == {"query", *asked}:
            result = _direct.call(
                self, "mysql.query_info", {"queries": queries, **asked}, task_vars
            )
        if result is None:
            result = self._execute_module(
                module_name=module, module_args=module_args, task_vars=task_vars
            )
            if "query_result" in result:
                rows = dict(zip(queries, result["query_result"], strict=True))
                result = {"changed": False, "rows": rows}
        return result
