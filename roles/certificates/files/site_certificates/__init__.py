# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a host that ends TLS: what the command site-certificates is made of.

The policy is in these files. The protocol (signatures, nonces, account binding) is python3-acme's.
"""

from __future__ import annotations

import sys


class CertificateError(Exception):
    """What went wrong, in words for the person who has to act."""


def tell(text: object) -> None:
    """Say what happens: on the error output, so that the output can be read by a program."""
    print(text, file=sys.stderr, flush=True)
