# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import journal

#: A journal that has found no unit for the process that said why it cannot start.
JOURNALCTL = """#!/bin/sh
[ "$*" = --sync ] && exit
case " $* " in *" + _PID=17 "*|*" + _PID=17") echo cannot use this ;; esac
case " $* " in *" _SYSTEMD_UNIT=web.service + _PID=1 UNIT=web.service "*) echo Failed ;; esac
"""
SYSTEMCTL = """#!/bin/sh
echo ExecMainPID=17
echo 'ExecStart={{ path=/bin/web ; argv[]=/bin/web pid=3 ; pid=17 ; status=3 }}'
echo 'ExecStartPre={{ path=/bin/true ; argv[]=/bin/true ; pid=0 ; status=0/0 }}'
echo Id={name}
"""


@pytest.fixture
def say(tmp_path, monkeypatch):
    """Return a function that puts a program in the place of one of systemd's."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def put(name, text):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    put("journalctl", JOURNALCTL)
    return put


def test_process_without_a_unit_is_heard(say):
    say("systemctl", SYSTEMCTL.format(name="web.service"))
    assert journal.words(["web"], 0.0) == "cannot use this\nFailed"


def test_nobody_to_ask_says_nothing(say):
    say("systemctl", "#!/bin/sh\nexit 1\n")
    assert not journal.words(["web"], 0.0)
