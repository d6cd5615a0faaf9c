"""The command by itself, in a container of its own: against
pebble, a primary and a secondary name server.
"""

from __future__ import annotations

import subprocess

from support.plays import ROOT


def test_command():
    done = subprocess.run(
        [ROOT / "tests/pebble/run.sh"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
