"""Real name servers on the loopback address, and a relay that makes their network fail."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import socketserver
import struct
import subprocess
import threading
import time
from typing import ClassVar

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update

ZONE = """\
$TTL 300
@ SOA ns1 hostmaster 1 3600 900 1209600 300
@ NS ns1
ns1 A 127.0.0.1
"""
#: Served by each server: one zone that the key may transfer and change, one reverse zone, and one
#: that nobody may transfer.
ZONES = ("foobar.com", "2.0.192.in-addr.arpa")
CLOSED = "closed.example"


def _free_ports():
    """Yield ports on which nobody listens, below those that connections get;
    each of pytest's workers has its own.
    """
    first = 10000 + 2000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    for port in itertools.cycle(range(first, first + 2000)):
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                for probe in (stream, datagram):
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


_ports = _free_ports()


def free_port():
    """Return a port that is free."""
    return next(_ports)


class NameServer:
    """A name server for ZONES and CLOSED on 127.0.0.1;
    a subclass knows its program's configuration.
    """

    environment: ClassVar = {}

    def __init__(self, place, **more):
        self.place, self.port, self.tls_port = place, free_port(), free_port()
        self.key_file = place / "lamp.key"
        if not self.key_file.exists():
            self.key_file.write_text(
                subprocess.run(
                    ["tsig-keygen", "lamp"], check=True, capture_output=True, text=True
                ).stdout
            )
        self.secret = re.search('secret "(.*)"', self.key_file.read_text())[1]
        for zone in () if "primary" in more else (*ZONES, CLOSED):
            (place / f"{zone}.zone").write_text(ZONE)
        self.configure(**more)
        self.start()

    def start(self):
        with (self.place / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.environment}, stderr=log, stdout=log
            )
        for _try in range(100):
            try:
                if self.ask("foobar.com", "SOA"):
                    return
            except (dns.exception.DNSException, OSError):
                pass
            time.sleep(0.1)
        raise AssertionError((self.place / "log").read_text())

    def ask(self, name, kind):
        """Return the answer's values as sorted texts; none for a name or type that is not there."""
        answer = dns.query.tcp(
            dns.message.make_query(name, kind, flags=0), "127.0.0.1", 5, self.port
        )
        return sorted(
            value.to_text()
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.from_text(kind)
            for value in rrset
        )

    def change(self, *arguments, zone="foobar.com"):
        """Replace a record set, as another client would: name, TTL, type and values."""
        update = dns.update.UpdateMessage(
            zone, keyring=dns.tsigkeyring.from_text({"lamp": self.secret})
        )
        update.replace(*arguments)
        assert dns.query.tcp(update, "127.0.0.1", 5, self.port).rcode() == dns.rcode.NOERROR

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Bind(NameServer):
    """BIND; ``secondaries`` are ports that it notifies, ``primary``
    makes it a secondary of another server.

    ``realm`` is a Kerberos realm that it lives in: ``admin`` may transfer and change the zones,
    ``reader`` only transfer them.
    """

    def configure(self, secondaries=(), primary=None, policy="zonesub any", signing="", realm=None):
        key, certificate = self.place / "tls.key", self.place / "tls.crt"
        new = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key,
            "-out",
            certificate,
        ]
        subprocess.run(
            [*new, "-subj", "/CN=ns", "-addext", "subjectAltName=DNS:ns.foobar.com"],
            check=True,
            capture_output=True,
        )
        kerberos, transfer = "", "key lamp;"
        if realm:
            kerberos, self.environment = f'tkey-gssapi-keytab "{realm.keytab}";', realm.environment
            policy += f"; grant admin@{realm.name} zonesub any"
            transfer += f" key admin@{realm.name}; key reader@{realm.name};"
        notify = " ".join(f"127.0.0.1 port {port};" for port in secondaries)
        if primary:
            kind = f"type secondary; primaries {{ 127.0.0.1 port {primary.port} key lamp; }}; "
        else:
            kind = f"type primary; update-policy {{ grant lamp {policy}; }}; {signing}"
        zones = "".join(
            f'zone "{zone}" {{ {kind} file "{self.place}/{zone}.zone"; }};\n' for zone in ZONES
        )
        if not primary:
            zones += (
                f'zone "{CLOSED}" {{ {kind} file "{self.place}/{CLOSED}.zone"; allow-transfer {{ '
                f"none; }}; }};\n"
            )
        (self.place / "named.conf").write_text(f"""\
include "{self.key_file}";
tls here {{ key-file "{key}"; cert-file "{certificate}"; }};
options {{
    directory "{self.place}"; pid-file none; session-keyfile none; lock-file none;
    listen-on-v6 {{ none; }}; listen-on port {self.port} {{ 127.0.0.1; }};
    listen-on port {self.tls_port} tls here {{ 127.0.0.1; }};
    recursion no; allow-transfer {{ {transfer} }}; {kerberos} dnssec-validation no;
    notify explicit; also-notify {{ {notify} }}; notify-delay 0; transfers-in 5;
}};
controls {{ }};
{zones}""")
        self.command = [
            shutil.which("named") or "/usr/sbin/named",
            "-g",
            "-n",
            "1",
            "-c",
            self.place / "named.conf",
        ]


