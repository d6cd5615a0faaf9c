# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role bind: which keys it has recorded. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import bind
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import bind as _bind


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "bind_left": _bind.left,
            "bind_listening": _bind.listening,
            "bind_made_once": _bind.made_once,
            "bind_undeclared": _bind.undeclared,
            "bind_recorded_keys": bind.recorded_keys,
            "bind_recorded_of": bind.recorded_of,
        }
