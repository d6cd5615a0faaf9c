"""What a server that says no means, the key or the zone: each says it in its own way."""

from __future__ import annotations

import json

import pytest
from support.name_servers import CLOSED

WWW = {"name": "www", "type": "A", "values": ["192.0.2.1", "192.0.2.2"]}
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
SKEW = "import time; now = time.time; time.time = lambda: now() - 3600"
#: What each server says of an unknown key, of another secret, of another algorithm and of clocks
#: that differ.
WORDS = {
    "Bind": ("BADKEY", "BADSIG", "BADKEY", "BADTIME"),
    "Knot": ("BADKEY", "BADSIG", "BADKEY", "BADTIME"),
    "PowerDns": ("NOTAUTH", "NOTAUTH", "NOTAUTH", "NOTAUTH"),
}
REMEDIES = {
    "BADKEY": (
        "it does not know {key}, or (Knot DNS) does not let it do this: check name and algorithm"
    ),
    "BADSIG": "its secret for {key} is another one: check the secret.",
    "BADTIME": "correct the clocks of both hosts",
    "NOTAUTH": (
        "it serves the zone, but does not take {key}: "
        "check name, algorithm and secret, and the clocks of both hosts."
    ),
}
KEYS = (
    ({"key_name": "other", "key_secret": SECRET}, "the key other (hmac-sha256)"),
    ({"key_name": "lamp", "key_secret": SECRET}, "the key lamp (hmac-sha256)"),
    (
        {"key_name": "lamp", "key_secret": SECRET, "key_algorithm": "hmac-sha512"},
        "the key lamp (hmac-sha512)",
    ),
    (None, "the key lamp (hmac-sha256)"),
)


def test_zone_is_led_found_again_and_read(run, info, any_server):
    assert run(any_server, [WWW])["changed"]
    assert any_server.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    assert run(any_server, [WWW])["changes"] == []
    assert len(info(any_server)["records"]) == 3
    assert run(any_server, [{**WWW, "state": "absent"}])["changed"]
    assert any_server.ask("www.foobar.com", "A") == []


@pytest.mark.parametrize(
    "number",
    range(len(KEYS)),
    ids=["unknown key", "wrong secret", "wrong algorithm", "wrong clock"],
)
def test_key_that_the_server_does_not_take_is_named(run, any_server, number):
    options, key = KEYS[number]
    word = WORDS[type(any_server).__name__][number]
    for check in (False, True):  # a wrong key is no server that is to come
        options_here = {"key_file": None, **options} if options else {"prelude": SKEW}
        result = run(any_server, [WWW], check=check, **options_here)
        assert result["failed"]
        assert f"answered {word}" in result["msg"]
        assert REMEDIES[word].format(key=key) in result["msg"]
        assert SECRET not in json.dumps(result)


def test_zone_that_the_server_does_not_serve_is_told_from_a_key(run, info, any_server):
    assert "check the zone's name" in run(any_server, [WWW], zone="example.org")["msg"]
    assert (
        "does not serve the zone: check the zone's name"
        in info(any_server, zone="example.org")["msg"]
    )
    dry = run(any_server, [WWW], zone="example.org", check=True, exclusive=True)
    assert "In check mode, all records are shown" in str(dry["warnings"])


def test_key_that_may_not_is_told_from_one_that_is_wrong(info, any_server):
    message = info(any_server, zone=CLOSED)["msg"]
    said = {
        "Bind": "REFUSED to the transfer: let the key or user do this",
        "Knot": (
            "answered BADKEY: it does not know the key lamp (hmac-sha256), "
            "or (Knot DNS) does not let it do this"
        ),
        "PowerDns": (
            "NOTAUTH to the transfer: it serves the zone and knows the key lamp (hmac-sha256): "
            "let that do"
        ),
    }
    assert said[type(any_server).__name__] in message
