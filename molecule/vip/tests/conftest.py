"""Tests begin with one balancer that has the address, and another one that could have it."""

from __future__ import annotations

import pytest
from support.waiting import wait_for

from .visitors import holder, other, state


@pytest.fixture
def pair():
    """Return the balancer that has the address, and the other one."""
    found = holder()
    wait_for(lambda: state(other(found)) == "BACKUP", 30)
    return found, other(found)
