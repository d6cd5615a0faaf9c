"""An application behind two web servers, on the Unix socket that is its
argument: it says what it was asked, word by word.

By the beginning of the path: /break/ ends without an answer, /slow/ says nothing for 10 seconds,
/say/STATUS/ answers with another status, /own/ with headers that a web server would say,
/own/STATUS/ with both, /events/ with three events, half a second apart, /talk/ talks by a
WebSocket.
"""

import http.server
import json
import os
import socketserver
import sys
import time

OWN = (
    ("Set-Cookie", "c=d; HttpOnly; secure"),
    ("Set-Cookie", "e=f; Path=/secure/"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Strict-Transport-Security", "max-age=1"),
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer, whatever the method."""
        target = self.requestline.split(" ")[1]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if target.startswith("/break/"):
            self.close_connection = True
            return
        if target.startswith("/slow/"):
            time.sleep(10)
        if target.startswith("/events/"):
            self.events()
            return
        if target.startswith("/talk/") and self.headers.get("Upgrade") == "websocket":
            self.talk()
            return
        said = {
            "method": self.command,
            "target": target,
            "length": self.headers.get("Content-Length"),
            "body": len(body),
        }
        said["headers"] = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps(said).encode()
        status = target.split("/")[2] if target.startswith(("/say/", "/own/")) else ""
        self.send_response(int(status or 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Set-Cookie", "a=b")
        self.send_header("X-Said", "by the application")
        if target.startswith("/own/"):
            for name, value in OWN:
                self.send_header(name, value)
        self.end_headers()
        # A body that may not be there would be taken for the next answer.
        if self.command != "HEAD" and status not in ("204", "304"):
            self.wfile.write(text)

    def __getattr__(self, name):
        """Answer other methods in the same way."""
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def talk(self):
        """Say all words back, in capitals."""
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )
        self.close_connection = True
        while words := self.connection.recv(1000):
            self.connection.sendall(words.upper())

    def events(self):
        """Say three things, one after the other."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            self.wfile.write(b"9\r\ndata: %d\n\n\r\n" % number)
            self.wfile.flush()
            time.sleep(0.5)
        self.wfile.write(b"0\r\n\r\n")

    def address_string(self):
        """Say nothing: a Unix socket has no addresses."""
        return "-"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Takes connections."""

    daemon_threads = True
    request_queue_size = 512


os.umask(0o111)
with Server(sys.argv[1], Handler) as server:
    server.serve_forever()
