"""The database's user is hostile: whatever it puts into its directories,
root neither reads nor writes anything by it.
"""

from __future__ import annotations

import pytest

SECRET, TARGET, NEW = "/root/secret", "/root/target", "/etc/profile.d/planted.sh"

# Runs as the database's user and puts its things wherever root is about to work, again and again.
PLANT = f"""
import contextlib, os, time
links = {{
    "private.log": "{NEW}",
    "lamp-backup.timeline": "{TARGET}",
    "debian-9.9.flag": "{TARGET}",
    "mariadb_upgrade_info": "{NEW}",
}}
while True:
    for place in ("restored", "drill"):
        for name, target in links.items():
            with contextlib.suppress(OSError):
                os.symlink(target, f"/var/lib/mysql-restore/{{place}}/{{name}}")
    time.sleep(0.002)
"""


@pytest.fixture
def hostile(shop):
    """Return the host, with canaries of root's;
    after the test they are as they were, and what is secret is nowhere else.
    """
    shop.host.check_output(
        f"umask 077; echo hush-hush > {SECRET}; echo mine > {TARGET}; rm -f {NEW}"
    )
    shop.host.check_output("cat > /run/plant.py <<'END'\n%s\nEND" % PLANT)  # noqa: UP031 # testinfra quotes
    yield shop
    assert (
        shop.host.check_output(f"stat -c '%a %U %h' {SECRET} {TARGET}") == "600 root 1\n600 root 1"
    )
    assert shop.host.check_output(f"cat {SECRET} {TARGET}") == "hush-hush\nmine"
    assert not shop.host.file(NEW).exists
    assert not shop.host.run(
        "grep -rlsD skip hush-hush /var/lib/mysql /var/lib/mysql-restore"
    ).succeeded
    shop.host.check_output(
        "systemctl reset-failed; rm -f /var/lib/mysql/lamp-backup.timeline "
        "/var/lib/mysql/debian-9.9.flag"
    )
    shop.take()


def as_mysql(host, words):
    """Do something as the database's user."""
    return host.check_output(f"setpriv --reuid=mysql --regid=mysql --clear-groups sh -c '{words}'")


@pytest.mark.parametrize("link", [NEW, SECRET, "/var/lib/mysql/fifo"])
def test_links_and_fifos_among_the_data(hostile, link):
    as_mysql(
        hostile.host,
        (
            f"cd /var/lib/mysql; mkfifo fifo; "
            f"ln -sf {link} lamp-backup.timeline; ln -sf {SECRET} debian-9.9.flag"
        ),
    )
    try:
        name = hostile.take()
        assert "hush" not in hostile.host.check_output(
            f"cat {hostile.directory}/{name}/manifest.json"
        )
        if link == SECRET:
            hostile.do(f"prepare {name} {hostile.identity}")
    finally:
        hostile.host.check_output("rm -f /var/lib/mysql/fifo")


def test_links_that_appear_while_root_works(hostile):
    name = hostile.take()
    as_mysql(hostile.host, f"ln -sf {SECRET} /var/lib/mysql/debian-9.9.flag")
    hostile.host.check_output(
        "systemd-run --quiet --unit=test-plant --uid=mysql --gid=mysql python3 /run/plant.py"
    )
    try:
        hostile.run(f"drill {name} {hostile.identity}")
        hostile.run(f"prepare {name} {hostile.identity}")
    finally:
        hostile.host.check_output("systemctl stop test-plant")


def test_log_that_is_a_link_is_not_kept(hostile):
    name = hostile.take()
    hostile.sql(
        "INSERT INTO shop.log VALUES (950, 'one'); FLUSH BINARY LOGS; INSERT INTO shop.log VALUES "
        "(951, 'two'); FLUSH BINARY LOGS"
    )
    closed = hostile.host.check_output(
        "ls /var/lib/mysql/binlog.[0-9]*[0-9] | tail -n 2 | head -n 1"
    )
    as_mysql(hostile.host, f"mv {closed} {closed}.kept && ln -s {SECRET} {closed}")
    try:
        done = hostile.run("log")
        assert done.rc == 1
        assert "gone before they were kept" in done.stderr
        assert not hostile.host.run(f"ls {hostile.directory}/{name}/logs/binlog.*").succeeded
    finally:
        as_mysql(hostile.host, f"mv {closed}.kept {closed}")


def test_place_that_another_can_exchange_is_refused(hostile):
    hostile.host.check_output("install -d -o mysql /run/theirs")
    with hostile.settings(workshop="/run/theirs/restore") as theirs:
        done = hostile.run(f"{theirs} drill {hostile.identity}")
    assert done.rc == 1
    assert "/run/theirs can be changed by others than root" in done.stderr


def test_scratch_server_is_its_users_alone(hostile):
    name = hostile.take()
    hostile.do(f"prepare {name} {hostile.identity}")
    assert (
        hostile.host.check_output("stat -c '%a %U' /var/lib/mysql-restore/restored") == "700 mysql"
    )
