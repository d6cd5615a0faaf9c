# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of host_facts: a host is asked once a
run, however many roles want to know.
"""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.host import facts as host_facts
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct, _loaded
from ansible_collections.foobar.lamp.plugins.plugin_utils._run import run_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of

# Every role begins with this task.
_loaded.load()


class ActionModule(ActionBase):
    """Answer from what this very run has asked already, else ask."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return the module's result, or nothing new."""
        result = super().run(tmp, task_vars)
        known = facts_of(task_vars)
        # A fact from a cache is another run's.
        run = run_of(self._task)
        answered = "login" in known or self._task.args.get("sshd_settings") is None
        if (
            known.get("asked_by") == run
            and answered
            and not boolean(self._task.args.get("refresh", False))
        ):
            return {**result, "changed": False}
        result = _direct.do(
            self,
            "host.facts",
            host_facts.ARGUMENT_SPEC,
            task_vars,
            {**self._task.args, "_run": run},
        )
        facts = facts_of(result)
        if facts.get("login"):
            facts["login"]["by_password"] = self._has_password()
        return result

    def _has_password(self):
        """Whether the connection has a password to log in with, however it was given."""
        try:
            given = self._connection.get_option("password")
        except KeyError:  # nothing of the kind
            given = None
        return bool(given or self._play_context.password)
