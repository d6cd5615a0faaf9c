"""A private package index on loopback, with one package and a password. Usage: index.py PORT

It returns when the index answers, and the index ends after ten minutes.
"""

from __future__ import annotations

import base64
import http.server
import os
import signal
import sys

from wheels import wheel

ALLOWED = "Basic " + base64.b64encode(b"someone:private-password").decode()
WHEEL = "lamp_private-1.0-py3-none-any.whl"


class Handler(http.server.BaseHTTPRequestHandler):
    """The pages of the index."""

    def do_GET(self):  # noqa: N802
        """Answer pip."""
        packed = wheel("lamp_private", 'WORDS = "private words"\n')
        pages = {
            "/simple/lamp-private/": f'<a href="/{WHEEL}">{WHEEL}</a>'.encode(),
            f"/{WHEEL}": packed,
        }
        page = pages.get(self.path)
        status = 401 if self.headers.get("Authorization") != ALLOWED else 200 if page else 404
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header(
            "Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream"
        )
        self.send_header("Content-Length", str(len(page) if status == 200 else 0))
        self.end_headers()
        if status == 200:
            self.wfile.write(page)

    def log_message(self, *_words):
        """Say nothing."""


if __name__ == "__main__":
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    except OSError:
        sys.exit(0)  # one of an earlier run still answers
    if os.fork():
        os._exit(0)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    signal.alarm(600)
    server.serve_forever()
