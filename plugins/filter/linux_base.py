# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role linux_base: how sshd is set, and whether a
run could come again. Private to the role.
"""

from __future__ import annotations

import shlex

from ansible_collections.foobar.lamp.plugins.module_utils.host import ways as _ways
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.linux_base import sshd_settings
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import linux_base as _linux_base


def linux_base_login_test(login, settings):
    """Return the line of a shell script that fails, with the reasons,
    if this run could not come again by the files on the host.

    ``login``: how it came, as host_facts said before the first change. ``settings``: those of sshd
    that are given. It asks sshd and sudo themselves, and is content with a run that did not come by
    SSH.
    """
    arguments = {
        "by_password": login.get("by_password", False),
        "addresses": _ways.has_addresses(settings),
        "sudo": bool(login.get("sudo")),
    }
    return f"python3 -c {shlex.quote(_direct.program('host.login', arguments))} > /dev/null"


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "linux_base_missing_names": _linux_base.missing_names,
            "linux_base_present": _linux_base.present,
            "linux_base_sshd": sshd_settings,
            "linux_base_sudoers": _linux_base.sudoers,
            "linux_base_login_test": linux_base_login_test,
        }
