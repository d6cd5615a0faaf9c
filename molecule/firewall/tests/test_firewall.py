"""What the firewall lets in is what is declared, and no rule set
locks a run out for longer than a minute.
"""

from __future__ import annotations

import hashlib
import re
import time

import pytest
from support.containers import on_host, run
from support.plays import recap
from support.waiting import wait_for

from .conftest import DB, STRANGER, WEB, addresses, scan, table

#: What strangers reach by TCP, and what is asked for: ports of services, one that listens and is
#: not declared, and those below 1024.
OPEN = {WEB: {22, 53, 80, 443}, DB: {22}}
ASKED = [*range(1, 1025), 3306, 8078, 8079, 8099, 8080]
MYSQL = 3306
#: Rules that cut off every connection, and that no role would make.
LOCKED = (
    "table inet foobar_lamp\ndelete table inet foobar_lamp\n"
    "table inet foobar_lamp {\n\tchain input {\n"
    "\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n"
)
ASK_UDP = """
import socket, sys
name = b"\\3www\\6foobar\\3com\\0"
question = bytes.fromhex("abcd01000001000000000000") + name + bytes.fromhex("00010001")
one = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(2)
one.connect((sys.argv[1], int(sys.argv[2])))
one.send(question)
try:
    print("answered" if one.recv(512)[:2] == question[:2] else "?")
except TimeoutError:
    print("dropped")
except ConnectionRefusedError:
    print("refused")
"""
MANY = """
import socket, sys
there = 0
for _number in range(100):
    one = socket.socket()
    one.settimeout(0.05)
    try:
        one.connect((sys.argv[1], 22))
    except OSError:
        pass
    else:
        there += 1
print(there)
"""


def well(done, **counts):
    """Require that a run went well, and that its recap has these counts."""
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert {name: recap(done)[name] for name in counts} == counts, done.stdout[-4000:]
    return done.stdout


def declare(host, rules):
    """Have other rules declared on a host, as a run does before it loads them."""
    on_host(host, "cat > /etc/foobar.lamp/firewall.nft", check=True, input=rules)


def confirm(host, rules):
    """Return what becomes of it when a run that declared these rules confirms them."""
    return run(
        "docker",
        "exec",
        host,
        "lamp-firewall",
        "confirm",
        hashlib.sha256(rules.encode()).hexdigest(),
    )


def confirmed(host):
    """Return whether a host is at rest:
    what it has confirmed is declared, and no way back waits.
    """
    same = on_host(
        host,
        (
            "cmp /etc/foobar.lamp/firewall.nft "
            "/var/lib/foobar.lamp/firewall/confirmed.nft && echo same"
        ),
    )
    timer = on_host(host, "systemctl is-active foobar-lamp-firewall-back.timer")
    return same.strip() == "same" and timer.strip() == "inactive"


def lets_in(host, port=22):
    """Return whether a host answers this computer by TCP."""
    return (
        run("timeout", "1", "bash", "-c", f": < /dev/tcp/{addresses(host)[0]}/{port}").returncode
        == 0
    )


@pytest.mark.parametrize("host", [WEB, DB])
def test_strangers_reach_what_is_declared_and_nothing_else(host):
    here = addresses(host)
    assert len(here) == 2
    # The test sees what there is to be seen: it listens.
    assert ":8099" in on_host(host, "ss -Hlnt")
    found = scan(STRANGER, [(address, port) for address in here for port in ASKED])
    assert found == {(address, port) for address in here for port in OPEN[host]}


@pytest.mark.parametrize("host", [WEB, DB])
def test_database_is_reached_from_the_web_host_alone(host):
    targets = {(address, MYSQL) for address in addresses(DB)}
    assert ":3306" in on_host(DB, "ss -Hlnt")
    assert scan(WEB, list(targets), 5) == targets
    assert scan(STRANGER, list(targets)) == set()


