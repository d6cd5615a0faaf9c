"""The scenario's database servers."""

from __future__ import annotations

import pymysql
import testinfra.utils.ansible_runner
from support import plays
from support.containers import address_of

HOSTS = ("lamp-mysql-old", "lamp-mysql-new", "lamp-mysql-proper")
#: As servers.yml has it.
PASSWORD = "correct horse battery"
#: The role's own playbook.
PLAYBOOK = plays.ROOT / "molecule/mysql/servers.yml"

_hosts = testinfra.utils.ansible_runner.AnsibleRunner(plays.inventory())


class Server:
    """A database server: root asks it through the socket,
    everyone else from here over the network.
    """

    def __init__(self, name):
        self.name, self.host = name, _hosts.get_host(name)
        self.service = "mysql" if name == "lamp-mysql-proper" else "mariadb"

    def sql(self, statement):
        """Return the rows that root gets, as lists of texts."""
        shown = self.host.check_output(
            f"{self.service} --default-character-set=utf8mb4 -N -B -e %s", statement
        )
        return [line.split("\t") for line in shown.splitlines()]

    def connect(self, user, password=PASSWORD, database="shop_1", authority="", **options):
        """Return a connection over the network;
        with the authority's certificate it is over TLS and the server's is checked.
        """
        options |= {"ssl": {"ca": authority}} if authority else {"ssl_disabled": True}
        return pymysql.connect(
            host=address_of(self.name),
            user=user,
            password=password,
            database=database,
            connect_timeout=20,
            autocommit=True,
            **options,
        )

    def ask(self, user, statement, **options):
        """Return the rows that an account gets."""
        with self.connect(user, **options) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def process(self):
        """Return what tells a start of the server from another."""
        return self.host.check_output(
            f"systemctl show --property=ExecMainStartTimestampMonotonic --value {self.service}"
        )


def command(*options, playbook=PLAYBOOK, backup=False, **variables):
    """Return the command that runs the role,
    or another ``playbook``, against the scenario's servers.

    The role ``backup`` runs where a test is about it.
    """
    return plays.command(
        playbook, *([] if backup else ["--skip-tags", "backup"]), *options, **variables
    )


def play(*options, playbook=PLAYBOOK, backup=False, **variables):
    """Run it; returns its ``CompletedProcess``, whatever its status."""
    return plays.play(
        playbook, *([] if backup else ["--skip-tags", "backup"]), *options, **variables
    )
