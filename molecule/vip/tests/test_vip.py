"""What visitors see of an address that two balancers have
together, whatever becomes of one of them.
"""

from __future__ import annotations

import re
import time

import pytest
from support.containers import address_of, on_host, run
from support.plays import play, recap
from support.waiting import wait_for

from .visitors import (
    BALANCERS,
    SITE,
    VIP,
    VIP6,
    VISITOR,
    Visitors,
    addresses,
    holder,
    holders,
    other,
    state,
)

#: Seconds without an answer that a busy computer may take; on a quiet one they are less than one.
LONGEST = 3


def get(address):
    """Return the status of the site's page at an address."""
    place = f"[{address}]" if ":" in address else address
    return on_host(VISITOR, f'python3 -c "{GET.format(place, SITE)}"').strip()


GET = (
    "import urllib.request as u; r = u.Request('http://{}/', headers={{'Host': '{}'}}); "
    "p = u.build_opener(u.ProxyHandler({{}})); print(p.open(r, timeout=5).status)"
)


def test_one_balancer_has_both_addresses(pair):
    first, second = pair
    assert (state(first), state(second)) == ("MASTER", "BACKUP")
    assert_held_by(first)
    assert get(VIP) == get(VIP6) == "200"
    # The host's own connections, to its peers for instance, do not come from it.
    for family, elsewhere in (("-4", "192.0.2.1"), ("-6", "2001:db8::1")):
        assert not re.search(
            rf" src ({VIP}|{VIP6}) ", on_host(first, f"ip {family} route get {elsewhere}")
        )


@pytest.fixture
def started_again(pair):
    """Have the balancer that had the address back afterwards, whatever the test does to it."""
    yield pair
    first, _second = pair
    run("docker", "unpause", first)
    run("docker", "start", first, check=True)
    wait_for(
        lambda: (
            run("docker", "exec", first, "systemctl", "is-system-running").stdout.strip()
            in ("running", "degraded")
        )
    )


def assert_held_by(balancer):
    """One balancer alone has both addresses, as others see it, and as it does."""
    assert holders() == [balancer]
    assert {name: addresses(name) for name in BALANCERS} == {
        balancer: [VIP, VIP6],
        other(balancer): [],
    }


def test_other_balancer_takes_the_address_of_one_that_is_killed(started_again):
    first, second = started_again
    with Visitors() as visitors:
        run("docker", "kill", first, check=True)
        wait_for(lambda: state(second) == "MASTER", 20)
    assert visitors.gap <= LONGEST
    assert visitors.most == 1
    # Visitors lose nothing when it comes back: it does not take the address.
    with Visitors() as visitors:
        run("docker", "start", first, check=True)
        wait_for(lambda: state(first) == "BACKUP", 60)
        time.sleep(2)  # it would take it after 0.8 seconds
    assert (visitors.failed, visitors.most) == (0, 1)
    assert (state(first), state(second)) == ("BACKUP", "MASTER")
    assert_held_by(second)


def test_other_balancer_takes_the_address_of_one_that_hangs(started_again):
    first, second = started_again
    with Visitors() as visitors:
        run("docker", "pause", first, check=True)
        wait_for(lambda: state(second) == "MASTER", 20)
    # The kernel of the one that hangs still answers to it; visitors were told of the other one.
    assert visitors.gap <= LONGEST
    run("docker", "unpause", first, check=True)
    wait_for(lambda: sorted(map(state, BALANCERS)) == ["BACKUP", "MASTER"], 30)
    assert_held_by(holder())


CUT = """
nft add table netdev cut
nft 'add chain netdev cut in { type filter hook ingress device eth0 priority 0; policy drop; }'
nft 'add chain netdev cut out { type filter hook egress device eth0 priority 0; policy drop; }'
"""


def test_other_balancer_takes_the_address_of_one_that_is_cut_off(pair):
    first, second = pair
    try:
        with Visitors() as visitors:
            on_host(first, CUT, check=True)
            wait_for(lambda: state(second) == "MASTER", 20)
        assert visitors.gap <= LONGEST
        assert visitors.most == 1
    finally:
        with Visitors() as visitors:
            on_host(first, "nft delete table netdev cut")
            # Each of them takes itself for the one that has it, until they hear each other.
            wait_for(lambda: sorted(map(state, BALANCERS)) == ["BACKUP", "MASTER"], 30)
    # Visitors are told at once which one keeps it. By themselves they notice after eight seconds.
    assert visitors.gap <= LONGEST
    assert_held_by(holder())


