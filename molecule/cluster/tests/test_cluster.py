"""A cluster of three, whose hosts die: what was acknowledged is there, one of them writes, and
nobody has to do anything.
"""

from __future__ import annotations

import time

import pytest
from support.containers import address_of, on_host, run
from support.waiting import wait_for

from .hosts import (
    MEMBERS,
    WEB,
    failed,
    kill,
    lost,
    numbers,
    sql,
    start,
    state,
    stored,
    together,
    whole,
    writer,
    writes,
)


@pytest.fixture(scope="module", autouse=True)
def table():
    """Make the table that is written to."""
    whole()
    sql(MEMBERS[0], "CREATE OR REPLACE TABLE foobar.numbers (number INT PRIMARY KEY)")


@pytest.fixture(autouse=True)
def members():
    """Begin with all members."""
    whole()


def others(host):
    return [one for one in MEMBERS if one != host]


def test_all_have_what_the_first_one_had_and_what_the_run_made():
    for host in MEMBERS:
        assert sql(host, "SELECT COUNT(*), SUM(number) FROM foobar.before_all") == [
            "10000\t50005000"
        ]
        assert sql(host, 'SELECT host FROM mysql.user WHERE user = "foobar"') == [address_of(WEB)]
        assert sql(host, "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog") == ["1\t1"]


def test_the_application_comes_by_its_own_host_and_over_tls():
    environment = on_host(WEB, "cat /etc/python_app/www.foobar.com.env")
    assert "127.0.0.1" in environment
    assert writer() == state(MEMBERS[0])["writer"]
    with numbers(1) as found:
        pass
    assert found["done"]
    assert lost(found) == {}


def test_nobody_else_reaches_the_members():
    for port in (4444, 4567, 4568):
        ask = f"import socket; socket.create_connection(('{address_of(MEMBERS[0])}', {port}), 2)"
        assert "imed out" in run("docker", "exec", WEB, "python3", "-c", ask).stderr


def test_members_let_in_nobody_without_a_certificate():
    (said,) = sql(MEMBERS[0], "SELECT @@wsrep_provider_socket_ssl_ca")
    assert said == "/etc/mysql/tls/members.pem"
    # In TLS 1.3 the refusal comes after the handshake: it is waited for.
    ask = (
        f"timeout 30 openssl s_client -ign_eof "
        f"-connect {address_of(MEMBERS[0])}:4567 < /dev/null 2>&1"
    )
    assert "alert" in on_host(MEMBERS[1], ask)


def test_the_host_that_writes_dies_and_another_writes_on():
    first = writer()
    with numbers(100_000) as found:
        wait_for(lambda: len(stored(first)) > 50, 20)
        kill(first)
        try:
            wait_for(lambda: any(writes(host) for host in others(first)), 20)
        finally:
            start(first)
    second = next(host for host in others(first) if writes(host))
    missing = set(found["done"]) - stored(second)
    print(
        f"writer killed: gap {found['gap']:.2f} s, {len(found['done'])} acknowledged, "
        f"{len(missing)} lost, {failed(found)}"
    )
    assert missing == set()
    # Four threads have one write each in flight. Whoever comes to a host that is dead is told so,
    # and does not wait.
    assert len([one for one in found["failed"] if one[1]]) <= 8
    assert not [one for one in found["failed"] if "timed out" in one[2]]
    assert found["gap"] < 8
    whole()
    # It does not jump back.
    assert writer() == second
    assert lost(found) == {}


def test_the_server_that_writes_is_killed_and_comes_back_by_itself():
    first = writer()
    with numbers(200_000) as found:
        on_host(first, "kill -9 $(pidof mariadbd)")
        wait_for(lambda: any(writes(host) for host in others(first)), 20)
    print(
        f"server killed: gap {found['gap']:.2f} s, "
        f"{len(found['done'])} acknowledged, {failed(found)}"
    )
    whole()
    assert lost(found) == {}
    assert found["gap"] < 8


def test_all_die_at_once_and_go_on_by_themselves():
    with numbers(300_000) as found:
        wait_for(lambda: len(stored(MEMBERS[0])) > 50, 20)
        kill(*MEMBERS)
        began = time.monotonic()
        start(*MEMBERS)
        wait_for(together, 120)
        print(f"all killed: one cluster {time.monotonic() - began:.1f} s after the start")
    whole()
    print(f"all killed: {len(found['done'])} acknowledged, {failed(found)}")
    assert lost(found) == {}


