"""A real haproxy with what the role writes, before web servers that
stop, break off and say that they are unwell.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter

import pytest
from support import haproxy
from support.certificates import certificate
from support.load import Load
from support.waiting import wait_for

SITE = "www.foobar.com"


class Page(http.server.BaseHTTPRequestHandler):
    """Answers with what was asked, as its server is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        web = self.server.web
        if self.path == "/health":
            web.goes_on.wait(20)
            self._answer(200 if web.well else 503)
            return
        web.taken.append(self)
        web.goes_on.wait(20)
        if web.breaks_off:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(web.status)

    do_POST = do_GET  # noqa: N815

    def _answer(self, status):
        text = self.server.web.name.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        for cookie in ("a=b; Path=/", "c=d; secure; HttpOnly"):
            self.send_header("Set-Cookie", cookie)
        if "to=" in self.path:
            self.send_header("Location", self.path.partition("to=")[2])
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_words):
        """Nobody reads it."""


class Server(http.server.ThreadingHTTPServer):
    """Has nothing to say of connections that balancers reset after a check."""

    def handle_error(self, _request, _address):
        """Nobody reads it."""


class Web:
    """A web server that can be stopped and started again."""

    def __init__(self, name):
        self.name, self.port, self.taken, self.well, self.breaks_off = name, 0, [], True, False
        self.status, self.goes_on = 200, threading.Event()
        self.goes_on.set()
        self.start()

    def start(self):
        self._server = Server(("127.0.0.1", self.port), Page)
        self._server.web, self.port = self, self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def move(self):
        self.stop()
        self.port = 0
        self.start()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Balancer:
    """A haproxy of the role's, in a directory of its own."""

    def __init__(self, place, webs, monkeypatch):
        self._place, self._webs = place, webs
        self.thumbprint, self.timeout = "t" * 43, 65
        self.ports = {"http": free_port(), "https": free_port(), "status": free_port()}
        self._reload = haproxy.reload_module()
        for name, file in (
            ("CONFIG", "haproxy.cfg"),
            ("SOCKET", "admin.sock"),
            ("STATE", "servers"),
        ):
            monkeypatch.setattr(self._reload, name, str(place / file))
        (place / "servers").write_text("1\n")
        self.certify(SITE)
        self.certify("_default", "localhost")
        self.write()
        self._process = subprocess.Popen(
            ["haproxy", "-W", "-f", place / "haproxy.cfg"], stdout=subprocess.DEVNULL
        )
        wait_for(
            lambda: (place / "admin.sock").exists() and set(self.states().values()) == {"UP"}, 20
        )

    def certify(self, name, *names):
        """Have a certificate of this name served, after a reload; return its serial number."""
        chain, key, serial = certificate(*(names or [name]))
        (self._place / f"{name}.pem").write_text(chain)
        (self._place / f"{name}.pem.key").write_text(key)
        return serial

    def write(self):
        """Write the configuration."""
        tls = {"chain": "/x", "key": "/x", "trusted_file": f"{self._place}/trusted"}
        given = {
            "listen": [self.ports["http"]],
            "tls_listen": [self.ports["https"]],
            "status_port": self.ports["status"],
            "servers": [
                {"name": web.name, "address": "127.0.0.1", "port": web.port} for web in self._webs
            ],
            "sites": [{"name": SITE, "tls": tls}],
            "default_tls": {"chain": "/x", "key": "/x"},
            "check": {"host": SITE, "path": "/health"},
            "acme_thumbprint": self.thumbprint,
            "timeout": self.timeout,
            # It is nobody else, here.
            "global": {
                "chroot": None,
                "user": None,
                "group": None,
                "stats socket": f"{self._place}/admin.sock level admin",
            },
        }
        more = {"__haproxy_run": str(self._place), "__haproxy_certificates_dir": str(self._place)}
        for name in ("haproxy.cfg", "sites.lua", "certificates.list"):
            text = haproxy.render(f"{name}.j2", "12", ipv6=False, more=more, **given)
            (self._place / name).write_text(text.replace("/etc/haproxy/", f"{self._place}/"))

    def reload(self):
        """Do what the unit does; return the status."""
        return self._reload.main(self._process.pid)

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self._place / "admin.sock"))
            stream.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: stream.recv(65536), b"")).decode()

    def states(self):
        """Return which state each web server is in."""
        rows = [line.split(",") for line in self.ask("show stat").splitlines()]
        names = {web.name for web in self._webs}
        return {row[1]: row[17].split()[0] for row in rows if row[0] == "web" and row[1] in names}

    def connect(self, scheme="https", name=SITE):
        """Return a connection to it, as a visitor of a site makes it."""
        if scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=10)
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports["https"], timeout=10)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection.sock = context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.ports["https"]), 10), server_hostname=name
        )
        return connection

    def get(self, path="/", method="GET", scheme="https", host=SITE, **headers):
        """Return the answer to a request on a connection of its own, with its ``text``."""
        connection = self.connect(scheme, host)
        with contextlib.closing(connection):
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, None, {"Host": host, **given})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
        return answer

    def serial(self, name=SITE):
        """Return the serial number of the certificate that is served for a name."""
        with contextlib.closing(self.connect(name=name)) as connection:
            return self._number(connection.sock.getpeercert(binary_form=True))

    @staticmethod
    def _number(der):
        from cryptography import x509

        return x509.load_der_x509_certificate(der).serial_number

    def end(self):
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def webs():
    servers = [Web("one"), Web("two")]
    yield servers
    for server in servers:
        with contextlib.suppress(OSError):
            server.stop()


