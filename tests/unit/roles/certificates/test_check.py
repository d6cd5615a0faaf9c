"""The self-check finds what a CA would, and says what to do."""

from __future__ import annotations

import http.server
import threading

import pytest
from site_certificates import check, dns01, http01, report, run

LE = ("letsencrypt.org",)


def caa(*lines):
    return [
        (int(flags), tag, value) for flags, tag, value in (line.split(" ", 2) for line in lines)
    ]


@pytest.mark.parametrize(
    ("records", "wildcard", "account", "refusal"),
    [
        (caa("0 issue letsencrypt.org"), False, None, None),
        (caa("0 issue LetsEncrypt.org; validationmethods=dns-01,http-01"), False, None, None),
        (caa("0 issue other.example", "0 issue letsencrypt.org"), False, None, None),
        (caa("0 issue other.example"), False, None, "only other.example may issue"),
        (caa("0 issue ;"), False, None, "only nobody may issue"),
        (caa("0 issuewild ;"), False, None, None),
        (caa("0 issue letsencrypt.org", "0 issuewild ;"), True, None, "only nobody may issue"),
        (caa("0 issue letsencrypt.org"), True, None, None),
        (caa("0 iodef mailto:me@foobar.com"), False, None, None),
        (caa("0 unknown x"), False, None, None),
        (caa("128 unknown x"), False, None, "the critical property unknown, which CAs do not know"),
        (
            caa("0 issue letsencrypt.org; validationmethods=http-01"),
            False,
            None,
            "the validation methods are http-01 only, and this one is dns-01",
        ),
        (caa("0 issue letsencrypt.org; accounturi=https://a/1"), False, None, None),
        (caa("0 issue letsencrypt.org; accounturi=https://a/1"), False, "https://a/1", None),
        (
            caa("0 issue letsencrypt.org; accounturi=https://a/1"),
            False,
            "https://a/2",
            "the account is https://a/1, and ours is https://a/2",
        ),
    ],
)
def test_caa(records, wildcard, account, refusal):
    assert check.caa_refusal(records, LE, wildcard, "dns-01", account) == refusal


class Record:
    def __init__(self, flags, tag, value):
        self.flags, self.tag, self.value = flags, tag.encode(), value.encode()


class World:
    """Answers of the DNS, by name and type."""

    def __init__(self, **found):
        self.found = {name.replace("_", "."): values for name, values in found.items()}

    def ask(self, name, kind):
        assert kind == "CAA"
        return [Record(*one) for one in caa(*self.found.get(name, []))]

    def addresses(self, name):
        return self.found.get(f"at.{name}", [])


@pytest.fixture
def client(host, ca):
    ca.meta = {"caaIdentities": ["letsencrypt.org"], "profiles": {"classic": "", "shortlived": ""}}
    site = host.site()
    return lambda **more: site.client({**site.settings.cas[0], **more})


def faults(host, client, world, port=80, **more):
    return [
        one.said
        for one in check.faults(
            host.site().settings.wishes[0], client(**more), world, None, None, "thumb", port=port
        )
    ]


def test_caa_is_looked_for_upwards(host, client):
    world = World(
        com=["0 issue other.example"], at_www_foobar_com=["127.0.0.1"], at_foobar_com=["127.0.0.1"]
    )
    said = faults(host, client, world)
    remedy = 'add a record like: com CAA 0 issue "letsencrypt.org"'
    assert (
        f"www.foobar.com: the CAA records of com keep test out (only other.example may issue): "
        f"{remedy}"
    ) in said
    world.found["www.foobar.com"] = ["0 issue letsencrypt.org"]
    assert [one for one in faults(host, client, world) if "CAA" in one] == [said[1]]


def test_clock(host, client, clock):
    clock.forward(minutes=11)
    assert "clock says" in faults(host, client, World())[0]


def test_profile(host, client):
    assert (
        "does not know the profile x, it offers classic, shortlived: correct lamp_acme.profile"
        in faults(host, client, World(), profile="x")[0]
    )


