# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a member's server leave the cluster before its disk is full, and wait until there is room
again; and have one start again that waits for a majority in vain.

A server that cannot write waits until somebody makes room. It applies nothing meanwhile, and soon
all others wait for it.

A server without a majority waits for those with which it had one. Where these have left it, they
wait for it, too. Once it has ended, all are known to be stopped, and one begins. Where others have
one, it has to join them anew: the engine gives up one that was interrupted as it got what it had
missed, but leaves it running. Such a one often does not even end when it is told to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import cluster
import members
import writer

#: Bytes: with less a server leaves, with this it comes back, and with less than the last one it may
#: be unable to do anything more.
LEAST, ENOUGH, NOTHING = 32 << 20, 64 << 20, 4 << 20
_EVERY = 0.1
#: Seconds: how much later than one member the next may go, which has to see then that the first has
#: gone; for how long it may hand over, and end.
_APART, _HANDING_OVER, _ENDING = 4, 2, 60
#: Seconds: how often the agent is asked for the majority, and for how long one is waited for in
#: vain: longer than others that crashed look for this one, see _PATIENCE in start.py.
_ASKING, _IN_VAIN = 1, 45


def left(path):
    """Return how many bytes the server can still write to the file system that has a directory."""
    said = os.statvfs(path)
    return said.f_bavail * said.f_frsize


def turn(me, answers):
    """Return the place of ``me`` in the order in which members leave: the one that writes first.
    None where the others need it.

    *answers* is what the agents of all members say, ``{name: answer or None}``. All others have to
    be there, or they have no majority.
    """
    others = {name: one for name, one in answers.items() if name != me}
    if writer.missing(others):
        return None
    writes = {one["writer"] for one in others.values()}
    return sorted(answers, key=lambda name: name not in writes).index(me)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _hand_over(known, answers):
    """Have another member write, if this one does."""
    me, end = known["me"], time.monotonic() + _HANDING_OVER
    heir = writer.heir(me, answers)
    if not heir or (answers[me] or {}).get("writer") != me:
        return
    members.name_heir(heir, _HANDING_OVER)
    while left(known["datadir"]) >= NOTHING and time.monotonic() < end:
        if (members.ask(known["members"][me], known["port"]) or {}).get("writer", "") not in (
            "",
            me,
        ):
            return
        time.sleep(_EVERY)


def _end(server, path, runs):
    """End the server: at once where it could not end by itself."""
    end = time.monotonic() + _ENDING
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGTERM)
        while runs() and left(path) >= NOTHING and time.monotonic() < end:
            time.sleep(_EVERY)
        if runs():
            os.kill(server, signal.SIGKILL)


class Majority:
    """Whether the server waits for a majority in vain."""

    def __init__(self):
        self._asked, self._since = time.monotonic(), 0.0
        #: Whether the server ran without one when it was asked last.
        self.lacks = False

    def in_vain(self):
        """Return why it does, after it has done so for a while; nothing if it does not."""
        now = time.monotonic()
        if now - self._asked < _ASKING:
            return ""
        self._asked, why = now, self._why()
        self._since = (self._since or now) if why else 0.0
        return why if why and now - self._since >= _IN_VAIN else ""

    @staticmethod
    def _mine():
        try:
            # Each time: a run may have changed who the members are.
            known = members.settings()
        except (OSError, ValueError):
            return None, None
        answer = members.ask(known["members"][known["me"]], known["port"], timeout=0.3)
        return known, cluster.said(answer)

    def is_there(self):
        """Return whether the server says that it has one."""
        mine = self._mine()[1]
        return bool(mine and mine["running"] and not _lacks(mine))

    def _why(self):
        known, mine = self._mine()
        self.lacks = _lacks(mine)
        if not self.lacks:
            return ""
        found = {name: cluster.said(one) for name, one in members.ask_all(known).items()}
        # It may have got one meanwhile.
        if not _lacks(found[known["me"]]):
            return ""
        decision = cluster.decide(found)
        ends = decision.action == cluster.WAIT and known["me"] in decision.members
        return decision.why if ends or decision.action == cluster.JOIN else ""


def _lacks(mine):
    return bool(mine and mine["running"] and mine["status"] != cluster.PRIMARY)


def watch(server, known, runs, ends=lambda: 0.0):
    """End the process ``server`` once there is too little room, or it waits for a majority in
    vain, as long as ``runs()`` says that it is there.

    ``ends()`` says since when it has been told to end by others, 0 if it was not. One without a
    majority has nothing to keep: it is killed where it does not end.
    """
    me, path, short, told = known["me"], known["datadir"], 0.0, False
    majority = Majority()
    while runs():
        time.sleep(_EVERY)
        if since := ends():
            late = time.monotonic() - since > _ENDING
            if majority.lacks and late and not majority.is_there():
                _say(f"The server had no majority, and is not ended after {_ENDING} s: killed.")
                os.kill(server, signal.SIGKILL)
                return
            continue
        if left(path) >= LEAST:
            short, told = 0.0, False
            if why := majority.in_vain():
                _say(f"The server has no majority, and ends, to start again: {why}")
                _end(server, path, runs)
                return
            continue
        short = short or time.monotonic()
        answers = members.ask_all(known)
        place = turn(me, answers)
        if place is None and not told:
            _say(
                f"{left(path) >> 20} MiB are left for {path}. The server goes on, as other "
                f"members are missing: make room."
            )
            told = True
        if place is None or time.monotonic() - short < place * _APART:
            continue
        _say(
            f"{left(path) >> 20} MiB are left for {path}. The server leaves the cluster until "
            f"there are {ENOUGH >> 20}: make room."
        )
        _hand_over(known, answers)
        _end(server, path, runs)
        return


def guard(known):
    """Have a process watch this one, which is about to become the server."""
    server = os.getpid()
    if os.fork() == 0:
        # Who ends the server's unit tells this one, too: it stays for as long as the server does.
        told = []
        signal.signal(signal.SIGTERM, lambda *_: told.append(time.monotonic()))
        watch(server, known, lambda: os.getppid() == server, lambda: told[0] if told else 0.0)
        sys.exit()


def wait(known):
    """Wait until there is room for a server."""
    path, told = known["datadir"], False
    while (there := left(path)) < ENOUGH:
        if not told:
            _say(
                f"Waits: {there >> 20} MiB are left for {path}, and a server needs "
                f"{ENOUGH >> 20}: make room."
            )
            members.note(members.on_disk(path))
            told = True
        time.sleep(1)
