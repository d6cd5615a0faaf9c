"""dns_records and dns_records_info with GSS-TSIG: a real Kerberos realm, BIND in it, and Debian's own dnspython and gssapi."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import ansible
import pytest
from conftest import run_module
from kerberos import HOST, REALM, Kerberos
from name_servers import Bind

WWW = {"name": "www", "type": "A", "values": ["192.0.2.1", "192.0.2.2"]}
# The distribution's Python has gssapi from a package, and the oldest dnspython that the modules take; of ours it gets only Ansible.
PYTHON = "/usr/bin/python3"
COLLECTIONS = Path(__file__).parents[2] / ".cache" / "collections"
PACKAGES = (COLLECTIONS, "/usr/lib/python3/dist-packages", Path(ansible.__file__).parents[1])


@pytest.fixture
def realm(place):
    (place / "realm").mkdir()
    realm = Kerberos(place / "realm")
    yield realm
    realm.stop()


@pytest.fixture
def bind(place, realm):
    """Return a BIND of the realm."""
    server = Bind(place, realm=realm)
    yield server
    server.stop()


@pytest.fixture
def admin(realm):
    """Return the keytab of the one who may change the zone."""
    return realm.add("admin", "admin")


@pytest.fixture
def run(realm, bind):
    """Return ``run(records, check=False, prelude="", environment=None, **options)``: what dns_records says of foobar.com in the realm."""

    def run(records, check=False, prelude="", environment=None, module="dns_records", **options):
        arguments = {"zone": "foobar.com", "port": bind.port, "timeout": 3, "key_algorithm": "gss-tsig", "gss_server": HOST}
        arguments.update(options, _ansible_check_mode=check, _ansible_diff=True)
        if records is not None:
            arguments["records"] = records
        environment = {**realm.environment, "PYTHONPATH": os.pathsep.join(map(str, PACKAGES)), **(environment or {})}
        return run_module(module, arguments, prelude, python=PYTHON, environment=environment)

    return run


def test_ticket_of_the_cache_changes_the_zone_and_reads_it(run, realm, bind, admin):
    realm.log_in("admin", admin)
    planned = run([WWW], check=True)
    assert planned["changed"], planned
    assert bind.ask("www.foobar.com", "A") == []
    assert run([WWW])["changes"] == planned["changes"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    again = run([WWW])
    assert (again["changed"], again["changes"]) == (False, [])
    read = run(None, module="dns_records_info")
    assert {"name": "www", "type": "A", "ttl": 3600, "values": ["192.0.2.1", "192.0.2.2"]} in read["records"]
