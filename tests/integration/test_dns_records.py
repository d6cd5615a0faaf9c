"""The modules dns_records and dns_records_info against BIND and Knot DNS."""

from __future__ import annotations

import json

import pytest
from support.name_servers import CLOSED
from support.record_types import EXAMPLES

WWW = {"name": "www", "type": "A", "values": ["192.0.2.1", "192.0.2.2"]}


def hosts(count, **more):
    return [
        {"name": f"h{number}", "type": "A", "values": ["192.0.2.1"], **more}
        for number in range(count)
    ]


def test_create_then_nothing_then_change_then_remove(run, server):
    first = run(server, [WWW], check=True)
    assert first["changed"]
    assert server.ask("www.foobar.com", "A") == []
    assert run(server, [WWW])["changes"] == first["changes"]
    assert server.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    again = run(server, [{**WWW, "values": ["192.0.2.2", "192.0.2.1"]}])
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]
    changed = run(server, [{**WWW, "values": ["192.0.2.2", "192.0.2.3"]}])
    assert changed["changes"] == [
        {
            "action": "update",
            "name": "www.foobar.com.",
            "type": "A",
            "before": [
                "www.foobar.com. 3600 IN A 192.0.2.1",
                "www.foobar.com. 3600 IN A 192.0.2.2",
            ],
            "after": ["www.foobar.com. 3600 IN A 192.0.2.2", "www.foobar.com. 3600 IN A 192.0.2.3"],
        }
    ]
    assert changed["diff"]["after"] == changed["diff"]["before"].replace(
        "192.0.2.2", "192.0.2.3"
    ).replace("192.0.2.1", "192.0.2.2")
    assert changed["serial"] == changed["serial_before"] + 1
    assert server.ask("www.foobar.com", "A") == ["192.0.2.2", "192.0.2.3"]
    assert run(server, [{"name": "www", "type": "A", "state": "absent"}])["changed"]
    assert server.ask("www.foobar.com", "A") == []


# An alias goes with nothing else, a name server below the apex hides what is below it: each type
# has a name of its own.
def test_every_type_is_created_found_again_and_removed(run, info, server):
    # Servers want an address where an MX leads, and a delegation where a DS is.
    needed = [
        {"name": "mail", "type": "A", "values": ["192.0.2.1"]},
        {"name": "x-DS", "type": "NS", "values": ["elsewhere.example."]},
    ]
    run(server, needed)
    records = [
        {"name": f"x-{kind}", "type": kind, "ttl": 60, "values": [one]}
        for kind, (one, _other) in EXAMPLES.items()
    ]
    made = run(server, records)
    assert made["changed"], made
    assert [change["type"] for change in made["changes"]] == sorted(EXAMPLES, key=str.lower)
    assert (
        run(server, [{**record, "values": [EXAMPLES[record["type"]][1]]} for record in records])[
            "changes"
        ]
        == []
    )
    found = info(server)
    assert len(found["records"]) == len(EXAMPLES) + 4
    assert run(server, found["records"], exclusive=True)["changes"] == []
    gone = run(server, [{**record, "state": "absent"} for record in records], force=True)
    assert len(gone["changes"]) == len(EXAMPLES)
    assert len(info(server)["records"]) == 4


def test_ttl_alone_is_a_change(run, server):
    run(server, [{**WWW, "ttl": 60}])
    assert run(server, [{**WWW, "ttl": 120}])["changes"][0]["after"][0].split()[1] == "120"
    assert not run(server, [{**WWW, "ttl": 120}])["changed"]


def test_one_update_raises_the_serial_once(run, server):
    result = run(server, hosts(200))
    assert result["serial"] == result["serial_before"] + 1
    assert server.ask("h199.foobar.com", "A") == ["192.0.2.1"]


def test_states(run, server):
    srv = {"name": "_x._tcp", "type": "SRV", "values": ["0 5 1 a"]}
    run(server, [{**srv, "state": "append"}])
    run(server, [{**srv, "values": ["0 5 1 b"], "state": "append"}])
    both = ["0 5 1 a.foobar.com.", "0 5 1 b.foobar.com."]
    assert server.ask("_x._tcp.foobar.com", "SRV") == both
    assert not run(server, [{**srv, "state": "append"}])["changed"]
    ignored = [
        {"name": "_x._tcp", "type": "SRV", "state": "ignore"},
        {"name": "ns1", "type": "A", "state": "ignore"},
    ]
    run(server, [WWW])
    assert [change["name"] for change in run(server, ignored, exclusive=True)["changes"]] == [
        "www.foobar.com."
    ]
    assert server.ask("_x._tcp.foobar.com", "SRV") == both
    run(server, [{**srv, "state": "absent"}])
    assert server.ask("_x._tcp.foobar.com", "SRV") == both[1:]