def test_udp_answers_where_it_is_declared():
    for address in addresses(WEB):
        said = {
            port: on_host(STRANGER, f"python3 - {address} {port}", input=ASK_UDP).strip()
            for port in (53, 67, 8099)
        }
        assert said == {53: "answered", 67: "dropped", 8099: "dropped"}


def test_neighbours_of_ipv6_find_the_host_anew():
    on_host(STRANGER, "ip -6 neigh flush all", check=True)
    on_host(WEB, "ip -6 neigh flush all", check=True)
    _ipv4, ipv6 = addresses(WEB)
    assert scan(STRANGER, [(ipv6, 80)]) == {(ipv6, 80)}


def test_rule_is_shown_loaded_confirmed_by_a_new_connection_and_no_change_again(firewall):
    rules = [{"port": 8099, "from": addresses(STRANGER)}]
    targets = {(address, 8099) for address in addresses(WEB)}
    theirs = table(WEB, "ip", "docker-like")
    assert "counter" in theirs
    before = table(WEB)
    shown = well(firewall(WEB, "--check", "--diff", firewall_rules=rules), changed=1)
    assert re.search(r"^\+\s+ip saddr \{ \S+ \} tcp dport 8099 accept$", shown, re.MULTILINE), shown
    assert table(WEB) == before
    said = well(firewall(WEB, firewall_rules=rules))
    assert "Connect again" in said
    assert scan(STRANGER, list(targets)) == targets
    assert confirmed(WEB)
    well(firewall(WEB, firewall_rules=rules), changed=0)
    well(firewall(WEB, "--check", firewall_rules=rules), changed=0)
    well(firewall(WEB))
    assert scan(STRANGER, list(targets)) == set()
    assert table(WEB) == before
    assert table(WEB, "ip", "docker-like") == theirs


def test_rules_that_somebody_removed_come_back(firewall):
    before = table(WEB)
    for harm in (
        "nft delete table inet foobar_lamp",
        "nft add rule inet foobar_lamp input tcp dport 8099 accept",
    ):
        on_host(WEB, harm, check=True)
        well(firewall(WEB, "--check"), changed=1)
        assert table(WEB) != before
        assert "other rules are in force" in well(firewall(WEB, "--check"))
        well(firewall(WEB))
        assert table(WEB) == before
    well(firewall(WEB), changed=0)


def test_reload_of_the_distributions_own_service_leaves_no_hole():
    """It removes all rules each time."""
    before = table(DB)
    on_host(DB, "systemctl start nftables; systemctl reload foobar-lamp-firewall", check=True)
    assert table(DB) == before
    for verb in ("reload", "restart"):
        on_host(DB, f"systemctl {verb} nftables", check=True)
        wait_for(lambda: table(DB) == before, 10)
    on_host(DB, "systemctl stop nftables; systemctl start foobar-lamp-firewall", check=True)
    assert table(DB) == before


def test_rules_that_cut_off_the_run_are_taken_back_by_the_host(firewall, begun):
    before = table(WEB)
    run_of_somebody = begun(WEB, __firewall_ruleset=LOCKED)
    wait_for(lambda: table(WEB) not in (before, ""))
    assert not lets_in(WEB)
    began = time.monotonic()
    wait_for(lambda: lets_in(WEB), 70)
    assert time.monotonic() - began > 30
    assert table(WEB) == before
    said = run_of_somebody.communicate(timeout=120)[0]
    assert run_of_somebody.returncode != 0
    assert f"{WEB} could not be reached with the new rules" in said, said[-3000:]
    assert "tcp dport 80 accept" in said
    # The next run tries what is declared by then.
    well(firewall(WEB))
    assert confirmed(WEB)
    assert table(WEB) == before


