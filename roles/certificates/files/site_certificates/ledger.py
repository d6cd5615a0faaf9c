# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a certificate: what was tried, when it may be tried again, what is loaded."""

from __future__ import annotations

import datetime
import pathlib

from . import files, moments, plan

# How long the pace of names that are no longer wished is kept.
_KEPT = datetime.timedelta(days=8)


class Ledger:
    """``state.json`` of a certificate.

    Each change is on the disk before what follows it is done.
    """

    def __init__(self, directory: pathlib.Path):
        self._path = directory / "state.json"
        self._data = files.read_json(self._path, {})

    def get(self, name: str, default=None):
        """Return an entry."""
        return self._data.get(name, default)

    def put(self, **entries) -> None:
        """Set entries, None for none."""
        new = {
            name: value for name, value in {**self._data, **entries}.items() if value is not None
        }
        if new != self._data:
            self._data = new
            files.write_json(self._path, new)

    def pace(self, names) -> dict:
        """Return the pace of a wish."""
        return self.get("paces", {}).get(plan.key(names), {"failures": 0})

    def set_pace(self, names, pace: dict, now: datetime.datetime) -> None:
        """Keep the pace of a wish; forget those that no back-off needs any more."""
        paces = {**self.get("paces", {}), plan.key(names): pace}
        for key, other in list(paces.items()):
            at = moments.read(other.get("next"))
            if key != plan.key(names) and (at is None or at + _KEPT < now):
                del paces[key]
        self.put(paces=paces)
