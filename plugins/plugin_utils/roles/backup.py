# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role backup. Private to the collection. Pure."""

from __future__ import annotations

_SYSTEMD = "/etc/systemd/system"
_WANTS = f"{_SYSTEMD}/timers.target.wants"


#: Name, verb of the command and description of each unit, in the order of the schedules.
_UNITS = (
    ("lamp-backup", "take", "Take a backup of this host"),
    ("lamp-backup-log", "log", "Keep the database server's binary logs"),
    ("lamp-backup-drill", "drill", "Restore the newest backup into a scratch place"),
)
_ALL_TIMERS = tuple(f"{name}.timer" for name, _verb, _text in _UNITS)
_DATABASE = {"datadir": "/var/lib/mysql", "socket": "/run/mysqld/mysqld.sock"}


def database(given):
    """Return the database server with what goes without saying, by ``backup_database``;
    nothing where there is none.
    """
    return {**_DATABASE, "service": given["engine"], **given} if given else {}


def units(schedules, enabled, database, files):
    """Return the units of a host: ``name``, ``verb``, ``text`` and ``schedule``;
    none where there is nothing to back up.

    ``schedules``: of backups, logs and drills. One that is empty is of a service that has no timer.
    """
    if not (enabled and (database or files)):
        return []
    found = [
        {"name": name, "verb": verb, "text": text, "schedule": when}
        for (name, verb, text), when in zip(_UNITS, schedules, strict=True)
    ]
    return [one if database or one["verb"] != "log" else {**one, "schedule": ""} for one in found]


def timers(units):
    """Return the names of the timers of ``units``."""
    return [f"{unit['name']}.timer" for unit in units if unit["schedule"]]


def timers_unwanted(wanted):
    """Return the names of all timers that an earlier run may have made,
    but for those that are ``wanted``.
    """
    return [timer for timer in _ALL_TIMERS if timer not in wanted]


def absent(units, directory):
    """Return what an earlier run may have made, and what does not belong to ``units``:
    their timers, and all of it where there are none.

    What is in ``directory`` stays, but for the mark that logs are kept: what is written while
    nobody keeps logs is missing between an old backup and new logs, so another history begins.
    """
    paths = [
        f"{place}/{timer}"
        for timer in timers_unwanted(timers(units))
        for place in (_WANTS, _SYSTEMD)
    ]
    if not units:
        paths += [
            f"{directory}/.keeping",
            "/etc/lamp-backup",
            "/usr/local/lib/lamp-backup",
            "/usr/local/sbin/lamp-backup",
        ]
        paths += [
            f"{_SYSTEMD}/{name}.service"
            for name in (*(name for name, _verb, _text in _UNITS), "lamp-backup-failed@")
        ]
    return paths
