# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role backup. Private to the collection. Pure."""

from __future__ import annotations

_SYSTEMD = "/etc/systemd/system"
_WANTS = f"{_SYSTEMD}/timers.target.wants"


def absent(units, timers, wanted, directory):
    """Return what an earlier run may have made of ``units``, and what is not wanted now: all timers but ``timers``.

    Where no backups are ``wanted`` any more, all goes but those that are in ``directory``. So does the mark there that logs are
    kept: what is written while nobody keeps logs is missing between an old backup and new logs, so another history begins.
    """
    unwanted = [timer for unit in units if (timer := f"{unit['name']}.timer") not in timers]
    paths = [f"{place}/{timer}" for timer in unwanted for place in (_WANTS, _SYSTEMD)]
    if not wanted:
        paths += [f"{directory}/.keeping", "/etc/lamp-backup", "/usr/local/lib/lamp-backup", "/usr/local/sbin/lamp-backup"]
        paths += [f"{_SYSTEMD}/{name}.service" for name in (*(unit["name"] for unit in units), "lamp-backup-failed@")]
    return paths
