"""The way back: a backup, a moment, another host; and what a killed run leaves."""

from __future__ import annotations

import json

import pytest
from support.waiting import wait_for

from .databases import SHOP

CONTENTS = (
    "SELECT * FROM shop.log; SELECT id, name, price, HEX(picture), twice FROM shop.item; CALL "
    "shop.how_many(); SELECT * FROM shop.names"
)


def test_backup_comes_back_whole(shop):
    shop.sql(
        "CREATE USER IF NOT EXISTS guest@localhost IDENTIFIED BY 'a guest of the house'; GRANT "
        "SELECT ON shop.* TO guest@localhost"
    )
    before, name = shop.sql(CONTENTS), shop.take()
    shop.sql("DROP DATABASE shop; DROP USER guest@localhost")
    said = shop.do(f"restore {name} {shop.identity}")
    assert f"Restored the backup {name}" in said
    assert shop.sql(CONTENTS) == before
    shop.sql("INSERT INTO shop.item (name) VALUES ('new')")
    assert shop.sql("SELECT word FROM shop.log WHERE item = 5") == [["bought"]]
    assert shop.sql("SELECT event_name FROM information_schema.events") == [["daily"]]
    as_guest = shop.host.run(
        f"{shop.client} --user=guest --password='a guest of the house' -N -e %s",
        "SELECT COUNT(*) FROM shop.item",
    )
    assert as_guest.stdout.strip() == "5", as_guest.stderr
    shop.sql("DROP USER guest@localhost")


def test_moment(shop):
    """Rows written before it are there, later ones are not, and each other one is what it was."""
    shop.take()
    shop.sql("INSERT INTO shop.log VALUES (100, 'before'); DELETE FROM shop.item WHERE id = 2")
    before = shop.sql(CONTENTS)
    moment = shop.moment()
    shop.sql(
        "INSERT INTO shop.log VALUES (200, 'after'); "
        "UPDATE shop.item SET price = 0; DROP TABLE shop.nothing"
    )
    said = shop.do(f"restore --to {moment} {shop.identity}")
    assert f"all that was written before {moment}" in said
    assert shop.sql(CONTENTS) == before
    assert shop.sql("SELECT COUNT(*) FROM shop.nothing") == [["0"]]


def test_end(shop):
    """The row that was logged last is reached, although its second has not passed;
    and from an older backup, too.
    """
    first = shop.take()
    shop.sql("INSERT INTO shop.log VALUES (120, 'first')")
    shop.take()
    for words in ("--to end", f"{first} --to end"):
        shop.sql("INSERT INTO shop.log VALUES (121, 'last')")
        before = shop.sql(CONTENTS)
        assert "and all that was logged after it" in shop.do(f"restore {words} {shop.identity}")
        assert shop.sql(CONTENTS) == before
        shop.do("undo")
    shop.do("discard")


def test_moments_across_a_restore(shop):
    """A restore begins another history; the one before can still be gone back to."""
    first = shop.take()
    shop.sql("INSERT INTO shop.log VALUES (1, 'one')")
    one = shop.moment()
    shop.sql("INSERT INTO shop.log VALUES (2, 'two')")
    shop.do(f"restore {first} {shop.identity}")
    shop.take()
    shop.sql("INSERT INTO shop.log VALUES (3, 'three')")
    three = shop.moment()
    shop.do("log")
    shop.do(f"restore --to {one} {shop.identity}")
    assert shop.sql("SELECT word FROM shop.log WHERE word IN ('one', 'two', 'three')") == [["one"]]
    shop.do(f"restore --to {three} {shop.identity}")
    assert shop.sql("SELECT word FROM shop.log WHERE word IN ('one', 'two', 'three')") == [
        ["three"]
    ]


def test_undo_and_discard(shop):
    name = shop.take()
    shop.sql("INSERT INTO shop.log VALUES (300, 'kept')")
    shop.do("discard")
    shop.do(f"restore {name} {shop.identity}")
    assert shop.sql("SELECT * FROM shop.log WHERE item = 300") == []
    shop.do("undo")
    assert shop.sql("SELECT word FROM shop.log WHERE item = 300") == [["kept"]]
    assert "Deleted /var/lib/mysql-restore/replaced-" in shop.do("discard")
    assert shop.host.check_output("ls /var/lib/mysql-restore") == ""
    done = shop.run("undo")
    assert done.rc == 1
    assert "There are no replaced data" in done.stderr