def restarts(balancer, unit):
    """Return how often systemd has started a unit again that had ended by itself."""
    return int(on_host(balancer, f"systemctl show --value --property=NRestarts {unit}", check=True))


def test_haproxy_that_is_killed_has_the_other_balancer_take_the_address_and_is_back_at_once(pair):
    first, second = pair
    before = restarts(first, "haproxy")
    with Visitors() as visitors:
        on_host(first, "systemctl kill --signal=KILL haproxy", check=True)
        wait_for(lambda: restarts(first, "haproxy") > before, 20)
        wait_for(lambda: (state(first), state(second)) == ("BACKUP", "MASTER"), 20)
    assert visitors.gap <= LONGEST
    assert visitors.most == 1
    assert on_host(first, "systemctl is-active haproxy").strip() == "active"
    assert_held_by(second)


def test_balancer_without_haproxy_gives_the_address_up(pair):
    first, second = pair
    try:
        with Visitors() as visitors:
            on_host(first, "systemctl stop haproxy", check=True)
            wait_for(lambda: state(second) == "MASTER", 20)
        assert visitors.gap <= LONGEST
        assert visitors.most == 1
        # It has begun anew, and asks for the page twice.
        wait_for(lambda: state(first) == "FAULT", 20)
        assert_held_by(second)
    finally:
        on_host(first, "systemctl start haproxy", check=True)
    wait_for(lambda: state(first) == "BACKUP", 30)
    assert holders() == [second]


def test_keepalived_that_is_killed_leaves_no_address_behind(pair):
    first, _second = pair
    before = restarts(first, "keepalived")
    with Visitors():
        on_host(first, "systemctl kill --signal=KILL keepalived", check=True)
        wait_for(lambda: restarts(first, "keepalived") > before, 20)
        wait_for(lambda: sorted(map(state, BALANCERS)) == ["BACKUP", "MASTER"], 20)
    assert_held_by(holder())


def told(balancer):
    """Return what the command has been told, and when keepalived last said something."""
    said = on_host(balancer, "journalctl --quiet --output=cat --identifier=lamp-vip")
    return said, on_host(balancer, "stat -c %y /run/lamp-keepalived/state", check=True)


def test_reloads_and_runs_move_nothing(pair):
    first, second = pair
    before = [told(balancer) for balancer in pair]
    with Visitors() as visitors:
        for balancer in pair:
            on_host(balancer, "systemctl reload keepalived", check=True)
            on_host(
                balancer,
                (
                    "sed -i s/garp_master_refresh/garp_lower_prio_repeat/ "
                    "/etc/keepalived/keepalived.conf"
                ),
                check=True,
            )
        done = play("site", "--tags=haproxy,keepalived")
    assert done.returncode == 0, done.stdout[-3000:]
    assert recap(done)["changed"] > 0
    # The one that has the address comes last.
    order = re.findall(
        r"^(?:ok|changed): \[(lamp-vip-lb\d)",
        done.stdout.partition("PLAY [Balancers]")[2],
        re.MULTILINE,
    )
    assert list(dict.fromkeys(order)) == [second, first]
    assert (visitors.failed, visitors.most) == (0, 1)
    assert [told(balancer) for balancer in pair] == before


def test_command_of_a_cloud_is_told_of_each_address(pair):
    first, _second = pair
    said = on_host(
        first, "journalctl --quiet --output=cat --identifier=lamp-vip", check=True
    ).splitlines()
    assert sorted(said[-2:]) == [f"leads; to $HOSTNAME {VIP}", f"leads; to $HOSTNAME {VIP6}"]
    for balancer in BALANCERS:
        assert (
            on_host(balancer, "stat -c '%U %a' /etc/keepalived/lamp-command").strip() == "root 700"
        )
        assert on_host(
            balancer, "grep -rl 'to $HOSTNAME' /etc/keepalived /etc/systemd"
        ).split() == ["/etc/keepalived/lamp-command"]
        # Of systemd's own words none has those of the command.
        assert "$HOSTNAME" not in on_host(balancer, "journalctl --quiet --output=cat _PID=1")