class Registrar:
    """What the world says of a zone's name servers."""

    def name_servers(self, _zone):
        return {"ns1.foobar.com": ["192.0.2.2"]}


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"servers": ["192.0.2.2"]}, None),
        ({"servers": ["10.0.0.2"], "addresses": ["192.0.2.2", "2001:db8::2"]}, None),
        ({"servers": ["10.0.0.2"]}, "have it name our name servers (10.0.0.2)"),
        (
            {"servers": ["192.0.2.2"], "addresses": ["192.0.2.9"]},
            "have it name our name servers (192.0.2.9)",
        ),
    ],
)
def test_delegation_is_judged_by_the_addresses_that_the_world_knows(options, wrong):
    zone = dns01.Zone({"zone": "foobar.com", **options}, Registrar())
    said = [one.said for one in check._delegation(zone, Registrar())]
    assert bool(said) == bool(wrong)
    assert not wrong or wrong in said[0]


@pytest.fixture
def web():
    """Return a web server, and what it answers by path and host: ``(status, headers, body)``."""
    answers = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            status, headers, body = answers[0](self.path, self.headers["Host"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()

    def answering(answer):
        answers[:] = [answer]
        return server.server_port

    yield answering
    server.shutdown()
    server.server_close()


def token(path):
    assert path.startswith("/.well-known/acme-challenge/probe-")
    return path.rpartition("/")[2]


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (lambda path, host: (200, {}, f"{token(path)}.thumb".encode()), None),
        (lambda path, host: (200, {}, f"{token(path)}.thumb\n".encode()), None),
        (
            lambda path, host: (200, {}, f"{token(path)}.other".encode()),
            "answers for another ACME account",
        ),
        (
            lambda path, host: (200, {}, b"<html>"),
            "answers with the status 200 and another content",
        ),
        (lambda path, host: (404, {}, b""), "answers with the status 404"),
        (
            lambda path, host: (302, {"Location": path}, b""),
            "leads from one address to the next without an end",
        ),
        (
            lambda path, host: (302, {"Location": "ftp://x/"}, b""),
            "leads to ftp://x/, where no CA follows",
        ),
        (
            lambda path, host: (
                (302, {"Location": f"/x{path}"}, b"")
                if path[:2] != "/x"
                else (200, {}, f"{path[-30:]}.thumb".encode())
            ),
            None,
        ),
    ],
)
def test_address(web, answer, wrong):
    assert http01.try_address("www.foobar.com", "127.0.0.1", "thumb", web(answer)) == wrong


def test_addresses_one_by_one(host, client, web):
    port = web(
        lambda path, host: (
            (200, {}, f"{token(path)}.thumb".encode())
            if host == "www.foobar.com"
            else (404, {}, b"")
        )
    )
    world = World(at_www_foobar_com=["127.0.0.1", "::1"], at_foobar_com=["127.0.0.1"])
    said = faults(host, client, world, port)
    assert any(
        one.startswith("www.foobar.com: its AAAA record ::1 does not answer (Connection refused)")
        for one in said
    ) or "::1" not in str(said)
    assert any(
        one.startswith("foobar.com: its A record 127.0.0.1 answers with the status 404")
        for one in said
    )
    assert not any("www.foobar.com: its A record" in one for one in said)
    assert "has no address in the DNS" in " ".join(faults(host, client, World(), port))


def test_wildcard_needs_dns01(host, client):
    host.options["certificates"][0]["names"] = ["*.foobar.com"]
    assert "a wildcard needs DNS-01" in " ".join(faults(host, client, World()))


def test_not_ready_asks_nothing_of_the_ca_and_counts_as_no_failure(host, ca, clock):
    host.options.update(
        check=True, dns={"zone": "foobar.com", "resolver": ["127.0.0.1"], "port": 1}
    )
    row, _changed = host.run()
    assert (row["state"], ca.orders, ca.registered) == ("waiting", [], [])
    assert "DNS: www.foobar.com CAA" in row["reason"] or "DNS: www.foobar.com A" in row["reason"]
    site = host.site(timer=True)
    with site.locked():
        run.run(site)
        assert not report.alarms(site)