def test_what_is_not_there_is_said(shop):
    name = shop.take()
    for words, said in (
        ("restore", "Name a backup"),
        ("restore 20200101T000000Z", f"No backup 20200101T000000Z in {shop.directory}. There are"),
        ("restore --to yesterday", "'yesterday' is no moment: give it like"),
        ("restore --to 2099-01-01T00:00:00Z", "is yet to come"),
        (
            "restore --to 2001-01-01T00:00:00Z",
            "No backup with binary logs is as old as 2001-01-01T00:00:00Z",
        ),
    ):
        done = shop.run(f"{words} {shop.identity}")
        assert done.rc == 1, words
        assert said in done.stderr
    assert name in shop.names()


@pytest.mark.parametrize("database", ["lamp-backups-proper"], indirect=True)
def test_encrypted_backup_is_read_with_the_identity_only(shop):
    name = shop.take()
    assert shop.host.check_output(f"head -c 21 {shop.dump(name)}") == "age-encryption.org/v1"
    shop.do("log")
    done = shop.run(f"restore {name}")
    assert done.rc == 1
    assert "is encrypted: name the file with the age identity" in done.stderr
    shop.host.check_output("age-keygen -o /run/other 2> /dev/null || true")
    assert "no identity matched" in shop.run(f"restore {name} --identity /run/other").stderr
    shop.do(f"verify {name} --identity /run/identity")


def test_new_host_from_the_copy(old, new):
    """The old host is gone: its copies,
    with a moment after its last backup, come to life on a newer server.
    """
    old.sql(SHOP)
    name = old.take()
    old.sql("INSERT INTO shop.log VALUES (400, 'before')")
    before, moment = old.sql(CONTENTS), old.moment()
    old.sql("INSERT INTO shop.log VALUES (500, 'after')")
    old.do("log")
    new.host.check_output(f"rm -rf {new.directory}/2*")
    assert name in [row["name"] for row in new.answer("list --remote")]
    said = new.do(f"restore --to {moment}")
    assert f"the backup {name}" in said
    assert new.sql(CONTENTS) == before
    as_shop = new.host.run(
        "mariadb --user=shop --password='correct horse battery' -N "
        "-e 'SELECT COUNT(*) FROM shop.item'"
    )
    assert as_shop.stdout.strip() == "4", as_shop.stderr
    # What a newer server makes of an older one's accounts, it can be asked.
    assert new.sql("SELECT host FROM mysql.user WHERE is_role = 'N' AND user = 'shop'") == [
        ["localhost"]
    ]
    new.do("discard")
    new.sql("INSERT INTO shop.log VALUES (600, 'lives')")


def test_backups_of_another_host_are_read_where_they_are(old, new, vault):
    """As a database moves: the new host has a place of its own, and writes to no other."""
    old.sql(SHOP)
    name = old.take()
    old.sql("INSERT INTO shop.log VALUES (700, 'later')")
    place = new.option("copy")["to"]
    own = {**new.option("copy"), "to": place.rpartition("/")[0] + "/new"}
    look = "find /srv/backups/shop -type f -printf '%p %s %T@ %i\n' | sort"
    with new.settings(copy=own) as words:
        new.do(f"{words} take")  # the newest of all, and not what is meant
        before = vault.check_output(look)
        assert name in [row["name"] for row in new.answer(f"{words} --from {place} list")]
        assert f"the backup {name}" in new.do(f"{words} --from {place} restore latest")
        assert new.sql("SELECT COUNT(*) FROM shop.log WHERE item = 700") == [["0"]]
        assert vault.check_output(look) == before
        old.do("log")
        # What was logged since then is fetched, too.
        before = vault.check_output(look)
        new.do(f"{words} --from {place} restore --to end")
        assert new.sql("SELECT COUNT(*) FROM shop.log WHERE item = 700") == [["1"]]
        said = new.run(f"{words} --from {place} restore 20010101T000000Z").stderr
        assert f"No backup 20010101T000000Z in {place}. There are: " in said
    assert vault.check_output(look) == before
    new.do("discard")


def test_other_engine_is_refused(shop):
    name, other = shop.take(), {"mariadb": "mysql", "mysql": "mariadb"}[shop.engine]
    shop.host.check_output(
        f"rm -rf /run/foreign && mkdir /run/foreign && cp -a {shop.directory}/{name} /run/foreign/"
    )
    shop.host.check_output(
        f'sed -i \'s/"engine": "{shop.engine}"/"engine": "{other}"/\' '
        f"/run/foreign/{name}/manifest.json"
    )
    done = shop.run(f"--from /run/foreign restore {name}")
    assert done.rc == 1
    assert f"The backup is of {other}, this server is {shop.engine}" in done.stderr


