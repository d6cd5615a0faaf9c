# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action releases: shows the releases of all hosts. See the module releases."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.page import printed
from ansible_collections.foobar.lamp.plugins.plugin_utils.status.releases import page, report

display = Display()


class ActionModule(ActionBase):
    """Show what hosts answered."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("answers", "format"))

    def run(self, tmp=None, task_vars=None):
        """Return the result that the module documents."""
        result = super().run(tmp, task_vars)
        _result, given = self.validate_argument_spec({
            "answers": {"type": "dict", "required": True},
            "format": {"type": "str", "choices": ["page", "json"], "default": "page"},
        })  # fmt: skip
        found = report(given["answers"])
        # Not the result, in whose place Ansible would show it in its own words.
        display.display(printed(found, given["format"], page))
        return {**result, "changed": False}
