# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the units that installations left stopped, as the next start of the system would. No
Ansible. Private to the collection.
"""

from __future__ import annotations

import os
import subprocess

from ansible_collections.foobar.lamp.plugins.module_utils.common import listings

PROPERTIES = ("Id", "LoadState", "ActiveState", "Result", "ConditionTimestampMonotonic")
KINDS = (".service", ".timer", ".socket", ".path")
# What systemctl enable makes: links in the directories of these targets, which every server that
# runs has reached.
LINKS = "/etc/systemd/system"
TARGETS = ("multi-user", "paths", "sockets", "timers")


def wanted(links=LINKS):
    """Return the names of the units that are enabled for the start of the system."""
    return set().union(
        *(_linked(os.path.join(links, f"{target}.target.wants")) for target in TARGETS)
    )


def enabled(links=LINKS):
    """Return the names of all units that are enabled,
    for whatever reason there is to start them.
    """
    around = (
        (os.path.join(links, name) for name in os.listdir(links)) if os.path.isdir(links) else ()
    )
    # An alias is a link beside the units.
    return _linked(links).union(
        *(_linked(place) for place in around if place.endswith((".wants", ".requires")))
    )


def _linked(directory):
    """Return the names of the units that the links in a directory lead to."""
    found = set()
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        place = os.path.join(directory, name)
        # One that is masked is a link to /dev/null. An alias has the name of its file, an instance
        # (NAME@WORD) its own.
        if (
            name.endswith(KINDS)
            and os.path.islink(place)
            and os.path.isfile(place := os.path.realpath(place))
        ):
            found.add(name if "@" in name else os.path.basename(place))
    return found


def question(names, more=()):
    """Return the words that ask systemctl about units, and for ``more`` properties:
    without names, about one that is not there.
    """
    return [
        "show",
        f"--property={','.join((*PROPERTIES, *more))}",
        "--",
        *(sorted(names) or ["none.service"]),
    ]


def systemctl(*words):
    """Run systemctl and return what it prints."""
    return subprocess.run(
        ["systemctl", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        text=True,
    ).stdout


def start(later, check_mode=False):
    """Start what waits, but not the services ``later``.

    Return ``(started, {unit that does not run: systemd's word for it})``.

    With ``check_mode`` nothing is, but what would be is returned.
    """
    if not os.path.isdir("/run/systemd/system"):
        return [], {}
    # Where nothing may be started, systemd is not told of what an installation brought.
    if not check_mode:
        systemctl("daemon-reload")
    waiting = listings.waiting(listings.services(systemctl(*question(wanted()))))
    due = [name for name in waiting if name.removesuffix(".service") not in later]
    if not due or check_mode:
        return due, {}
    systemctl("start", "--", *due)
    states = listings.services(systemctl(*question(due)))
    waiting = listings.waiting(states)
    broken = {
        unit["Id"]: unit.get("Result", "")
        for unit in states.values()
        if unit.get("ActiveState") == "failed"
    }
    return [name for name in due if name not in waiting], broken | dict.fromkeys(
        waiting, "dependency"
    )
