# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells one run of Ansible from another: what an earlier one knew of a host may be old."""

from __future__ import annotations


def run_of(task) -> str:
    """Return the part of a task's identity that all tasks of its run share: all but the last."""
    return task._uuid.rpartition("-")[0]
