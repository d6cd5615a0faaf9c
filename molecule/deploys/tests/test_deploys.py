"""What a broken release and a killed deploy do to visitors: nothing."""

from __future__ import annotations

import json
import re

import pytest
from support.applications import PROBE, Senders, Visitors, command, declared, get, play
from support.plays import killed
from support.waiting import wait_for


def queued(site):
    """Return the release that the worker belongs to."""
    return site.run(f"cat /srv/{PROBE}/state/queue").stdout.strip()


def services(site):
    """Return the units of its releases: those that systemd has, which are those of files."""
    units = site.check_output(
        f"systemctl list-units --all --plain --no-legend 'app-{PROBE}@*' | cut -d ' ' -f 1"
    ).split()
    assert units == site.check_output(f"ls /etc/systemd/system | grep -F 'app-{PROBE}@'").split()
    return units


def test_change_of_settings_loses_no_request_and_moves_to_a_second_service(probe, site):
    (before,) = services(site)
    sites = declared()
    sites[PROBE]["app"]["environment"] = {"WORDS": "others"}
    with Visitors() as visitors:
        assert (
            play("site", "--tags", "python_app", lamp_deploy_site="", lamp_sites=sites).returncode
            == 0
        )
        (after,) = services(site)
        assert "WORDS=others" in site.check_output(
            f"tr '\\0' '\\n' < /proc/$(systemctl show --property=MainPID --value {after})/environ"
        )
        # The clock of a host counts for nothing: only what is in the file.
        site.check_output(f"touch -d '+1 hour' /etc/python_app/{PROBE}.env")
        assert (
            " changed=0 "
            in play("site", "--tags", "python_app", lamp_deploy_site="", lamp_sites=sites).stdout
        )
        assert services(site) == [after]
        assert play("deploy").returncode == 0
    assert visitors.failures == []
    assert before != after
    assert before.rpartition("-")[0] == after.rpartition("-")[0]


def test_deploy_and_rollback_lose_no_request(probe, site):
    first = probe.current()
    probe.change()
    site.check_output(f"rm -f /srv/{PROBE}/state/posts")
    with Visitors() as visitors, Senders() as senders:
        assert play("deploy").returncode == 0
        second = probe.current()
        assert probe.log(f"after of {second}")
        wait_for(lambda: queued(site) == second)
        assert play("rollback").returncode == 0
    assert visitors.failures == senders.failures == []
    assert visitors.asked > 50
    assert sorted(senders.done) == sorted(
        site.check_output(f"cat /srv/{PROBE}/state/posts").splitlines()
    )
    assert first != second
    assert get("/").text == probe.current() == first
    wait_for(lambda: queued(site) == first)
    lines = [
        json.loads(line)
        for line in site.check_output("tail -n 2 /var/log/python_app/deploys.log").splitlines()
    ]
    assert [(line["what"], line["release"], line["before"]) for line in lines] == [
        ("switched", second, first),
        ("rolled back", first, second),
    ]


def test_same_content_again_changes_nothing(probe):
    done = play("deploy")
    assert re.search(r"changed=0 .*failed=0", done.stdout)


def test_worker_and_timer_are_the_application_s_own(probe, site):
    state = f"/srv/{PROBE}/state"
    assert queued(site) == probe.current()
    assert site.service(f"{PROBE}-queue.service").is_enabled
    assert site.check_output(f"systemctl is-active {PROBE}-clean.timer") == "active"
    # It may write its state, and nothing else.
    done = site.run(f"systemctl start {PROBE}-clean.service")
    assert not done.succeeded
    assert site.check_output(f"cat {state}/clean") == probe.current()
    assert "Permission denied" in site.check_output(
        f"journalctl --no-pager -u {PROBE}-clean.service"
    )


