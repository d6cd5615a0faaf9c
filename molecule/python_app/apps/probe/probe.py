"""A page without any dependency. Tests break it on purpose; a file
called gate in its state directory makes it wait.
"""

import os
import pathlib
import sys
import time

BREAK = ""
GATE = pathlib.Path("/srv/probe.example.com/state/gate")


def wait(name):
    """Wait while the gate has this name."""
    while GATE.exists() and GATE.read_text().strip() == name:
        time.sleep(0.05)


def plant(what):
    """Set a trap for root where static files are made."""
    static = pathlib.Path(os.environ["STATIC_ROOT"])
    if what == "links":
        (static / "x.css").symlink_to("/root/canary")
        (static / "x.css.gz").symlink_to("/etc/profile.d/canary.sh")
    elif what == "link to a neighbour":
        (static / "x.txt").symlink_to("/srv/shop.example.com/current/src/shop/settings.py")
    elif what == "FIFO":
        os.mkfifo(static / "x.css")
    elif what == "setuid":
        (static / "program").write_text("#!/bin/sh\n")
        (static / "program").chmod(0o6755)
    elif what == "daemon":
        (static / "held.txt").write_text("good")
        held = os.open(static / "held.txt", os.O_WRONLY | os.O_APPEND)
        if os.fork() == 0:
            os.setsid()
            while True:
                os.write(held, b"evil")
                time.sleep(0.01)


def application(environ, start_response):
    """Answer with the release."""
    behind = "HTTP_X_FORWARDED_HOST" in environ  # Apache, which alone says it
    if not behind:
        wait("health")
    if environ["REQUEST_METHOD"] == "POST":
        with open("/srv/probe.example.com/state/posts", "a", encoding="ascii") as file:
            file.write(f"{environ['QUERY_STRING']} {len(environ['wsgi.input'].read())}\n")
    if BREAK == "500" or (BREAK == "500 behind Apache" and behind):
        raise ValueError("broken page on purpose")
    if environ["QUERY_STRING"] == "nap":
        time.sleep(0.05)
    if environ["QUERY_STRING"] == "late":
        text = os.environ["RELEASE_ID"].encode()
        start_response(
            "200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
        )
        return Late(text)
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Process", str(os.getpid()))])
    return [os.environ["RELEASE_ID"].encode()]


class Late:
    """An answer after which there is work to do, as frameworks make it."""

    def __init__(self, text):
        self._parts = iter([text])

    def __iter__(self):
        """Return its only part."""
        return self._parts

    def close(self):
        """Work when it has been sent."""
        wait("close")


if __name__ == "__main__":
    wait(sys.argv[1])
    print(f"{sys.argv[1]} of {os.environ['RELEASE_ID']}")
    if sys.argv[1] == BREAK:
        raise ValueError(f"broken {BREAK} on purpose")
    if sys.argv[1] == "collect" and BREAK.startswith("plant "):
        plant(BREAK.removeprefix("plant "))
else:
    wait("import")
    if BREAK == "import":
        raise ValueError(f"broken {BREAK} on purpose")
    while BREAK == "hang":
        time.sleep(1)
