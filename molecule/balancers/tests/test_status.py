"""What the page of the whole site says of web hosts that a balancer sends no visitors to."""

from __future__ import annotations

import collections
import json

from support.containers import on_host
from support.plays import play
from support.web import SERVICE

from .visitors import BALANCERS, WEB, ask, wait_for_state


def test_web_hosts_without_visitors_are_problems():
    down, drained = WEB
    wait_for_state("UP", *WEB)
    try:
        on_host(down, f"systemctl stop {SERVICE}", check=True)
        ask(BALANCERS[0], f"set server web/{drained} state drain")
        wait_for_state("DOWN", down)
        done = play("status", lamp_status_format="json")
    finally:
        on_host(down, f"systemctl start {SERVICE}", check=True)
        ask(BALANCERS[0], f"set server web/{drained} state ready")
        wait_for_state("UP", *WEB)
    assert done.returncode == 2
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    said = json.loads(line)
    found = collections.defaultdict(list)
    for one in said["problems"]:
        # Each balancer has its own reason for it, by what it met when the server stopped.
        found[one["what"].partition(" (")[0]] += one["hosts"]
    assert found[f"{SERVICE} should run, but is inactive"] == [down]
    assert sorted(found[f"{down} is DOWN and gets no visitors from there"]) == sorted(BALANCERS)
    assert found[f"{drained} was drained by hand or by a killed run"] == BALANCERS[:1]
    assert said["hosts"][BALANCERS[1]]["servers"][drained]["state"] == "UP"
