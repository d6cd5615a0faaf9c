"""In which order hosts are updated, and what is said of it."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import update

APART = {
    "lamp_dns": ["ns1", "ns2"],
    "lamp_lb": ["lb1", "lb2"],
    "lamp_web": ["web1", "web2"],
    "lamp_db": ["db1"],
}


def facts(**known):
    return {"ansible_facts": {"foobar_lamp": known}}


def order(groups, holder=""):
    hosts = list(dict.fromkeys(itertools.chain.from_iterable(groups.values())))
    return update.order(hosts, groups, {holder: facts(holds=True)} if holder else {})


@pytest.mark.parametrize(
    ("groups", "holder", "found"),
    [
        (APART, "lb1", ["ns2", "lb2", "web1", "web2", "db1", "lb1", "ns1"]),
        (APART, "lb2", ["ns2", "lb1", "web1", "web2", "db1", "lb2", "ns1"]),
        (APART, "", ["ns2", "lb1", "lb2", "web1", "web2", "db1", "ns1"]),
        # Each once, and by the last of what it does.
        ({**APART, "lamp_dns": ["lb1", "lb2"]}, "lb2", ["web1", "web2", "db1", "lb2", "lb1"]),
        (
            {**APART, "lamp_db": ["lb2"], "lamp_dns": ["lb2", "web1"]},
            "lb1",
            ["web1", "web2", "lb1", "lb2"],
        ),
        ({"lamp_web": ["one"], "lamp_db": ["one"], "lamp_dns": ["one"]}, "", ["one"]),
    ],
)
def test_what_others_need_goes_last(groups, holder, found):
    assert order(groups, holder) == found


def test_the_member_that_writes_is_the_last_of_its_cluster():
    groups = {**APART, "lamp_db": ["db1", "db2", "db3"]}
    hosts = [*groups["lamp_dns"], *groups["lamp_db"], "lb1", "web1"]
    known = {"db1": facts(writes=True), "db2": facts(writes=False), "lb1": facts(holds=True)}
    assert update.order(hosts, groups, known) == ["ns2", "web1", "db2", "db3", "db1", "lb1", "ns1"]


def test_primary_name_server_is_the_one_that_the_inventory_names():
    named = dict.fromkeys(APART["lamp_dns"], {"lamp_dns_primary": "ns2"})
    assert update.order(APART["lamp_dns"], APART, named) == ["ns1", "ns2"]


def test_changes_of_packages():
    before, after = {"a": "1", "b": "1", "c": "1"}, {"a": "2", "b": "1", "d": "1"}
    assert update.changes(before, after) == ["a 1 -> 2", "c (removed)", "d 1 (new)"]


def test_report():
    before, after = {"packages": {"a": "1"}}, {"packages": {"a": "2"}, "reboot": []}
    left = {"services": ["cron.service"], "reboot": ["kernel 2 is installed, 1 runs"]}
    hosts = {
        "idle": {"__update_before": before},
        "restarted": {
            "__update_before": before,
            "__update_left": {**left, "reboot": []},
            "__update_after": after,
        },
        "rebooted": {
            "__update_before": before,
            "__update_left": left,
            "__update_after": after,
            "__update_rebooted": {"rebooted": True},
        },
        "waits": {
            "__update_before": before,
            "__update_left": left,
            "__update_after": {**after, "reboot": left["reboot"]},
        },
    }
    assert update.report([*hosts, "later"], hosts) == {
        "idle": "up to date",
        "restarted": {"updated": ["a 1 -> 2"], "restarted": ["cron.service"]},
        "rebooted": {"updated": ["a 1 -> 2"], "rebooted": left["reboot"]},
        "waits": {
            "updated": ["a 1 -> 2"],
            "restarted": ["cron.service"],
            "to be rebooted": left["reboot"],
        },
        "later": "not updated: the run ended before",
    }
