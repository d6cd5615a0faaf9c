"""Database servers of both engines, as programs on other computers and their operators see them.

Run by Molecule's verifier, which names the hosts in an inventory.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import threading
import time

import pymysql
import pytest
import testinfra.utils.ansible_runner

ROOT = pathlib.Path(__file__).parents[2]
INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
HOSTS = ("lamp-mysql-old", "lamp-mysql-new", "lamp-mysql-proper")
#: As molecule/mysql/servers.yml has it.
PASSWORD = "correct horse battery"

_hosts = testinfra.utils.ansible_runner.AnsibleRunner(INVENTORY)


@functools.lru_cache
def address_of(container):
    """Return the address of a host on the containers' network."""
    shown = ["docker", "inspect", "--format", "{{ range .NetworkSettings.Networks }}{{ .IPAddress }} {{ end }}", container]
    return subprocess.run(shown, check=True, capture_output=True, text=True).stdout.split()[0]


class Server:
    """A database server: root asks it through the socket, everyone else from here over the network."""

    def __init__(self, name):
        self.name, self.host = name, _hosts.get_host(name)
        self.service = "mysql" if name == "lamp-mysql-proper" else "mariadb"

    def sql(self, statement):
        """Return the rows that root gets, as lists of texts."""
        shown = self.host.check_output(f"{self.service} --default-character-set=utf8mb4 -N -B -e %s", statement)
        return [line.split("\t") for line in shown.splitlines()]

    def connect(self, user, password=PASSWORD, database="shop_1", authority="", **options):
        """Return a connection over the network; with the authority's certificate it is over TLS and the server's is checked."""
        options |= {"ssl": {"ca": authority}} if authority else {"ssl_disabled": True}
        return pymysql.connect(
            host=address_of(self.name), user=user, password=password, database=database, connect_timeout=20, autocommit=True, **options
        )

    def ask(self, user, statement, **options):
        """Return the rows that an account gets."""
        with self.connect(user, **options) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def process(self):
        """Return what tells a start of the server from another."""
        return self.host.check_output(f"systemctl show --property=ExecMainStartTimestampMonotonic --value {self.service}")


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
    """Return ``authority(server)``: a file with the certificate that the clients of a server trust."""

    @functools.lru_cache
    def authority(server):
        path = tmp_path_factory.mktemp("authority") / "ca.pem"
        path.write_text(server.host.check_output("cat /etc/mysql/tls/ca.pem"))
        return str(path)

    return authority


def command(*options, playbook=f"{ROOT}/molecule/mysql/servers.yml", **variables):
    """Return the command that runs the role, or another ``playbook``, against the scenario's servers."""
    given = json.dumps({"ansible_user": "root", **variables})
    return ["ansible-playbook", "--inventory", INVENTORY, "--extra-vars", given, str(playbook), *options]


ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_FORCE_COLOR": "false"}


def play(*options, **variables):
    """Run it; returns its ``CompletedProcess``, whatever its status."""
    return subprocess.run(command(*options, **variables), capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT)


class Load:
    """A thread that does the same all the while; ``failures`` has what did not work, ``done`` what did."""

    def __init__(self, work, pause=0.02):
        self._work, self._pause, self._end = work, pause, threading.Event()
        self.done, self.failures = [], []

    def _run(self):
        while not self._end.wait(self._pause):
            try:
                self.done.append(self._work())
            except (OSError, pymysql.Error) as error:
                self.failures.append(repr(error))

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._end.set()
        self._thread.join()


def wait_for(condition, seconds=60):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} does not come true"
        time.sleep(0.1)