def test_killed_while_it_takes(shop):
    before = set(shop.names())
    program = shop.option("programs")["dump"][0]
    # The dump is held up, so that there is time to kill.
    shop.host.check_output(
        (
            "systemd-run --quiet --unit=test-lock sh -c \"(echo 'LOCK TABLES shop.item WRITE;'; "
            'sleep infinity) | %s"'
        ),
        shop.client,
    )
    shop.host.check_output("systemd-run --quiet --unit=test-take lamp-backup take")
    try:
        wait_for(lambda: shop.host.run(f"pgrep -f '^{program}'").succeeded)
        assert shop.host.run(f"ls -d {shop.directory}/.2*.part").succeeded
        shop.host.check_output("systemctl kill --signal=KILL test-take")
    finally:
        shop.host.check_output("systemctl stop test-lock; systemctl reset-failed")
    assert set(shop.names()) == before
    shop.take()
    assert not shop.host.run(f"ls -d {shop.directory}/.2*.part").succeeded
    assert len(shop.names()) == len(before) + 1


def test_killed_while_it_drills(shop):
    name = shop.take()
    server = shop.option("programs")["server"][0]
    private = f"pgrep -f '^({server}|/usr/sbin/{server}) .*--datadir=/var/lib/mysql-restore/drill'"
    shop.host.run(
        f"sh -c 'lamp-backup drill {name} {shop.identity} > /dev/null 2>&1 & echo $! "
        f"> /run/drill.pid'"
    )
    # At once, in the few seconds that it has the server.
    kill = "pkill -KILL -f '^/usr/bin/python3 -I -B .*lamp_backup.* drill '"
    shop.host.check_output(
        f"timeout 120 sh -c %s && {kill}", f"until {private}; do sleep 0.05; done"
    )
    assert shop.host.run(private).succeeded
    shop.do("log")
    assert not shop.host.run(private).succeeded
    assert shop.host.check_output("ls /var/lib/mysql-restore | grep -v replaced || true") == ""
    assert "The drill passed" in shop.do(f"drill {name} {shop.identity}")


def test_killed_between_two_names(shop):
    """The live data have no name any more, the new ones none yet:
    the next command, whatever it is, puts the old ones back.
    """
    name = shop.take()
    shop.sql("INSERT INTO shop.log VALUES (700, 'mine')")
    shop.do(f"prepare {name} {shop.identity}")
    steps = {
        "live": "/var/lib/mysql",
        "new": "/var/lib/mysql-restore/restored",
        "old": "/var/lib/mysql-restore/replaced-20260101T000000Z",
    }
    shop.host.check_output(f"systemctl stop {shop.service}")
    exchange = json.dumps({"moves": [steps]})
    shop.host.check_output(f"cat > /var/lib/mysql-restore/exchange.json <<'END'\n{exchange}\nEND")
    shop.host.check_output(f"mv /var/lib/mysql {steps['old']}")
    assert "the server runs with the old data" in shop.do("log")
    assert shop.sql("SELECT word FROM shop.log WHERE item = 700") == [["mine"]]
    # What was prepared can still be taken.
    shop.do("swap")
    assert shop.sql("SELECT * FROM shop.log WHERE item = 700") == []
    shop.do("discard")


def test_data_that_the_server_refuses_are_put_back(shop):
    name = shop.take()
    shop.do(f"prepare {name} {shop.identity}")
    shop.host.check_output(
        "rm /var/lib/mysql-restore/restored/ibdata1 && mkdir "
        "/var/lib/mysql-restore/restored/ibdata1"
    )
    done = shop.run("swap")
    assert done.rc == 1
    assert "The server does not run with the new data; the old ones are back" in done.stderr
    assert shop.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]
    shop.host.check_output(
        "rm -rf /var/lib/mysql-restore/restored /var/lib/mysql-restore/restored.json"
    )


def test_data_that_are_gone(shop):
    """The directory of the data is lost, the backups are on another disk:
    nothing of the live server is needed.
    """
    name = shop.take()
    shop.host.check_output(f"systemctl stop {shop.service} && rm -rf /var/lib/mysql")
    assert f"Restored the backup {name}" in shop.do(f"restore {name} {shop.identity}")
    assert shop.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]


