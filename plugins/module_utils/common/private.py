# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that nobody but their owner can open, from the moment they are there. Private to the
collection. No Ansible import.
"""

from __future__ import annotations

import os


def opener(path: str, flags: int) -> int:
    """The ``opener`` of ``open()`` that makes a file with mode 0600. One that is there keeps its
    own mode.
    """
    return os.open(path, flags, mode=0o600)
