"""A server that serves certificates by name: it reads them when it starts
and at SIGHUP, and writes its port into a file.

Words: the directory of the certificates, the file for the port, and a file whose existence makes a
reload read nothing.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
import socket
import ssl
import sys

top, port, deaf = map(pathlib.Path, sys.argv[1:])
contexts = {}


def read(*_signal):
    if contexts and deaf.exists():
        return
    for place in top.glob("*/current"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place / "fullchain.pem", place / "key.pem")
        contexts[place.parent.name] = context


def choose(connection, name, _context):
    connection.context = contexts.get(name) or contexts[min(contexts)]


read()
signal.signal(signal.SIGHUP, read)
first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
first.sni_callback = choose
place = next(top.glob("*/current"))
first.load_cert_chain(place / "fullchain.pem", place / "key.pem")
with socket.create_server(("127.0.0.1", 0)) as listener:
    port.write_text(str(listener.getsockname()[1]))
    while True:
        stream, _address = listener.accept()
        with contextlib.suppress(OSError), first.wrap_socket(stream, server_side=True):
            pass
