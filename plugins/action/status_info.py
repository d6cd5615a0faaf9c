# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of status_info."""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.host import status
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct


class ActionModule(ActionBase):
    """Ask without a module."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Return what the module would; of a host that gives no answer, why.

        Ansible has many words for that, and the page one line.
        """
        super().run(tmp, task_vars)
        try:
            result = _direct.do(self, "host.status", status.ARGUMENT_SPEC, task_vars)
        except AnsibleConnectionFailure as error:
            return {"changed": False, "reached": False, "msg": str(error)}
        if "status" in result:
            return result
        # What the host said, before what Ansible made of it.
        return {
            "changed": False,
            "reached": True,
            "msg": str(result.get("module_stderr") or result.get("msg")),
        }
