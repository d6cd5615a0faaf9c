# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a host, of its database server and of directories of files, and the way back. What the
command lamp-backup is made of.

Standard library only.
"""

import sys


class BackupError(Exception):
    """What went wrong, in words for the person who has to act."""


def tell(text: object) -> None:
    """Say what goes on: never on the output, which may be read by a program."""
    print(text, file=sys.stderr, flush=True)


def warn(text: object) -> None:
    """Say what is not as it should be, and does not end the work."""
    tell(f"Warning: {text}")
