# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role mysql in the plan. Private to the collection. Pure but
for reading the files that fill databases.
"""

from __future__ import annotations

import ipaddress
import os
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import accounts as _mysql_accounts
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import settings as _mysql_settings
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.accounts import host_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.dump import PACKED, dump_problems
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.galera import PORTS, place
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Port, Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import (
    DATABASE,
    DATABASE_PROXY,
    database_user,
    is_address,
)

_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}\Z")
_USER = re.compile(r"[0-9A-Za-z_.$-]{1,80}\Z")
_HOST = re.compile(r"[0-9A-Za-z_.:%/-]{1,255}\Z")
_CHARSET = re.compile(r"[0-9A-Za-z_]{1,64}\Z")
_TLS_NAME = re.compile(r"[0-9A-Za-z.:*-]{1,253}\Z")
_MEMBER = re.compile(r"[0-9A-Za-z._-]{1,32}\Z")
_SHORTEST = 12
_UNPACKERS = dict(zip(PACKED.values(), ("gzip", "xz-utils", "bzip2", "zstd"), strict=True))
#: The longest name that an account may have, by engine.
_LONGEST_NAME = {"mariadb": 80, "mysql": 32}
#: The server's own socket, by default.
SOCKET = "/run/mysqld/mysqld.sock"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Mysql(Role):
    """See Role."""

    GROUP = DATABASE
    HOSTS = (1, 5)
    NOT_HOSTS = {
        2: (
            "two cannot tell a host that is gone from a cable that is cut, and so neither may go "
            "on alone. Put a third one into it, or leave one (a third host that only votes, a "
            "witness, is not there yet)"
        ),
        4: (
            "four are no safer than three, since two of them may not go on without the others. "
            "Put a fifth one into it, or leave three"
        ),
    }
    EXAMPLE = {"mysql_bind_address": "::"}
    KEYS = {"mysql_users": ("name", "host")}
    LATE = ("mysql_cluster_cas",)
    EDGES = {
        "databases and accounts": "lamp_sites",
        "the hosts of the accounts, and whether TLS is needed": "lamp_web",
        "whether binary logs are kept": "backup_enabled",
        "the members of the cluster, if there are several": "lamp_db",
    }

    def inputs(self, site, host, offered):
        """An application on the database's own host goes through the
        socket, one elsewhere over TCP with TLS.

        Where several hosts have the database, all go by the proxy of their own host, over TCP with
        TLS.
        """
        if site.clustered:
            return self._shared(site, host)
        apart = site.hosts("lamp_web", without="lamp_db")
        own = (
            [address for one in site.hosts(self.GROUP) for address in one.peer_addresses]
            if apart
            else []
        )
        clients = ["localhost"] if len(apart) < len(site.hosts("lamp_web")) else []
        clients += [address for one in apart for address in one.peer_addresses]
        return {
            "mysql_bind_address": "127.0.0.1"
            if not apart
            else "::"
            if any(":" in address for address in own)
            else "0.0.0.0",  # noqa: S104
            # Proxies that are left of a cluster lead there until applications come by themselves.
            "mysql_tls_names": [*own, DATABASE_PROXY] if own else [],
            "mysql_databases": [
                {"name": one["database"]} for one in site.sites.values() if "database" in one
            ],
            "mysql_users": _users(site, clients),
            # Nothing else needs them.
            "mysql_binary_logs": host.given.get("backup_enabled", True),
        }

    def _shared(self, site, host):
        """Return the inputs of a member of a cluster."""
        clients = [address for one in site.hosts("lamp_web") for address in one.peer_addresses]
        return {
            # The proxies of web hosts listen at the loopback address, which clients ask for in the
            # certificate.
            "mysql_bind_address": ",".join(host.peer_addresses),
            "mysql_tls_names": [*host.peer_addresses, DATABASE_PROXY],
            "mysql_databases": [
                {"name": one["database"]} for one in site.sites.values() if "database" in one
            ],
            "mysql_users": _users(site, list(dict.fromkeys(clients))),
            "mysql_binary_logs": host.given.get("backup_enabled", True),
            "mysql_cluster_members": [
                {"name": one.name, "address": one.peer_addresses[0]}
                for one in site.hosts(self.GROUP)
            ],
            "mysql_cluster_host": host.name,
            "mysql_cluster_name": site.domain,
        }

    def late(self, site, host):
        """Each member has an authority of its own, which a first run makes."""
        return {"mysql_cluster_cas": authorities(site) if site.clustered else []}

    def site_problems(self, site, host, inputs):
        """Who asks one member alone knows neither what the others have
        nor by which authorities they are known.
        """
        if not inputs["mysql_cluster_members"]:
            return _leaving_problems(site, host)
        absent = [one.name for one in site.hosts(self.GROUP) if not one.facts]
        if not absent:
            return []
        return [
            (
                f"This run leaves out {' and '.join(absent)} of {self.GROUP}, whose hosts are a "
                f"cluster: run all of them, --limit {self.GROUP}."
            )
        ]

    def packages(self, inputs):
        """The server of Debian or of its own archive,
        and what unpacks the files that fill databases.
        """
        suffixes = {
            os.path.splitext(str(database.get("import") or ""))[1]
            for database in inputs["mysql_databases"]
        }
        server = f"{inputs['mysql_implementation']}-server"
        more = ["galera-4", "mariadb-backup", "socat"] if inputs["mysql_cluster_members"] else []
        return [
            server,
            "python3-pymysql",
            "logrotate",
            "openssl",
            *more,
            *sorted(_UNPACKERS[one] for one in suffixes & _UNPACKERS.keys()),
        ]

    def offers(self, inputs):
        """The database, for backups."""
        engine, settings = inputs["mysql_implementation"], inputs["mysql_settings"]
        database = {
            "engine": engine,
            "service": engine,
            "socket": socket_of(settings),
            "datadir": re.sub(r"(?<=.)/+$", "", _setting(settings, "datadir") or "/var/lib/mysql"),
        }
        members = {
            one["name"]: f"http://{place(one['address'], inputs['mysql_cluster_port'])}/state"
            for one in inputs["mysql_cluster_members"]
        }
        if members:
            database["cluster"] = {"host": inputs["mysql_cluster_host"], "members": members}
        agent = ["mysql-agent"] if members else []
        return {"services": [engine, *agent], "backup_database": database}

    def ports(self, inputs):
        """MySQL's, where it listens for other hosts:
        those of applications, and those from which accounts of the inventory's may come.

        Of a cluster, those by which members reach each other, and the one at which the host says
        how its server is.
        """
        members = []
        if inputs["mysql_cluster_members"]:
            members = [Port(number, "tcp", self.GROUP) for number in PORTS]
            members += [
                Port(inputs["mysql_cluster_port"], "tcp", group)
                for group in (self.GROUP, "lamp_web")
            ]
        return members + (
            []
            if inputs["mysql_bind_address"] in _LOOPBACK
            else [Port(3306, "tcp", "lamp_web", tuple(_clients(inputs["mysql_users"])))]
        )

    def problems(self, inputs, facts, search=()):
        """Passwords are never shown.

        A file that fills a database is read where it is about to be used: on a new host before all
        else.
        """
        databases, users, engine = (
            inputs["mysql_databases"],
            inputs["mysql_users"],
            inputs["mysql_implementation"],
        )
        packages = facts.get("packages") or []
        problems = [
            f"mysql_implementation is {engine}, and the host has {other}-server with its data: "
            f"dump that and remove the package first, or set mysql_implementation to {other}."
            for other in _LONGEST_NAME
            if other != engine and f"{other}-server" in packages
        ]
        problems += _declared_problems(
            databases,
            users,
            inputs["mysql_settings"],
            _LONGEST_NAME[engine],
            facts.get("memory_mb") or 0,
        )
        problems += [
            f"mysql_tls_names has {name!r}: give a host name or an address, as clients use it."
            for name in inputs["mysql_tls_names"]
            if not _TLS_NAME.match(name)
        ]
        if f"{engine}-server" not in packages:
            imports = [database for database in databases if database.get("import")]
            problems += import_problems(imports, search, users, engine=engine)
        return [
            *problems,
            *_authority_problems(inputs["mysql_tls_names"], facts),
            *_cluster_problems(inputs, facts),
        ]


def authorities(site):
    """Return the certificates of the authorities of all database hosts,
    as far as these have them.
    """
    return [
        text.strip()
        for one in site.hosts(DATABASE)
        for text in one.facts.get("ca_certificates", {}).values()
    ]


def socket_of(settings):
    """Return where the server's socket is by ``mysql_settings``, which may be of any type."""
    return _setting(settings, "socket") or SOCKET


