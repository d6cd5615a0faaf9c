"""Whether servers can become members of one cluster: a table."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.joining import problems, read

GIB = 2**30


def host(version="11.8", free=100 * GIB, **more):
    return {
        "version": version,
        "system": "13",
        "free": free,
        "recorded": False,
        "filled": False,
        "joined": False,
        "view": [],
        "bytes": None,
        "tables": [],
        **more,
    }


def data(size=GIB, tables=(), **more):
    return host(filled=True, bytes=size, tables=list(tables), **more)


def table(name="log", engine="InnoDB", key=True, counter=""):
    return {"schema": "shop", "name": name, "engine": engine, "key": key, "counter": counter}


SELF = (
    "ALTER TABLE `shop`.`log` ADD COLUMN `row_number_of_cluster` BIGINT UNSIGNED NOT NULL "
    "AUTO_INCREMENT INVISIBLE PRIMARY KEY"
)


@pytest.mark.parametrize(
    ("servers", "said"),
    [
        ({"db1": host(), "db2": host()}, []),
        ({"db1": data(tables=[table()]), "db2": host()}, []),
        # Engines whose rows the others would not get.
        (
            {"db1": data(tables=[table(engine="MyISAM")])},
            ["shop.log on db1 is of the engine MyISAM", "ALTER TABLE `shop`.`log` ENGINE=InnoDB;"],
        ),
        # Rows that the others would not find.
        ({"db1": data(tables=[table(key=False)])}, ["shop.log on db1 has no primary key", SELF]),
        (
            {"db1": data(tables=[table(key=False, counter="id")])},
            ["has no primary key", "ALTER TABLE `shop`.`log` ADD PRIMARY KEY (`id`);"],
        ),
        (
            {"db1": data(tables=[table(name="a`b", engine="Aria")])},
            ["ALTER TABLE `shop`.`a``b` ENGINE=InnoDB;"],
        ),
        # Both at once are two sentences, in this order.
        ({"db1": data(tables=[table(engine="MyISAM", key=False)])}, ["ENGINE=InnoDB;", SELF]),
        # One that is a member already goes on with what it has.
        ({"db1": data(tables=[table(engine="MyISAM")], recorded=True), "db2": host()}, []),
        # The room: the data, and what the cluster keeps for members that were away.
        (
            {"db1": data(10 * GIB), "db2": host(free=5 * GIB)},
            ["db2 has 5.0 GiB free for its data, and needs 10.5 GiB", "db1"],
        ),
        (
            {"db1": data(10 * GIB, recorded=True), "db2": host(free=5 * GIB)},
            ["db2 has 5.0 GiB free"],
        ),
        ({"db1": data(10 * GIB, free=GIB), "db2": host(free=11 * GIB)}, []),
        (
            {"db1": data(10 * GIB, free=GIB // 4), "db2": host()},
            ["db1 has 0.2 GiB free for its data, and needs 0.5 GiB"],
        ),
        ({"db1": data(GIB, joined=True), "db2": data(20 * GIB, recorded=True, free=0)}, []),
        # One has the data. A run that was killed has brought others theirs.
        ({"db1": data(), "db2": data()}, ["db1 and db2 have databases", "mv /var/lib/mysql"]),
        ({"db1": data(joined=True), "db2": data(joined=True), "db3": host()}, []),
        (
            {"db1": data(recorded=True), "db2": data()},
            ["db2 has databases of its own, and db1 has those of a cluster: only one's"],
        ),
        # Who is there without being in the inventory.
        (
            {"db1": data(recorded=True, view=["db1", "db8", "db9"]), "db2": host()},
            ["db8 and db9 are in the cluster, and not in lamp_db", "disable --now mariadb"],
        ),
        # What differs.
        (
            {"db1": host(), "db2": host("10.11"), "db3": host()},
            ["db1 and db3 have 11.8, db2 has 10.11"],
        ),
        ({"db1": host(), "db2": host("", system="12")}, ["db1 has Debian 13, db2 has Debian 12"]),
        ({"db1": host(), "db2": host("")}, []),
        # Data that nobody can look at.
        (
            {"db1": host(filled=True), "db2": host()},
            ["db1 has databases, and its server does not answer", "systemctl start mariadb"],
        ),
        ({"db1": host(filled=True, recorded=True), "db2": host()}, []),
    ],
)
def test_problems(servers, said):
    found = problems(servers)
    text = "\n".join(found)
    assert bool(found) == bool(said), text
    for words in said:
        assert words in text
    assert all(one.endswith((".", ";")) for one in found)


def test_member_that_was_not_asked_is_no_stranger():
    servers = {"db1": data(recorded=True, view=["db1", "db2"]), "db3": host()}
    assert not problems(servers, {"db1", "db2", "db3"})
    assert problems(servers)


def test_many_tables_are_not_all_named():
    found = problems(
        {"db1": data(tables=[table(name=f"t{number}", engine="MyISAM") for number in range(30)])}
    )
    assert len(found) == 21
    assert (
        found[-1]
        == "10 more tables on db1 are such that a cluster cannot have them: correct these first."
    )


def test_what_a_host_says():
    lines = [
        "version\tmariadbd  Ver 11.8.3-MariaDB-0+deb13u1 from Debian",
        "system\t13",
        "free\t 123456",
        "filled\tshop",
        "bytes\t42",
    ]
    lines += ["joined\tyes", "view\tdb1", "view\tdb2"]
    lines += ["table\tshop\ta\\tb\tMyISAM\t0\t", "table\tshop\tlog\tInnoDB\t0\tid"]
    assert read(lines, recorded=False) == {
        "version": "11.8", "system": "13", "free": 123456, "recorded": False,
        "filled": True, "joined": True, "view": ["db1", "db2"], "bytes": 42,
        "tables": [
            {"schema": "shop", "name": "a\tb", "engine": "MyISAM", "key": False, "counter": ""},
            {"schema": "shop", "name": "log", "engine": "InnoDB", "key": False, "counter": "id"},
        ],
    }  # fmt: skip
    assert read(["version\t1:10.11.6-0+deb12u1"], recorded=True)["version"] == "10.11"
    assert read(["version\t(none)", "free\t"], recorded=True) == {
        **host("", 0, system=""),
        "recorded": True,
    }
