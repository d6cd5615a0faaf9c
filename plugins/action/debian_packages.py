# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have apt install packages: after whoever else does, and with
what they bring started afterwards.
"""

from __future__ import annotations

import re
import time

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.lamp.plugins.module_utils.host.debian_packages import SENT
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct

display = Display()
ARGUMENT_SPEC = {
    "name": {"type": "list", "elements": "str", "default": []},
    "later": {"type": "list", "elements": "str", "default": []},
    "lock_timeout": {"type": "int", "default": 300},
}
# What apt-get, python-apt and the module say when somebody else was quicker.
_LOCKED = re.compile(r"Could not get lock|Unable to (acquire|lock)|Failed to lock")
# What apt says when what the lists name is not there any more, or comes while a mirror is being
# brought up to date.
_STALE = re.compile(r"Failed to fetch|Unable to fetch|Hash Sum mismatch|404 +Not Found")
# The module waits without a pause, and only where apt-get itself can: this plugin waits for it.
_LOCK_TIMEOUT_OF_APT = 10


class ActionModule(ActionBase):
    """Wait, install, start."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Return what ansible.builtin.apt does, and what was started."""
        super().run(tmp, task_vars)
        found = ArgumentSpecValidator(ARGUMENT_SPEC).validate(self._task.args)
        if found.error_messages:
            return {"failed": True, "msg": "; ".join(found.error_messages)}
        args = found.validated_parameters
        result = self._installed(args, task_vars)
        if result.get("failed"):
            return result
        done = self._step(task_vars, _step="start", later=args["later"])
        if done.get("failed"):
            return done
        for unit, word in done["broken"].items():
            self._display_warning(
                task_vars,
                f"{unit} was started and does not run ({word}): see systemctl status {unit}",
            )
        return {
            **result,
            "changed": result.get("changed", False) or done["changed"],
            "started": done["started"],
        }

    def _installed(self, args, task_vars):
        """Return the result of apt, as soon as nobody else is at work."""
        apt = {
            "name": args["name"],
            "install_recommends": False,
            "update_cache": True,
            "cache_valid_time": 3600,
            "policy_rc_d": 101,
            "lock_timeout": _LOCK_TIMEOUT_OF_APT,
        }
        deadline = time.monotonic() + args["lock_timeout"]
        while True:
            held = [] if self._task.check_mode else self._held(deadline, task_vars)
            if not held:
                result = self._execute_module(
                    module_name="ansible.builtin.apt", module_args=apt, task_vars=task_vars
                )
                said = f"{result.get('msg')} {result.get('stderr')}"
                if result.get("failed") and _STALE.search(said) and apt["cache_valid_time"]:
                    self._display_warning(
                        task_vars,
                        (
                            f"apt cannot fetch all packages: once more, with new lists. It says: "
                            f"{_end(said)}"
                        ),
                    )
                    apt["cache_valid_time"] = 0
                elif not result.get("failed") or not _LOCKED.search(said):
                    return result
            if time.monotonic() >= deadline:
                who = ", ".join(held) or "somebody"
                words = (
                    f"apt is locked by {who}, which has not ended within {args['lock_timeout']} "
                    f"s: let it end, and run this again."
                )
                return {"failed": True, "msg": words}

    def _held(self, deadline, task_vars):
        """Wait until nobody holds apt's locks, at most until ``deadline``;
        return who still does.
        """
        held = self._step(task_vars, _step="locks").get("held", [])
        if held and (left := deadline - time.monotonic()) > 0:
            self._display_warning(
                task_vars, f"waiting up to {left:.0f} s for {', '.join(held)}, which has apt locked"
            )
            held = self._step(task_vars, _step="locks", _seconds=round(left)).get("held", [])
        return held

    def _step(self, task_vars, **args):
        return _direct.do(self, "host.debian_packages", SENT, task_vars, args)

    @staticmethod
    def _display_warning(task_vars, words):
        display.warning(f"{task_vars['inventory_hostname']}: {words}")


def _end(said):
    return " ".join(said.split())[-300:]