def test_another_shelf_is_read_only_and_the_lock_is_the_hosts_own(old):
    """A drill of backups on a mount that cannot be written is
    not ended by the timer of the logs.
    """
    name = old.take()
    private = "pgrep -f -- '--datadir=/var/lib/mysql-restore/[d]rill'"
    old.host.check_output(
        f"mkdir -p /run/elsewhere && mount --bind -o ro {old.directory} /run/elsewhere"
    )
    try:
        old.host.check_output(
            f"systemd-run --quiet --unit=test-drill --property=RemainAfterExit=yes lamp-backup "
            f"--from /run/elsewhere drill {name}"
        )
        # Held, so that it is still at work when the logs are asked for.
        hold = "systemctl kill --signal=STOP test-drill"
        old.host.check_output(
            f"timeout 120 sh -c %s && {hold}", f"until {private}; do sleep 0.05; done"
        )
        assert "Another lamp-backup is at work" in old.do("log")
        old.host.check_output("systemctl kill --signal=CONT test-drill")
        wait_for(
            lambda: (
                "running"
                not in old.host.check_output(
                    "systemctl show --value --property=SubState test-drill"
                )
            )
        )
        assert (
            old.host.check_output("systemctl show --value --property=Result test-drill")
            == "success"
        )
        assert not old.host.file(f"{old.directory}/{name}/drill.json").exists
    finally:
        old.host.run(
            "systemctl kill --signal=CONT test-drill; systemctl stop test-drill; systemctl "
            "reset-failed; umount /run/elsewhere"
        )
    assert "--from is for" in old.run("--from /run/elsewhere take").stderr


def test_logs_that_are_gone_are_noticed(shop):
    """Whatever emptied the server's logs, no moment is promised that the rest does not lead to;
    the next backup begins anew.
    """
    reset = {"mariadb": "RESET MASTER", "mysql": "RESET BINARY LOGS AND GTIDS"}[shop.engine]
    name = shop.take()
    shop.sql("INSERT INTO shop.log VALUES (800, 'lost')")
    shop.sql(reset)
    shop.sql("INSERT INTO shop.log VALUES (801, 'after')")
    done = shop.run("log")
    assert done.rc == 1
    assert "were gone before they were kept" in done.stderr
    assert "Take a new backup" in done.stderr
    moment = shop.moment()
    done = shop.run(f"restore --to {moment} {shop.identity}")
    assert done.rc == 1
    assert f"do not reach {moment}" in done.stderr
    shop.take()
    shop.sql("INSERT INTO shop.log VALUES (802, 'kept')")
    moment = shop.moment()
    shop.do("log")
    shop.sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS; INSERT INTO shop.log VALUES (803, 'later')")
    # A moment that is kept is reached although no more can be kept.
    newest = shop.answer("list")[-1]["name"]
    assert newest != name
    shop.sql(reset)
    done = shop.run(f"restore --to {moment} {shop.identity}")
    assert done.rc == 0, done.stderr
    assert "Warning: The binary logs" in done.stderr
    assert shop.sql("SELECT item FROM shop.log WHERE item >= 800") == [["800"], ["801"], ["802"]]
    shop.do("discard")


def test_last_logs_of_a_server_that_is_down(shop):
    shop.take()
    shop.sql("INSERT INTO shop.log VALUES (810, 'before')")
    moment = shop.moment()
    shop.host.check_output(f"systemctl stop {shop.service}")
    shop.do(f"restore --to {moment} {shop.identity}")
    assert shop.sql("SELECT word FROM shop.log WHERE item = 810") == [["before"]]
    shop.do("discard")


def test_new_data_that_do_not_start_after_a_kill_give_way_to_the_old(shop):
    """Killed once the new data had the name, and the server refuses them:
    the next command puts the old ones back.
    """
    name = shop.take()
    shop.sql("INSERT INTO shop.log VALUES (820, 'mine')")
    shop.do(f"prepare {name} {shop.identity}")
    steps = {
        "live": "/var/lib/mysql",
        "new": "/var/lib/mysql-restore/restored",
        "old": "/var/lib/mysql-restore/replaced-20260101T000000Z",
    }
    shop.host.check_output(f"systemctl stop {shop.service}")
    exchange = json.dumps({"moves": [steps]})
    shop.host.check_output(f"cat > /var/lib/mysql-restore/exchange.json <<'END'\n{exchange}\nEND")
    shop.host.check_output(f"mv /var/lib/mysql {steps['old']} && mv {steps['new']} /var/lib/mysql")
    shop.host.check_output("rm /var/lib/mysql/ibdata1 && mkdir /var/lib/mysql/ibdata1")
    assert "the server runs with the old data" in shop.do("log")
    assert shop.sql("SELECT word FROM shop.log WHERE item = 820") == [["mine"]]
    shop.host.check_output(
        "rm -rf /var/lib/mysql-restore/restored /var/lib/mysql-restore/restored.json"
    )