def test_command_that_fails_is_run_again(pair):
    first, _second = pair
    unit = f"lamp-address@{VIP}.service"

    def told():
        return on_host(first, "journalctl --quiet --output=cat --identifier=lamp-vip", check=True)

    before = told()
    program = on_host(first, "command -v logger", check=True).strip()
    on_host(first, f"mv {program} {program}.away; systemctl restart --no-block {unit}", check=True)
    try:
        wait_for(
            lambda: (
                "Failed with result"
                in on_host(first, f"journalctl --quiet --output=cat --unit={unit}")
            ),
            20,
        )
        assert told() == before
    finally:
        on_host(first, f"mv {program}.away {program}", check=True)
    wait_for(lambda: told() != before, 20)
    assert "logger: not found" in on_host(
        first, "journalctl --quiet --output=cat --identifier=lamp-address"
    )


def test_settings_that_keepalived_refuses_never_reach_it(pair):
    before = [on_host(balancer, "sha256sum /etc/keepalived/*", check=True) for balancer in pair]
    done = play("site", "--tags=keepalived", keepalived_interface="nosuch0")
    assert done.returncode != 0
    assert "nosuch0" in done.stdout
    assert [
        on_host(balancer, "sha256sum /etc/keepalived/*", check=True) for balancer in pair
    ] == before
    assert holders() == [pair[0]]


# An advertisement of the highest priority, from somebody who is none of the balancers.
FORGE = """
import socket, struct, sys
place, vip, number = sys.argv[1:4]
one = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
one.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
one.connect((place, 0))
body = struct.pack("!BBBBHH", 0x31, int(number), 255, 1, 30, 0) + socket.inet_aton(vip)
pseudo = socket.inet_aton(one.getsockname()[0]) + socket.inet_aton(place)
pseudo += struct.pack("!BBH", 0, 112, len(body))
total = sum(struct.unpack(f"!{len(pseudo + body) // 2}H", pseudo + body))
total = (total & 0xffff) + (total >> 16)
total = ~((total & 0xffff) + (total >> 16)) & 0xffff
for _time in range(10):
    one.send(body[:6] + struct.pack("!H", total) + body[8:])
"""


def test_nobody_else_takes_the_address_away(pair):
    first, second = pair
    number = re.search(
        r"virtual_router_id (\d+)", on_host(first, "cat /etc/keepalived/keepalived.conf")
    )[1]
    with Visitors() as visitors:
        for balancer in pair:
            run(
                "docker",
                "exec",
                VISITOR,
                "python3",
                "-c",
                FORGE,
                address_of(balancer),
                VIP,
                number,
                check=True,
            )
    assert (visitors.failed, visitors.most) == (0, 1)
    assert (state(first), state(second)) == ("MASTER", "BACKUP")
    for balancer in BALANCERS:
        rules = on_host(balancer, "nft --numeric list table inet foobar_lamp", check=True)
        allowed = re.findall(r"ip saddr (?:\{ )?(\S+).* l4proto 112 accept", rules)
        assert allowed == [address_of(other(balancer))], rules


@pytest.mark.parametrize("balancer", BALANCERS)
def test_keepalived_is_confined(balancer):
    said = on_host(
        balancer, "systemd-analyze security --no-pager keepalived.service | tail -n 1", check=True
    )
    assert float(re.search(r"(\d+\.\d)", said)[1]) <= 4.0, said
    # It takes a script that it may not run for one that went well.
    assert "setgroups" not in on_host(balancer, "journalctl --quiet --output=cat --unit=keepalived")


# The last one: nobody has the address any more.
def test_balancers_without_an_address_of_all_give_it_up(pair):
    done = play("site", "--tags=keepalived", lamp_vip=[], lamp_vip_command=[])
    assert done.returncode == 0, done.stdout[-3000:]
    for balancer in pair:
        assert addresses(balancer) == []
        assert on_host(balancer, "systemctl is-enabled keepalived").strip() == "disabled"
        assert "l4proto 112" not in on_host(
            balancer, "nft --numeric list table inet foobar_lamp", check=True
        )
