# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What haproxy is told while it runs, by its socket: to drain a server, and to close the
connections of visitors. No Ansible.
"""

from __future__ import annotations

import contextlib
import csv
import os
import socket
import time

#: What systemd makes for haproxy, and takes away when haproxy stops, which then knows nothing of
#: drained servers either.
RUN = "/run/lamp-haproxy"
SOCKET = f"{RUN}/admin.sock"
#: A file for each server that this collection has drained, and has not put back: by its name the
#: next run knows what a killed one left.
DRAINED = f"{RUN}/drained"
#: There as long as all visitors are asked to come by new connections (see haproxy.cfg).
CLOSING = f"{RUN}/closing"
_CLOSING = "proc.lamp_closing"
#: Not "drain": a server in that state still gets the visitors whose cookie names it.
_TAKEN_OUT = "maint"
#: Seconds between two looks.
PAUSE = 0.1


class HaproxyError(Exception):
    """What haproxy does not do, in its words."""


def ask(*commands, path=SOCKET, patience=10):
    """Return what haproxy answers to commands within ``patience`` seconds;
    raises OSError where it does not run.
    """
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as stream:
        stream.settimeout(patience)
        stream.connect(path)
        stream.sendall("; ".join(commands).encode() + b"\n")
        return b"".join(iter(lambda: stream.recv(65536), b"")).decode("utf-8", "replace")


def rows(text, name):
    """Return of each backend that has the server ``name`` what ``show stat`` says of it there,
    ``{backend: {column: value}}``.
    """
    lines = [line for line in text.lstrip("# \n").splitlines() if line]
    return {row["pxname"]: row for row in csv.DictReader(lines) if row["svname"] == name}


def sessions(found):
    """Return how many requests are under way to the server, in all backends."""
    return sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in found.values())


def own(found):
    """Return the backends in which the server has a state of its own that its health checks
    follow. Others track it, or check nothing.
    """
    return [
        name
        for name, row in found.items()
        if not row.get("tracked") and row["status"] != "no check"
    ]


def status(found):
    """Return what haproxy takes the server for, ``UP``, ``MAINT``, ``DOWN``,
    with what its last check said: the worst of its backends.

    One that was put back is ``UP 1/2`` before anybody has asked for its health: it gets visitors,
    and the first bad answer ends that.
    """
    words = [
        (f"{found[name]['status']} {found[name].get('check_status', '')}").strip()
        for name in own(found)
        if found[name]["status"] != "UP"
    ]
    return min(words, default="UP")


def is_out(word):
    """Return whether somebody has taken the server out, by its ``status``."""
    return word.startswith(("DRAIN", "MAINT"))


def _set(found, name, state):
    for backend in own(found):
        if said := ask(f"set server {backend}/{name} state {state}").strip():
            raise HaproxyError(f"haproxy does not set {backend}/{name} to {state}: {said}")


def _mark(name):
    return os.path.join(DRAINED, name)


def connections(text):
    """Return how many connections visitors have, by what ``show stat`` says of frontends."""
    rows = csv.DictReader(line for line in text.lstrip("# \n").splitlines() if line)
    return sum(int(row["scur"] or 0) for row in rows if row["pxname"] == "visitors")


def close(closing, timeout, check_mode=False):
    """Ask visitors to come by new connections, for ``timeout`` seconds or until there is none;
    or let them keep theirs again.

    Return ``known``, whether haproxy runs here, and how many ``connections`` there are then.
    """
    try:
        there = connections(ask("show stat -1 1 -1"))
    except OSError:
        return {"changed": False, "known": False, "connections": 0}
    changed = closing or os.path.lexists(CLOSING)
    if changed and not check_mode:
        if closing:
            with open(CLOSING, "w", encoding="utf-8"):
                pass
        if said := ask(
            "experimental-mode on", f"set var {_CLOSING} bool({str(closing).lower()})"
        ).strip():
            raise HaproxyError(f"haproxy does not set {_CLOSING}: {said}")
        deadline = time.monotonic() + timeout
        while closing and there and time.monotonic() < deadline:
            time.sleep(PAUSE)
            there = connections(ask("show stat -1 1 -1"))
        if not closing:
            os.unlink(CLOSING)
    return {"changed": changed, "known": True, "connections": there}


def run(name, state, timeout, check_mode=False):
    """Drain a server and wait until it has no request,
    or have it get visitors again and wait until a check has found it healthy.

    With the ``state`` healthy change nothing, and wait for that; what is taken out is not waited
    for. Return what is so then: ``known``: whether haproxy runs here and has such a server.
    ``cut``: how many requests were under way when ``timeout`` was over.
    """
    try:
        found = rows(ask("show stat -1 4 -1"), name)
    except OSError:
        found = {}
    result = {
        "changed": False,
        "known": bool(found),
        "cut": 0,
        "status": status(found) if found else "",
    }
    drained = state == "drained"
    if not found:
        return result
    result["changed"] = (
        drained or state == "ready" and (os.path.lexists(_mark(name)) or is_out(result["status"]))
    )
    if check_mode:
        return result
    if drained:
        # First, so that whoever dies now leaves a trace.
        os.makedirs(DRAINED, mode=0o700, exist_ok=True)
        with open(_mark(name), "w", encoding="utf-8"):
            pass
    if result["changed"]:
        _set(found, name, _TAKEN_OUT if drained else "ready")
    deadline = time.monotonic() + timeout
    while True:
        found = rows(ask("show stat -1 4 -1"), name)
        reached = (
            not sessions(found)
            if drained
            else status(found) == "UP" or state == "healthy" and is_out(status(found))
        )
        if reached or time.monotonic() >= deadline:
            break
        time.sleep(PAUSE)
    if state == "ready":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_mark(name))
    return {**result, "cut": sessions(found) if drained else 0, "status": status(found)}