def test_exclusive_removes_the_rest_but_the_name_servers_and_what_is_kept(run, server):
    run(
        server,
        [
            WWW,
            {"name": "pc.dyn", "type": "A", "values": ["192.0.2.8"]},
            {"name": "_acme-challenge", "type": "TXT", "values": ["t"]},
        ],
    )
    run(
        server,
        [{"name": "ns1", "type": "A", "values": ["127.0.0.1"]}],
        exclusive=True,
        keep=["*.dyn"],
    )
    assert server.ask("www.foobar.com", "A") == []
    assert server.ask("pc.dyn.foobar.com", "A") == ["192.0.2.8"]
    assert server.ask("_acme-challenge.foobar.com", "TXT") == ['"t"']
    assert server.ask("foobar.com", "NS") == ["ns1.foobar.com."]


def test_name_servers_of_the_zone_are_replaced_by_force_only(run, server):
    records = [
        {"name": "@", "type": "NS", "values": ["ns2"]},
        {"name": "ns2", "type": "A", "values": ["127.0.0.1"]},
    ]
    assert "takes the name server ns1.foobar.com. from the zone" in run(server, records)["msg"]
    assert server.ask("ns2.foobar.com", "A") == []
    assert run(server, records, force=True)["changed"]
    assert server.ask("foobar.com", "NS") == ["ns2.foobar.com."]


def test_dangerous_plan_is_refused_and_shown_in_a_dry_run(run, bind):
    run(bind, hosts(20))
    refused = run(bind, hosts(20, state="absent"))
    assert "deletes 20 of the 22 record sets of foobar.com.: 91 %" in refused["msg"]
    assert len(bind.ask("h7.foobar.com", "A")) == 1
    dry = run(bind, hosts(20, state="absent"), check=True)
    assert len(dry["changes"]) == 20
    assert "A run would refuse this plan." in str(dry["warnings"])
    assert len(run(bind, hosts(20, state="absent"), max_change=95)["changes"]) == 20


def test_alias_and_address_change_places(run, server):
    run(server, [WWW])
    alias = {"name": "www", "type": "CNAME", "values": ["ns1"]}
    assert "would be an alias" in run(server, [alias])["msg"]
    run(server, [alias, {**WWW, "state": "absent", "values": []}])
    assert server.ask("www.foobar.com", "CNAME") == ["ns1.foobar.com."]
    run(server, [{**alias, "state": "absent"}, WWW])
    assert server.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]


def test_names_of_all_kinds(run, server):
    names = ["*", "_dmarc", "*.under.deep", "Bücher", r"odd\.label", "UPPER"]
    made = run(server, [{"name": name, "type": "TXT", "values": ["v" * 300]} for name in names])
    assert len(made["changes"]) == len(names)
    assert not run(
        server, [{"name": name, "type": "TXT", "values": ["v" * 300]} for name in names]
    )["changed"]
    assert server.ask("xn--bcher-kva.foobar.com", "TXT") == [
        '"' + "v" * 255 + '" "' + "v" * 45 + '"'
    ]
    assert server.ask("anything.foobar.com", "TXT") == ['"' + "v" * 255 + '" "' + "v" * 45 + '"']


def test_pointers(run, server):
    reverse_of = {
        "zone": "foobar.com",
        "records": [WWW, {"name": "other", "type": "A", "values": ["198.51.100.1"]}],
    }
    options = {"zone": "2.0.192.in-addr.arpa", "reverse_of": reverse_of}
    assert len(run(server, [], **options)["changes"]) == 2
    assert server.ask("2.2.0.192.in-addr.arpa", "PTR") == ["www.foobar.com."]
    assert not run(server, [], **options)["changed"]


def test_refused_transfer_is_read_by_queries(run, server):
    options = {"zone": CLOSED}
    records = [
        WWW,
        {"name": "sub", "type": "NS", "values": ["ns.sub"]},
        {"name": "ns.sub", "type": "A", "values": ["192.0.2.5"]},
        *hosts(150),
    ]
    made = run(server, records, **options)
    assert len(made["changes"]) == 153, made
    assert run(server, records, **options)["changes"] == []
    assert (
        run(server, [{**WWW, "values": ["192.0.2.1"]}], **options)["changes"][0]["action"]
        == "update"
    )
    assert (
        "would be an alias"
        in run(server, [{"name": "www", "type": "CNAME", "values": ["x"]}], **options)["msg"]
    )
    refused = run(server, [WWW], exclusive=True, **options)["msg"]
    assert "REFUSED to the transfer" in refused or "BADKEY" in refused
    assert "The option exclusive needs a transfer" in refused


