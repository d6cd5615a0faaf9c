"""Files are in a backup with the databases, of one moment, and come back with them."""

from __future__ import annotations

import json

import pytest
from support.damage import damage
from support.waiting import wait_for

from .databases import HOLD, Database

STATE = "/srv/uploads/state"
TREE = {"name": "uploads", "path": STATE, "user": "uploads"}
# What is to come back as it was.
SHOWN = (
    f"cd {STATE} && (find . -printf '%P %y %m %u %T@ %l\\n' | sort; find . -type f "
    f"-exec sha256sum {{}} + | sort -k 2) | cat -v"
)


@pytest.fixture(scope="module", params=["lamp-backups-old", "lamp-backups-proper"])
def database(request):
    """Return a database host, of each engine one, which has files of a user's, too."""
    database = Database(request.param)
    database.host.check_output("id uploads || useradd --system uploads; install -d /srv/uploads")
    kept = database.host.check_output("cat /etc/lamp-backup/settings.json")
    given = {**json.loads(kept), "files": [TREE]}
    write(database.host, "/etc/lamp-backup/settings.json", json.dumps(given))
    yield database
    database.do("discard")
    write(database.host, "/etc/lamp-backup/settings.json", kept)


def write(host, path, text):
    """Write a file on a host."""
    host.check_output("cat > %s <<'END'\n%s\nEND" % (path, text))  # noqa: UP031 # testinfra quotes


def as_user(host, words):
    """Do something as the user whose files they are."""
    return host.check_output(
        f"cd {STATE} && setpriv --reuid=uploads --regid=uploads --clear-groups sh -ec '{words}'"
    )


@pytest.fixture
def uploads(shop):
    """Return the host with some files, of every kind."""
    shop.host.check_output(f"rm -rf {STATE}; install -d -o uploads -g uploads -m 750 {STATE}")
    as_user(
        shop.host,
        "mkdir -p a/b empty; echo one > a/one; cp a/one a/b/same; head -c 3000000 /dev/urandom "
        "> large; touch nothing;"
        'printf x > $(printf "\\377odd\\nname"); chmod 2750 a; chmod 4600 large; ln -s '
        "../../etc/shadow a/link; ln -s gone dangling;"
        "touch -d 2001-02-03T04:05:06.789 a/one; "
        "touch -h -d 2002-02-03 dangling; touch -d 2003-02-03 a",
    )
    return shop


def test_files_come_back_with_the_rows(uploads):
    before = uploads.host.check_output(SHOWN)
    name = uploads.take()
    as_user(uploads.host, "rm -r a large; echo other > nothing; echo new > new")
    uploads.sql("DELETE FROM shop.item")
    said = uploads.do(f"restore {name} {uploads.identity}")
    assert f"{STATE}: 5 files, each compared." in said
    assert uploads.host.check_output(SHOWN) == before
    assert uploads.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]
    uploads.do("undo")
    assert uploads.host.check_output(f"cat {STATE}/new {STATE}/nothing") == "new\nother"
    assert uploads.sql("SELECT COUNT(*) FROM shop.item") == [["0"]]
    uploads.do("discard")
    assert uploads.host.check_output("ls -A /srv/uploads") == "state"
    assert "files, each compared" in uploads.do(f"drill {name} {uploads.identity}")


def test_content_is_stored_once_and_goes_when_no_backup_needs_it(uploads):
    uploads.host.check_output("rm -rf /run/shelf")
    with uploads.settings(directory="/run/shelf", keep_days=1, keep_at_least=1) as shelf:
        uploads.do(f"{shelf} take")
        first = uploads.host.check_output("ls /run/shelf/packs")
        as_user(uploads.host, "cp large copy; touch a/one")
        uploads.do(f"{shelf} take")
        assert uploads.host.check_output("ls /run/shelf/packs") == first
        as_user(uploads.host, "echo fresh > fresh")
        uploads.do(f"{shelf} take")
        both = uploads.host.check_output("ls /run/shelf/packs").split()
        assert len(both) == 2
        as_user(uploads.host, "rm large copy")
        # More than half of the first pack is wanted no more: what is left of it is stored anew, and
        # it goes with its backups.
        uploads.do(f"{shelf} take")
        uploads.host.check_output(
            "cd /run/shelf && i=1; for n in 2*; do mv $n 2020010${i}T000000Z; i=$((i + 1)); done"
        )
        uploads.do(f"{shelf} take")
        left = uploads.host.check_output("ls /run/shelf/packs").split()
        assert first not in left
        assert both[1] in left
        uploads.do(f"{shelf} verify {uploads.identity}")
        assert "The drill passed" in uploads.do(f"{shelf} drill {uploads.identity}")
    uploads.host.check_output("rm -rf /run/shelf")