def _setting(settings, name):
    section = settings.get("mysqld") if isinstance(settings, dict) else None
    value = section.get(name) if isinstance(section, dict) else None
    return value if isinstance(value, str) else ""


def _users(site, clients):
    """Return for each site with a database an account from each of
    ``clients``. Those elsewhere have to use TLS.
    """
    return [
        {
            "name": database_user(one),
            "host": client,
            "password": site.secrets[name]["database_password"],
            "databases": [one["database"]],
            "require_tls": client != "localhost",
        }
        for name, one in site.sites.items()
        if "database" in one
        for client in clients
    ]


def _clients(users):
    """Return the addresses and networks from which accounts may come.
    No packet filter knows names and patterns.
    """
    for user in users:
        try:
            network = ipaddress.ip_network(host_of(user))
        except ValueError:
            continue
        if not network.is_loopback:
            yield str(network.network_address if network.num_addresses == 1 else network)


def _declared_problems(databases, users, settings, longest_name, memory_mb):
    names = [database["name"] for database in databases]
    accounts = [(user["name"], host_of(user)) for user in users]
    for database in databases:
        yield from _database_problems(database)
    yield from (
        f"mysql_databases has {name} twice: remove one."
        for name in sorted(set(names))
        if names.count(name) > 1
    )
    for name, host in sorted(set(accounts)):
        if accounts.count((name, host)) > 1:
            yield f"mysql_users has {name}@{host} twice: remove one."
    for user in users:
        yield from _user_problems(user, names, longest_name)
    for section, values in settings.items():
        if not isinstance(values, dict):
            yield (
                f"mysql_settings.{section} is {values!r}: put settings into a section, for "
                f"instance mysql_settings.mysqld."
            )
    yield from _memory_problems(
        {section: values for section, values in settings.items() if isinstance(values, dict)},
        int(memory_mb),
    )