def test_info_says_no_where_the_transfer_is_refused(info, bind):
    assert (
        "answered REFUSED to the transfer: let the key or user do this"
        in info(bind, zone=CLOSED)["msg"]
    )


def test_ten_thousand_record_sets(run, server):
    patient = {"timeout": 30}  # a busy machine takes its time for so many
    made = run(server, hosts(10000), **patient)
    assert len(made["changes"]) == 10000, made
    # As few updates as messages of 64 KiB can hold it.
    assert 5 < made["serial"] - made["serial_before"] < 15
    assert server.ask("h9999.foobar.com", "A") == ["192.0.2.1"]
    again = run(server, hosts(10000), **patient)
    assert again.get("changes") == [], again
    gone = run(server, hosts(10000, state="absent"), force=True, **patient)
    assert len(gone.get("changes", [])) == 10000, gone
    assert server.ask("h9999.foobar.com", "A") == []


def test_message_that_no_update_can_hold(run, bind):
    long = [
        {
            "name": "x",
            "type": "TXT",
            "values": [f"{number:02d}" + "v" * 900 for number in range(90)],
        }
    ]
    assert "one DNS message holds 65535 bytes" in run(bind, long)["msg"]


def test_over_tls(run, info, bind):
    options = {
        "port": bind.tls_port,
        "tls": True,
        "tls_ca": str(bind.place / "tls.crt"),
        "tls_name": "ns.foobar.com",
    }
    assert run(bind, [WWW], **options)["changed"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    assert len(info(bind, **options)["records"]) == 3
    assert (
        "failed the verification of TLS"
        in run(bind, [WWW], **{**options, "tls_name": "other.foobar.com"})["msg"]
    )
    assert (
        "failed the verification of TLS" in run(bind, [WWW], **{**options, "tls_ca": None})["msg"]
    )


def test_two_patterns_in_one_text_are_refused(run, bind):
    """In an exclusive zone they would keep nothing."""
    assert (
        "keep has '*.dyn,*.lan', and no name has a comma"
        in run(bind, [WWW], keep=["*.dyn,*.lan"], exclusive=True)["msg"]
    )


def test_dry_run_before_there_is_a_server(run, bind, tmp_path):
    for missing in ({"key_file": str(tmp_path / "none.key")}, {"port": 1}, {"zone": "example.org"}):
        result = run(bind, [WWW], check=True, **missing)
        assert result["changed"]
        assert "In check mode, all records are shown" in str(result["warnings"])


def test_dry_run_sends_no_update(run, bind, relay):
    updates = []
    between = relay(bind.port, on_update=updates.append)
    assert run(bind, [WWW], check=True, port=between.port)["changed"]
    assert updates == []
    assert run(bind, [WWW], port=between.port)["changed"]
    assert updates == [1]


def test_bad_declaration_is_refused_before_a_packet_is_sent(run, bind, relay):
    between = relay(bind.port)
    assert (
        "records[0]"
        in run(bind, [{"name": "www", "type": "A", "values": ["x"]}], port=between.port)["msg"]
    )
    assert between.connections == 0


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ({"key_name": "other", "key_secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQ="}, "BADKEY"),
        ({"key_name": "lamp", "key_secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQ="}, "BADSIG"),
        (
            {
                "key_name": "lamp",
                "key_secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQ=",
                "key_algorithm": "hmac-sha512",
            },
            "BADKEY",
        ),
        ({"key_name": "lamp", "key_secret": "not-base64"}, "not base64"),
    ],
)
def test_wrong_key_is_named_and_its_secret_is_not_shown(run, server, key, word):
    result = run(server, [WWW], key_file=None, **key)
    assert word in result["msg"]
    assert "secret-secret" not in json.dumps(result)
    assert key["key_secret"] not in json.dumps(result)


def test_skewed_clock(run, server):
    skew = "import time; now = time.time; time.time = lambda: now() - 3600"
    assert (
        "answered BADTIME: correct the clocks of both hosts"
        in run(server, [WWW], prelude=skew)["msg"]
    )


def test_unsigned_update_is_refused(run, server):
    message = run(server, [WWW], key_file=None)["msg"]
    assert "to the update of www.foobar.com. A" in message
    assert "REFUSED" in message or "NOTAUTH" in message


def test_unknown_zone_and_silent_server_say_what_to_do(run, server):
    assert (
        "asked for the zone example.org., answered REFUSED to the query"
        in run(server, [], zone="example.org")["msg"]
    )
    assert "does not answer" in run(server, [WWW], port=1)["msg"]
