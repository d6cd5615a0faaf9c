"""The site as its visitors see it: names are asked of its own name server, pages fetched from the address that it answers.

Run by Molecule's verifier (``molecule verify``), which names the hosts in an inventory.
"""

from __future__ import annotations

import http.client
import json
import os
from urllib.parse import urlencode

import dns.message
import dns.query
import pytest
import testinfra.utils.ansible_runner

SITE = "www.foobar.com"

_inventory = testinfra.utils.ansible_runner.AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])


def _host(group):
    return _inventory.get_host(_inventory.get_hosts(group)[0])


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
    return [_inventory.get_host(name) for name in _inventory.get_hosts("lamp_dns")]


@pytest.fixture(scope="session")
def name_server(name_servers):
    """Return the primary name server."""
    return name_servers[0]


def address_of(host):
    """Return the address of a host on the containers' network."""
    return host.check_output("hostname -I").split()[0]


@pytest.fixture(scope="session")
def ask(name_server):
    """Return ``ask(name, type, server)``: the answer of the site's name server, over UDP, as a dnspython message."""

    def ask(name, kind="A", server=None):
        return dns.query.udp(dns.message.make_query(name, kind), address_of(server or name_server), timeout=5)

    return ask


@pytest.fixture(scope="session")
def sql(db):
    """Return ``sql(statement)``: the rows, as lists of texts, that root gets through the socket."""

    def sql(statement):
        return [line.split("\t") for line in db.check_output("mariadb --default-character-set=utf8mb4 -N -B -e %s", statement).splitlines()]

    return sql


class Browser:
    """A visitor: follows the name server's answer, keeps cookies, shows status, headers and text of each answer."""

    def __init__(self, ask):
        self._ask = ask
        self.cookies = {}

    def request(self, method, path, form=None, name=SITE, headers=None):
        """Return the ``http.client.HTTPResponse`` with its body, decoded, as ``text``."""
        answer = self._ask(name).answer
        assert answer, f"the name server knows no address of {name}"
        connection = http.client.HTTPConnection(answer[-1][0].address, 80, timeout=20)
        sent = {"Host": name, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        response.raw = response.read()
        response.text = response.raw.decode(errors="replace")
        for header in response.headers.get_all("Set-Cookie", []):
            key, _equals, value = header.partition(";")[0].partition("=")
            self.cookies[key] = value
        connection.close()
        return response

    def get(self, path, **options):
        """Fetch ``path``."""
        return self.request("GET", path, **options)

    def json(self, path):
        """Fetch ``path`` and return what its JSON says."""
        return json.loads(self.get(path).text)


@pytest.fixture
def browser(ask):
    """Return a new visitor."""
    return Browser(ask)
