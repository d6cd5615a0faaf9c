"""Applications that are images, as their visitors and their operators see them. Run by Molecule's verifier."""

from __future__ import annotations

import pytest
from support.applications import HOST, INVENTORY

from .shop import Shop


@pytest.fixture(scope="session")
def site():
    """Return the host of the sites."""
    return INVENTORY.get_host(HOST)


@pytest.fixture(scope="session")
def old():
    """Return the host with the release of Debian before."""
    return INVENTORY.get_host(INVENTORY.get_hosts("old")[0])


@pytest.fixture(scope="session")
def _shop(site):
    return Shop(site)


@pytest.fixture
def shop(_shop):
    """Return it whole and current."""
    _shop.mend()
    return _shop
