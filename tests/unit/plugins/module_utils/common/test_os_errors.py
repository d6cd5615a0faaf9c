# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operating system refused is said with the file and what is behind it."""

from __future__ import annotations

import errno
import os
import re

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain, named


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"/proc/x: No space left on device \(file system /proc: .*\)\."),
        (errno.EROFS, r"/proc/x: Read-only file system \(file system /proc\)\."),
        (errno.EDQUOT, r"/proc/x: Disk quota exceeded \(file system /proc\)\."),
        (
            errno.EPERM,
            r"/proc/x: Operation not permitted \((to root: 'lsattr'|as .*become root).*\)\.",
        ),
        (errno.EISDIR, r"/proc/x: Is a directory\."),
    ],
)
@pytest.mark.parametrize("with_name", [True, False])
def test_error_names_file_and_file_system(number, words, with_name):
    error = OSError(number, os.strerror(number), *(["/proc/x"] if with_name else []))
    assert re.fullmatch(words, explain(error, "/proc/x"))


def test_error_without_any_name_is_said_without():
    assert explain(OSError(errno.EIO, "Input/output error")) == "Input/output error."


def test_write_names_its_file():
    with pytest.raises(OSError, match="/etc/x") as caught, named("/etc/x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == "/etc/x"
    with pytest.raises(OSError, match="/other"), named("/etc/x"):
        raise OSError(errno.ENOSPC, "No space left on device", "/other")
