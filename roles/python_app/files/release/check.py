"""Ask the service of a release, on its socket, for its health.

Usage: check.py SECONDS UNIT SOCKET. Exit status 0 when it is healthy, else words. Run as the
application's user.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
SECONDS, UNIT, SOCKET = float(sys.argv[1]), sys.argv[2], sys.argv[3]
DEADLINE = time.monotonic() + SECONDS
with open(f"{HERE}/release.json", encoding="utf-8") as file:
    RELEASE = json.load(file)
PAGE = RELEASE["path"] + RELEASE["health_path"]


def ask():
    """Return the status and the release that the page is answered with, and its beginning."""
    connection = http.client.HTTPConnection(
        RELEASE["host"], timeout=max(0.1, DEADLINE - time.monotonic())
    )
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(connection.timeout)
    connection.sock.connect(SOCKET)
    try:
        line = {
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Proto": "http",
            "X-Request-Line": f"GET {PAGE} HTTP/1.1",
        }
        connection.request(
            "GET", PAGE, headers={**line, "User-Agent": "health", "Connection": "close"}
        )
        answer = connection.getresponse()
        return (
            answer.status,
            answer.headers.get("X-Release", ""),
            answer.read(2000).decode(errors="replace"),
        )
    finally:
        connection.close()


def ended():
    """Return whether the service has ended, or has begun once more."""
    words = ["systemctl", "show", "--property=ActiveState,NRestarts", UNIT]
    state = dict(
        line.split("=", 1)
        for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    )
    return state["ActiveState"] != "active" or state["NRestarts"] != "0"


said = "nothing"
while True:
    try:
        status, release, text = ask()
        break
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
    if ended():
        sys.exit(f"{UNIT} has ended.")
    if time.monotonic() > DEADLINE:
        sys.exit(f"{PAGE} was not answered within {SECONDS:g} seconds on {SOCKET} ({said}).")
    time.sleep(0.05)
if status >= 400:
    sys.exit(f"{PAGE} was answered with {status}: {' '.join(text.split())[:500]}")
# Another program than ours says nothing of its release.
if not (RELEASE["serve"] or RELEASE.get("image")) and release != os.path.basename(HERE):
    sys.exit(
        f"{PAGE} was answered with {status}, and not by the application: "
        f"the header X-Release is {release!r}."
    )
