# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd's journal has of a unit. No Ansible. Private to the collection."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import ask

#: The whole name of a unit, and the processes that systemd itself started last for it.
_SHOWN = "Id,ExecMainPID,ExecCondition,ExecStartPre,ExecStart,ExecStartPost"
_NAME = re.compile(r"^Id=(.+)", re.MULTILINE)
_PROCESS = re.compile(r"(?:\bpid|^ExecMainPID)=([1-9]\d*)", re.MULTILINE)


def words(units: Iterable[str], since: float, lines: int = 60) -> str:
    """Return the last ``lines`` of what units, and systemd of them, wrote since a moment, in
    seconds since 1970.

    The journal looks up the unit of a process when it reads what that wrote. With version 1 of
    control groups it finds none for one that has ended by then, so that ``journalctl --unit``
    leaves out what matters most: why a service cannot start. The processes are asked for, too.
    """
    _sync()
    shown = ask("systemctl", "show", f"--property={_SHOWN}", "--", *units)()
    matches = [
        *(
            [f"_SYSTEMD_UNIT={unit}", "+", "_PID=1", f"UNIT={unit}"]
            for unit in _NAME.findall(shown)
        ),
        *([f"_PID={process}"] for process in sorted(set(_PROCESS.findall(shown)))),
    ]
    if not matches:
        return ""
    return ask(
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=cat",
        f"--lines={lines}",
        f"--since=@{since:.6f}",
        *[word for match in matches for word in ("+", *match)][1:],
    )().strip()


def _sync():
    """Have the journal take up what units have written, also those that have ended.

    The first call is answered before the journal reads that, the second after it.
    """
    for _turn in range(2):
        ask("journalctl", "--sync")()
