"""Who holds a lock, and which units an installation left behind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import debian_packages, units

HOLD = (
    "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); "
    "print(flush=True); sys.stdin.read()"
)


@pytest.fixture
def other(tmp_path):
    """Return a lock file and the process of somebody else that holds it."""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield path, process.pid


def test_holder_of_a_lock_is_named(other):
    path, process = other
    (held,) = debian_packages.holders([path, path])
    assert held.startswith(sys.executable)
    assert held.endswith(f"(process {process})")


def test_lock_that_nobody_holds(tmp_path):
    (tmp_path / "free").touch()
    assert debian_packages.holders([tmp_path / "free", tmp_path / "none"]) == []


def test_lock_is_waited_for(other, monkeypatch):
    path, _process = other
    monkeypatch.setattr(debian_packages, "LOCKS", [path])
    monkeypatch.setattr(debian_packages.holders, "__defaults__", ([path],))
    assert len(debian_packages.run({"_step": "locks", "_seconds": 0.1})["held"]) == 1


def test_units_that_are_enabled(tmp_path):
    wants = tmp_path / "multi-user.target.wants"
    wants.mkdir()
    (tmp_path / "cron.service").touch()
    (tmp_path / "work@.service").touch()
    os.symlink(tmp_path / "cron.service", wants / "alias.service")
    os.symlink(tmp_path / "work@.service", wants / "work@one.service")
    os.symlink(tmp_path / "gone.service", wants / "gone.service")
    os.symlink("/dev/null", wants / "masked.service")
    assert units.wanted(tmp_path) == {"cron.service", "work@one.service"}
    # Not for the start of the system, but enabled, too.
    for place, name in (
        (tmp_path / "sysinit.target.wants", "clock.service"),
        (tmp_path / "lan.target.requires", "net.timer"),
        (tmp_path, "sshd.service"),
    ):
        place.mkdir(exist_ok=True)
        (tmp_path / f"of-{name}").touch()
        os.symlink(tmp_path / f"of-{name}", place / name)
    of = {"of-clock.service", "of-net.timer", "of-sshd.service"}
    assert units.enabled(tmp_path) == {"cron.service", "work@one.service"} | of
    assert units.enabled(tmp_path / "none") == set()
