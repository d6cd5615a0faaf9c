"""The site comes back to a moment: by the playbook that the
person on call runs, with visitors about.
"""

from __future__ import annotations

import json

import pytest
from support.damage import damage
from support.plays import play
from support.waiting import wait_for
from support.web import CLOSED

from .visitors import INVENTORY, SITE

STATE, USER = "/srv/www.foobar.com/state", "app-www-foobar-com"


@pytest.fixture
def name():
    """Return the database host's name in the inventory."""
    return INVENTORY.get_hosts("lamp_db")[0]


@pytest.fixture
def names(db):
    """Return ``names()``: of the backups, the oldest first."""
    return lambda: [row["name"] for row in json.loads(db.check_output("lamp-backup list --json"))]


@pytest.fixture
def untouched(db, sql, browser, names):
    """Require that a test leaves the data, the site and the backups,
    of which there is one, alone.
    """
    if not names():
        db.check_output("lamp-backup take")
    sql("CREATE TABLE IF NOT EXISTS foobar.untouched (id INT)")
    before = names()
    yield
    assert sql("SHOW TABLES IN foobar LIKE 'untouched'")
    sql("DROP TABLE foobar.untouched")
    assert names() == before
    assert browser.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"lamp_restore_backup": "latest", "lamp_restore_confirm": "another"},
            "add -e lamp_restore_confirm={name}",
        ),
        ({"lamp_restore_backup": "latest"}, "add -e lamp_restore_confirm={name}"),
        (
            {
                "lamp_restore_backup": "latest",
                "lamp_restore_site": "x",
                "lamp_restore_confirm": "{name}",
            },
            "lamp_restore_site is x, which lamp_sites does not have",
        ),
        ({"lamp_restore_confirm": "{name}"}, "Say what to restore: -e lamp_restore_backup=NAME"),
        (
            {"lamp_restore_backup": "20200101T000000Z", "lamp_restore_confirm": "{name}"},
            "No backup 20200101T000000Z in /var/backups/lamp. There are",
        ),
    ],
)
def test_restore_that_is_not_meant_or_not_there_does_nothing(name, untouched, given, words):
    done = play("restore", **{key: value.format(name=name) for key, value in given.items()})
    assert done.returncode != 0
    assert words.format(name=name) in " ".join(done.stdout.split())
    assert "Close the site" not in done.stdout


# The database host of "apart" has Debian 12.
@pytest.mark.only("13", "apart")
def test_damaged_backup_is_refused_while_the_site_is_open(name, db, untouched, names):
    damaged = names()[-1]
    dump = db.check_output(f"ls /var/backups/lamp/{damaged}/dump.sql.*")
    db.check_output(f"cp -a {dump} /run/whole")
    damage(db, dump, 400)
    try:
        done = play("restore", lamp_restore_backup=damaged, lamp_restore_confirm=name)
        assert done.returncode != 0
        assert "the backup is damaged" in " ".join(done.stdout.split()), done.stdout[-3000:]
        assert "Close the site" not in done.stdout
        assert play("backup_drill").returncode != 0
    finally:
        db.check_output(f"mv /run/whole {dump}")
    done = play("backup_drill", "--limit", name, lamp_restore_backup=damaged)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "The drill passed" in done.stdout