class Knot(NameServer):
    """Knot DNS."""

    def configure(self):
        zones = "".join(
            (
                f"  - domain: {zone}\n    storage: {self.place}\n    file: {zone}.zone\n"
                f"    acl: {'closed' if zone == CLOSED else 'lamp'}\n"
            )
            for zone in (*ZONES, CLOSED)
        )
        (self.place / "knot.conf").write_text(f"""\
server:
    listen: 127.0.0.1@{self.port}
    rundir: {self.place}
    udp-workers: 1
    tcp-workers: 1
    tcp-io-timeout: 10000
    tcp-idle-timeout: 60
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: {self.place}
key:
  - id: lamp
    algorithm: hmac-sha256
    secret: {self.secret}
acl:
  - id: lamp
    key: lamp
    action: [transfer, update]
  - id: closed
    key: lamp
    action: update
zone:
{zones}""")
        self.command = [shutil.which("knotd") or "/usr/sbin/knotd", "-c", self.place / "knot.conf"]


class PowerDns(NameServer):
    """PowerDNS, with its zones in SQLite."""

    def configure(self):
        database = self.place / "pdns.sqlite3"
        (self.place / "pdns.conf").write_text(f"""\
local-address=127.0.0.1
local-port={self.port}
socket-dir={self.place}
launch=gsqlite3
gsqlite3-database={database}
primary=yes
dnsupdate=yes
disable-axfr=no
webserver=no
""")
        schema = "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"
        subprocess.run(["sqlite3", database, f".read {schema}"], check=True)
        self.command = [
            shutil.which("pdns_server") or "/usr/sbin/pdns_server",
            f"--config-dir={self.place}",
            "--guardian=no",
            "--daemon=no",
        ]
        self.tool("import-tsig-key", "lamp", "hmac-sha256", self.secret)
        for zone in (*ZONES, CLOSED):
            self.tool("load-zone", zone, self.place / f"{zone}.zone")
            self.tool("set-meta", zone, "TSIG-ALLOW-DNSUPDATE", "lamp")
            self.tool("set-meta", zone, "SOA-EDIT-DNSUPDATE", "INCREASE")
            if zone != CLOSED:
                self.tool("set-meta", zone, "TSIG-ALLOW-AXFR", "lamp")

    def tool(self, *words):
        subprocess.run(
            ["pdnsutil", f"--config-dir={self.place}", *words], check=True, capture_output=True
        )


class Relay:
    """Passes connections on to a name server;
    ``on_update(number)`` sees each UPDATE before the server does.

    When it returns ``lose`` the server's answer is lost, when ``cut`` the connection ends.
    ``connections`` counts them, ``tkeys`` the messages about keys.
    """

    def __init__(self, port, on_update=None, on_query=None):
        self.connections, self.tkeys, self._updates, self._queries = 0, 0, 0, 0
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                relay.connections += 1
                with socket.create_connection(("127.0.0.1", port)) as server:
                    lost = threading.Event()
                    back = threading.Thread(target=relay.pump, args=(server, self.request, lost))
                    back.start()
                    while (message := relay.read(self.request)) and relay.verdict(
                        message, on_update, on_query, lost
                    ) != "cut":
                        server.sendall(struct.pack("!H", len(message)) + message)
                    # The client is gone; so goes the way back.
                    server.shutdown(socket.SHUT_RDWR)
                    back.join(10)

        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def verdict(self, message, on_update, on_query, lost):
        """Return what shall become of a message to the server."""
        self.tkeys += (
            dns.message.from_wire(message, question_only=True).question[0].rdtype
            == dns.rdatatype.TKEY
        )
        if (message[2] >> 3) & 15 == 5:
            self._updates += 1
            word = on_update and on_update(self._updates)
        else:
            self._queries += 1
            word = on_query and on_query(self._queries)
        if word == "lose":
            lost.set()
        return word

    @staticmethod
    def read(stream):
        """Return the next message of a connection, None at its end."""
        try:
            head = stream.recv(2, socket.MSG_WAITALL)
            return (
                stream.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                if len(head) == 2
                else None
            )
        except OSError:
            return None

    @staticmethod
    def pump(source, sink, lost):
        """Pass on what the server says until one side ends."""
        try:
            while data := source.recv(65536):
                if not lost.is_set():
                    sink.sendall(data)
            if not lost.is_set():
                sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
