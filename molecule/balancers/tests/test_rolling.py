"""Runs that go through the hosts one after the other while visitors
come: none is lost, and no form is sent twice.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import shutil
import time

import yaml
from support.containers import on_host, run
from support.plays import ROOT, command, ephemeral, killed, play, recap
from support.waiting import wait_for
from support.web import SERVICE

from .visitors import BALANCERS, SITE, WEB, Steady, ask, hanging, states, wait_for_state

SOURCE = ephemeral() / "rolling"
PLACE = "/srv/lamp-probe"
REBOOT = "/run/reboot-required"


def current():
    """Return the release of each web host."""
    return {
        host: on_host(host, f"readlink /srv/{SITE}/current", check=True).strip() for host in WEB
    }


def deploys(host):
    """Return what was done and tried on it, a line each."""
    return on_host(host, "cat /var/log/python_app/deploys.log", check=True)


def changed(fault=""):
    """Make another version of the application, and return the sites with it."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "files/app", SOURCE, ignore=shutil.ignore_patterns("__pycache__"))
    file = SOURCE / "foobar/app.py"
    file.write_text(f"{file.read_text()}\n# {time.time_ns()}\n{fault}\n")
    place = pathlib.Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    sites = yaml.safe_load((place / "group_vars/all.yml").read_text())["lamp_sites"]
    sites[SITE]["app"]["source"] = str(SOURCE)
    return sites


def drained(balancer):
    """Return the web hosts that a run has drained there and not put back."""
    return on_host(balancer, "ls /run/lamp-haproxy/drained 2> /dev/null").split()


@contextlib.contextmanager
def updated(host, words):
    """Have a host find an update of a package,
    which runs these words of a shell when it is installed.
    """
    script = pathlib.Path(__file__).with_name("probe_package.sh").read_text()
    # A container that reboots is started again.
    run("docker", "update", "--restart=always", host, check=True)
    on_host(host, f"set -- {shlex.quote(words)}\n{script}", check=True)
    try:
        yield
    finally:
        back = (
            f"rm -r /etc/apt/sources.list.d; "
            f"mv {PLACE}/sources/* /etc/apt; rm -r {PLACE}; rm -f {REBOOT}"
        )
        on_host(host, f"dpkg --purge lamp-probe; {back}")
        run("docker", "update", "--restart=no", host, check=True)


def test_deploy_goes_host_by_host_and_back_and_loses_nothing():
    before = current()
    with Steady(BALANCERS[0]) as visitors:
        done = play("deploy", lamp_sites=changed())
        assert done.returncode == 0, done.stdout[-3000:]
        between = current()
        # As if it had been stopped after the first host. The next one does the rest.
        first = play("rollback", "--limit", WEB[0])
        back = play("rollback")
    assert first.returncode == back.returncode == 0, back.stdout[-3000:]
    assert all(between[host] != before[host] for host in WEB)
    assert current() == before
    # The first one alone.
    assert done.stdout.index(f"{WEB[0]}: {SITE} is at release") < done.stdout.index(
        f"{WEB[1]}: {SITE} is at release"
    )
    assert done.stdout.count("PLAY [Deploy]") == back.stdout.count("PLAY [Roll back]") == 2
    visitors.require_none_lost(WEB)


def test_release_that_fails_on_the_first_host_is_not_tried_on_the_others():
    before, there = current(), [deploys(host) for host in WEB]
    with Steady(BALANCERS[0]) as visitors:
        done = play("deploy", lamp_sites=changed("raise ValueError('broken on purpose')"))
    assert done.returncode != 0
    assert "broken on purpose" in done.stdout
    assert current() == before
    assert deploys(WEB[0]) != there[0]
    assert deploys(WEB[1]) == there[1]
    visitors.require_none_lost(WEB)


def test_what_a_killed_run_left_drained_the_next_one_puts_back():
    # Requests whose bodies do not end are under way to each web host.
    with contextlib.ExitStack() as stack:
        for _host in WEB:
            stack.enter_context(hanging(BALANCERS[0]))
        on_host(WEB[0], f"touch {REBOOT}", check=True)
        with killed(command("update", "--limit", WEB[0])):
            wait_for(lambda: states(BALANCERS[0])[WEB[0]] == "MAINT")
    assert WEB[0] in drained(BALANCERS[0])
    # What somebody has drained by hand is his.
    ask(BALANCERS[1], f"set server web/{WEB[1]} state drain")
    on_host(WEB[0], f"rm {REBOOT}", check=True)
    done = play("deploy")
    assert done.returncode == 0, done.stdout[-3000:]
    wait_for(lambda: states(BALANCERS[0])[WEB[0]] == "UP")
    assert drained(BALANCERS[0]) == drained(BALANCERS[1]) == []
    assert states(BALANCERS[1])[WEB[1]] == "DRAIN"
    ask(BALANCERS[1], f"set server web/{WEB[1]} state ready")
    again = play("deploy")
    assert recap(again)["changed"] == 0


def test_update_drains_a_web_host_and_reboots_it_and_loses_nothing():
    host, started = WEB[1], "cut -d ' ' -f 22 /proc/1/stat"
    began = on_host(host, started, check=True)
    with updated(host, f"systemctl kill --signal KILL {SERVICE}; touch {REBOOT}"):
        dry = play("update", "--check", "--limit", host)
        with Steady(BALANCERS[0]) as visitors:
            done = play("update", "--limit", host)
    assert "lamp-probe" in dry.stdout
    assert done.returncode == 0, done.stdout[-3000:]
    assert on_host(host, started, check=True) != began
    assert "lamp-probe 1 -> 2" in done.stdout
    assert f"{REBOOT} is there" in done.stdout
    wait_for_state("UP", *WEB)
    visitors.require_none_lost(WEB)


def test_update_stops_at_a_host_that_does_not_come_back():
    with updated(WEB[0], f"systemctl stop {SERVICE}"):
        done = play("update", "--limit", ",".join(WEB))
        on_host(WEB[0], f"systemctl start {SERVICE}", check=True)
    assert done.returncode != 0
    assert (
        f"{WEB[0]} is not healthy after the update: "
        f"{SERVICE}.service ran before the update, but not after it"
    ) in done.stdout
    # The other one had no turn.
    assert done.stdout.count("PLAY [Update]") == 1
    assert drained(BALANCERS[0]) == []
    wait_for_state("UP", *WEB)
