"""Applications as their visitors and their operators see them. Run by Molecule's verifier, which names the hosts in an inventory."""

from __future__ import annotations

import pytest
import testinfra.utils.ansible_runner
from support import plays

from .applications import Probe, play

_hosts = testinfra.utils.ansible_runner.AnsibleRunner(plays.inventory())


@pytest.fixture(scope="session")
def site():
    """Return the host of the site."""
    return _hosts.get_host("lamp-app-site")


@pytest.fixture(scope="session")
def shut():
    """Return the host without a route."""
    return _hosts.get_host("lamp-app-shut")


@pytest.fixture
def probe(site):
    """Return it whole and current, whatever a test before has left."""
    found = Probe(site)
    if not found.take():
        found.change()
        done = play("deploy")
        assert done.returncode == 0, done.stdout[-3000:]
    return found
