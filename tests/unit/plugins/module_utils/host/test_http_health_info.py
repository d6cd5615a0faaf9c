"""Health by HTTPS: of a site whose certificate nobody trusts yet, under its own name."""

from __future__ import annotations

import http.server
import ssl
import threading
import time

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import http_health_info
from support.certificates import certificate


@pytest.fixture
def site(tmp_path):
    """Return the ports of a site for HTTP, and for HTTPS; the one answers with a redirection,
    the other with the name that it was asked.
    """
    asked = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.server.by_tls else 308)
            self.send_header("X-Release", "1" if self.server.by_tls else "none")
            self.end_headers()

        def log_message(self, *_words):
            pass

    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) for _number in range(2)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain, key, _serial = certificate("shop.example.com")
    for name, text in (("chain", chain), ("key", key)):
        (tmp_path / name).write_text(text)
    context.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True)
    for server, by_tls in zip(servers, (False, True), strict=True):
        server.by_tls = by_tls
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"port": servers[0].server_port, "tls_port": servers[1].server_port}, asked
    for server in servers:
        server.shutdown()
        server.server_close()


def unhealthy(ports, tls):
    page = {
        "name": "shop",
        "host": "shop.example.com",
        "path": "/",
        "headers": {"X-Release": "1"},
        "tls": tls,
    }
    return http_health_info.run({"pages": [page], "address": "127.0.0.1", "timeout": 0, **ports})[
        "unhealthy"
    ]


def test_page_is_asked_for_by_https_and_by_its_name(site):
    ports, asked = site
    assert unhealthy(ports, tls=True) == {}
    assert asked == ["shop.example.com"]


def test_no_ca_is_read_for_a_certificate_that_is_not_checked(site):
    ports, _asked = site
    page = {"name": "shop", "host": "shop.example.com", "tls": True}
    connection = http_health_info.connect(
        page, "127.0.0.1", (ports["port"], ports["tls_port"]), time.monotonic() + 10
    )
    try:
        assert connection.sock.context.cert_store_stats()["x509_ca"] == 0
    finally:
        connection.close()


def test_redirection_is_no_answer_of_the_application(site):
    ports, _asked = site
    assert unhealthy(ports, tls=False) == {"shop": "answered with X-Release: none, not 1"}


def test_server_that_does_not_listen_for_https_is_asked_by_http(site):
    ports, _asked = site
    assert unhealthy({**ports, "tls_port": 1}, tls=True) == {
        "shop": "answered with X-Release: none, not 1"
    }


def test_server_that_speaks_no_tls_where_it_should_is_unhealthy(site):
    ports, _asked = site
    assert unhealthy({**ports, "tls_port": ports["port"]}, tls=True)["shop"].startswith(
        "does not answer"
    )
