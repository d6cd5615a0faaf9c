# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this checkout importable as ansible_collections.foobar.lamp, as Ansible itself sees it."""

from __future__ import annotations

import sys
from pathlib import Path

COLLECTIONS = Path(__file__).parent.parent / ".cache" / "collections"

link = COLLECTIONS / "ansible_collections" / "foobar" / "lamp"
if not link.is_symlink():
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("../../../..")
sys.path.insert(0, str(COLLECTIONS))