@pytest.fixture
def balancer(tmp_path, webs, monkeypatch):
    balancer = Balancer(tmp_path, webs, monkeypatch)
    yield balancer
    balancer.end()


@pytest.fixture
def trusted(tmp_path, balancer):
    """Have browsers trust the certificate, which a reload sees."""
    (tmp_path / "trusted").touch()
    assert balancer.get(scheme="http").status == 200
    assert balancer.reload() == 0
    wait_for(lambda: balancer.get(scheme="http").status == 308, 5)


FORGED = dict.fromkeys(
    (
        "X_Forwarded_For",
        "X_Forwarded_Proto",
        "X_Forwarded_By",
        "X_Forwarded_Anything",
        "X_Real_IP",
        "Forwarded",
        "X_Remote_User",
    ),
    "me",
)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_web_server_hears_of_a_visitor_what_is_true_and_nothing_else(balancer, webs, scheme):
    assert balancer.get(scheme=scheme, **FORGED).status == 200
    (request,) = [one for web in webs for one in web.taken]
    told = {name.lower(): value for name, value in request.headers.items()}
    assert (told["x-forwarded-for"], told["x-forwarded-proto"], told["host"]) == (
        "127.0.0.1",
        scheme,
        SITE,
    )
    assert told["x-forwarded-by"] == socket.gethostname()
    assert "me" not in told.values()


def test_both_web_servers_get_visitors(balancer):
    assert Counter(balancer.get().text for _number in range(10)) == {"one": 5, "two": 5}


def test_web_server_that_stops_loses_nothing(balancer, webs):
    webs[0].stop()
    assert {balancer.get(method=method).status for method in ("GET", "POST") * 20} == {200}
    wait_for(lambda: balancer.states() == {"one": "DOWN", "two": "UP"}, 10)
    webs[0].start()
    wait_for(lambda: balancer.states() == {"one": "UP", "two": "UP"}, 10)


def test_what_gets_no_answer_is_asked_elsewhere_if_it_changes_nothing_and_else_sent_once(
    balancer, webs
):
    webs[0].breaks_off = True
    assert {balancer.get().status for _number in range(10)} == {200}
    assert webs[0].taken
    for web in webs:
        web.taken.clear()
    statuses = Counter(balancer.get(method="POST").status for _number in range(10))
    assert sum(len(web.taken) for web in webs) == 10
    assert statuses[502] == len(webs[0].taken) > 0


@pytest.mark.parametrize("status", [502, 503])
def test_web_server_without_its_application_is_passed_over_by_what_changes_nothing(
    balancer, webs, status
):
    webs[0].status = status
    assert {(balancer.get().status, balancer.get().text) for _number in range(10)} == {(200, "two")}
    assert webs[0].taken
    assert Counter(balancer.get(method="POST").status for _number in range(10))[status] > 0
    # An error of all is said, after each was asked once.
    webs[1].status = status
    for web in webs:
        web.taken.clear()
    assert balancer.get().status == status
    assert [len(web.taken) for web in webs] == [1, 1]


def test_what_a_web_server_that_hangs_has_not_answered_in_time_is_asked_elsewhere(balancer, webs):
    balancer.timeout = 3
    balancer.write()
    assert balancer.reload() == 0
    webs[0].goes_on.clear()
    began = time.monotonic()
    try:
        with concurrent.futures.ThreadPoolExecutor() as visitors:
            answers = list(visitors.map(lambda _number: balancer.get(), range(10)))
        assert {(one.status, one.text) for one in answers} == {(200, "two")}
        assert webs[0].taken
        assert time.monotonic() - began > 3
        assert balancer.states() == {"one": "DOWN", "two": "UP"}
    finally:
        webs[0].goes_on.set()


def test_where_none_is_well_all_get_visitors(balancer, webs):
    for web in webs:
        web.well = False
    wait_for(lambda: set(balancer.states().values()) == {"DOWN"}, 10)
    assert {balancer.get(method=method).status for method in ("GET", "POST")} == {200}
    # One of them is not even there.
    webs[0].stop()
    assert {balancer.get(method=method).text for method in ("GET", "POST") * 5} == {"two"}
    webs[1].well = True
    wait_for(lambda: balancer.states() == {"one": "DOWN", "two": "UP"}, 10)


def test_nobody_is_led_to_a_certificate_that_is_not_trusted(balancer):
    assert balancer.get(scheme="http").status == 200
    answer = balancer.get()
    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers.get_all("Set-Cookie") == ["a=b; Path=/", "c=d; secure; HttpOnly"]