def test_exchange_that_the_disk_refuses_is_taken_back(shop):
    """The prepared data cannot take the name: the old ones have theirs, and the server runs."""
    name = shop.take()
    shop.do(f"prepare {name} {shop.identity}")
    shop.host.check_output(
        "mount --bind /var/lib/mysql-restore/restored /var/lib/mysql-restore/restored"
    )
    try:
        done = shop.run("swap")
    finally:
        shop.host.check_output(
            "umount /var/lib/mysql-restore/restored; rm -rf /var/lib/mysql-restore/restored*"
        )
    assert done.rc == 1
    assert "The new data cannot take the place of the old ones; the old ones are" in done.stderr
    assert shop.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]
    assert shop.host.check_output("ls /var/lib/mysql-restore | grep exchange || true") == ""


def test_copy_that_the_disk_has_no_room_for_is_not_begun(shop):
    name = shop.take()
    shop.host.check_output("mkdir -p /run/narrow && mount -t tmpfs -o size=300k tmpfs /run/narrow")
    try:
        with shop.settings(workshop="/run/narrow/restore") as narrow:
            done = shop.run(f"{narrow} drill {name} {shop.identity}")
            assert done.rc == 1
            assert "No room for /run/narrow/restore/drill: it needs" in done.stderr
        if not shop.option("copy")["to"]:
            return
        with shop.settings(
            directory="/run/narrow/shelf", copy={**shop.option("copy"), "to": "/run/copies"}
        ) as narrow:
            shop.host.check_output(
                f"rm -rf /run/copies && mkdir -p /run/copies && "
                f"cp -a {shop.directory}/{name} /run/copies/"
            )
            told = f"/run/copies/{name}/manifest.json"
            shop.host.check_output(f'sed -i \'s/"size": [0-9]*/"size": 4194304/\' {told}')
            done = shop.run(f"{narrow} fetch {name}")
            assert done.rc == 1
            assert "it needs 4 MiB" in done.stderr
            assert shop.host.check_output("ls /run/narrow/shelf") == ""
    finally:
        shop.host.check_output("umount /run/narrow")


def test_event_whose_moment_has_passed_is_no_difference(shop):
    shop.sql(
        "CREATE EVENT shop.once ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 3 SECOND ON "
        "COMPLETION PRESERVE DO DELETE FROM shop.nothing"
    )
    due = int(shop.host.check_output("date +%s")) + 3
    name = shop.take()
    wait_for(lambda: int(shop.host.check_output("date +%s")) > due)
    assert "The drill passed" in shop.do(f"drill {name} {shop.identity}")


def test_what_is_left_of_a_damaged_backup_is_restored_by_force(old):
    """The dump's end is lost, and a log that leads on from it:
    without force nothing is replaced, with it the tables before are there.
    """
    old.sql(
        SHOP + "CREATE DATABASE IF NOT EXISTS zoo; CREATE TABLE IF NOT EXISTS zoo.animal (id INT)"
    )
    name = old.take()
    old.sql("INSERT INTO shop.log VALUES (830, 'after'); DROP DATABASE zoo")
    old.do("log")
    old.host.check_output(
        f"zstd -qdc {old.dump(name)} | sed '/Current Database: `zoo`/,$d' | zstd -q > /run/half "
        f"&& cp /run/half {old.dump(name)}"
    )
    old.host.check_output(f"truncate --size=5 {old.directory}/{name}/logs/binlog.*")
    assert "the backup is damaged" in old.run(f"restore {name}").stderr
    done = old.run(f"restore {name} --force")
    assert done.rc == 0, done.stderr
    assert "Warning: " in done.stderr
    assert "zoo.animal is missing" in done.stdout
    assert old.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]
    assert old.sql("SELECT COUNT(*) FROM shop.log WHERE item = 830") == [["0"]]
    old.do("discard")
    old.host.check_output(f"rm -r {old.directory}/{name}")


def test_identity_of_an_interrupted_playbook_goes(old):
    old.host.check_output(
        "install -d -m 700 /run/lamp-backup && install -m 600 /dev/null /run/lamp-backup/identity"
    )
    old.host.check_output("systemctl start lamp-backup-log.service")
    assert old.host.file("/run/lamp-backup/identity").exists
    old.host.check_output(
        "touch -d '1 hour ago' /run/lamp-backup/identity && systemctl start lamp-backup-log.service"
    )
    assert not old.host.file("/run/lamp-backup/identity").exists
