# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which proxies ask a member whether it writes, so that one
that stops knows when all of them know.
"""

from __future__ import annotations

import threading
import time

#: One that has not asked for so many seconds is gone. They ask ten times in each.
_GONE = 1


class Proxies:
    """When each address was told last. Any thread may call it."""

    def __init__(self):
        self._told, self._changed = {}, threading.Condition()

    def told(self, address, when):
        """Note that an address has an answer,
        which was true at the moment ``when`` (time.monotonic).
        """
        with self._changed:
            self._told = {one: last for one, last in self._told.items() if when - last < _GONE} | {
                address: when
            }
            self._changed.notify_all()

    def wait_until_told(self, seconds):
        """Wait until all that have asked of late have an answer of
        after now, at most so many seconds.
        """
        since = time.monotonic()
        with self._changed:
            late = {address for address, when in self._told.items() if since - when < _GONE}
            self._changed.wait_for(
                lambda: all(self._told.get(address, since) >= since for address in late), seconds
            )