def test_all_are_stopped_and_the_last_one_begins():
    for host in MEMBERS:
        on_host(host, "systemctl stop mariadb", check=True)
    began = time.monotonic()
    # The one that was stopped first, and lacks what came after, begins nothing.
    for host in MEMBERS:
        on_host(host, "systemctl start --no-block mariadb", check=True)
    whole()
    print(f"all stopped: one cluster {time.monotonic() - began:.1f} s after the start")
    assert "The cluster begins here: lamp-cluster-db3 was the last to leave" in on_host(
        MEMBERS[2], "journalctl --unit mariadb --output cat --no-pager --lines 2000"
    )


def cut(host):
    """Cut a member off from the others, but not from the applications."""
    places = ", ".join(address_of(one) for one in others(host))
    rules = f"""
        table inet cut {{
          chain in {{ type filter hook input priority -300; ip saddr {{ {places} }} drop; }}
          chain out {{ type filter hook output priority -300; ip daddr {{ {places} }} drop; }}
        }}"""
    on_host(host, f"nft -f - << 'END'{rules}\nEND", check=True)


def heal(*hosts):
    """Undo that."""
    for host in hosts:
        on_host(host, "nft delete table inet cut", check=True)


def test_one_begins_where_the_others_left_while_nobody_had_a_majority():
    for host in MEMBERS:
        cut(host)
    try:
        wait_for(lambda: all(state(host).get("status") == "non-Primary" for host in MEMBERS), 30)
        for host in MEMBERS[:2]:
            on_host(
                host, "systemctl stop mariadb && systemctl start --no-block mariadb", check=True
            )
        wait_for(lambda: not any(state(host).get("running") for host in MEMBERS[:2]), 30)
    finally:
        heal(*MEMBERS)
    # It waits for 45 seconds, and may take 60 more to end.
    whole(240)
    ended = on_host(MEMBERS[2], "journalctl --unit mariadb --output cat --no-pager --lines 2000")
    assert "ends, to start again: lamp-cluster-db3 runs and has no majority" in ended


def test_one_that_starts_begins_no_second_cluster_beside_servers_that_hang():
    first, *rest = MEMBERS
    # What these said before their start is less than what the first has.
    for host in rest:
        on_host(host, "systemctl restart mariadb", check=True)
        whole()
    on_host(first, "systemctl stop mariadb", check=True)
    began = on_host(first, "date +%s").strip()
    try:
        for host in rest:
            on_host(host, "kill -STOP $(pidof mariadbd)", check=True)
        wait_for(lambda: not any(state(host).get("running") for host in rest), 20)
        on_host(first, "systemctl start --no-block mariadb", check=True)
        said = f"journalctl --unit mariadb --output cat --no-pager --since @{began}"
        wait_for(lambda: any(one in on_host(first, said) for one in ("Waits:", "begins here:")), 30)
        assert "begins here:" not in on_host(first, said)
    finally:
        for host in rest:
            on_host(host, "kill -CONT $(pidof mariadbd)", check=True)
    whole()


def test_a_writer_that_is_cut_off_writes_no_more():
    first = writer()
    rest = others(first)
    with numbers(400_000) as found:
        wait_for(lambda: len(stored(first)) > 50, 20)
        cut(first)
        try:
            wait_for(lambda: any(writes(host) for host in rest), 20)
            # Nobody writes on both sides.
            assert not writes(first)
            assert state(first)["status"] == "non-Primary"
            refused = on_host(
                first, 'mariadb --execute "INSERT INTO foobar.numbers VALUES (-1)" 2>&1'
            )
            assert "WSREP has not yet prepared node" in refused
        finally:
            heal(first)
    print(f"cut off: gap {found['gap']:.2f} s, {len(found['done'])} acknowledged, {failed(found)}")
    whole()
    assert lost(found) == {}
    assert len({tuple(sql(host, "CHECKSUM TABLE foobar.numbers")) for host in MEMBERS}) == 1
    assert writer() != first