def test_host_that_is_cut_off_leaves_others_what_they_confirm(firewall):
    """The play's errors are fatal for all its hosts."""
    before = table(WEB)
    texts = {
        WEB: LOCKED,
        DB: on_host(DB, "cat /etc/foobar.lamp/firewall.nft", check=True) + "# New.\n",
    }
    done = firewall(
        f"{WEB},{DB}", __firewall_ruleset="{{ __texts[inventory_hostname] }}", __texts=texts
    )
    assert done.returncode != 0
    assert f"{WEB} could not be reached with the new rules" in done.stdout, done.stdout[-3000:]
    assert f"{DB} could not be reached" not in done.stdout
    assert confirmed(DB)
    assert on_host(DB, "tail -n 1 /var/lib/foobar.lamp/firewall/confirmed.nft") == "# New.\n"
    assert table(WEB) == before
    well(firewall(f"{WEB},{DB}"))
    assert confirmed(WEB)
    assert confirmed(DB)


def test_restart_meanwhile_comes_back_with_what_was_confirmed():
    before = table(DB)
    declared = on_host(DB, "cat /etc/foobar.lamp/firewall.nft", check=True)
    declare(DB, LOCKED)
    on_host(DB, "lamp-firewall try", check=True)
    assert table(DB) != before
    run("docker", "restart", "--time", "1", DB, check=True)
    wait_for(lambda: on_host(DB, "systemctl is-system-running").strip() in ("running", "degraded"))
    assert table(DB) == before
    assert lets_in(DB)
    # Nobody confirms afterwards what was tried before.
    assert confirm(DB, LOCKED).returncode != 0
    declare(DB, declared)
    assert on_host(DB, "systemctl is-active foobar-lamp-firewall").strip() == "active"


def test_restart_meanwhile_comes_back_with_what_sshd_had():
    """As on Debian 12: the tests of the collection as a user installs it ask Debian 13."""
    file = "/etc/ssh/sshd_config.d/10-foobar-lamp.conf"
    before = on_host(DB, "sshd -T", check=True)
    on_host(
        DB,
        (
            f"cp {file} /var/lib/foobar.lamp/sshd.conf; "
            f"echo MaxSessions 3 >> {file}; lamp-sshd try 600"
        ),
        check=True,
    )
    assert "maxsessions 3\n" in on_host(DB, "sshd -T")
    run("docker", "restart", "--time", "1", DB, check=True)
    wait_for(lambda: on_host(DB, "systemctl is-system-running").strip() in ("running", "degraded"))
    assert on_host(DB, "sshd -T") == before
    assert lets_in(DB)
    began = "systemctl show --value --property=ExecMainStartTimestampMonotonic"
    assert int(on_host(DB, f"{began} foobar-lamp-sshd")) < int(on_host(DB, f"{began} ssh"))


def test_run_confirms_no_rules_of_another():
    before = table(DB)
    declared = on_host(DB, "cat /etc/foobar.lamp/firewall.nft", check=True)
    on_host(DB, "lamp-firewall try", check=True)
    # The other comes before the first has confirmed, and its rules would cut off both.
    declare(DB, LOCKED)
    on_host(DB, "lamp-firewall try", check=True)
    done = confirm(DB, declared)
    assert (done.returncode, done.stderr) == (1, "Another run has loaded other rules since.\n")
    # The way back is there.
    assert on_host(DB, "systemctl is-active foobar-lamp-firewall-back.timer").strip() == "active"
    declare(DB, declared)
    on_host(DB, "lamp-firewall load; systemctl stop foobar-lamp-firewall-back.timer", check=True)
    assert table(DB) == before


def test_two_runs_that_declare_the_same_both_confirm_it():
    declared = on_host(DB, "cat /etc/foobar.lamp/firewall.nft", check=True)
    on_host(DB, "lamp-firewall try; lamp-firewall try", check=True)
    assert [confirm(DB, declared).returncode for _run in range(2)] == [0, 0]
    assert confirmed(DB)


def test_run_that_did_not_come_by_ssh_says_that_no_login_tries_its_rules(firewall_by_docker):
    said = well(firewall_by_docker(DB, firewall_ssh_from=["198.51.100.7"]))
    assert f"this run did not come to {DB} by SSH" in " ".join(said.split())
    assert "Connect again" not in said
    for said in (
        well(firewall_by_docker(DB, firewall_ssh_from=["198.51.100.7"]), changed=0),
        well(firewall_by_docker(DB)),
    ):
        assert "Warn that no login tests the rules" not in said
    assert confirmed(DB)


