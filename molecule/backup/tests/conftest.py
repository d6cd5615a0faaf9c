"""Backups as the person on call meets them. Run by Molecule's
verifier, which names the hosts in an inventory.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

from .databases import HOSTS, SHOP, Database


class ByEngine(LoadScopeScheduling):
    """Lets each engine's tests run in their order, beside the other's:
    they have hosts of their own.
    """

    def _split_scope(self, nodeid):
        return "mysql" if "lamp-backups-proper" in nodeid else "mariadb"


def pytest_xdist_make_scheduler(config, log):
    """Name the order of ``--dist loadscope``."""
    return ByEngine(config, log)


@pytest.fixture(scope="session", params=["lamp-backups-old", "lamp-backups-proper"])
def database(request):
    """Return a database host, of each engine one."""
    return Database(request.param)


@pytest.fixture(scope="session")
def old():
    """Return the host with the older MariaDB."""
    return Database("lamp-backups-old")


@pytest.fixture(scope="session")
def new():
    """Return the host that takes its place."""
    return Database("lamp-backups-new")


@pytest.fixture(scope="session")
def vault():
    """Return the host with the copies."""
    return HOSTS.get_host("lamp-backups-vault")


@pytest.fixture
def shop(database):
    """Return the host with the shop as it is at first, whatever a test before has left."""
    database.sql(SHOP)
    return database
