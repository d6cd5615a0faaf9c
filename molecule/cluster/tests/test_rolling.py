"""A setting that needs a restart, while applications write: one member
after the other, and the one that writes last.
"""

from __future__ import annotations

import subprocess

import pytest
from support.containers import on_host
from support.plays import command, killed, play

from .hosts import MEMBERS, failed, lost, numbers, sql, whole, writer


def term():
    """Return how often a member has taken the writer's part."""
    return int(sql(MEMBERS[0], "SELECT term FROM foobar_lamp.writer")[0])


def values():
    """Return what each member runs with."""
    return {host: int(sql(host, "SELECT @@back_log")[0]) for host in MEMBERS}


def started():
    """Return when each server was started,
    in microseconds of the clock that all containers have.
    """
    show = "systemctl show --value --property ExecMainStartTimestampMonotonic mariadb"
    return {host: int(on_host(host, show, check=True)) for host in MEMBERS}


@pytest.fixture(autouse=True)
def table():
    """Begin with all members, and the table that is written to."""
    whole()
    sql(MEMBERS[0], "CREATE TABLE IF NOT EXISTS foobar.numbers (number INT PRIMARY KEY)")


def test_a_server_that_is_stopped_by_hand_has_another_one_write():
    first = writer()
    with numbers(500_000) as found:
        on_host(first, "systemctl restart mariadb", check=True)
    print(
        f"restarted by hand: gap {found['gap']:.2f} s, "
        f"{len(found['done'])} acknowledged, {failed(found)}"
    )
    whole()
    assert f"writes in the place of {first}." in on_host(
        first, "journalctl --unit mariadb --output cat --no-pager --lines 1000"
    )
    assert writer() != first
    assert lost(found) == {}


def test_a_setting_restarts_one_after_the_other_though_a_run_is_killed():
    first, terms, value = writer(), term(), values()[MEMBERS[0]] + 1
    settings = {"mysql_settings": {"mysqld": {"back_log": value}}}
    with numbers(600_000) as found:
        with killed(
            command("site", "--tags", "mysql", **settings), stdout=subprocess.PIPE
        ) as process:
            # The first one has begun with it, and the run waits until it is there.
            assert any(
                "Wait until it has all that the cluster has" in line for line in process.stdout
            )
        (done,) = [host for host, one in values().items() if one == value]
        assert done != first
        assert (writer(), term()) == (first, terms)
        before = started()
        again = play("site", "--tags", "mysql", **settings)
    assert again.returncode == 0, again.stdout[-3000:]
    print(
        f"writer moved for a restart: gap {found['gap']:.2f} s, {len(found['done'])} "
        f"acknowledged, {failed(found)}"
    )
    whole()
    assert values() == dict.fromkeys(MEMBERS, value)
    now = started()
    assert now[done] == before[done]
    assert max(now, key=now.get) == first
    assert writer() != first
    assert term() == terms + 1
    assert lost(found) == {}