def _authority_problems(tls_names, facts):
    """Another key would make another authority,
    which no client trusts before the next run of its host.
    """
    known = facts.get("ca_certificates") or {}
    if (
        tls_names
        and "/etc/mysql/tls/ca.pem" in known
        and "/etc/mysql/tls/ca.key" not in (facts.get("paths") or {})
    ):
        yield (
            "/etc/mysql/tls/ca.key is missing, the key of the authority in /etc/mysql/tls/ca.pem "
            "that clients trust. Restore it from a backup. If it is lost, remove ca.pem and run "
            "the whole site: both are made anew, and clients fail until they have the new one."
        )


def _was(facts):
    """Return who the members of the host's cluster were when a run last saw to it."""
    return (facts.get("state") or {}).get("mysql_cluster") or []


def _leaving_problems(site, host):
    """Proxies ask the members which of them writes. Each has to be changed before they stop
    answering.
    """
    absent = [one.name for one in site.hosts("lamp_web") if not one.facts]
    if not _was(host.facts) or not absent:
        return []
    return [
        f"This run leaves out {' and '.join(absent)} of lamp_web, which would lose the database "
        f"when {host.name} leaves its cluster: run all hosts, without --limit."
    ]


def _cluster_problems(inputs, facts):
    members, was = inputs["mysql_cluster_members"], _was(facts)
    if not members:
        if len(was) > 1 and not inputs["mysql_leave_cluster"]:
            yield (
                f"The host is a member of a cluster ({', '.join(was)}), and by the inventory it "
                f"stands alone. Give its group the others again; or, if it is to go on alone, "
                f"run `systemctl disable --now mariadb` on each of them, and foobar.lamp.site "
                f"with -e mysql_leave_cluster=true. See docs/database-cluster.md."
            )
        return
    if inputs["mysql_implementation"] != "mariadb":
        yield (
            f"mysql_implementation is {inputs['mysql_implementation']}, and {len(members)} hosts "
            f"are to have the database: a cluster is MariaDB's. "
            f"Set it to mariadb, or leave one host in the group."
        )
    if len(members) not in (3, 5):
        yield (
            f"mysql_cluster_members has {len(members)} hosts: give three or five, of which more "
            f"than half have to be there."
        )
    names = [one["name"] for one in members]
    for one in members:
        if not _MEMBER.match(one["name"]):
            yield (
                f"mysql_cluster_members has the name {one['name']!r}: use letters, digits, dots, "
                f"underscores and hyphens."
            )
        if not is_address(one["address"]):
            yield (
                f"mysql_cluster_members gives {one['name']} the address {one['address']!r}: give "
                f"an IPv4 or IPv6 address."
            )
        elif (
            one["name"] == inputs["mysql_cluster_host"]
            and one["address"] not in inputs["mysql_tls_names"]
        ):
            yield (
                f"mysql_tls_names lacks {one['address']}, at which members reach this host: add it."
            )
    if len(set(names)) < len(names):
        yield "mysql_cluster_members has a name twice: remove one."
    if inputs["mysql_cluster_host"] not in names:
        yield (
            f"mysql_cluster_host is {inputs['mysql_cluster_host']!r}, which is not a name in "
            f"mysql_cluster_members: give this host's."
        )
    if not _MEMBER.match(inputs["mysql_cluster_name"]):
        yield (
            f"mysql_cluster_name is {inputs['mysql_cluster_name']!r}: use letters, digits, dots, "
            f"underscores and hyphens, at most 32."
        )
    if not 0 < inputs["mysql_cluster_port"] < 65536:
        yield f"mysql_cluster_port is {inputs['mysql_cluster_port']}: give a port from 1 to 65535."


