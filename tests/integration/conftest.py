"""Name servers and relays for each test, and the modules as Ansible runs them."""

from __future__ import annotations

import pathlib

import pytest
from ansible.plugins.loader import init_plugin_loader

# Before anything imports the collection: templates may then call its filters.
init_plugin_loader([str(pathlib.Path(__file__).parents[2] / ".cache" / "collections")])

from support.modules import run_module  # noqa: E402
from support.name_servers import Bind, Knot, PowerDns, Relay  # noqa: E402


@pytest.fixture
def place(tmp_path):
    """Return a directory that servers which give up root may read too."""
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def bind(place):
    server = Bind(place)
    yield server
    server.stop()


@pytest.fixture(params=[Bind, Knot])
def server(request, place):
    """Return BIND and Knot DNS in turn."""
    server = request.param(place)
    yield server
    server.stop()


@pytest.fixture(params=[Bind, Knot, PowerDns])
def any_server(request, place):
    """Return BIND, Knot DNS and PowerDNS in turn."""
    server = request.param(place)
    yield server
    server.stop()


@pytest.fixture
def relay():
    """Return ``relay(port, on_update=..., on_query=...)``: a Relay to the server at the port."""
    relays = []

    def relay(port, **hooks):
        relays.append(Relay(port, **hooks))
        return relays[-1]

    yield relay
    for each in relays:
        each.stop()


@pytest.fixture
def run():
    """Return ``run(server, records, check=False, prelude="", **options)``:
    what dns_records says of foobar.com on a server.
    """

    def run(server, records, check=False, prelude="", **options):
        arguments = {
            "zone": "foobar.com",
            "port": server.port,
            "key_file": str(server.key_file),
            "timeout": 3,
            "records": records,
        }
        arguments.update(options, _ansible_check_mode=check, _ansible_diff=True)
        return run_module("dns_records", arguments, prelude, server.secret)

    return run


@pytest.fixture
def info():
    """Return ``info(server, **options)``: what dns_records_info says of foobar.com on a server."""

    def info(server, **options):
        arguments = {
            "zone": "foobar.com",
            "port": server.port,
            "key_file": str(server.key_file),
            "timeout": 3,
            **options,
        }
        return run_module("dns_records_info", arguments, secret=server.secret)

    return info