def test_run_from_elsewhere_is_refused_before_the_first_change(firewall):
    before = table(WEB)
    done = firewall(WEB, firewall_ssh_from=["198.51.100.7"])
    assert done.returncode != 0
    assert "firewall_ssh_from is 198.51.100.7, which locks out" in done.stdout
    assert table(WEB) == before


def test_ssh_from_some_addresses_alone(firewall):
    gateway = on_host(WEB, "ip -4 route show default", check=True).split()[2]
    targets = [(addresses(WEB)[0], 22)]
    well(firewall(WEB, firewall_ssh_from=[gateway], firewall_forward="drop"))
    assert scan(STRANGER, targets) == set()
    assert "hook forward" in table(WEB)
    assert lets_in(WEB)
    well(firewall(WEB))
    assert scan(STRANGER, targets) == set(targets)


def test_one_who_tries_too_often_by_ssh_waits_and_others_do_not():
    address = addresses(WEB)[0]
    done = run("docker", "exec", STRANGER, "python3", "-c", MANY, address)
    assert 40 <= int(done.stdout) <= 75, done
    assert lets_in(WEB)


def test_second_firewall_is_refused(firewall):
    on_host(
        WEB,
        (
            "cp -a /etc/nftables.conf /root/; "
            "echo '# ours' >> /etc/nftables.conf; systemctl enable nftables"
        ),
        check=True,
    )
    try:
        done = firewall(WEB)
        assert done.returncode != 0
        assert "The host already has a firewall, nftables" in done.stdout
    finally:
        on_host(WEB, "systemctl disable nftables; mv /root/nftables.conf /etc/", check=True)
    well(firewall(WEB), changed=0)


def test_host_that_lacks_the_capability_goes_without_or_is_refused(firewall_by_docker):
    python = "/usr/local/bin/python-without"
    script = (
        '#!/bin/sh\nexec setpriv --bounding-set=-net_admin --inh-caps=-net_admin python3 "$@"\n'
    )
    on_host(DB, f"cat > {python}; chmod 755 {python}", check=True, input=script)
    said = well(firewall_by_docker(DB, "--check", ansible_python_interpreter=python))
    assert f"{DB} goes without a firewall: it lacks the capability CAP_NET_ADMIN." in said
    done = firewall_by_docker(
        DB, "--check", ansible_python_interpreter=python, firewall_enabled=True
    )
    assert done.returncode != 0
    assert (
        "firewall_enabled is true, but the host cannot have a firewall: "
        "it lacks the capability CAP_NET_ADMIN."
    ) in done.stdout


def test_without_it_nothing_of_it_is_left_and_nothing_else_is_gone(firewall):
    theirs = table(WEB, "ip", "docker-like")
    well(firewall(WEB, "--check", firewall_enabled=False))
    assert table(WEB)
    well(firewall(WEB, firewall_enabled=False))
    assert table(WEB) == ""
    assert table(WEB, "ip", "docker-like") == theirs
    left = on_host(
        WEB,
        (
            "ls -d /etc/foobar.lamp/firewall* /var/lib/foobar.lamp/firewall* /run/foobar-lamp-f* "
            "/usr/local/sbin/lamp-firewall; true"
        ),
    )
    assert left == ""
    assert "foobar-lamp-firewall" not in on_host(
        WEB, "systemctl list-units --all; ls -R /etc/systemd/system"
    )
    well(firewall(WEB, firewall_enabled=False), changed=0)
    # As on a host to which a site comes, and which serves something else.
    done = firewall(WEB)
    assert (
        "The host listens on 8099/tcp (python3), to which firewall_rules lets in nobody."
        in done.stdout
    )
    assert table(WEB) == ""
    well(firewall(WEB, firewall_take_over=True))
    assert table(WEB)
    well(firewall(WEB), changed=0)
