"""Applications that are images, as their visitors and their
operators see them. Run by Molecule's verifier.
"""

from __future__ import annotations

import pytest
from support.applications import HOST, INVENTORY
from support.plays import ENVIRONMENT

from .shop import Registry, Shop


@pytest.fixture(scope="session")
def site():
    """Return the host of the sites."""
    return INVENTORY.get_host(HOST)


@pytest.fixture(scope="session")
def old():
    """Return the host with the release of Debian before."""
    return INVENTORY.get_host(INVENTORY.get_hosts("old")[0])


@pytest.fixture
def registry(old, site, monkeypatch):
    """Return a registry that wants a login,
    and whose CA this computer and the host of the sites trust by what their owners said.
    """
    found = Registry(
        old, INVENTORY.get_hosts("old")[0], INVENTORY.get_variables(HOST)["registry_login"]
    )
    monkeypatch.setitem(ENVIRONMENT, "SSL_CERT_FILE", str(found.certificate))
    place = f"/etc/containers/certs.d/{found.address}"
    site.check_output(
        "mkdir -p %s; printf %%s %s > %s/ca.crt", place, found.certificate.read_text(), place
    )
    return found


@pytest.fixture(scope="session")
def _shop(site):
    return Shop(site)


@pytest.fixture
def shop(_shop):
    """Return it whole and current."""
    _shop.mend()
    return _shop
