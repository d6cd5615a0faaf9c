"""Backups are taken, checked, kept and copied as promised, and a failure is seen."""

from __future__ import annotations

import contextlib
import json

from support.damage import damage
from support.waiting import wait_for

from .databases import HOLD, SETTINGS, SHOP


def test_it_runs_by_itself(shop):
    for timer in ("lamp-backup", "lamp-backup-log"):
        assert shop.host.check_output(f"systemctl is-active {timer}.timer") == "active"
        assert shop.host.check_output(f"systemctl is-enabled {timer}.timer") == "enabled"
    before = shop.names()
    for unit in ("lamp-backup", "lamp-backup-drill", "lamp-backup-log"):
        if unit == "lamp-backup-drill" and shop.identity:
            continue
        done = shop.host.run(f"systemctl start {unit}.service")
        assert done.succeeded, shop.host.check_output(f"journalctl --no-pager -o cat -u {unit}")
    assert len(set(shop.names()) - set(before)) == 1


def test_manifest_says_what_it_is(shop):
    name = shop.take()
    manifest = json.loads(shop.host.check_output(f"cat {shop.directory}/{name}/manifest.json"))
    assert manifest["engine"] == shop.engine
    assert manifest["tables"]["shop.item"]["rows"] == 4
    assert manifest["tables"]["shop.log"]["rows"] == 3
    assert manifest["tables"]["shop.nothing"]["rows"] == 0
    assert manifest["position"]["file"].startswith("binlog.")
    assert (
        shop.host.check_output(f"sha256sum {shop.dump(name)}").split()[0]
        == manifest["dump"]["sha256"]
    )
    assert (
        shop.host.check_output(f"stat -c %a:%U {shop.directory} {shop.dump(name)}")
        == "700:root\n600:root"
    )


def test_writers_go_on_during_a_dump(shop):
    # More than the pipes between the server and us take.
    shop.sql("CREATE TABLE shop.large (id INT AUTO_INCREMENT PRIMARY KEY, words VARCHAR(250))")
    twice = "; INSERT INTO shop.large (words) SELECT words FROM shop.large"
    shop.sql("INSERT INTO shop.large (words) VALUES (REPEAT('x', 250))" + twice * 15)
    shop.host.check_output("cat > /run/hold <<'END'\n%s\nEND\nrm -f /run/held" % HOLD)  # noqa: UP031 # testinfra quotes
    programs = shop.option("programs")
    with shop.settings(
        programs={**programs, "dump": ["python3", "/run/hold", *programs["dump"]]}
    ) as held:
        shop.host.check_output(
            f"systemd-run --quiet --unit=test-take --remain-after-exit lamp-backup {held} take"
        )
    try:
        wait_for(lambda: shop.host.file("/run/held").exists)
        shop.sql("SET SESSION lock_wait_timeout = 60; INSERT INTO shop.log VALUES (7, 'meanwhile')")
        assert shop.host.run(f"pgrep -f '^{programs['dump'][0]}'").succeeded
        shop.host.check_output("rm /run/held")
        wait_for(
            lambda: (
                shop.host.check_output("systemctl show --value --property=SubState test-take")
                in ("exited", "failed")
            )
        )
        assert (
            shop.host.check_output("systemctl show --value --property=Result test-take")
            == "success"
        )
    finally:
        shop.host.check_output("rm -f /run/held; systemctl stop test-take; systemctl reset-failed")
    manifest = json.loads(
        shop.host.check_output(f"cat {shop.directory}/{shop.names()[-1]}/manifest.json")
    )
    # The table comes after the large one, but the backup is of one moment.
    assert manifest["tables"]["shop.log"]["rows"] == 3
    assert shop.sql("SELECT COUNT(*) FROM shop.log") == [["4"]]
    shop.sql("DROP TABLE shop.large")