def test_rollback_to_what_is_not_there_names_what_is(probe):
    done = play("rollback", lamp_release="000000000000")
    assert done.returncode != 0
    assert "no release 000000000000 to go back to. Others on this host" in done.stdout


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            "import",
            ["failed (health)", "has ended", "Traceback", "ValueError: broken import on purpose"],
        ),
        ("collect", ["failed (collect)", "ValueError: broken collect on purpose"]),
        ("migrate", ["failed (migrate)", "ValueError: broken migrate on purpose"]),
        ("500", ["failed (health)", "ValueError: broken page on purpose"]),
        (
            "hang",
            ["failed (health)", "/ was not answered within 5 seconds", "was not answered within"],
        ),
    ],
)
def test_broken_release_leaves_the_old_one(probe, site, fault, words):
    before, there = probe.current(), probe.releases()
    probe.change(fault)
    with Visitors() as visitors:
        done = play("deploy")
    assert done.returncode != 0
    for word in [*words, f"its release {before} of", "serves it."]:
        assert word in done.stdout
    assert visitors.failures == []
    assert visitors.asked > 50
    assert visitors.answers == [before]
    assert probe.current() == before
    assert probe.releases() == there
    release = re.search(r"release (\w{12}) of", done.stdout)[1]
    assert words[-1] in site.file(f"/var/log/python_app/{PROBE}.{release}.log").content_string


def test_release_that_is_broken_behind_apache_only_is_taken_back(probe):
    before, there = probe.current(), probe.releases()
    probe.change("500 behind Apache")
    done = play("deploy")
    assert done.returncode != 0
    assert "broken page on purpose" in done.stdout
    assert get("/").text == probe.current() == before
    # The oldest may be gone: a release that is taken back was current for a moment.
    assert probe.releases() <= there
    assert play("rollback").returncode == 0


def test_release_that_is_broken_behind_apache_is_taken_back_by_the_run_after_one_that_died(
    probe, site
):
    before = probe.current()
    probe.change("500 behind Apache")
    with killed(command("deploy")):
        wait_for(lambda: get("/").status == 500)
    probe.kill()
    assert probe.current() != before
    done = play("deploy")
    assert done.returncode != 0
    assert "broken page on purpose" in done.stdout
    assert get("/").text == probe.current() == before


def test_python_that_the_server_has_no_wheel_for_is_refused(probe, site):
    before, there = probe.current(), probe.releases()
    other = "/usr/local/bin/python-of-another-version"
    fake = (
        '#!/bin/sh\npython3 "$@"\nfor place; do :; done\nsed -i \'s/^version = .*/version = '
        "3.9.1/' $place/pyvenv.cfg\n"
    )
    site.check_output(f"printf %s > {other}; chmod +x {other}", fake)
    done = play("deploy", python_app_python=other)
    assert done.returncode != 0
    assert re.search(
        r"failed \(server\).*No matching distribution found for granian", done.stdout, re.DOTALL
    )
    assert get("/").text == probe.current() == before
    assert probe.releases() == there


def wait_for_step(probe, step):
    """Wait until the newest release is at this step."""
    wait_for(lambda: probe.log(f"== {step}"))


@pytest.mark.parametrize(
    "step", ["virtual environment", "collect", "migrate", "import", "health", "switch", "after"]
)
def test_killed_deploy_heals(probe, site, step):
    before = probe.current()
    site.check_output(f"rm -f /var/log/python_app/{PROBE}.*.log")
    if step == "virtual environment":
        # One that a killed run left, which is made anew.
        site.check_output(f"rm -f /srv/{PROBE}/environments/*.json")
    probe.change()
    with Visitors() as visitors, probe.gate(step):
        with killed(command("deploy")):
            if step == "switch":
                # It looks for some seconds whether the worker stays up.
                wait_for(lambda: probe.current() != before)
            else:
                wait_for_step(probe, "health" if step == "import" else step)
        # The controller is gone; so is, at last, what it left running on the host.
        probe.kill()
        site.run(f"pkill -KILL -u app-probe-example-com -f '[p]robe.py {step}'")
    assert not probe.log("after of ")
    with visitors:
        done = play("deploy")
    assert done.returncode == 0, done.stdout[-3000:]
    assert visitors.failures == []
    assert get("/").text == probe.current() != before
    assert probe.log(f"after of {probe.current()}")
    # The worker runs as the same user.
    assert set(site.check_output("ps -o comm= -u app-probe-example-com").split()) == {
        "python",
        "tail",
    }
    (unit,) = services(site)
    assert unit.startswith(f"app-{PROBE}@{probe.current()}-")
    # Before the switch nothing is left that the next steps of this test would not find.
    assert step not in ("switch", "after") or re.search(
        r"changed=0 .*failed=0", play("deploy").stdout
    )