def test_moment_keeps_what_was_written_until_it(uploads):
    uploads.take()
    as_user(uploads.host, "rm a/one; echo between > between; echo two > a/two")
    moment = uploads.moment()
    as_user(uploads.host, "echo after > after")
    said = uploads.do(f"restore --to {moment} {uploads.identity}")
    assert "files and 2 written since" in said
    assert (
        uploads.host.check_output(f"cd {STATE} && cat a/one a/two between") == "one\ntwo\nbetween"
    )
    assert not uploads.host.file(f"{STATE}/after").exists
    uploads.do("discard")


def test_what_is_no_file_or_vanishes_is_a_warning(uploads):
    as_user(uploads.host, "mkfifo pipe; mkdir shut; touch shut/file; chmod 0 shut")
    done = uploads.run("take")
    assert done.rc in (0, 3)
    assert (
        f"Warning: {STATE}/pipe is no file, directory or link: it is not in the backup."
        in done.stderr
    )
    assert f"Warning: {STATE}/shut cannot be read: Permission denied" in done.stderr


def test_names_and_contents_are_encrypted(uploads):
    if not uploads.identity:
        pytest.skip("this host's backups are not encrypted")
    as_user(uploads.host, "echo very-private > a-private-name")
    name = uploads.take()
    files = uploads.host.check_output(
        f"ls {uploads.directory}/packs/* {uploads.directory}/{name}/files*"
    ).split()
    for file in files:
        assert uploads.host.check_output(f"head -c 21 {file}") == "age-encryption.org/v1"
    assert not uploads.host.run(f"grep -r a-private-name {uploads.directory}/2*").succeeded


def test_damage_is_noticed(uploads):
    name = uploads.take()
    pack = uploads.host.check_output(f"ls -t {uploads.directory}/packs/* | head -n 1")
    uploads.host.check_output(f"cp -a {pack} /run/pack")
    damage(uploads.host, pack, 100)
    try:
        for words in (
            f"verify {name}",
            f"prepare {name} {uploads.identity}",
            f"drill {name} {uploads.identity}",
        ):
            done = uploads.run(words)
            assert done.rc == 1
            assert "another checksum than when it was written" in done.stderr
        assert not uploads.host.run("ls -d /srv/uploads/.state.restored").succeeded
    finally:
        uploads.host.check_output(f"mv /run/pack {pack}")


def test_files_are_of_the_dumps_moment(uploads):
    """While the dump goes on the files are read:
    one that is deleted after that is in the backup, as the row that names it.
    """
    programs = uploads.option("programs")
    write(uploads.host, "/run/hold", HOLD.replace("large", "item"))
    with uploads.settings(
        programs={**programs, "dump": ["python3", "/run/hold", *programs["dump"]]}
    ) as held:
        uploads.host.check_output(
            f"rm -f /run/held; systemd-run --quiet --unit=test-take --remain-after-exit "
            f"lamp-backup {held} take"
        )
    try:
        wait_for(lambda: uploads.host.file("/run/held").exists)
        wait_for(lambda: uploads.host.run(f"ls {uploads.directory}/.*.part/.files.json").succeeded)
        as_user(uploads.host, "rm a/one")
        uploads.host.check_output("rm /run/held")
        wait_for(
            lambda: (
                uploads.host.check_output("systemctl show --value --property=SubState test-take")
                in ("exited", "failed")
            )
        )
    finally:
        uploads.host.check_output(
            "rm -f /run/held; systemctl stop test-take; systemctl reset-failed"
        )
    name = uploads.names()[-1]
    uploads.do(f"restore {name} {uploads.identity}")
    assert uploads.host.check_output(f"cat {STATE}/a/one") == "one"
    uploads.do("discard")


