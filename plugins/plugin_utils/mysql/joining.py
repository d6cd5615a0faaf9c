# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether database servers can become members of one cluster, before
anything is changed. Private to the collection. Pure.

Of a table that is not InnoDB's the others get the definition and no row. Rows without a primary key
are found by the others one by one by all their columns, and not deleted by some statements at all.
A member without room ends in the middle of the data that it gets.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.module_utils.mysql import cluster
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.galera import GCACHE

#: How many tables are named.
_MOST = 20
#: Nobody sees it: not SELECT *, and not INSERT without names of columns.
_COLUMN = "row_number_of_cluster"
_ESCAPED = {"\\t": "\t", "\\n": "\n", "\\\\": "\\", "\\0": "\0"}


def read(lines, recorded):
    """Return what a host says (the role's ``survey.sh``), as ``problems`` takes it.
    ``recorded``: whether it is a member already.
    """
    rows = [line.split("\t") for line in lines]
    said = {row[0]: row[1].strip() for row in rows if len(row) > 1 and row[0] != "table"}
    view = [row[1].strip() for row in rows if len(row) == 2 and row[0] == "view"]
    release = re.search(r"(?:^|[^0-9.])(\d+\.\d+)\.\d", said.get("version", ""))
    size = said.get("bytes", "")
    return {
        "version": release[1] if release else "",
        "system": said.get("system", ""),
        "free": int(said["free"]) if said.get("free", "").isdecimal() else 0,
        "recorded": recorded,
        "filled": "filled" in said,
        "joined": "joined" in said,
        "view": view,
        "bytes": int(size) if size.isdecimal() else None,
        "tables": [
            _table([_plain(word) for word in row[1:]])
            for row in rows
            if row[0] == "table" and len(row) == 6
        ],
    }


def _table(words):
    schema, name, engine, key, counter = words
    return {"schema": schema, "name": name, "engine": engine, "key": key == "1", "counter": counter}


def _plain(word):
    """Return what the client has escaped, as its option --batch does."""
    return re.sub(r"\\[tn0\\]", lambda found: _ESCAPED[found[0]], word)


def problems(servers, members=()):
    """Return what keeps servers from becoming members of one cluster: a list of sentences.
    ``members``: the names of all that are to be, whether they were asked or not.

    ``servers``: ``{name: {...}}`` with ``version`` of the server that is installed or would be
    (``11.8``, empty: not known), ``system`` (Debian's version), ``free`` bytes for its data,
    ``recorded`` (whether it is a member already), ``filled`` (whether it has databases), ``joined``
    (whether its data are a cluster's), ``view`` (who is in its cluster by what it says), ``bytes``
    of its data (None: the server does not answer) and ``tables`` that are not as a cluster needs
    them: ``schema``, ``name``, ``engine``, ``key`` (whether there is a primary one) and ``counter``
    (the column that counts by itself, if any).
    """
    new = {name: one for name, one in servers.items() if not one["recorded"]}
    found = [*_versions(servers), *_owners(servers, new)]
    if others := sorted(
        {name for one in servers.values() for name in one["view"]} - {*servers, *members}
    ):
        found.append(cluster.not_in_inventory(others))
    for name, one in new.items():
        if one["filled"] and one["bytes"] is None:
            found.append(
                f"{name} has databases, and its server does not answer: start it there by "
                f"`systemctl start mariadb`."
            )
        found += _tables(name, one["tables"])
    return found + list(_room(servers, new))


def _owners(servers, new):
    """One has data that the others get, and these have none to lose."""
    own = [name for name, one in new.items() if one["filled"] and not one["joined"]]
    others = [name for name, one in servers.items() if one["recorded"] or one["joined"]]
    remedy = (
        "only one's can be kept. Where you do not want them, dump what you need of them, and run "
        "'systemctl stop mariadb && mv /var/lib/mysql /var/lib/mysql.old && mariadb-install-db "
        "--user=mysql --skip-test-db && systemctl start mariadb'"
    )
    if own and others:
        yield (
            f"{' and '.join(own)} {'have' if own[1:] else 'has'} databases of "
            f"{'their' if own[1:] else 'its'} own, and {' and '.join(others)} "
            f"{'have' if others[1:] else 'has'} those of a cluster: {remedy}."
        )
    elif own[1:]:
        yield f"{' and '.join(own)} have databases: {remedy}."


def _versions(servers):
    """Members of different versions do not read each other's data."""
    kind, label = (
        ("version", "")
        if all(one["version"] for one in servers.values())
        else ("system", "Debian ")
    )
    by = {}
    for name, one in servers.items():
        by.setdefault(one[kind], []).append(name)
    if len(by) > 1:
        each = ", ".join(
            f"{' and '.join(names)} {'have' if names[1:] else 'has'} {label}{value}"
            for value, names in by.items()
        )
        yield (
            f"Members of a cluster have the same version of MariaDB, and here {each}: have the "
            f"same Debian and the same archive on all."
        )


def _tables(host, tables):
    """Each with the statement that ends it."""
    for one in tables[:_MOST]:
        where, name = (
            f"{one['schema']}.{one['name']} on {host}",
            f"{_quoted(one['schema'])}.{_quoted(one['name'])}",
        )
        if one["engine"].lower() != "innodb":
            yield (
                f"{where} is of the engine {one['engine']}, whose rows the other members do not "
                f"get. With a backup at hand, run: ALTER TABLE {name} ENGINE=InnoDB;"
            )
        if not one["key"]:
            column = (
                f"COLUMN `{_COLUMN}` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY"
            )
            key = f"PRIMARY KEY ({_quoted(one['counter'])})" if one["counter"] else column
            yield (
                f"{where} has no primary key, by which the other members find a row. Name the "
                f"columns that tell rows apart, or run: ALTER TABLE {name} ADD {key};"
            )
    if tables[_MOST:]:
        yield (
            f"{len(tables) - _MOST} more tables on {host} are such that a cluster cannot have "
            f"them: correct these first."
        )


def _quoted(name):
    return f"`{name.replace('`', '``')}`"


def _room(servers, new):
    """Who has the data needs room for what a cluster keeps beside them, the others for both."""
    sizes = {
        name: one["bytes"]
        for name, one in servers.items()
        if one["filled"] and one["bytes"] is not None
    }
    if not sizes:
        return
    first = max(sizes, key=lambda name: (servers[name]["recorded"], sizes[name]))
    for name, one in new.items():
        need = GCACHE + (0 if name == first else sizes[first])
        if one["free"] < need:
            yield (
                f"{name} has {_gib(one['free'])} free for its data, and needs {_gib(need)} for "
                f"those of {first} ({_gib(sizes[first])}) and what a member keeps for the others "
                f"({_gib(GCACHE)}): make room there."
            )


def _gib(size):
    return f"{size / 2**30:.1f} GiB"
