"""Shake hands by TLS, again and again for some seconds, and say what that costs the server.

    handshakes.py PORT UNIT SECONDS full|resumed PATH

Each connection asks for one file. Prints how many microseconds of processor time a connection takes
of the systemd unit's processes.
"""

import contextlib
import os
import pathlib
import socket
import ssl
import sys
import time

NAME = "www.foobar.com"


def spent(unit):
    """Return the seconds of processor time of a unit's processes,
    and of those that they have waited for.
    """
    ticks = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"/{unit}.service" in (process / "cgroup").read_text():
                ticks += sum(
                    map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15])
                )
    return ticks / os.sysconf("SC_CLK_TCK")


def main(port, unit, seconds, kind, path):
    """Shake hands."""
    request = f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session, count, began, end = None, 0, spent(unit), time.monotonic() + float(seconds)
    while time.monotonic() < end:
        plain = socket.create_connection(("127.0.0.1", int(port)))
        with context.wrap_socket(plain, server_hostname=NAME, session=session) as connection:
            connection.sendall(request)
            while connection.recv(65536):
                pass
            assert connection.session_reused is (session is not None)
            session = connection.session if kind == "resumed" else None
        count += 1
    print((spent(unit) - began) / count * 1e6)


if __name__ == "__main__":
    main(*sys.argv[1:])
