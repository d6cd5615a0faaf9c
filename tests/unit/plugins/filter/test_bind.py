"""Which keys of signed zones are recorded, and which are lost."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter import bind

RECORD = "/var/lib/foobar.lamp/bind_keys/Kfoobar.com.+013+{:05}"
PRIVATE = "/var/lib/bind/dnssec/Kfoobar.com.+013+{:05}.private"


def lost(*paths, policy="default", name="foobar.com"):
    return bind.lost_key_problems([{"name": name, "dnssec_policy": policy}, {"name": "example.org"}], dict.fromkeys(paths, {}))


def test_lost_key_is_named_with_the_remedy():
    (problem,) = lost(RECORD.format(123))
    for word in ("foobar.com", "key 123,", "Kfoobar.com.+013+00123.private", "from a backup", "DS record", "bind_new_dnssec_keys"):
        assert word in problem


def test_new_key_does_not_stand_for_the_lost_one():
    assert lost(RECORD.format(123), PRIVATE.format(456))


@pytest.mark.parametrize(
    "there",
    [(), (PRIVATE.format(123),), (RECORD.format(123), PRIVATE.format(123)), (RECORD.format(123), RECORD.format(456), PRIVATE.format(456))],
    ids=["first run", "not recorded yet", "kept", "one that follows another"],
)
def test_key_that_is_there_is_not_lost(there):
    assert lost(*there) == []


@pytest.mark.parametrize("policy", ["none", "insecure", None])
def test_zone_that_gets_no_new_key_is_let_be(policy):
    assert lost(RECORD.format(123), policy=policy) == []


def test_zone_has_its_own_keys_in_whatever_case():
    assert lost(RECORD.format(123), name="Foobar.com")
    assert lost(RECORD.format(123), name="www.foobar.com") == []
    assert lost(RECORD.format(123), name="bar.com") == []


def test_records_name_no_other_file():
    lines = ["foobar.com. IN DS 123 13 2 AB12", "../x. IN DS 1 13 2 AB", "foobar.com. IN DS x 13 2 AB", "; nothing", "a/b. IN DS 1 13 2 AB"]
    assert bind.recorded_keys(lines)[-1] == RECORD.format(123)
    assert bind.recorded_of(bind.recorded_keys(lines), ["foobar.com"]) == [RECORD.format(123)]
