"""Who may be promoted and who has to stay the primary, and which copies of keys are current."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import bind

GONE = (
    "The name server 192.0.2.1 port 53, asked for the zone foobar.com, "
    "does not answer (time-out, 3 times 2 s): see."
)
REFUSED = (
    "The name server 192.0.2.1 port 53, "
    "asked for the zone foobar.com, answered REFUSED: let the key."
)


def one(serial=None, kind="secondary", msg=None, answers=()):
    return {"type": kind, "serial": serial, "msg": msg, "answers": list(answers)}


def promotion(primary="two", force=False, **said):
    return bind.promotion_problems(said, primary, force)


def test_secondary_with_the_newest_zone_is_promoted_when_the_primary_is_gone():
    assert promotion(two=one(12), three=one(12)) == []
    assert promotion(two=one(12), three=one(11)) == []
    assert promotion(two=one(1), three=one(2**32 - 1)) == []  # serials go round


@pytest.mark.parametrize(("serial", "best"), [(12, 13), (2**32 - 1, 3)])
def test_secondary_with_an_older_zone_is_refused_with_the_name_of_the_best(serial, best):
    (problem,) = promotion(two=one(serial), three=one(best), four=one(serial))
    assert (
        f"three has the serial {best}, two the older one {serial}: set lamp_dns_primary to three"
        in problem
    )
    assert promotion(two=one(serial), three=one(best), force=True) == []


def test_secondary_whose_zone_has_expired_is_refused_whatever_is_forced():
    for force in (False, True):
        (problem,) = promotion(two=one(msg="answered SERVFAIL"), three=one(11), force=force)
        assert (
            "lacks or which has expired (answered SERVFAIL): set lamp_dns_primary to three."
            in problem
        )
    (problem,) = promotion(two=one(msg="answered SERVFAIL"))
    assert "restore a backup" in problem


def test_primary_that_answers_keeps_its_part_unless_forced():
    (problem,) = promotion(two=one(12), three=one(12, answers=["192.0.2.1"]))
    assert "The primary name server still answers at 192.0.2.1" in problem
    assert promotion(two=one(12, answers=["192.0.2.1"]), force=True) == []


def test_run_that_died_goes_on_when_it_is_run_again():
    assert promotion(two=one(100012, "primary"), three=one(12, answers=["192.0.2.2"])) == []


def test_lost_host_is_not_promoted_and_the_best_other_is_named():
    (problem,) = promotion("one", two=one(11), three=one(12))
    assert (
        "two has the serial 11, three has the serial 12: "
        "set lamp_dns_primary to three in the inventory."
    ) in problem
    assert "nobody has the zone: none of the others has it" in promotion("one", two=one())[0]


ZONE = {"name": "foobar.com", "primaries": ["192.0.2.2"], "dnssec_keys_of": "two"}


def demotion(here, there):
    return bind.demotion_problems(
        [{"item": [ZONE, "127.0.0.1"], **here}, {"item": [ZONE, "192.0.2.2"], **there}]
    )


def test_primary_with_newer_records_than_its_successor_stays():
    (problem,) = demotion({"serial": 12}, {"serial": 11})
    for word in (
        "foobar.com has the serial 12 here",
        "and 11 on",
        "lamp_dns_primary",
        "systemctl stop named",
    ):
        assert word in problem
    assert (
        demotion({"serial": 12}, {"serial": 12})
        == demotion({"serial": 12}, {"serial": 100012})
        == []
    )


def test_primary_stays_while_its_successor_does_not_give_the_zone():
    (problem,) = demotion({"serial": 12}, {"msg": REFUSED})
    assert "a name server that does not give it: The name server" in problem


def test_primary_that_does_not_run_has_no_say_and_one_that_refuses_has():
    assert demotion({"msg": GONE}, {"serial": 1}) == []
    (problem,) = demotion({"msg": REFUSED}, {"serial": 1})
    assert "cannot be compared" in problem


def test_zones_that_change_their_part_are_found_by_what_the_host_has():
    there = {
        "a.com": {"type": "primary", "primaries": []},
        "b.com": {"type": "secondary", "primaries": ["192.0.2.1"]},
    }
    zones = [
        {"name": "a.com", "primaries": ["192.0.2.2", "2001:db8::2"]},
        {"name": "b.com"},
        {"name": "c.com"},
    ]
    assert bind.demoted(zones, there) == zones[:1]
    assert bind.promoted(zones, there) == zones[1:2]
    assert bind.moved(zones, there) == ["a.com"]
    assert bind.moved([{"name": "b.com", "primaries": ["192.0.2.2"]}], there) == ["b.com"]
    assert (
        bind.moved(
            [{"name": name, "primaries": ["192.0.2.1"]} for name in ("b.com", "new.com")], there
        )
        == []
    )
    assert bind.sources(zones[:1]) == [[zones[0], "192.0.2.2"], [zones[0], "2001:db8::2"]]


NEW, OLD = (f"/var/lib/foobar.lamp/bind_copies/foobar.com+{digit * 64}" for digit in "ab")
SAID = {
    "two": {
        "__bind_ds": {
            "stdout_lines": [
                "foobar.com. IN DS 1 13 2 AB",
                f"copy: foobar.com {'a' * 64}",
                "copy: ../x ab",
            ]
        }
    }
}


def test_keys_are_copied_when_the_primary_says_that_they_are_others():
    assert bind.copies_wanted([ZONE, {"name": "b.com"}], SAID) == [NEW]
    assert bind.to_copy([ZONE], SAID, []) == bind.to_copy([ZONE], SAID, [OLD]) == [ZONE]
    assert bind.to_copy([ZONE], SAID, [NEW]) == []
    assert bind.copies_left([OLD, NEW], [ZONE], [NEW]) == [OLD]


@pytest.mark.parametrize("said", [{}, {"two": {}}, {"two": {"__bind_ds": {"skipped": True}}}])
def test_copy_stays_while_the_primary_is_away(said):
    assert bind.copies_wanted([ZONE], said) == bind.to_copy([ZONE], said, [OLD]) == []
    assert bind.copies_left([OLD], [ZONE], []) == []


def test_copy_of_a_zone_that_is_copied_no_more_is_of_no_use():
    assert bind.copies_left([OLD], [{"name": "foobar.com"}], []) == [OLD]
