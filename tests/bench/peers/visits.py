"""Visitors who come at a fixed rate, whatever becomes of those before them, or somebody who looks
who holds the address that they come to.

The argument is JSON: address, names (of name servers), seconds, limit, rates (of each kind of
visit, a second; look: looks as well) and number (of the first form). Who looks does so from a host
of his own: what he hears tells his kernel where the address is. They go home earlier where the
standard input ends. Prints "begun", and at the end what was seen, as JSON:

visits   [kind, when it was due, seconds until it was over since then, what went wrong, number of
         the form]
again    how often a visitor asked once more, as browsers do where a kept connection ends instead of
         an answer
holders  [when, hardware addresses]: who answers to the address, asked of all hosts ten times a
         second
askers   with resolvers: of each visit, the resolver that was asked, and the address that it gave

With resolvers (how many) the address does not matter: each visitor asks one of them, which asks the
name servers, and keeps the answer for its time to live. With tls they come by HTTPS, and take any
certificate.
"""

import asyncio
import concurrent.futures
import json
import os
import socket
import ssl
import struct
import sys
import time

HOST = "www.foobar.com"


class ClosedError(Exception):
    """A kept connection that ended before anything of an answer came."""


def answer(server):
    """Ask a name server for the site's address; returns the first one, and its time to live."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in HOST.split(".")) + b"\0"
    mark = os.urandom(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(1)
        asked.connect((server, 53))
        asked.send(mark + struct.pack("!5H", 0, 1, 0, 0, 0) + labels + struct.pack("!2H", 1, 1))
        said = b""
        while said[:2] != mark:
            said = asked.recv(1232)
    at = 12 + len(labels) + 4
    kind, _class, ttl, size = struct.unpack("!HHIH", said[at + 2 : at + 12])
    if not struct.unpack("!H", said[6:8])[0] or (kind, size) != (1, 4):
        raise OSError("no address")
    return socket.inet_ntoa(said[at + 12 : at + 16]), ttl


class Resolver:
    """Somebody who keeps what a name server said as long as that may be kept."""

    def __init__(self, servers):
        self.servers, self.kept, self.until = servers, "", 0

    async def address(self):
        """Return the address of the site."""
        for server in [*self.servers] * 2:
            if time.time() < self.until:
                break
            try:
                self.kept, ttl = await asyncio.to_thread(answer, server)
                self.until = time.time() + ttl
            except OSError:
                continue
        else:
            raise OSError("no name server answers")
        return self.kept


class Visitors:
    """All of them."""

    def __init__(self, given):
        self.given, self.visits, self.again, self.holders, self.idle = given, [], 0, [], []
        self.number, self.enough = given["number"], False
        self.resolvers = [Resolver(given["names"]) for _one in range(given.get("resolvers", 0))]
        self.tls, self.asked, self.askers = None, 0, []
        if given.get("tls"):
            self.tls = ssl.create_default_context()
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    async def ask(self, pair, text):
        """Ask on a connection; returns the status, and whether the connection is kept."""
        reader, writer = pair
        head = b""
        try:
            writer.write(text)
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if head or getattr(error, "partial", b""):
                raise
            raise ClosedError from error
        fields = dict(
            line.lower().split(": ", 1)
            for line in head.decode("latin-1").split("\r\n")[1:]
            if ": " in line
        )
        if "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
        else:
            await reader.read()
        return int(head.split()[1]), "content-length" in fields and fields.get(
            "connection"
        ) != "close"

    async def connect(self, asker):
        """Return a connection to where the site's name leads."""
        if asker:
            asker[1] = await self.resolvers[asker[0]].address()
        place = asker[1] if asker else self.given["address"]
        if not self.tls:
            return await asyncio.open_connection(place, 80)
        return await asyncio.open_connection(place, 443, ssl=self.tls, server_hostname=HOST)

    async def page(self, kind, number, asker):
        """Ask for a page, or send a form."""
        method, path = ("POST", f"/bench/{number}") if kind == "form" else ("GET", "/healthz")
        kept = kind == "kept page"
        text = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: visits\r\n"
        text += "Content-Length: 0\r\n" if method == "POST" else ""
        text = (text + ("\r\n" if kept else "Connection: close\r\n\r\n")).encode()
        while True:
            pair = used = self.idle.pop() if kept and self.idle else None
            pair = pair or await self.connect(asker)
            goes_on = False
            try:
                status, goes_on = await self.ask(pair, text)
                return "" if status == 200 else str(status)
            except ClosedError:
                if not used:
                    return "closed"
                self.again += 1
            finally:
                if kept and goes_on:
                    self.idle.append(pair)
                else:
                    pair[1].close()

    async def look_up(self):
        """Ask for the site's name as programs do:
        by the C library, which asks the other server where one does not answer.
        """
        found = await asyncio.get_running_loop().getaddrinfo(
            HOST, 80, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
        return "" if self.given["address"] in [one[4][0] for one in found] else "another address"

    async def visit(self, kind, due, number):
        """Come once."""
        self.asked += 1
        asker = [self.asked % len(self.resolvers), ""] if self.resolvers else None
        try:
            async with asyncio.timeout(self.given["limit"]):
                wrong = await (self.look_up() if kind == "name" else self.page(kind, number, asker))
        except (OSError, EOFError, TimeoutError) as error:
            wrong = type(error).__name__
        now = time.time()
        self.visits.append([kind, round(due, 4), round(now - due, 4), wrong, number])
        self.askers.append(asker)

    async def come(self, kind, rate, begun):
        """Have one kind of visitors come."""
        tasks = []
        for count in range(int(rate * self.given["seconds"])):
            due = begun + count / rate
            await asyncio.sleep(max(0, due - time.time()))
            if self.enough:
                break
            number = None
            if kind == "form":
                self.number, number = self.number + 1, self.number
            tasks.append(asyncio.create_task(self.visit(kind, due, number)))
        await asyncio.gather(*tasks)

    async def look(self, rate):
        """Ask all hosts who has the address."""
        vip = socket.inet_aton(self.given["address"])
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        wire.bind(("eth0", 0x0806))
        wire.setblocking(False)
        mac = wire.getsockname()[4]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((self.given["address"], 9))
            own = socket.inet_aton(probe.getsockname()[0])
        question = (
            b"\xff" * 6
            + mac
            + b"\x08\x06"
            + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1)
            + mac
            + own
            + bytes(6)
            + vip
        )
        found = set()

        def hear():
            answer = wire.recv(2048)
            # Only what is said to this visitor: an announcement is to all.
            if answer[:6] == mac and answer[20:22] == b"\0\2" and answer[28:32] == vip:
                found.add(answer[22:28].hex(":"))

        asyncio.get_running_loop().add_reader(wire, hear)
        end = time.time() + self.given["seconds"]
        while not self.enough and time.time() < end:
            found.clear()
            asked = time.time()
            wire.send(question)
            await asyncio.sleep(1 / rate)
            self.holders.append([round(asked, 3), sorted(found)])

    def go(self):
        """Go home where nobody wants more."""
        if not os.read(0, 100):
            asyncio.get_running_loop().remove_reader(0)
            self.enough = True

    async def all(self):
        """Come, and say what was seen."""
        # Each look-up that waits keeps a thread.
        asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(200))
        asyncio.get_running_loop().add_reader(0, self.go)
        print("begun", flush=True)
        begun, rates = time.time() + 0.1, self.given["rates"]
        looks = [self.look(rates.pop("look"))] if "look" in rates else []
        await asyncio.gather(
            *looks, *(self.come(kind, rate, begun) for kind, rate in rates.items() if rate)
        )
        print(
            json.dumps(
                {
                    "begun": begun,
                    "visits": self.visits,
                    "again": self.again,
                    "holders": self.holders,
                    "askers": self.askers,
                }
            ),
            flush=True,
        )


given = json.loads(sys.argv[1])
with open("/etc/resolv.conf", "w", encoding="ascii") as file:
    file.write(
        "".join(f"nameserver {one}\n" for one in given["names"]) + "options timeout:1 attempts:2\n"
    )
asyncio.run(Visitors(given).all())
# Look-ups that are still waiting are nobody's any more.
os._exit(0)
