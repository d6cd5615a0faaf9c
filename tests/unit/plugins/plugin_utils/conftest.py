"""A web server on loopback that serves files."""

from __future__ import annotations

import functools
import http.server
import threading

import pytest


@pytest.fixture
def address_of():
    """Return ``address_of(directory)``: the address at which a web server shows it."""
    servers = []

    def address_of(directory):
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield address_of
    for server in servers:
        server.shutdown()
        server.server_close()
