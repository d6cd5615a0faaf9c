"""site-certificates against a CA that is hard on clients, and a primary
and a secondary name server. Run by run.sh.
"""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import dns.message
import dns.query
import pytest

FILES = pathlib.Path(__file__).parents[2] / "roles/certificates/files"
sys.path.insert(0, str(FILES))

from site_certificates import account, authority, moments  # noqa: E402

# An address of an interface: BIND listens on no other.
SECOND = socket.gethostbyname(socket.gethostname())
SECRET, KEY = "s" * 48, "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="
NAMED = """
options {{ directory "{place}"; pid-file "{place}/pid"; session-keyfile "{place}/session";
  listen-on {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion no; notify explicit; dnssec-validation no; managed-keys-directory "{place}"; {more} }};
key acme-web1 {{ algorithm hmac-sha256; secret "{key}"; }};
controls {{ }};
zone foobar.com {{ {zone} }};
"""
ZONE = """$TTL 60
@ SOA ns1 hostmaster 1 3600 900 1209600 1
@ NS ns1
@ NS ns2
@ CAA 0 issue "pebble.letsencrypt.org"
ns1 A 127.0.0.1
ns2 A {second}
www A 127.0.0.1
far A 127.0.0.1
_acme-challenge.far CNAME _acme-challenge.delegated
alias CNAME www
out CNAME www.example.net.
dead A 127.0.0.9
closed A 127.0.0.1
closed CAA 0 issue "another.example"
"""
GRANTS = "".join(
    f"grant acme-web1 name _acme-challenge{name}.foobar.com TXT; "
    for name in ("", ".www", ".delegated", ".closed")
)


def start(words, log, **more):
    with open(log, "a") as file:
        return subprocess.Popen(words, stdout=file, stderr=file, env={**os.environ, **more})


def wait_for(condition, cap=20):
    end = time.monotonic() + cap
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def open_at(address, port):
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def name_servers(tmp_path_factory):
    """Start a primary and a secondary."""
    found = []
    for number, zone in (
        (
            1,
            (
                f'type primary; file "zone"; update-policy {{ {GRANTS}}}; also-notify {{ {SECOND}; '
                f"}}; allow-transfer {{ any; }};"
            ),
        ),
        (
            2,
            (
                'type secondary; primaries { 127.0.0.1; }; file "copy"; masterfile-format text; '
                "allow-notify { any; };"
            ),
        ),
    ):
        place, address = tmp_path_factory.mktemp(f"ns{number}"), ("127.0.0.1", SECOND)[number - 1]
        place.joinpath("zone").write_text(ZONE.format(second=SECOND))
        more = "notify-delay 0;" if number == 1 else ""
        place.joinpath("named.conf").write_text(
            NAMED.format(place=place, address=address, key=KEY, zone=zone, more=more)
        )
        found.append(start(["named", "-g", "-c", f"{place}/named.conf", "-n", "1"], place / "log"))
        wait_for(lambda address=address: open_at(address, 53))
    yield found
    for process in found:
        process.kill()


class Pebble:
    """pebble, with a certificate for its own address by an authority of its own."""

    def __init__(self, place, life):
        self.place, self.ca_file = place, place / "listener/authority.pem"
        own = authority.Authority(place / "listener", "pebble")
        own.make(["localhost"], moments.now())
        for path, content in zip(
            ("cert.pem", "cert.key"),
            own.leaf(["localhost", "127.0.0.1"], moments.now()),
            strict=True,
        ):
            (place / path).write_bytes(content)
        options = {
            "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
            "certificate": f"{place}/cert.pem", "privateKey": f"{place}/cert.key",
            "httpPort": 80, "tlsPort": 443,
            "certificateValidityPeriod": life, "retryAfter": {"authz": 1, "order": 1},
        }  # fmt: skip
        (place / "config.json").write_text(json.dumps({"pebble": options}))
        self.start()

    def start(self):
        words = [
            "pebble",
            "-strict",
            "-config",
            f"{self.place}/config.json",
            "-dnsserver",
            f"{SECOND}:53",
        ]
        self.process = start(
            words, self.place / "log", PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="50"
        )
        wait_for(lambda: open_at("127.0.0.1", 14000))

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def pebble(tmp_path_factory, name_servers):
    found = Pebble(tmp_path_factory.mktemp("pebble"), 60)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def web():
    """Answer each token, as the web servers do."""
    thumbprint = account.thumbprint(account.key(SECRET))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{self.path.rpartition('/')[2]}.{thumbprint}".encode())

        def log_message(self, *_words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 80), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()


