# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action status: shows how the whole site is, and fails where
something is wrong. See the module status.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.page import page, printed
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.report import report

display = Display()


class ActionModule(ActionBase):
    """Show what hosts answered."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("answers", "problems", "format", "full"))

    def run(self, tmp=None, task_vars=None):
        """Return the result that the module documents."""
        result = super().run(tmp, task_vars)
        _result, given = self.validate_argument_spec({
            "answers": {"type": "dict", "required": True},
            "problems": {"type": "list", "elements": "str", "default": []},
            "format": {"type": "str", "choices": ["page", "json"], "default": "page"},
            "full": {"type": "int", "default": 90},
        })  # fmt: skip
        groups = {
            name: hosts for name, hosts in task_vars["groups"].items() if name.startswith("lamp_")
        }
        domain = self._templar.template(task_vars.get("lamp_domain", ""))
        found = report(domain, groups, given["answers"], given["problems"], given["full"])
        # Not the result, in whose place Ansible would show it in its own words.
        display.display(printed(found, given["format"], page))
        # Ansible says this twice, below the page.
        count = len(found["problems"])
        failed = (
            {}
            if found["healthy"]
            else {
                "failed": True,
                "msg": f"{count} problem{'s' if count > 1 else ''}, described above.",
            }
        )
        return {**result, "changed": False, **failed}
