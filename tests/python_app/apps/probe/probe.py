"""A page without any dependency. Tests break it on purpose; a file called gate in its state directory makes it wait."""

import os
import pathlib
import sys
import time

BREAK = ""
UNDER_MOD_WSGI = "mod_wsgi" in sys.modules
GATE = pathlib.Path("/srv/probe.example.com/state/gate")


def wait(name):
    """Wait while the gate has this name."""
    while GATE.exists() and GATE.read_text().strip() == name:
        time.sleep(0.05)


def application(environ, start_response):
    """Answer with the release."""
    if not UNDER_MOD_WSGI:
        wait("health")
    if BREAK == "500" or (BREAK == "500 behind Apache" and UNDER_MOD_WSGI):
        raise ValueError("broken page on purpose")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["RELEASE_ID"].encode()]


if __name__ == "__main__":
    wait(sys.argv[1])
    print(f"{sys.argv[1]} of {os.environ['RELEASE_ID']}")
    if sys.argv[1] == BREAK:
        raise ValueError(f"broken {BREAK} on purpose")
else:
    wait("load" if UNDER_MOD_WSGI else "import")
    if BREAK == "import" or (BREAK == "load" and UNDER_MOD_WSGI):
        raise ValueError(f"broken {BREAK} on purpose")
    while BREAK == "hang":
        time.sleep(1)
