# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a member of the cluster takes the writer's part, and to whom it may leave it. Pure.

*answers* is what the agents of all members say, ``{name: answer or None}``, in the inventory's
order.
"""

from __future__ import annotations

import re

#: After how many seconds one that has committed nothing works no more. Members agree on a view
#: without one that is gone in less.
STALE = 4
#: How much longer the others wait, so that it has stopped before another one begins.
_GRACE = 1.5
_SYNCED, _DONOR = "4", "2"
_RELEASE = re.compile(r"(\d+)\.(\d+)\.\d+-MariaDB")


def claims(there, state, silent, without):
    """Whether a member is to write now, which another one does by the table.

    ``there``: whether that one is in the view. ``state``: the engine's number for this one's own.
    ``silent``: for how many seconds the writer has committed nothing, ``without``: for how many it
    has not been in the view.
    """
    if state == _SYNCED:
        return not there or silent > STALE + _GRACE
    # One that gives its data to another can write, but one that does not comes first.
    return state == _DONOR and not there and without > 3


def missing(answers):
    """Return the names of those that are not together with all others,
    or have not all that these have.
    """
    synced = {name: one for name, one in answers.items() if one and one.get("synced")}
    return [
        name
        for name in answers
        if name not in synced or any(name not in one["view"] for one in synced.values())
    ]


def heir(me, answers):
    """Return who is to write when ``me`` is about to stop:
    the first that has all, None where there is none.
    """
    apart = {me, *missing(answers)}
    return next((name for name in answers if name not in apart), None)


def newer(me, answers):
    """Return which members have a newer release of the server than ``me``: ``{name: "11.8"}``.

    Once an older one has stopped, these give it nothing of what it has missed.
    """
    releases = {name: _release(one) for name, one in answers.items()}
    return {
        name: ".".join(map(str, one))
        for name, one in releases.items()
        if one and releases[me] and one > releases[me]
    }


def _release(answer):
    found = _RELEASE.search(str((answer or {}).get("version", "")))
    return tuple(map(int, found.groups())) if found else ()