@pytest.mark.usefixtures("trusted")
def test_visitors_are_led_to_https_as_long_as_it_is_trusted(balancer, tmp_path):
    for host in (SITE, SITE.upper(), f"{SITE}.", f"{SITE}:80"):
        answer = balancer.get("/a?b=c", scheme="http", host=host)
        assert (answer.status, answer.headers["Location"]) == (
            308,
            f"https://{SITE}:{balancer.ports['https']}/a?b=c",
        )
    assert balancer.get(scheme="http", host="nobody.example").status == 200
    answer = balancer.get()
    assert answer.headers["Strict-Transport-Security"] == "max-age=15552000"
    assert answer.headers.get_all("Set-Cookie") == ["a=b; Path=/; Secure", "c=d; secure; HttpOnly"]
    (tmp_path / "trusted").unlink()
    assert balancer.reload() == 0
    # The process of before may have taken the next visitor already.
    wait_for(lambda: balancer.get(scheme="http").status == 200, 5)


@pytest.mark.parametrize(
    ("scheme", "to", "location"),
    [
        ("https", f"http://{SITE}/a,b?c", f"https://{SITE}/a,b?c"),
        ("http", f"http://{SITE}/a", f"http://{SITE}/a"),
        ("https", "http://elsewhere.example/a", "http://elsewhere.example/a"),
        ("https", f"http://{SITE}.example/a", f"http://{SITE}.example/a"),
        ("https", "/a", "/a"),
    ],
)
def test_visitor_by_https_stays_with_it_where_a_web_server_leads_him_on(
    balancer, scheme, to, location
):
    assert balancer.get(f"/?to={to}", scheme=scheme).headers["Location"] == location


@pytest.mark.usefixtures("trusted")
def test_ca_gets_its_answer_by_http_whatever_the_name(balancer):
    for host in (SITE, "nobody.example"):
        assert (
            balancer.get("/.well-known/acme-challenge/a-B_1", scheme="http", host=host).text
            == f"a-B_1.{'t' * 43}"
        )
    for path in ("a/b", "a.b", ""):
        assert balancer.get(f"/.well-known/acme-challenge/{path}", scheme="http").status == 404


@pytest.mark.usefixtures("trusted")
def test_where_another_answers_a_ca_it_is_asked_by_http(balancer):
    balancer.thumbprint = ""
    balancer.write()
    assert balancer.reload() == 0
    wait_for(
        lambda: balancer.get("/.well-known/acme-challenge/a", scheme="http").text in ("one", "two"),
        5,
    )
    assert balancer.get("/.well-known/x", scheme="http").status == 308


def test_new_certificate_is_served_after_a_reload_and_unknown_names_have_one_of_their_own(balancer):
    before, default = balancer.serial(), balancer.serial("nobody.example")
    assert before != default
    after = balancer.certify(SITE)
    assert balancer.serial() == before
    assert balancer.reload() == 0
    wait_for(lambda: balancer.serial() == after, 5)
    assert balancer.serial("nobody.example") == default


def test_reload_under_load_loses_no_request(balancer):
    kept = threading.local()

    def ask():
        # A browser keeps its connection, and takes another when it is told that it ends.
        connection = getattr(kept, "connection", None) or balancer.connect()
        connection.request("GET", "/", headers={"Host": SITE})
        answer = connection.getresponse()
        answer.read()
        kept.connection = None if answer.will_close else connection
        assert answer.status == 200

    with (
        Load(ask, pause=0.001, threads=4) as keeping,
        Load(balancer.get, pause=0.001, threads=2) as new,
    ):
        for _number in range(5):
            assert balancer.reload() == 0
    assert keeping.asked > 50 and new.asked > 10
    assert keeping.failures == new.failures == []


def test_reload_keeps_who_gets_no_visitors_but_not_an_old_port(balancer, webs):
    balancer.ask("set server web/one state drain")
    assert balancer.reload() == 0
    assert balancer.states() == {"one": "DRAIN", "two": "UP"}
    assert {balancer.get().text for _number in range(5)} == {"two"}
    balancer.ask("set server web/one state ready")
    webs[0].move()
    balancer.write()
    assert balancer.reload() == 0
    wait_for(lambda: balancer.states() == {"one": "UP", "two": "UP"}, 10)
    assert {balancer.get().text for _number in range(5)} == {"one", "two"}


def test_reload_that_cannot_be_is_told_and_the_old_configuration_goes_on(balancer, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        balancer.ports["http"], before = other.getsockname()[1], balancer.ports["http"]
        balancer.write()
        assert balancer.reload() == 1
    balancer.ports["http"] = before
    assert balancer.get(scheme="http").status == 200
    (tmp_path / "haproxy.cfg").write_text("nonsense\n")
    assert balancer.reload() != 0
    assert balancer.get(scheme="http").status == 200


def test_statistics_and_metrics_are_for_the_host_itself(balancer):
    connection = http.client.HTTPConnection("127.0.0.1", balancer.ports["status"], timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        said = connection.getresponse().read().decode()
    assert 'haproxy_server_status{proxy="web",server="one",state="UP"} 1' in said
