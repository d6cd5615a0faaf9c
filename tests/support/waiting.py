"""Waiting for a condition, without sleeping longer than it takes."""

from __future__ import annotations

import time


def wait_for(condition, seconds=120):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} does not come true"
        time.sleep(0.1)