def test_exchange_that_was_killed_is_taken_back_whole(uploads):
    """The data have been exchanged and the files not yet: both are as they were."""
    name = uploads.take()
    uploads.sql("INSERT INTO shop.log VALUES (970, 'mine')")
    as_user(uploads.host, "echo mine > mine")
    uploads.do(f"prepare {name} {uploads.identity}")
    stamp, workshop = "replaced-20260101T000000Z", "/var/lib/mysql-restore"
    moves = [
        {"live": "/var/lib/mysql", "new": f"{workshop}/restored", "old": f"{workshop}/{stamp}"},
        {
            "live": STATE,
            "new": "/srv/uploads/.state.restored",
            "old": f"/srv/uploads/.state.{stamp}",
        },
    ]
    uploads.host.check_output(f"systemctl stop {uploads.service}")
    write(uploads.host, f"{workshop}/exchange.json", json.dumps({"moves": moves}))
    uploads.host.check_output(
        "mv {live} {old} && mv {new} {live}".format(**moves[0])
        + f" && mv {STATE} {moves[1]['old']}"
    )
    assert "the server runs with the old data" in uploads.do("log")
    assert uploads.sql("SELECT word FROM shop.log WHERE item = 970") == [["mine"]]
    assert uploads.host.check_output(f"cat {STATE}/mine") == "mine"
    uploads.do("swap")
    assert not uploads.host.file(f"{STATE}/mine").exists
    assert uploads.sql("SELECT * FROM shop.log WHERE item = 970") == []
    uploads.do("discard")


# What the user whose files they are does meanwhile: a name is a link that leads out, then one that
# does not, then a directory.
TURN = f"""
import contextlib, os
os.chdir("{STATE}")
while True:
    for target in ("/root", "a/b"):
        os.symlink(target, ".turn")
        os.rename(".turn", "turn")
    with contextlib.suppress(OSError):
        os.unlink("turn")
        os.mkdir("turn")
        os.symlink("/root/secret", "turn/secret")
        os.unlink("turn/secret")
        os.rmdir("turn")
"""


def test_hostile_owner(uploads):
    """Links that lead out are links in the backup;
    root reads and writes nothing by them, while they change under its hands, too.
    """
    uploads.host.check_output("umask 077; echo hush-hush > /root/secret")
    write(uploads.host, "/run/turn.py", TURN)
    as_user(uploads.host, "ln -s /root/secret secret; ln -s /root root")
    uploads.host.check_output(
        "systemd-run --quiet --unit=test-turn --uid=uploads --gid=uploads python3 /run/turn.py"
    )
    try:
        name = uploads.take()
        uploads.do(f"prepare {name} {uploads.identity}")
    finally:
        uploads.host.check_output("systemctl stop test-turn")
    assert not uploads.host.run("grep -rlsD skip hush-hush /srv/uploads").succeeded
    assert (
        uploads.host.check_output("readlink /srv/uploads/.state.restored/secret") == "/root/secret"
    )
    uploads.do("swap && lamp-backup discard")


def test_one_database_and_its_files_alone(uploads):
    """The others go on: what was written to them since stays, and the server is not restarted."""
    uploads.sql(
        "CREATE DATABASE IF NOT EXISTS zoo; CREATE TABLE IF NOT EXISTS zoo.animal (name "
        "VARCHAR(20)); DELETE FROM zoo.animal"
    )
    before, name, started = (
        uploads.sql("CALL shop.how_many(); SELECT * FROM shop.names"),
        uploads.take(),
        uploads.started(),
    )
    uploads.sql(
        "INSERT INTO zoo.animal VALUES ('gnu'); DELETE FROM shop.item; "
        "DROP VIEW shop.names; DROP PROCEDURE shop.how_many"
    )
    as_user(uploads.host, "rm a/one; echo later > later")
    said = uploads.do(
        f"restore {name} --only-database shop --only-files uploads {uploads.identity}"
    )
    assert "the database shop is taken" in said
    assert uploads.sql("CALL shop.how_many(); SELECT * FROM shop.names") == before
    assert uploads.sql("SELECT * FROM zoo.animal") == [["gnu"]]
    assert uploads.host.check_output(f"cat {STATE}/a/one") == "one"
    assert uploads.started() == started
    uploads.do("undo")
    assert uploads.sql("SELECT COUNT(*) FROM shop.item; SELECT * FROM zoo.animal") == [
        ["0"],
        ["gnu"],
    ]
    assert uploads.host.check_output(f"cat {STATE}/later") == "later"
    # Killed in the middle: the next command puts back what was there.
    uploads.do(f"prepare {name} --only-database shop {uploads.identity}")
    uploads.host.check_output(
        "cp -a $(ls -d /var/lib/mysql-restore/one-* | tail -n 1) "
        "/var/lib/mysql-restore/one-20990101T000000Z"
    )
    uploads.host.check_output("touch /var/lib/mysql-restore/one-20990101T000000Z/going")
    uploads.sql("DROP DATABASE shop")
    assert "all is as it was" in uploads.do("log")
    assert uploads.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]
    done = uploads.run(f"prepare {name} --only-database nowhere {uploads.identity}")
    assert "The backup has no database nowhere." in done.stderr
    uploads.do("discard")
    assert uploads.host.check_output("ls /var/lib/mysql-restore") == ""
    uploads.sql("DROP DATABASE zoo")
