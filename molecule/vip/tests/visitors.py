"""Balancers with one address, and visitors who come to it from a host of their own."""

from __future__ import annotations

import itertools
import json
import subprocess

from support.containers import on_host, run
from support.waiting import wait_for

BALANCERS = ["lamp-vip-lb1", "lamp-vip-lb2"]
VISITOR, SITE = "lamp-vip-visitor", "www.foobar.com"
VIP, VIP6 = "198.18.77.200", "fd00:f00:ba5:77::200"

# Who answers to an address, asked of all at once: the hardware addresses, a line each time. Once,
# or five times a second until nobody listens any more. An end of standard input that comes before
# docker exec has begun is lost, so nobody waits for that one.
_HOLDERS = """
import json, select, socket, struct, sys, time
vip = socket.inet_aton(sys.argv[1])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind(("eth0", 0x0806))
mac = wire.getsockname()[4]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect((sys.argv[1], 9))
    own = socket.inet_aton(probe.getsockname()[0])
question = b"\\xff" * 6 + mac + b"\\x08\\x06"
question += struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + own + b"\\0" * 6 + vip
while True:
    wire.send(question)
    found, until = set(), time.monotonic() + 0.2
    while (left := until - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            answer = wire.recv(2048)
        except TimeoutError:
            break
        if answer[20:22] == b"\\0\\2" and answer[28:32] == vip:
            found.add(answer[22:28].hex(":"))
    print(json.dumps(sorted(found)), flush=True)
    if "once" in sys.argv or select.select([sys.stdin], [], [], 0)[0]:
        break
"""

# Asks for a page each 10 ms, at one address after the other, whatever became of the last time, on a
# new connection each. Once nobody listens any more it goes on until each address has answered
# again. Then it says of each time where and when it asked, how long it took in seconds, and what
# went wrong.
_VISIT = """
import http.client, itertools, json, sys, threading, time
site, *addresses = sys.argv[1:]
asked, threads, told = [], [], []
def visit(address, begun):
    try:
        connection = http.client.HTTPConnection(address, 80, timeout=5)
        connection.request("GET", "/", headers={"Host": site, "Connection": "close"})
        answer = connection.getresponse()
        wrong = "" if answer.status == 200 and b"A page" in answer.read() else str(answer.status)
    except OSError as error:
        wrong = type(error).__name__
    asked.append([address, begun, time.monotonic() - begun, wrong])
def listen():
    sys.stdin.read()
    told.append(time.monotonic())
def done():
    if not told:
        return False
    answered = {address for address, begun, _took, wrong in asked if begun > told[0] and not wrong}
    return answered == set(addresses) or time.monotonic() > told[0] + 20
threading.Thread(target=listen, daemon=True).start()
print("begun", flush=True)
due = time.monotonic()
for address in itertools.cycle(addresses):
    if done():
        break
    time.sleep(max(0, due - time.monotonic()))
    threads.append(threading.Thread(target=visit, args=(address, time.monotonic())))
    threads[-1].start()
    due += 0.01
for thread in threads:
    thread.join()
print(json.dumps(asked))
"""


def _owners(found):
    return [name for name in BALANCERS if mac_of(name) in found]


def mac_of(container):
    """Return the hardware address of a host."""
    shown = "{{ range .NetworkSettings.Networks }}{{ .MacAddress }}{{ end }}"
    return run("docker", "inspect", "--format", shown, container, check=True).stdout.strip().lower()


def holders():
    """Return who answers to the address, as somebody sees it who asks all hosts."""
    said = run("docker", "exec", VISITOR, "python3", "-c", _HOLDERS, VIP, "once", check=True).stdout
    return _owners(json.loads(said))


def addresses(balancer):
    """Return which of the two addresses a balancer has."""
    there = on_host(balancer, "ip -brief address show eth0", check=True)
    return [one for one in (VIP, VIP6) if f" {one}/" in there]


def holder():
    """Return the one that answers, once it is one alone."""
    wait_for(lambda: len(holders()) == 1, 30)
    (found,) = holders()
    return found


def other(balancer):
    """Return the other one."""
    return next(name for name in BALANCERS if name != balancer)


def state(balancer):
    """Return what a balancer says of itself."""
    return on_host(balancer, "cat /run/lamp-keepalived/state").strip()


class Visitors:
    """Visitors who ask for a page all the while, by IPv4 and by IPv6,
    and somebody who asks who has the address.

    Once they are gone: ``failed`` of ``asked``, the longest ``gap`` between two answers of an
    address in seconds, and ``most``, how many hosts had the address at once. They do not go before
    they have an answer.
    """

    def __init__(self):
        self.asked, self.failed, self.gap, self.most = 0, 0, 0.0, 0

    def __enter__(self):
        ask = ["docker", "exec", "-i", VISITOR, "python3", "-c"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._visit = subprocess.Popen([*ask, _VISIT, SITE, VIP, VIP6], **pipes)
        self._look = subprocess.Popen([*ask, _HOLDERS, VIP], **pipes)
        assert self._visit.stdout.readline() == "begun\n"
        assert self._look.stdout.readline()
        return self

    def __exit__(self, *_exception):
        asked = json.loads(self._visit.communicate(timeout=120)[0])
        self.most = max(
            len(json.loads(line)) for line in self._look.communicate(timeout=120)[0].splitlines()
        )
        self.asked, self.failed = len(asked), sum(bool(wrong) for *_where, wrong in asked)
        gaps = []
        for vip in (VIP, VIP6):
            begun = [at for address, at, *_rest in asked if address == vip]
            answered = [
                at + took for address, at, took, wrong in asked if address == vip and not wrong
            ]
            times = sorted([begun[0], *answered, begun[-1]])
            gaps.append(max(later - sooner for sooner, later in itertools.pairwise(times)))
        self.gap = max(gaps)
        wrongs = sorted({wrong for *_where, wrong in asked if wrong})
        print(
            f"{self.asked} requests, {self.failed} failed ({', '.join(wrongs)}), longest gaps",
            end=" ",
        )
        print(f"{gaps[0]:.2f} s (IPv4), {gaps[1]:.2f} s (IPv6), at most {self.most} held")
