"""Database servers of both engines, as programs on other computers and their operators see them.

Run by Molecule's verifier, which names the hosts in an inventory.
"""

from __future__ import annotations

import functools

import pytest

from .servers import HOSTS, Server


@pytest.fixture(scope="session", params=HOSTS)
def server(request):
    """Return each server in turn."""
    return Server(request.param)


@pytest.fixture(scope="session")
def servers():
    """Return all servers."""
    return [Server(name) for name in HOSTS]


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Return ``authority(server)``:
    a file with the certificate that the clients of a server trust.
    """

    @functools.lru_cache
    def authority(server):
        path = tmp_path_factory.mktemp("authority") / "ca.pem"
        path.write_text(server.host.check_output("cat /etc/mysql/tls/ca.pem"))
        return str(path)

    return authority
