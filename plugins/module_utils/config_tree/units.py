# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is asked and told of the units that read a tree. No Ansible.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time

from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths

PROPERTIES = (
    "ActiveState,ActiveEnterTimestampMonotonic,StateChangeTimestampMonotonic,"
    "ExecMainStartTimestampMonotonic,MainPID,Type"
)
RUNNING = ("active", "reloading")
# The types of units of which systemd itself knows when they have started, or read their files anew.
# The others are watched for some seconds: Apache tries for three to get an address that the host
# does not have.
TELLS = {
    "restart": ("notify", "notify-reload", "forking", "dbus", "oneshot"),
    "reload": ("notify-reload",),
}
LONGEST_STRETCH = 2.5
LISTEN = "0A"  # the state of a socket, as the kernel writes it
LONGEST_WAY = 15  # seconds until a unit that stops has given its ports up
LONGEST = 30  # lines of a log
ALL = 1000  # lines of it that are searched for the first reason
# What a program says when it cannot go on, by its level or else by its words; and what is not yet
# that, or only follows from it.
_LEVEL = re.compile(r"\[(\w+:)?(error|crit|alert|emerg)", re.IGNORECASE)
_REASON = re.compile(
    r"\b(error|fatal|cannot|can't|could not|couldn't|unable|failed|failure|denied|refused|no such"
    r"|not permitted|invalid|unknown|in use)\b",
    re.IGNORECASE,
)
_NO_REASON = re.compile(
    r"\[(\w+:)?(warn|note|info|debug)|process exited|Failed with result|^Failed to "
    r"start|Scheduled restart|status=|0 errors"
    r"|ignoring|falling back",
    re.IGNORECASE,
)
LONGEST_LOG = 2**20  # bytes of it
LONGEST_RELOAD = 120  # seconds, some more than systemd gives it by default


def _run(*command: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def systemd_runs() -> bool:
    """Whether there is anybody to ask."""
    return os.path.isdir("/run/systemd/system")


def ask_systemd(units: set[str]) -> dict[str, dict[str, str]]:
    """What systemd says of units: whether they run, and since when."""
    if not units or not systemd_runs():
        return {}
    names = sorted(units)
    shown = _run("systemctl", "show", f"--property={PROPERTIES}", "--", *names)
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in shown.stdout.split("\n\n")
    ]
    return dict(zip(names, blocks, strict=False))


def running(units: dict[str, dict[str, str]]) -> set[str]:
    """Those of the units that run, by what systemd says of them."""
    return {unit for unit, said in units.items() if said.get("ActiveState") in RUNNING}


def proved(units: dict[str, dict[str, str]], stamps: dict[str, dict[str, int]]) -> set[str]:
    """Those of the units that run, or have come to run since their files last changed
    (``Transaction.stamps``), whatever ended them.
    """

    def came_up(unit: str, said: dict[str, str]) -> bool:
        return int(said.get("ActiveEnterTimestampMonotonic") or 0) > max(
            kind.get(unit, 0) for kind in stamps.values()
        )

    return running(units) | {unit for unit, said in units.items() if came_up(unit, said)}


def systemctl(verb: str, *units: str) -> str:
    """Tell systemd to do something and wait until it is done;
    return what it says if it is not, and nothing if it is.
    """
    try:
        done = _run(
            "systemctl", verb, "--", *units, seconds=LONGEST_RELOAD if verb == "reload" else None
        )
    except subprocess.TimeoutExpired:
        # A process that says that it reads its files, and then hangs, is waited for without end.
        for job in _run(
            "systemctl", "show", "--property=Job", "--value", "--", *units
        ).stdout.split():
            _run("systemctl", "cancel", job)
        named = " ".join(units)
        return (
            f"{named} hangs: it has not loaded its files within {LONGEST_RELOAD} seconds. "
            f"'systemctl restart {named}' ends it."
        )
    return (
        ""
        if done.returncode == 0
        else done.stderr.strip() or f"systemctl {verb} ended with status {done.returncode}."
    )