class Host:
    def __init__(self, top, pebble):
        self.top, self._path = top / "certificates", top / "settings.json"
        url = "https://localhost:14000/dir"
        self.options = {
            "directory": str(self.top),
            "authorities": [{
                "name": "pebble", "directory": url, "ca_file": str(pebble.ca_file), "trusted": True,
            }],
            "account_secret": SECRET,
            "dns": {
                "key_name": "acme-web1", "key_algorithm": "hmac-sha256", "key_secret": KEY,
                "zone": "foobar.com", "primary": "127.0.0.1",
                "servers": ["127.0.0.1", SECOND], "resolver": ["127.0.0.1"],
            },
            "authority": {"name": "web1", "domains": ["foobar.com"]},
            "certificates": [],
        }  # fmt: skip

    def wish(self, *names, method="dns-01"):
        self.options["certificates"] = [
            {
                "name": names[0].replace("*.", "all."),
                "names": names,
                "source": "acme",
                "method": method,
            }
        ]

    def words(self, *words):
        self._path.write_text(json.dumps(self.options))
        code = (
            f"import sys; sys.path.insert(0, {str(FILES)!r}); "
            f"from site_certificates.main import main; sys.exit(main())"
        )
        return [
            sys.executable,
            "-B",
            "-W",
            "error::DeprecationWarning:site_certificates",
            "-c",
            code,
            "--settings",
            str(self._path),
            *words,
        ]

    def run(self, *words):
        done = subprocess.run(
            self.words(*words, "--json"), capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return json.loads(done.stdout)

    def row(self):
        return self.run("run")["certificates"][0]

    def txt(self, name):
        question = dns.message.make_query(f"_acme-challenge.{name}", "TXT")
        return dns.query.udp(question, "127.0.0.1", 5).answer


@pytest.fixture
def host(tmp_path, pebble):
    return Host(tmp_path, pebble)


def test_dns01_with_a_wildcard(host):
    host.wish("foobar.com", "*.foobar.com", "www.foobar.com")
    row = host.row()
    assert (row["state"], row["reason"], row["trusted"]) == ("issued", "", True)
    assert not host.txt("foobar.com")
    chain = (host.top / "foobar.com/current/fullchain.pem").read_text()
    assert chain.count("BEGIN CERTIFICATE") == 2
    assert row["issuer"].startswith("Pebble Intermediate")


def test_alias_is_followed(host):
    host.wish("far.foobar.com")
    assert host.row()["state"] == "issued"


@pytest.fixture
def own_resolver(host):
    """Let the host's own resolver be the primary, which knows our zone alone."""
    path = pathlib.Path("/etc/resolv.conf")
    before = path.read_text()
    path.write_text("nameserver 127.0.0.1\n")
    host.options["dns"]["resolver"] = None
    yield
    path.write_text(before)


def test_names_of_our_zone_are_asked_of_its_servers(host, own_resolver, web):
    host.wish("far.foobar.com", "www.foobar.com")
    row = host.row()
    assert (row["state"], row["reason"]) == ("issued", "")
    host.wish("alias.foobar.com", method="http-01")
    row = host.row()
    assert (row["state"], row["reason"]) == ("issued", "")
    host.wish("out.foobar.com", method="http-01")
    assert (
        "out.foobar.com has no address in the DNS" in host.row()["reason"]
    )  # that the resolver knows
    host.wish("nobody.foobar.com", method="http-01")
    assert "nobody.foobar.com has no address in the DNS" in host.row()["reason"]


def test_delegation_to_others_is_named(host, own_resolver):
    host.wish("www.foobar.com")
    host.options["dns"]["servers"] = ["192.0.2.1"]
    host.options["dns"]["resolver"] = ["127.0.0.1"]
    row = host.row()
    assert row["state"] == "waiting"
    assert (
        "the registrar still names ns1.foobar.com, ns2.foobar.com for foobar.com: have it name "
        "our name servers (192.0.2.1)"
    ) in row["reason"]


def test_http01(host, web):
    host.wish("www.foobar.com", "far.foobar.com", method="http-01")
    host.options["dns"] = {"zone": "foobar.com", "resolver": ["127.0.0.1"]}
    row = host.row()
    assert (row["state"], row["reason"]) == ("issued", "")


def test_address_that_does_not_answer_is_named(host, web):
    host.wish("dead.foobar.com", method="http-01")
    row = host.row()
    assert row["state"] == "waiting"
    assert (
        "dead.foobar.com: its A record 127.0.0.9 does not answer (Connection refused)"
        in row["reason"]
    )


def test_caa_is_seen(host):
    host.wish("closed.foobar.com")
    found = host.run("check")["closed.foobar.com"]
    # pebble says no name of its own, and looks at none.
    assert found == []


def test_name_without_a_right_is_named(host):
    host.wish("dead.foobar.com")
    row = host.row()
    assert row["state"] == "waiting"
    assert "REFUSED" in row["reason"]
    assert "update_policy" in row["reason"]


def test_other_zone(host):
    host.wish("www.example.com")
    host.options["dns"]["resolver"] = ["127.0.0.1"]
    assert host.row()["state"] == "waiting"


def test_renewal_and_advice(host):
    host.wish("www.foobar.com")
    first = host.row()
    ledger = json.loads((host.top / "www.foobar.com/state.json").read_text())
    assert ledger["advice"]["moment"]
    due = datetime.datetime.fromisoformat(first["next"])
    started = time.monotonic()
    while (now := host.row())["serial"] == first["serial"]:
        assert time.monotonic() - started < 100
        time.sleep(2)
    assert datetime.datetime.now(datetime.UTC) >= due
    assert now["state"] == "issued"


def test_renew_and_revoke(host):
    host.wish("www.foobar.com")
    first = host.row()["serial"]
    second = host.run("renew", "www.foobar.com")["certificates"][0]["serial"]
    third = host.run("revoke", "www.foobar.com", "--reason", "superseded")["certificates"][0][
        "serial"
    ]
    assert len({first, second, third}) == 3
    context = ssl.create_default_context(cafile=host.options["authorities"][0]["ca_file"])
    import urllib.request

    with urllib.request.urlopen(
        f"https://localhost:15000/cert-status-by-serial/{second}", context=context
    ) as answer:
        assert json.load(answer)["Status"] == "Revoked"


def test_ca_that_has_forgotten_everything(host, pebble):
    host.wish("www.foobar.com")
    first = host.row()["serial"]
    pebble.stop()
    assert host.run("renew", "www.foobar.com")["certificates"][0]["serial"] == first
    pebble.start()
    row = host.run("renew", "www.foobar.com")["certificates"][0]
    assert (row["state"], row["serial"] != first) == ("issued", True)


def interrupted(host, kill):
    """Kill a renewal between its order and its end; returns whether it was met there."""
    path = host.top / "www.foobar.com/state.json"
    process = subprocess.Popen(host.words("renew", "www.foobar.com"), stdout=subprocess.DEVNULL)
    while process.poll() is None:
        if path.exists() and '"order": "https' in path.read_text():
            process.send_signal(kill)
            process.wait()
            return True
        time.sleep(0.005)
    return False


def test_killed_meanwhile_goes_on(host):
    host.wish("www.foobar.com")
    for kill in (signal.SIGKILL, signal.SIGTERM):
        assert any(interrupted(host, kill) for _try in range(5))
        assert host.row()["state"] == "issued"
        assert not host.txt("www.foobar.com")


def test_secondary_that_is_dead_is_named(host, name_servers):
    host.wish("www.foobar.com")
    host.options["dns"]["wait"] = 5
    host.row()
    os.kill(name_servers[1].pid, signal.SIGSTOP)
    try:
        process = subprocess.run(host.words("check"), capture_output=True, text=True, check=False)
    finally:
        os.kill(name_servers[1].pid, signal.SIGCONT)
    assert (
        f"the name server {SECOND} of foobar.com did not have the new TXT record" in process.stdout
    )


def test_records_of_checks_that_were_killed_are_removed(host, name_servers):
    host.wish("www.foobar.com")

    def records():
        return sum(map(len, host.txt("www.foobar.com")))

    # A check that waits for its record at each name server waits for this one.
    os.kill(name_servers[1].pid, signal.SIGSTOP)
    try:
        for number in (1, 2):
            process = subprocess.Popen(host.words("check"))
            wait_for(lambda number=number: records() == number)
            process.kill()
            process.wait()
    finally:
        os.kill(name_servers[1].pid, signal.SIGCONT)
    assert records() == 2
    assert host.row()["state"] == "issued"
    assert not host.txt("www.foobar.com")