def test_full_disk_leaves_the_old_ones(shop):
    shop.host.check_output("mkdir -p /run/small && mount -t tmpfs -o size=1m tmpfs /run/small")
    try:
        with shop.settings(directory="/run/small", keep_days=1, keep_at_least=1) as small:
            shop.do(f"{small} take")
            name = shop.host.check_output("ls /run/small")
            # Long past its time: it would go, were there another one.
            shop.host.check_output(f"mv /run/small/{name} /run/small/20200101T000000Z")
            shop.host.check_output("dd if=/dev/zero of=/run/small/filler bs=1k status=none || true")
            done = shop.run(f"{small} take")
            assert done.rc == 1
            assert "No space is left for /run/small/." in done.stderr
            assert "The backups before are kept" in done.stderr
            copied = {".copied"} if shop.option("copy")["to"] else set()
            left = shop.host.check_output("ls -A /run/small").split()
            assert set(left) == {".keeping", ".lock", "20200101T000000Z", "filler"} | copied
            shop.do(f"{small} verify")
            shop.host.check_output("rm /run/small/filler")
            assert "Removed, being too old: 20200101T000000Z." in shop.do(f"{small} take")
    finally:
        shop.host.check_output("umount /run/small")


def test_pruning_by_age_and_count(shop):
    shop.host.check_output("rm -rf /run/shelf")
    with shop.settings(directory="/run/shelf", keep_days=2, keep_at_least=2) as shelf:
        shop.do(f"{shelf} take")
        name = shop.host.check_output("ls /run/shelf")
        for older in ("20200101T000000Z", "20200102T000000Z"):
            shop.host.check_output(f"cp -a /run/shelf/{name} /run/shelf/{older}")
        shop.do(f"{shelf} take")
        left = shop.host.check_output("ls /run/shelf").split()
    assert left[0] == name
    assert len(left) == 2


def test_damage_is_refused_before_anything_changes(shop):
    name, started = shop.take(), shop.started()
    damage(shop.host, shop.dump(name), 400)
    try:
        for words in (
            f"verify {name}",
            f"restore {name} {shop.identity}",
            f"drill {name} {shop.identity}",
        ):
            done = shop.run(words)
            assert done.rc == 1, words
            assert "another checksum than when it was written: the backup is damaged" in done.stderr
        shop.host.check_output(f"truncate --size=300 {shop.dump(name)}")
        assert "300 bytes instead of" in shop.run(f"restore {name} {shop.identity}").stderr
        assert shop.started() == started
        assert shop.sql("SELECT COUNT(*) FROM shop.item") == [["4"]]
    finally:
        shop.host.check_output(f"rm -r {shop.directory}/{name}")


def test_drill_finds_what_no_checksum_shows(old):
    """A dump that is whole as a file, but lacks a row: the manifest knows."""
    name = old.take()
    dump, manifest = old.dump(name), f"{old.directory}/{name}/manifest.json"
    old.host.check_output(
        f'zstd -dc {dump} | sed "/^(1,\'it/d" | zstd -q > /run/less && mv /run/less {dump}'
    )
    told = json.loads(old.host.check_output(f"cat {manifest}"))
    told["dump"].update(
        size=int(old.host.check_output(f"stat -c %s {dump}")),
        sha256=old.host.check_output(f"sha256sum {dump}").split()[0],
    )
    old.host.check_output("cat > %s <<'END'\n%s\nEND" % (manifest, json.dumps(told)))  # noqa: UP031 # testinfra quotes
    try:
        old.do(f"verify {name}")
        done = old.run(f"drill {name}")
        assert done.rc == 1
        assert "shop.item has 3 rows instead of 4" in done.stderr
        assert (
            json.loads(old.host.check_output(f"cat {old.directory}/{name}/drill.json"))["ok"]
            is False
        )
        assert old.host.check_output("ls /var/lib/mysql-restore") == ""
    finally:
        old.host.check_output(f"rm -r {old.directory}/{name}")


@contextlib.contextmanager
def misled(host, change):
    """Let the units on a host run with other settings, which a sed command makes."""
    host.check_output(
        f"cp -a {SETTINGS} /run/kept && sed -i '{change}' {SETTINGS} && rm -f /run/failed"
    )
    try:
        yield
    finally:
        host.check_output(f"cp -a /run/kept {SETTINGS} && systemctl reset-failed")


def test_failure_is_seen_and_told(old):
    with misled(old.host, "s,mysqld.sock,gone.sock,"):
        assert not old.host.run("systemctl start lamp-backup.service").succeeded
        assert old.host.run("systemctl is-failed lamp-backup.service").stdout.strip() == "failed"
        assert "gone.sock" in old.host.check_output(
            "journalctl --no-pager -o cat -u lamp-backup.service"
        )
        wait_for(lambda: old.host.file("/run/failed").exists)
        # That of the logs has a timer of its own, which may have been due as well.
        assert "lamp-backup.service" in old.host.check_output("cat /run/failed").splitlines()


