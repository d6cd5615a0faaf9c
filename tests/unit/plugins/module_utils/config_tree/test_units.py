"""What systemd's words say of units."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import units
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.units import proved, reason


@pytest.mark.parametrize(
    "hierarchy", ["0::", "12:pids:/other\n1:name=systemd:", "1:name=systemd:/other\n0::"]
)
def test_sockets_on_which_a_unit_listens(tmp_path, monkeypatch, hierarchy):
    """On hosts with one hierarchy of control groups, or several:
    the processes are this one, and one that has ended.
    """
    (tmp_path / "net").symlink_to("/proc/self/net")
    for process in (str(os.getpid()), "999999"):
        (tmp_path / process).mkdir()
        (tmp_path / process / "cgroup").write_text(f"{hierarchy}/system.slice/web.service\n")
    (tmp_path / str(os.getpid()) / "fd").symlink_to("/proc/self/fd")
    monkeypatch.setattr(
        units,
        "_run",
        lambda *_command: subprocess.CompletedProcess((), 0, "/system.slice/web.service\n", ""),
    )
    before = units.listening("web", str(tmp_path))
    with (
        socket.socket(socket.AF_INET6) as one,
        socket.socket() as other,
        socket.socket() as no_listener,
    ):
        for own in (one, other, no_listener):
            own.bind(("", 0))
        one.listen()
        other.listen()
        numbers = {f"socket:[{os.fstat(own.fileno()).st_ino}]" for own in (one, other)}
        assert units.listening("web", str(tmp_path)) - before == numbers
    assert units.listening("web", str(tmp_path)) == before
    monkeypatch.setattr(
        units, "_run", lambda *_command: subprocess.CompletedProcess((), 0, "\n", "")
    )
    assert units.listening("none", str(tmp_path)) == set()


STAMPS = {"reload": {"web": 100, "other": 900}, "restart": {"web": 50}}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"ActiveState": "active", "ActiveEnterTimestampMonotonic": "10"}, {"web"}),
        ({"ActiveState": "reloading"}, {"web"}),
        ({"ActiveState": "inactive", "ActiveEnterTimestampMonotonic": "101"}, {"web"}),
        ({"ActiveState": "failed", "ActiveEnterTimestampMonotonic": "101"}, {"web"}),
        # Its files are younger than its last life.
        ({"ActiveState": "inactive", "ActiveEnterTimestampMonotonic": "100"}, set()),
        # It has not run since the host's start, or is not there.
        ({"ActiveState": "inactive", "ActiveEnterTimestampMonotonic": "0"}, set()),
        ({"ActiveState": "inactive", "ActiveEnterTimestampMonotonic": ""}, set()),
        ({}, set()),
    ],
)
def test_unit_has_proved_the_files_that_it_came_up_with(said, wanted):
    assert proved({"web": said}, STAMPS) == wanted


def test_unit_without_stamps_has_proved_what_it_came_up_with():
    units = {"db": {"ActiveState": "inactive", "ActiveEnterTimestampMonotonic": "1"}}
    assert proved(units, {"reload": {}, "restart": {}}) == {"db"}


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (
            "create failed: falling back\n[Note] Starting MariaDB\n"
            "[Warning] 'x' failed to resolve\nuring failed\n[ERROR] Bind on port: No such device\n"
            "[ERROR] Do you already have another server running?\n[ERROR] Aborting",
            "[ERROR] Bind on port: No such device",
        ),
        (
            (
                "(99)Cannot assign requested address: AH00072: make_sock: could not bind\n"
                "no listening sockets available, shutting down"
            ),
            "(99)Cannot assign requested address: AH00072: make_sock: could not bind",
        ),
        (
            (
                "x.service: Main process exited, code=exited, status=1/FAILURE\n"
                "x.service: Failed with result 'exit-code'.\nFailed to start x."
            ),
            "",
        ),
        (
            "x.service: Failed at step EXEC spawning /x: Permission denied",
            "x.service: Failed at step EXEC spawning /x: Permission denied",
        ),
    ],
)
def test_reason_is_the_first_that_a_program_gives(text, first):
    assert reason(["", text]) == first


def test_reload_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "systemctl").write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n[ "$1" != show ] || echo 17\n[ "$1" != reload '
        f"] || exec sleep 600\n"
    )
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(units, "LONGEST_RELOAD", 0.5)
    assert "named.service hangs: it has not loaded its files within 0.5 seconds" in units.systemctl(
        "reload", "named.service"
    )
    assert "cancel 17" in (tmp_path / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("seconds", "wrong"),
    [("60", ""), ("0.5", "but named.service ended right after it")],
    ids=["stays", "ends"],
)
def test_unit_is_watched_without_asking_all_the_while(tmp_path, monkeypatch, seconds, wrong):
    with subprocess.Popen(["sleep", seconds]) as process:
        threading.Thread(target=process.wait).start()
        (tmp_path / "systemctl").write_text(
            f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n'
            # One that has ended stays in the table until it is waited for.
            f'case $(cut -d " " -f 3 /proc/{process.pid}/stat) in ""|Z) state=failed ;; *) '
            f"state=active ;; esac\n"
            f'printf "ActiveState=$state\\nMainPID={process.pid}\\nType=forking\\n"\n'
        )
        (tmp_path / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(units, "systemd_runs", lambda: True)
        began = time.monotonic()
        said = units.take_up("named.service", "reload", 1.5)
        took = time.monotonic() - began
        process.kill()
    assert wrong in said and bool(wrong) == bool(said)
    assert took >= 1.5 or wrong
    # Before the reload, the reload, after it, and at the end; on a busy computer the process may
    # have ended by then.
    assert len((tmp_path / "asked").read_text().splitlines()) <= 4
