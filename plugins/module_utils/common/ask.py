# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read files of a host and ask its programs, several at the same
time. No Ansible. Private to the collection.
"""

from __future__ import annotations

import os
import shutil
import subprocess


def read(path):
    """Return the text of a file, empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def ask(name, *arguments):
    """Begin to run a program of the host, and return a function that returns what it prints:
    nothing if the program is not there.
    """
    program = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if not program:
        return str
    asked = subprocess.Popen(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return lambda: asked.communicate()[0].decode("utf-8", "surrogateescape")