# The database host of "apart" has Debian 12.
@pytest.mark.only("13", "apart")
def test_backups_are_listed_and_a_dry_run_does_nothing(name, db, untouched, names):
    since = db.check_output(
        "systemctl show --value --property=ExecMainStartTimestampMonotonic mariadb"
    )
    done = play("backup", lamp_backup_list_only=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert names()[-1] in done.stdout
    for playbook, given in (
        ("backup", {}),
        ("backup_drill", {}),
        ("restore", {"lamp_restore_backup": "latest", "lamp_restore_confirm": name}),
    ):
        done = play(playbook, "--check", **given)
        assert done.returncode == 0, done.stdout[-3000:]
    assert "A dry run restores nothing." in done.stdout
    assert (
        db.check_output("systemctl show --value --property=ExecMainStartTimestampMonotonic mariadb")
        == since
    )


def test_site_comes_back_to_a_moment(name, db, web, name_server, sql, browser):
    """The files on a web host apart with the database,
    and the name server, which is another matter, not.
    """
    web.check_output(
        f"setpriv --reuid={USER} --regid={USER} --clear-groups sh -c 'echo kept > {STATE}/upload'"
    )
    done = play("backup")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Took and checked" in done.stdout
    sql("CREATE TABLE foobar.diary (words VARCHAR(20)); INSERT INTO foobar.diary VALUES ('before')")
    db.check_output("now=$(date +%s); while [ $(date +%s) = $now ]; do sleep 0.05; done")
    moment = db.check_output("date -u +%Y-%m-%dT%H:%M:%SZ")
    sql("INSERT INTO foobar.diary VALUES ('after'); DROP TABLE foobar.product")
    web.check_output(f"rm {STATE}/upload")
    zones = name_server.check_output("stat -c %i /var/lib/bind")
    done = play("restore", lamp_restore_to=moment, lamp_restore_confirm=name)
    assert done.returncode == 0, done.stdout[-3000:]
    assert sql("SELECT * FROM foobar.diary") == [["before"]]
    assert browser.get("/healthz").status == 200
    assert not web.run(f"test -e {CLOSED}restore.conf").succeeded
    assert web.check_output(f"stat -c '%U %a' {STATE}; cat {STATE}/upload") == f"{USER} 750\nkept"
    assert name_server.check_output("stat -c %i /var/lib/bind") == zones
    web.check_output(f"rm {STATE}/upload")
    for host in (db, web):
        host.check_output("lamp-backup discard")
    sql("DROP TABLE foobar.diary")


# With Debian 13 on one host, the scenario "deploys" brings a site back.
@pytest.mark.only("12", "apart")
def test_one_site_comes_back_alone(name, db, web, sql, browser):
    """Its database is as it was, what another wrote meanwhile stays,
    and the server has not been restarted.
    """
    sql(
        "CREATE TABLE foobar.diary (words VARCHAR(20)); INSERT INTO foobar.diary VALUES "
        "('before'); CREATE DATABASE other"
    )
    db.check_output("lamp-backup take")
    started = "systemctl show --value --property=ExecMainStartTimestampMonotonic mariadb"
    since = db.check_output(started)
    sql("DROP TABLE foobar.diary; CREATE TABLE other.kept (words VARCHAR(20))")
    done = play(
        "restore", lamp_restore_backup="latest", lamp_restore_site=SITE, lamp_restore_confirm=name
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert sql("SELECT * FROM foobar.diary") == [["before"]]
    assert sql("SHOW TABLES IN other") == [["kept"]]
    assert db.check_output(started) == since
    assert browser.get("/healthz").status == 200
    for host in (db, web):
        host.check_output("lamp-backup discard")
    sql("DROP TABLE foobar.diary; DROP DATABASE other")


# The name server of "apart" has Debian 13.
@pytest.mark.only("12", "apart")
def test_name_server_comes_back_alone(name_servers, ask, browser):
    """It has lost its zones and keys;
    its secondary copies the restored zone although that has a lower serial.
    """
    primary = INVENTORY.get_hosts("lamp_dns")[0]
    host = name_servers[0]
    keys = "cd /etc/bind/keys && ls -ln && sha256sum *"
    before = host.check_output(keys)
    host.check_output("lamp-backup take")
    record = [{"name": "later", "type": "A", "values": ["192.0.2.7"]}]
    done = play("site", "--tags", "dns_records", lamp_dns_records=record)
    assert done.returncode == 0, done.stdout[-3000:]
    wait_for(lambda: all(ask("later.foobar.com", server=server).answer for server in name_servers))
    host.check_output("systemctl stop named && rm -r /var/lib/bind /etc/bind/keys")
    done = play("restore_name_server", lamp_restore_backup="latest", lamp_restore_confirm="another")
    assert f"-e lamp_restore_confirm={primary}" in " ".join(done.stdout.split())
    done = play("restore_name_server", lamp_restore_backup="latest", lamp_restore_confirm=primary)
    assert done.returncode == 0, done.stdout[-3000:]
    assert host.check_output(keys) == before
    wait_for(
        lambda: not any(ask("later.foobar.com", server=server).answer for server in name_servers)
    )
    assert browser.get("/healthz").status == 200
    host.check_output("lamp-backup discard")
