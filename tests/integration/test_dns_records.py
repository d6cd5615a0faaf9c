"""The module dns_records against a BIND of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import dns.query
import dns.resolver
import dns.tsigkeyring
import dns.update
import pytest

ZONE = """\
$TTL 300
@ SOA ns1 hostmaster 1 3600 900 1209600 300
@ NS ns1
ns1 A 127.0.0.1
"""
CONF = """\
include "{place}/lamp.key";
options {{
    directory "{place}"; pid-file none; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; allow-transfer {{ key lamp; }}; dnssec-validation no;
}};
controls {{ }};
zone "foobar.com" {{ type primary; file "{place}/foobar.com.zone"; update-policy {{ grant lamp zonesub any; }}; }};
"""


class Bind:
    """A name server for foobar.com on the loopback address."""

    def __init__(self, place):
        self.place = place
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (place / "lamp.key").write_text(subprocess.run(["tsig-keygen", "lamp"], check=True, capture_output=True, text=True).stdout)
        (place / "foobar.com.zone").write_text(ZONE)
        (place / "named.conf").write_text(CONF.format(place=place, port=self.port))
        self.log = (place / "log").open("w")
        self.process = subprocess.Popen([shutil.which("named") or "named", "-g", "-c", place / "named.conf"], stderr=self.log)
        for _try in range(100):
            try:
                self.ask("foobar.com", "SOA")
                return
            except (dns.exception.DNSException, OSError):
                time.sleep(0.1)
        raise AssertionError((place / "log").read_text())

    def ask(self, name, kind):
        """Return the answer's values as sorted texts; none for a name or type that is not there."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], self.port, 2
        try:
            return sorted(rdata.to_text() for rdata in resolver.resolve(name, kind))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


@pytest.fixture
def bind(tmp_path):
    server = Bind(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def run(bind):
    """Return ``run(records, check=False, **options)``: the module's result."""

    def run(records, check=False, **options):
        arguments = {
            "zone": "foobar.com",
            "port": bind.port,
            "key_file": str(bind.place / "lamp.key"),
            "timeout": 3,
            "records": records,
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        done = subprocess.run(
            [sys.executable, "-m", "ansible_collections.foobar.lamp.plugins.modules.dns_records"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": {key: value for key, value in arguments.items() if value is not None}}),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    return run


WWW = {"name": "www", "type": "A", "values": ["192.0.2.1", "192.0.2.2"]}


def test_create_then_nothing_then_change_then_remove(run, bind):
    first = run([WWW], check=True)
    assert first["changed"]
    assert bind.ask("www.foobar.com", "A") == []
    assert run([WWW])["changes"] == first["changes"]
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.1", "192.0.2.2"]
    again = run([{**WWW, "values": ["192.0.2.2", "192.0.2.1"]}])
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]
    changed = run([{**WWW, "values": ["192.0.2.2", "192.0.2.3"]}])
    assert changed["changes"][0]["action"] == "update"
    assert bind.ask("www.foobar.com", "A") == ["192.0.2.2", "192.0.2.3"]
    assert run([{"name": "www", "type": "A", "state": "absent"}])["changed"]
    assert bind.ask("www.foobar.com", "A") == []


def test_ttl_alone_is_a_change(run):
    run([{**WWW, "ttl": 60}])
    assert run([{**WWW, "ttl": 120}])["changes"][0]["after"][0].split()[1] == "120"
    assert not run([{**WWW, "ttl": 120}])["changed"]


def test_one_update_raises_the_serial_once(run, bind):
    before = run([])["serial"]
    run([{"name": f"h{number}", "type": "A", "values": ["192.0.2.1"]} for number in range(200)])
    assert run([])["serial"] == before + 1
    assert bind.ask("h199.foobar.com", "A") == ["192.0.2.1"]


def test_exclusive_removes_the_rest_but_the_name_servers(run, bind):
    run([WWW])
    run([{"name": "ns1", "type": "A", "values": ["127.0.0.1"]}], exclusive=True)
    assert bind.ask("www.foobar.com", "A") == []
    assert bind.ask("foobar.com", "NS") == ["ns1.foobar.com."]


def test_name_servers_of_the_zone_can_be_replaced(run, bind):
    run([{"name": "@", "type": "NS", "values": ["ns2"]}, {"name": "ns2", "type": "A", "values": ["127.0.0.1"]}])
    assert bind.ask("foobar.com", "NS") == ["ns2.foobar.com."]


def test_long_text_and_odd_names(run, bind):
    run([{"name": "_dmarc", "type": "TXT", "values": ["v" * 300]}, {"name": "*", "type": "A", "values": ["192.0.2.7"]}])
    assert bind.ask("_dmarc.foobar.com", "TXT") == ['"' + "v" * 255 + '" "' + "v" * 45 + '"']
    assert bind.ask("anything.foobar.com", "A") == ["192.0.2.7"]


def test_wrong_key_is_named_and_its_secret_is_not_shown(run):
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
    result = run([WWW], key_file=None, key_name="lamp", key_secret=secret)
    assert result["failed"]
    assert "check the key" in result["msg"] or "the key" in result["msg"]
    assert secret not in json.dumps(result)


def test_unknown_zone_and_silent_server_say_what_to_do(run):
    assert "example.org" in run([], zone="example.org")["msg"]
    assert "does not answer" in run([WWW], port=1)["msg"]


def test_dry_run_before_there_is_a_server(run, tmp_path):
    result = run([WWW], check=True, key_file=str(tmp_path / "none.key"))
    assert result["changed"]
    assert "not there yet" in str(result["warnings"])


def test_bad_declaration_is_refused_before_a_packet_is_sent(run):
    assert "records[0]" in run([{"name": "www", "type": "A", "values": ["x"]}], port=1)["msg"]
