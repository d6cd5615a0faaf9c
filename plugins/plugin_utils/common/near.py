# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name that was meant. Private to the collection. Pure: no I/O, no Ansible import."""

from __future__ import annotations

import difflib


def nearest(name, known, cutoff=0.6):
    """Return which of the ``known`` names ``name`` was probably to be, empty if none is near.

    ``cutoff``: how alike they have to be, from 0 to 1. Two neighbours that are swapped are one slip
    of the fingers, which difflib takes for two.
    """
    for at in range(len(name) - 1):
        swapped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        if swapped in known:
            return swapped
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=cutoff)), "")
