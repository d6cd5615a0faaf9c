"""The site as its visitors see it: names are asked of its own name server,
pages fetched from the address that it answers.

Run by Molecule's verifier (``molecule verify``), which names the hosts in an inventory.
"""

from __future__ import annotations

import os

import dns.message
import dns.query
import pytest

from .visitors import INVENTORY, Browser, address_of

#: Which of the scenarios runs these tests: "apart", or the version of Debian of the one host of
#: "default".
PLACE = (
    "apart"
    if os.environ["MOLECULE_SCENARIO_NAME"] == "apart"
    else os.environ.get("LAMP_DEBIAN") or "13"
)


def pytest_configure(config):
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "only(*places): where this is shown; elsewhere it would be the same once more"
    )


def pytest_collection_modifyitems(config, items):
    """Leave out what is another scenario's."""
    wanted = {item: all(PLACE in mark.args for mark in item.iter_markers("only")) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not wanted[item]])
    items[:] = [item for item in items if wanted[item]]


def _host(group):
    return INVENTORY.get_host(INVENTORY.get_hosts(group)[0])


@pytest.fixture(scope="session")
def db():
    """Return the database host."""
    return _host("lamp_db")


@pytest.fixture(scope="session")
def web():
    """Return the web host."""
    return _host("lamp_web")


@pytest.fixture(scope="session")
def name_servers():
    """Return the name servers, the primary first."""
    return [INVENTORY.get_host(name) for name in INVENTORY.get_hosts("lamp_dns")]


@pytest.fixture(scope="session")
def name_server(name_servers):
    """Return the primary name server."""
    return name_servers[0]


@pytest.fixture(scope="session")
def ask(name_server):
    """Return ``ask(name, type, server)``:
    the answer of the site's name server, over UDP, as a dnspython message.
    """

    def ask(name, kind="A", server=None):
        return dns.query.udp(
            dns.message.make_query(name, kind), address_of(server or name_server), timeout=5
        )

    return ask


@pytest.fixture(scope="session")
def sql(db):
    """Return ``sql(statement)``: the rows, as lists of texts, that root gets through the socket."""

    def sql(statement):
        return [
            line.split("\t")
            for line in db.check_output(
                "mariadb --default-character-set=utf8mb4 -N -B -e %s", statement
            ).splitlines()
        ]

    return sql


@pytest.fixture
def browser(ask):
    """Return a new visitor."""
    return Browser(ask)
