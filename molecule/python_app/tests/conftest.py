"""Applications as their visitors and their operators see them. Run by Molecule's verifier, which
names the hosts in an inventory.
"""

from __future__ import annotations

import pytest
from support.applications import HOST, INVENTORY, Probe


@pytest.fixture(scope="session")
def site():
    """Return the host of the sites."""
    return INVENTORY.get_host(HOST)


@pytest.fixture(scope="session")
def shut():
    """Return the host without a route."""
    return INVENTORY.get_host("lamp-app-shut")


@pytest.fixture
def probe(site):
    """Return it whole and current, whatever a test before has left."""
    return Probe.whole(site)
