# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of the collection, in the order of playbooks/site.yml. Private to the collection.

A new role is a directory in roles/, a file here, a word in ROLES, and a play.
"""

from __future__ import annotations

import importlib

ROLES = (
    "linux_base", "firewall", "mysql", "certificates", "database_proxy", "python_app", "apache",
    "nginx", "haproxy", "keepalived", "bind", "backup")  # fmt: skip

ALL = {name: importlib.import_module(f"{__package__}.{name}").ROLE for name in ROLES}


def of(groups, values):
    """Return the roles of a host that is in ``groups``, by an inventory's ``values``.

    Those that collect what others offer come last, and the base after all: it installs what backups
    need, too.
    """
    found = [
        role
        for role in ALL.values()
        if not {role.GROUP, *role.ALSO}.isdisjoint(groups) and chosen(role, values)
    ]
    return [role for role in found if not role.COLLECTS] + [
        role for role in reversed(found) if role.COLLECTS
    ]


def chosen(role, values):
    """Whether ``role`` is the one of its group's that the inventory chooses."""
    return not role.CHOICE or values.get(role.CHOICE.variable, role.CHOICE.default) == role.name
