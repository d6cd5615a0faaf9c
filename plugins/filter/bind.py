# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role bind: which keys it has recorded. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import bind
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import bind as _bind


def _promotion_problems(hosts, zone, primary, force=False):
    """Return why ``primary`` is not to be promoted; ``hosts``:
    the variables of the name servers, with what they have said.
    """
    said = {}
    for host in hosts:
        own = host["__promote_own"]
        said[host["inventory_hostname"]] = {
            "type": host["ansible_facts"]["foobar_lamp"]["zones"].get(zone, {}).get("type"),
            "serial": own.get("serial"),
            "msg": own.get("msg"),
            "answers": [
                one["item"] for one in host["__promote_primary"]["results"] if _bind.answers(one)
            ],
        }
    return _bind.promotion_problems(said, primary, force)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "bind_copies_left": _bind.copies_left,
            "bind_copies_wanted": _bind.copies_wanted,
            "bind_demoted": _bind.demoted,
            "bind_demotion_problems": _bind.demotion_problems,
            "bind_left": _bind.left,
            "bind_listening": _bind.listening,
            "bind_made_once": _bind.made_once,
            "bind_moved": _bind.moved,
            "bind_promoted": _bind.promoted,
            "bind_promotion_problems": _promotion_problems,
            "bind_sources": _bind.sources,
            "bind_to_copy": _bind.to_copy,
            "bind_undeclared": _bind.undeclared,
            "bind_recorded_keys": bind.recorded_keys,
            "bind_recorded_of": bind.recorded_of,
        }