def test_copy_whose_host_is_away_is_told_by_the_backup_only_and_made_up_for(old, vault):
    old.sql(SHOP)
    name = old.take()
    old.sql("INSERT INTO shop.log VALUES (900, 'meanwhile')")
    with misled(old.host, 's,"port": 22,"port": 1,'):
        done = old.host.run("systemctl start lamp-backup-log.service")
        assert done.succeeded, done.stderr
        said = old.host.check_output("journalctl --no-pager -o cat -u lamp-backup-log.service")
        assert (
            "The logs are kept here, but not copied: rsync with backups@lamp-backups-vault" in said
        )
        logs = old.host.check_output(f"ls {old.directory}/{name}/logs").split()
        assert logs
        assert not old.host.run("systemctl start lamp-backup.service").succeeded
        wait_for(lambda: old.host.file("/run/failed").exists)
        # That of the logs has a timer of its own, which may have been due as well.
        assert "lamp-backup.service" in old.host.check_output("cat /run/failed").splitlines()
    old.host.check_output("systemctl start lamp-backup-log.service")
    assert vault.check_output(f"ls /srv/backups/shop/{name}/logs").split() == logs
    assert old.names()[-1] in vault.check_output("ls /srv/backups/shop").split()


def _copied(old):
    """Return when backups were last copied, as the command has kept it."""
    return old.host.run(f"stat --format=%y {old.option('directory')}/.copied").stdout


def test_copy_that_fails_says_so_and_keeps_the_backup(old):
    moment = _copied(old)
    with old.settings(copy={**old.option("copy"), "port": 1}) as unreachable:
        before = old.names()
        done = old.run(f"{unreachable} take")
    assert done.rc == 3
    assert (
        "The backup is made and kept here, but not copied: rsync with backups@lamp-backups-vault"
        in done.stderr
    )
    assert len(old.names()) == len(before) + 1
    assert _copied(old) == moment


def test_copy_in_a_directory_that_is_not_mounted_is_refused(old):
    """A directory on the host's own disk is no copy;
    one that is mounted takes what was not copied before.
    """
    old.host.check_output(
        "rm -rf /srv/copied /run/copied && "
        "mkdir /srv/copied /run/copied && mount -t tmpfs tmpfs /run/copied"
    )
    try:
        for to in ("/srv/copied", "/srv/missing"):
            with old.settings(copy={**old.option("copy"), "to": to}) as plain:
                done = old.run(f"{plain} take")
                assert done.rc == 3
                assert "mount it there" in done.stderr
        assert old.host.check_output("ls -A /srv/copied") == ""
        with old.settings(copy={**old.option("copy"), "to": "/run/copied"}) as mounted:
            moment = _copied(old)
            old.do(f"{mounted} log")
            assert _copied(old) > moment
        copies = old.host.check_output("ls -A /run/copied").split()
        assert old.names()[-1] in copies
        assert ".copied" not in copies
    finally:
        old.host.check_output("umount /run/copied")


def test_copies_are_pruned_by_their_age_alone(old, vault):
    """What is missing here stays there; what is too old there goes."""
    name = old.take()
    place = "/srv/backups/shop"
    vault.check_output(
        f"cp -a {place}/{name} {place}/20200101T000000Z && cp -a {place}/{name} "
        f"{place}/20990101T000000Z"
    )
    old.host.check_output(f"rm -r {old.directory}/{name}")
    old.take()
    there = vault.check_output(f"ls {place}").split()
    assert "20200101T000000Z" not in there
    assert {name, "20990101T000000Z"} <= set(there)
    vault.check_output(f"rm -r {place}/20990101T000000Z")


def test_no_secret_in_sight(old):
    assert (
        old.host.check_output("stat -c %a:%U /etc/lamp-backup /etc/lamp-backup/copy.key")
        == "700:root\n600:root"
    )
    assert "correct horse" not in old.host.check_output(
        "journalctl --no-pager -u lamp-backup.service"
    )
