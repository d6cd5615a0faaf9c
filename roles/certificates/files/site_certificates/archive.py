# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of sites that are gone: their certificates are
kept a while, their keys are destroyed.
"""

from __future__ import annotations

import datetime
import pathlib

from . import files, moments

_KEYS = datetime.timedelta(days=7)
_FORM = "%Y%m%dT%H%M%SZ"


def leftovers(top: pathlib.Path, known) -> list[str]:
    """Return the names of certificates that nobody declares any more."""
    there = (place for place in top.iterdir() if (place / "by-serial").is_dir())
    return sorted(
        place.name for place in there if place.name not in known and not place.name.startswith(".")
    )


def put_away(top: pathlib.Path, name: str, now: datetime.datetime) -> pathlib.Path:
    """Move a certificate to the archive; return its place there."""
    place = files.directory(top / "archive", 0o700) / f"{name}-{now.strftime(_FORM)}"
    files.rename(top / name, place)
    return place


def destroy_keys(top: pathlib.Path, now: datetime.datetime) -> None:
    """Destroy the keys of what was archived seven days ago."""
    for place in (top / "archive").glob("*-*Z"):
        try:
            since = datetime.datetime.strptime(place.name.rpartition("-")[2], _FORM).replace(
                tzinfo=datetime.UTC
            )
        except ValueError:
            continue
        if now - since >= _KEYS:
            for path in [*place.glob("by-serial/*/key.pem"), *place.glob("order.key")]:
                files.remove(path)


def told(place: pathlib.Path) -> str:
    """Return in words what was done."""
    return (
        f"is declared no more: its certificate is in {place}, and its key will be destroyed at "
        f"{moments.shown(moments.now() + _KEYS)}."
    )
