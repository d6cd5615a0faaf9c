"""Balancers, the web hosts behind them, and visitors who come from a host of their own."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import subprocess

from support.containers import address_of, on_host, page, run
from support.waiting import wait_for
from support.web import SERVICE

BALANCERS = ["lamp-balancers-lb", "lamp-balancers-db"]
WEB = ["lamp-balancers-web1", "lamp-balancers-web2"]
VISITOR, SITE = "lamp-balancers-ca", "www.foobar.com"

_ASK = """
import socket, sys
stream = socket.socket(socket.AF_UNIX)
stream.connect("/run/lamp-haproxy/admin.sock")
stream.sendall(sys.argv[1].encode() + b"\\n")
print(b"".join(iter(lambda: stream.recv(65536), b"")).decode())
"""


def ask(balancer, command):
    """Return what haproxy answers to a command of root's."""
    return run("docker", "exec", balancer, "python3", "-c", _ASK, command, check=True).stdout


def states(balancer):
    """Return which state a balancer takes each web host to be in: UP, DOWN and others."""
    lines = ask(balancer, "show stat").lstrip("# ").splitlines()
    rows = csv.DictReader(line for line in lines if line)
    return {
        row["svname"]: row["status"].split()[0]
        for row in rows
        if row["pxname"] == "web" and row["svname"] in WEB
    }


def wait_for_state(state, *hosts):
    """Wait until all balancers take web hosts to be in a state."""
    wait_for(
        lambda: all(states(balancer)[host] == state for balancer in BALANCERS for host in hosts)
    )


def get(balancer, path="/", *more, scheme="https", name=SITE):
    """Return status, headers and text of a page,
    as somebody sees it who trusts the CA and comes by this balancer.
    """
    return page(VISITOR, balancer, name, path, scheme, *more)


class Visitors:
    """Visitors who ask a balancer for a page all the while:
    ``asked`` and ``lost``, once they are gone.
    """

    def __init__(self, balancer, seconds, *more, path="/healthz"):
        self.asked, self.lost = 0, 0
        on_host(
            VISITOR,
            f"sed '/ {SITE}$/d' /etc/hosts > /root/hosts; cat /root/hosts > /etc/hosts",
            check=True,
        )
        on_host(VISITOR, f"echo '{address_of(balancer)} {SITE}' >> /etc/hosts", check=True)
        options = [
            "wrk",
            "-t1",
            "-c8",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            *more,
            f"https://{SITE}{path}",
        ]
        self._command = ["docker", "exec", VISITOR, *options]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_exception):
        said = self._process.communicate()[0]
        self.asked = int(re.search(r"(\d+) requests in", said)[1])
        self.lost = sum(
            map(int, re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", said))
        )
        print(f"{self.asked} requests, {self.lost} lost")


# Asks for a page each 40 ms, whatever became of the last time, on a new connection each; each third
# time it sends a form. Once its input ends it says how each was answered: the status, or what went
# wrong.
_STEADY = """
import http.client, json, socket, ssl, sys, threading, time
address, name = sys.argv[1:]
context = ssl.create_default_context(cafile="/etc/pebble/root.pem")
asked, threads, ended = [], [], threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
def visit(number, method):
    connection = http.client.HTTPSConnection(name, timeout=60)
    try:
        stream = socket.create_connection((address, 443), 60)
        connection.sock = context.wrap_socket(stream, server_hostname=name)
        body = b"a=b" if method == "POST" else None
        connection.request(method, f"/healthz?steady-{number}", body)
        answer = connection.getresponse()
        answer.read()
        status = str(answer.status)
    except OSError as error:
        status = type(error).__name__
    finally:
        connection.close()
    asked.append([number, method, status])
number, due = time.time_ns(), time.monotonic()
print("begun", flush=True)
while not ended.wait(max(0, due - time.monotonic())):
    number += 1
    threads.append(threading.Thread(target=visit, args=(number, "GET" if number % 3 else "POST")))
    threads[-1].start()
    due += 0.04
for thread in threads:
    thread.join()
print(json.dumps(asked))
"""


class Steady:
    """Visitors who come to a balancer at a steady pace, whatever becomes of those before them,
    and forms that they send.
    """

    def __init__(self, balancer):
        self._command = [
            "docker",
            "exec",
            "-i",
            VISITOR,
            "python3",
            "-c",
            _STEADY,
            address_of(balancer),
            SITE,
        ]
        self._asked = []

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "begun\n"
        return self

    def __exit__(self, *_exception):
        self._asked = json.loads(self._process.communicate(timeout=120)[0])
        print(f"{len(self._asked)} requests")

    def require_none_lost(self, hosts):
        """Check that all pages were answered, and that each form came to one of the hosts, once."""
        # The application answers to no form here; that it says so is an answer.
        wrong = {
            f"{method} {status}"
            for _number, method, status in self._asked
            if status != {"GET": "200", "POST": "405"}[method]
        }
        assert not wrong, wrong
        sent = sorted(
            f"steady-{number}" for number, method, _status in self._asked if method == "POST"
        )
        assert len(sent) > 20
        logged = "".join(
            on_host(host, f"cat /var/log/{SERVICE}/{SITE}.access.log", check=True) for host in hosts
        )
        assert sorted(set(re.findall(r"POST /healthz\?(steady-\d+)", logged)) & set(sent)) == sent
        assert len(
            [one for one in re.findall(r"POST /healthz\?(steady-\d+)", logged) if one in set(sent)]
        ) == len(sent)


@contextlib.contextmanager
def hanging(balancer):
    """Have a request under way whose body does not end."""
    lines = ["POST /healthz HTTP/1.1", f"Host: {SITE}", "Content-Length: 100", "", "a"]
    script = f"""
import socket, ssl, sys
context = ssl.create_default_context(cafile="/etc/pebble/root.pem")
stream = socket.create_connection(("{address_of(balancer)}", 443))
stream = context.wrap_socket(stream, server_hostname="{SITE}")
stream.sendall({chr(13) + chr(10)!r}.join({lines!r}).encode())
print("begun", flush=True)
sys.stdin.read()
"""
    words = ["docker", "exec", "-i", VISITOR, "python3", "-c", script]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        yield
        process.stdin.close()
