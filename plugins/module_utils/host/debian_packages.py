# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What debian_packages does on a host besides apt's work: wait until nobody else installs, start
what the packages brought. No Ansible.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

from ansible_collections.foobar.lamp.plugins.module_utils.host import units

# What the action plugin sends.
SENT = {
    "_step": {"type": "str", "choices": ["locks", "start"]},
    "_seconds": {"type": "int", "default": 0},
    "later": {"type": "list", "elements": "str", "default": []},
}
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
# The system's struct flock: what kind of lock, from where, from which byte, how many bytes, whose.
FLOCK = "@hhqqi4x"


def holder(path):
    """Return the number of the process that holds the lock file: 0 if none does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return 0
        raise
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, process = struct.unpack(
            FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
        )
    finally:
        os.close(descriptor)
    return 0 if kind == fcntl.F_UNLCK else process


def named(process):
    """Return a process in words, with its command as far as that tells something."""
    try:
        with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
            words = file.read().replace("\0", " ").strip()
    except OSError:
        words = ""
    return f"{words[:100]} (process {process})" if words else f"process {process}"


def holders(paths=LOCKS):
    """Return who holds the locks of apt and dpkg, in words, each once."""
    return [named(process) for process in dict.fromkeys(holder(path) for path in paths) if process]


def run(params, check_mode=False, diff=False):
    """Wait for the locks, and return who holds them after that;
    or start what waits. ``diff`` is nothing to it.
    """
    if params["_step"] == "start":
        started, broken = units.start(params["later"], check_mode)
        return {"changed": bool(started), "started": started, "broken": broken}
    deadline = time.monotonic() + params["_seconds"]
    while (held := holders()) and time.monotonic() < deadline:
        time.sleep(1)
    return {"changed": False, "held": held}
