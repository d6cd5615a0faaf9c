"""Backups of a cluster: one member takes them for all, and all get back what was at a moment."""

from __future__ import annotations

import concurrent.futures
import time

from support import plays
from support.containers import on_host
from support.waiting import wait_for

from .hosts import MEMBERS, WEB, numbers, sql, stored, together, whole, writer


def backups(host):
    """Return the backups of a member that have the database."""
    return on_host(host, "cd /var/backups/lamp && ls -d */dump.sql* 2> /dev/null").split()


def now(host):
    """Return the moment that begins next on a host, once it has come."""
    moment = int(on_host(host, "date +%s")) + 1
    wait_for(lambda: int(on_host(host, "date +%s")) >= moment, 5)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def take():
    """Have the timers' unit run on all members at once;
    return the member that has a backup more, and what the others say.
    """
    before = {host: backups(host) for host in MEMBERS}
    begin = (
        "systemctl start lamp-backup && "
        "journalctl --unit lamp-backup --output cat --no-pager --lines 5"
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        said = dict(
            zip(
                MEMBERS,
                pool.map(lambda host: on_host(host, begin, check=True), MEMBERS),
                strict=True,
            )
        )
    (maker,) = [host for host in MEMBERS if len(backups(host)) > len(before[host])]
    return maker, [said[host] for host in MEMBERS if host != maker]


def test_one_takes_a_backup_for_all_and_each_moment_comes_back():
    whole()
    sql(MEMBERS[0], "CREATE OR REPLACE TABLE foobar.numbers (number INT PRIMARY KEY)")
    # Of its files the web host takes one by itself.
    on_host(WEB, "systemctl start lamp-backup", check=True)
    with numbers(1_000_000) as found:
        maker, others = take()
    assert maker != writer()
    assert all(
        f"{maker} takes the backup of the database, for all members of the cluster." in said
        for said in others
    )
    # What comes afterwards is in its binary log, though others have written it.
    with numbers(2_000_000) as later:
        pass
    assert sql(maker, "SELECT @@wsrep_desync") == ["0"]
    moment = now(maker)
    sql(writer(), "DELETE FROM foobar.numbers")
    began = time.monotonic()
    done = plays.play("restore", lamp_restore_to=moment, lamp_restore_confirm=maker)
    assert done.returncode == 0, done.stdout[-3000:]
    print(
        f"backup: gap {found['gap']:.2f} s; restore of a cluster: {time.monotonic() - began:.1f} s"
    )
    assert together()
    for host in MEMBERS:
        assert set(found["done"]) | set(later["done"]) <= stored(host)
        # What was there is kept.
        assert on_host(host, "ls -d /var/lib/mysql-restore/replaced-*/foobar")
    whole()
    with numbers(3_000_000) as after:
        pass
    assert after["done"]
    for host in MEMBERS:
        on_host(host, "lamp-backup discard", check=True)
