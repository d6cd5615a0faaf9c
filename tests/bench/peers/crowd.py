"""Visitors who take their time: the first argument is the port, then how many say nothing, and how many send a body byte by byte."""

import contextlib
import socket
import sys
import time

port, idle, slow = map(int, sys.argv[1:])
crowd = [socket.create_connection(("127.0.0.1", port)) for _number in range(idle)]
senders = [socket.create_connection(("127.0.0.1", port)) for _number in range(slow)]
for sender in senders:
    sender.sendall(b"POST /guestbook HTTP/1.1\r\nHost: www.foobar.com\r\nContent-Length: 100000\r\n\r\n" + bytes(20_000))
print("ready", flush=True)
while True:
    time.sleep(1)
    for sender in senders:
        with contextlib.suppress(OSError):
            sender.sendall(b"x")