def wait_for_end(process: int, seconds: float) -> None:
    """Wait until a process ends, at most so many seconds."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        os.close(descriptor)


def take_up(unit: str, verb: str, watch: float, instead_of: str = "") -> str:
    """Have a unit read its files: `reload` or `restart` it.

    Return what went wrong, and nothing if it runs.

    ``watch``: how many seconds it may take to end of them, if systemd is not told when it has read
    them. ``instead_of``: a unit that gives way to it, at the last moment.
    """
    before = ask_systemd({unit}).get(unit, {})
    if instead_of:
        give_way(instead_of)
    if wrong := systemctl(verb, unit):
        return wrong
    said = ask_systemd({unit}).get(unit, {})
    # What reads its files anew stays the same process; one that was started again in the meantime
    # has died of them.
    process = (before if verb == "reload" else said).get("MainPID")
    # A host with twice the work that it can do takes twice as long.
    watch *= min(LONGEST_STRETCH, max(1, os.getloadavg()[0] / (os.cpu_count() or 1)))
    deadline = time.monotonic() + (0 if said.get("Type") in TELLS[verb] else watch)
    while said.get("ActiveState") in RUNNING and said.get("MainPID") == process:
        left = deadline - time.monotonic()
        if left <= 0:
            return ""
        if main := int(process or 0):
            wait_for_end(main, left)
        else:
            time.sleep(min(left, 0.2))
        said = ask_systemd({unit}).get(unit, {})
    return f"systemctl {verb} went well, but {unit} ended right after it."


def listening(unit: str, proc: str = "/proc") -> set[str]:
    """The sockets, by number, on which processes of a unit listen for connections by TCP."""
    group, own = (
        _run("systemctl", "show", "--property=ControlGroup", "--value", "--", unit).stdout.strip(),
        set(),
    )
    for process in filter(str.isdecimal, os.listdir(proc) if group else ()):
        # It may end meanwhile. Which hierarchy of control groups systemd goes by differs from host
        # to host.
        with (
            contextlib.suppress(OSError),
            open(f"{proc}/{process}/cgroup", encoding="utf-8") as file,
        ):
            if any(line.rstrip().endswith(f":{group}") for line in file):
                for descriptor in os.listdir(f"{proc}/{process}/fd"):
                    with contextlib.suppress(OSError):
                        own.add(os.readlink(f"{proc}/{process}/fd/{descriptor}"))
    return own & {f"socket:[{number}]" for number in _listened(proc)}


def _listened(proc: str = "/proc") -> set[str]:
    numbers = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"{proc}/net/{name}", encoding="ascii") as file:
            lines = [line.split() for line in file.read().splitlines()[1:]]
            numbers |= {line[9] for line in lines if line[3] == LISTEN}
    return numbers


def give_way(unit: str) -> None:
    """Have a unit stop, and return as soon as its ports are free.

    What it does for visitors it may finish after that.
    """
    sockets = listening(unit)
    _run("systemctl", "stop", "--no-block", "--", unit)
    deadline = time.monotonic() + LONGEST_WAY
    while time.monotonic() < deadline and sockets & {
        f"socket:[{number}]" for number in _listened()
    }:
        time.sleep(0.002)


def have_back(unit: str, instead_of: str) -> str:
    """Start a unit that has given way to another, which does not run.
    Return what went wrong, and nothing if it runs.
    """
    systemctl("stop", instead_of)
    # Its package may have enabled it: the next start of the host is not to have both.
    systemctl("disable", instead_of)
    # It may still be at work for its last visitors, and would be waited for.
    _run("systemctl", "kill", "--", unit)
    systemctl("reset-failed", unit)
    return systemctl("start", unit)


def sizes(paths: list[str]) -> dict[str, int]:
    """Where each log ends now."""
    return {path: _size(path) for path in paths}


def _size(path: str) -> int:
    try:
        with safe_paths.regular(path) as descriptor:
            return os.fstat(descriptor).st_size
    except OSError:
        return 0


def written(ends: dict[str, int]) -> str:
    """What was written to logs since they had these sizes."""
    texts = []
    for path, end in ends.items():
        # A service may write its log in a directory of its own: what it leaves there is read, but
        # not what it leads to.
        with (
            contextlib.suppress(OSError),
            safe_paths.regular(path) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            size = file.seek(0, os.SEEK_END)
            # One that is shorter now was begun anew.
            file.seek(max(end if size >= end else 0, size - LONGEST_LOG))
            texts += file.read(LONGEST_LOG).decode("utf-8", "replace").splitlines()[-ALL:]
    return "\n".join(texts)


def ends(texts: list[str]) -> list[str]:
    """The last lines of each text."""
    return ["\n".join(text.splitlines()[-LONGEST:]) for text in texts if text]


def reason(texts: list[str]) -> str:
    """The first line in which a program says why it cannot go on:
    what comes after it mostly follows from it. Empty if none is.
    """
    lines = [
        line.strip() for text in texts for line in text.splitlines() if not _NO_REASON.search(line)
    ]
    return next((line for sign in (_LEVEL, _REASON) for line in lines if sign.search(line)), "")