def _memory_problems(settings, memory_mb):
    """The server takes the buffer pool bit by bit:
    one that the host has no room for ends it weeks later.
    """
    given = _mysql_settings.variables(settings).get("innodb_buffer_pool_size")
    size = _mysql_settings.plain(given) if given is not None else ""
    if memory_mb and size.isdecimal() and int(size) > memory_mb * 2**20:
        yield (
            f"mysql_settings has innodb_buffer_pool_size {given}, and the host has {memory_mb} "
            f"MiB of memory: give less, half of it at most where others live on the host, or "
            f"leave it out for a quarter."
        )


def _database_problems(database):
    name = database["name"]
    if not _DATABASE.match(name):
        yield (
            f"mysql_databases has the name {name!r}: use 1 to 64 letters, digits, underscores, "
            f"hyphens or dollar signs."
        )
    if name.lower() in _mysql_accounts.OWN_DATABASES:
        yield f"mysql_databases has {name}, which is the server's own: choose another name."
    encoding, collation = database.get("encoding"), database.get("collation")
    for key in ("encoding", "collation"):
        if database.get(key) and not _CHARSET.match(database[key]):
            yield (
                f"mysql_databases gives {name} the {key} {database[key]!r}: "
                f"use letters, digits and underscores."
            )
    # A collation without the name of a character set before it, such as uca1400_ai_ci, goes with
    # several.
    if (
        encoding
        and collation
        and collation.split("_")[0] != encoding
        and collation != "binary"
        and not collation.startswith("uca")
    ):
        yield (
            f"mysql_databases gives {name} the collation {collation}, which is not of its "
            f"encoding {encoding}: correct one of them."
        )


def _user_problems(user, databases, longest_name):
    where = f"mysql_users gives {user['name']}"
    if not _USER.match(user["name"]) or len(user["name"]) > longest_name:
        yield (
            f"mysql_users has the name {user['name']!r}: use 1 to {longest_name} letters, digits, "
            f"underscores, dots, hyphens, dollar signs."
        )
    if user["name"].lower() in _mysql_accounts.OWN_ACCOUNTS:
        yield (
            f"mysql_users has {user['name']}, an account of the server's own: choose another "
            f"name. Root logs in through the socket."
        )
    if not _HOST.match(host_of(user)):
        yield f"{where} the host {host_of(user)!r}: give a name, an address, or a pattern of them."
    if len(user["password"]) < _SHORTEST:
        yield f"{where} a password of fewer than {_SHORTEST} characters: give a longer one."
    for database in user.get("databases") or []:
        if database not in databases:
            yield f"{where} the database {database}: add that to mysql_databases, or correct it."
    given = user.get("privileges") or "all"
    if isinstance(given, str):
        if given not in _mysql_accounts.SETS:
            yield (
                f"{where} the privileges {given!r}: give one of "
                f"{', '.join(_mysql_accounts.SETS)}, or a list such as [SELECT, INSERT]."
            )
    else:
        for privilege in given:
            if str(privilege).upper() not in _mysql_accounts.PRIVILEGES:
                yield (
                    f"{where} the privilege {privilege!r}: give one that goes with databases, "
                    f"such as SELECT or CREATE VIEW."
                )
    if given != "monitor" and not user.get("databases"):
        yield f"{where} no database: name some in databases, or set privileges to monitor."


def import_problems(imports, search, users, rows=(), engine="mariadb"):
    """Return what is wrong with the files that are to fill the databases ``imports``:
    a list of sentences.

    ``search``: where Ansible looks for a relative path. ``rows``: accounts that the server has,
    with name and host.
    """
    accounts = {f"{user['name']}@{host_of(user)}".lower() for user in users} | {
        f"{row['name']}@{row['host']}".lower() for row in rows
    }
    problems = []
    for database in imports:
        name = os.path.expanduser(database["import"])
        places = [
            os.path.normpath(os.path.join(place, inner, name))
            for place in search
            for inner in ("files", "")
        ]
        path = next((place for place in places if os.path.isfile(place)), None)
        found = (
            dump_problems(path, database["name"], accounts | {"root@localhost"}, engine)
            if path
            else ["is not there. Correct the path."]
        )
        problems += [
            f"mysql_databases fills {database['name']} from {path or name}, which {problem}"
            for problem in found
        ]
    return problems


ROLE = Mysql("mysql")
