"""The way from three hosts to one, and what keeps one from becoming three again. It leaves no
cluster: the last of the tests.
"""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from support import plays
from support.containers import address_of, on_host

from .hosts import ENVIRONMENT, MEMBERS, WEB, failed, numbers, sql, stored, whole

KEPT, GONE = MEMBERS[1], [MEMBERS[0], MEMBERS[2]]
SURVEY = plays.ROOT / "roles/mysql/files/cluster/survey.sh"


@pytest.fixture
def single(monkeypatch):
    """Have runs be about one database host; return what has them be about all again."""
    whole_one = pathlib.Path(plays.inventory())
    inventory = yaml.safe_load(whole_one.read_text())

    def leave_out(group):
        for name in GONE:
            group.get("hosts", {}).pop(name, None)
        for child in (group.get("children") or {}).values():
            leave_out(child or {})

    for group in inventory.values():
        leave_out(group)
    # Beside the other one, which has the variables.
    place = whole_one.with_name("single.yml")
    place.write_text(yaml.safe_dump(inventory))
    monkeypatch.setenv("MOLECULE_INVENTORY_FILE", str(place))
    yield monkeypatch.undo
    place.unlink()


def test_the_last_one_goes_on_alone_and_becomes_no_cluster_that_loses_rows(single):
    whole()
    refused = plays.play("site", mysql_leave_cluster=True)
    assert refused.returncode
    assert (
        f"{GONE[0]} and {GONE[1]} run in the cluster, and would go on to take writes"
        in refused.stdout
    )
    sql(KEPT, "INSERT INTO foobar.before_all VALUES (0)")
    for host in GONE:
        on_host(host, "systemctl disable --now mariadb", check=True)
    # Without the applications, as a run that was killed before it came to them.
    done = plays.play("site", "--tags", "mysql", mysql_leave_cluster=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert sql(KEPT, "SELECT @@wsrep_on, COUNT(*) FROM foobar.before_all") == ["0\t10001"]
    # Applications go on by the way that they have until they have the new one, and lose none.
    assert "DB_HOST=127.0.0.1" in on_host(WEB, f"cat {ENVIRONMENT}").replace('"', "")
    with numbers(1_000_000) as found:
        done = plays.play("site")
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"DB_HOST={address_of(KEPT)}" in on_host(WEB, f"cat {ENVIRONMENT}").replace('"', "")
    assert found["done"]
    assert set(found["done"]) <= stored(KEPT)
    assert found["gap"] < 5, failed(found)
    assert on_host(
        KEPT,
        (
            "ls /var/lib/mysql/grastate.dat /etc/mysql/cluster 2> /dev/null; "
            "systemctl is-active mysql-agent"
        ),
    ).split() == ["inactive"]
    assert on_host(WEB, "systemctl is-active lamp-database-proxy").strip() == "inactive"
    again = plays.play("site")
    assert (again.returncode, plays.recap(again)["changed"]) == (0, 0), again.stdout[-3000:]

    sql(
        KEPT,
        (
            "CREATE TABLE foobar.log (words TEXT) ENGINE=MyISAM; "
            "INSERT INTO foobar.log VALUES (1), (1)"
        ),
    )
    single()
    refused = plays.play("site")
    assert refused.returncode
    statements = list(dict.fromkeys(re.findall(r"ALTER TABLE [^;]+;", refused.stdout)))
    assert len(statements) == 2, refused.stdout[-3000:]
    assert plays.recap(refused)["changed"] == 0
    for statement in statements:
        on_host(KEPT, "mariadb", check=True, input=statement)
    assert sql(KEPT, "SELECT * FROM foobar.log") == ["1", "1"]
    assert "table" not in on_host(
        KEPT, "sh -s /var/lib/mysql /run/mysqld/mysqld.sock", input=SURVEY.read_text()
    )
