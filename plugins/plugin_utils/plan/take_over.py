# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role would take off line on a host that serves something
already. Private to the collection. Pure.
"""

from __future__ import annotations


def take_over_problems(others, role, declared, agreed):
    """Return a sentence if a host serves what is in files of others,
    and nobody ``agreed`` that a run takes their place.

    ``others``: what host_facts says of it, by role. ``declared``: the variable of the role in which
    it would be.
    """
    there = others.get(role) or []
    if not there or agreed:
        return []
    return [
        f"This host serves {', '.join(there)} from files that this collection has not made. A "
        f"run replaces them, and then serves only what {declared} declares. Declare there what "
        f"should stay, and set {role}_take_over (or lamp_take_over, for all) to true. The files "
        f"are kept in /var/lib/foobar.lamp/before/{role}."
    ]
