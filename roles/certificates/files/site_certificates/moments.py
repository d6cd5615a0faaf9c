# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments, as the ledger and people have them: UTC, whole seconds, such as 2026-11-27T12:00:00Z."""

from __future__ import annotations

import datetime
import email.utils

Moment = datetime.datetime


def now() -> Moment:
    """Return this moment."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def shown(when: Moment) -> str:
    """Return a moment as a text."""
    return when.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str | None) -> Moment | None:
    """Return the moment that a text says, None for none."""
    if not text:
        return None
    found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def of_header(text: str | None, at: Moment) -> Moment | None:
    """Return the moment that a ``Retry-After`` or ``Date`` header says:
    a number of seconds from ``at``, or a date.
    """
    text = (text or "").strip()
    if text.isdigit():
        return at + datetime.timedelta(seconds=min(int(text), 366 * 86400))
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
