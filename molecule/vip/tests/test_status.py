"""What the page of the whole site says of the address of all balancers."""

from __future__ import annotations

import json

from support.containers import on_host
from support.plays import play

from .visitors import BALANCERS, VIP, holder


def report():
    """Return the run, and what its JSON says."""
    done = play("status", lamp_status_format="json")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return done, json.loads(line)


def test_holder_is_told_and_an_address_that_nobody_holds_is_a_problem(pair):
    first, second = pair
    _done, said = report()
    assert not [one for one in said["problems"] if VIP in one["text"]]
    assert (said["hosts"][first]["addresses"][VIP], said["hosts"][first]["vrrp"]) == (
        True,
        "MASTER",
    )
    assert (said["hosts"][second]["addresses"][VIP], said["hosts"][second]["vrrp"]) == (
        False,
        "BACKUP",
    )
    try:
        for balancer in BALANCERS:
            on_host(balancer, "systemctl stop keepalived", check=True)
        done, said = report()
    finally:
        for balancer in BALANCERS:
            on_host(balancer, "systemctl start keepalived", check=True)
        holder()
    assert done.returncode == 2
    (found,) = [
        one for one in said["problems"] if one["what"] == f"no balancer that answers holds {VIP}"
    ]
    assert sorted(found["hosts"]) == sorted(BALANCERS)
