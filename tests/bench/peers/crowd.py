"""Visitors who take their time: the first argument is the port, then how many say nothing, and
how many send a body byte by byte.
"""

import contextlib
import itertools
import socket
import sys
import time

HEAD = b"POST /guestbook HTTP/1.1\r\nHost: www.foobar.com\r\nContent-Length: 100000\r\n\r\n"
SETTLED = 10  # seconds, after which a server has begun what it begins for so many


def visitor():
    """Begin to connect: a server that is full lets nobody in for a while."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port))
    return connection


port, idle, slow = map(int, sys.argv[1:])
crowd = [visitor() for _number in range(idle)]
senders = {visitor(): HEAD + bytes(20_000) for _number in range(slow)}
for second in itertools.count():
    for sender, text in senders.items():
        with contextlib.suppress(OSError):
            senders[sender] = text[sender.send(text) :] or b"x"
    if second == SETTLED:
        print("ready", flush=True)
    time.sleep(1)
