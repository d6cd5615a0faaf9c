"""A shop without any dependency, as somebody else's server: it knows its socket or port, and
nothing of us. Tests break it on purpose.
"""

import http.server
import json
import os
import pathlib
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import time

BREAK = ""
VERSION = "1"
DATA = pathlib.Path("/data")


def reaches(family, address):
    """Return what somebody says first at an address, or why nobody does."""
    try:
        with socket.socket(family) as connection:
            connection.settimeout(2)
            connection.connect(address)
            return connection.recv(100)[5:20].split(b"-")[0].decode(errors="replace")
    except OSError as error:
        return type(error).__name__


def database():
    """Return what its database says, at the place that it is told."""
    if os.environ.get("DB_SOCKET"):
        return reaches(socket.AF_UNIX, os.environ["DB_SOCKET"])
    return reaches(socket.AF_INET, (os.environ["DB_HOST"], int(os.environ.get("DB_PORT", 3306))))


def tried(act):
    """Return what came of something, or why nothing did."""
    try:
        return str(act())
    except OSError as error:
        return error.strerror


def wait(step):
    """Wait while the gate has this name."""
    while (DATA / "gate").exists() and (DATA / "gate").read_text().strip() == step:
        time.sleep(0.05)


class Page(http.server.BaseHTTPRequestHandler):
    """Answers in JSON."""

    protocol_version = "HTTP/1.1"

    def address_string(self):
        """A Unix socket has no address."""
        return "visitor"

    def log_message(self, *words):
        """Say nothing."""

    def do_GET(self):
        """Say who answers, or what it may do."""
        status = 500 if BREAK == "500" else 200
        said = {"version": VERSION, "release": os.environ["RELEASE_ID"]}
        if self.path == "/about":
            said |= {
                "uid": os.getuid(),
                "gid": os.getgid(),
                "of image": os.environ.get("OF_IMAGE"),
                "secret": os.environ["SECRET_KEY"],
            }
            said |= {
                "database": database(),
                "network": reaches(socket.AF_INET, (os.environ.get("OUTSIDE", "192.0.2.1"), 3307)),
            }
            said |= {"file": tried(lambda: pathlib.Path("/home/shop/new").write_text("x"))}
            said |= {
                "media": tried(
                    lambda: pathlib.Path(os.environ["MEDIA_ROOT"], "picture.txt").write_text("sun")
                )
            }
            said |= {"data": tried(lambda: (DATA / "orders").write_text("1"))}
            said |= {
                "temporary": tried(lambda: pathlib.Path(tempfile.gettempdir(), "x").write_text("x"))
            }
            said |= {
                "hosts": tried(lambda: os.listdir("/etc/python_app")),
                "capabilities": capabilities(),
            }
        if self.path == "/large":
            said["much"] = "x" * 3_000_000
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def capabilities():
    """Return what it may do beyond a user's rights."""
    return next(
        line.split()[1]
        for line in pathlib.Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapBnd")
    )


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Ends when it is told to, and lets nobody down who has asked."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 512

    def __init__(self, place):
        self.address_family = socket.AF_INET if isinstance(place, tuple) else socket.AF_UNIX
        super().__init__(place, Page)

    def server_bind(self):
        """A Unix socket has no name to look up."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "shop", 0


def serve():
    """Answer until told to end."""
    if BREAK == "import":
        raise ValueError("broken on purpose")
    while BREAK == "hang":
        time.sleep(1)
    server = Server(
        ("127.0.0.1", int(os.environ["PORT"])) if os.environ.get("PORT") else os.environ["SOCKET"]
    )
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()


wait(sys.argv[1])
if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "collect":
    pathlib.Path(os.environ["STATIC_ROOT"], "made.txt").write_text(os.environ["RELEASE_ID"])
elif sys.argv[1] == "migrate":
    print("migrate", os.environ["RELEASE_ID"], database())
    (DATA / "migrated").write_text(os.environ["RELEASE_ID"])
    if BREAK == "migrate":
        raise ValueError("broken on purpose")
elif sys.argv[1] == "work":
    (DATA / "worked").write_text(os.environ["RELEASE_ID"])
    while len(sys.argv) < 3:
        time.sleep(60)
elif sys.argv[1] == "environment":
    print(json.dumps(dict(os.environ)))
