"""A setting that needs a restart, while applications write: one member after the other, and the one that writes last."""

from __future__ import annotations

import subprocess

from support.containers import on_host
from support.plays import command, killed, play
from support.waiting import wait_for

from .hosts import MEMBERS, failed, lost, numbers, sql, start_of_table, whole, writer


def term():
    """Return how often the writer's part was taken."""
    return int(sql(MEMBERS[0], "SELECT term FROM foobar_lamp.writer")[0])


def values():
    """Return what each member runs with."""
    return {host: int(sql(host, "SELECT @@back_log")[0]) for host in MEMBERS}


def started():
    """Return when each server was started."""
    return {host: on_host(host, "systemctl show --value --property ExecMainStartTimestampMonotonic mariadb").strip() for host in MEMBERS}


def test_a_setting_restarts_one_after_the_other_though_a_run_is_killed():
    start_of_table()
    first, before, value = writer(), term(), values()[MEMBERS[0]] + 1
    settings = {"mysql_settings": {"mysqld": {"back_log": value}}}
    with numbers(500_000) as found:
        with killed(command("site", "--tags", "mysql", **settings), stdout=subprocess.PIPE) as process:
            # As soon as the first one runs with it.
            for line in process.stdout:
                if line.startswith("TASK [foobar.lamp.mysql : Wait until it has all"):
                    break
        wait_for(lambda: list(values().values()).count(value) == 1, 30)
        done = [host for host, one in values().items() if one == value]
        assert done != [first]
        assert (writer(), term()) == (first, before)
        when = started()
        again = play("site", "--tags", "mysql", **settings)
    assert again.returncode == 0, again.stdout[-3000:]
    print(f"writer moved for a restart: gap {found['gap']:.2f} s, {len(found['done'])} acknowledged, {failed(found)}")
    whole()
    assert values() == dict.fromkeys(MEMBERS, value)
    assert [host for host in MEMBERS if started()[host] == when[host]] == done
    # Once, to one that had it already.
    assert term() == before + 1
    assert f"writes in the place of {first}." in on_host(first, "true") or writer() != first
    assert lost(found) == {}
    assert not [one for one in found["failed"] if "timed out" in one[2]]
