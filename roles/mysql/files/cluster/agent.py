# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say by HTTP how the database server of this host is, and which member of the cluster writes.

GET /write    200 where applications write: on one member. The others, and one that does not work,
              say 503 and why
GET /proxy    down where another one writes, else up: haproxy's words for what is so on purpose, and
              acted on at once
GET /read     200 where the server has all that the cluster has
GET /state    JSON
GET /metrics  for Prometheus

Who writes is a row of a table that all members have. Where the member it names is gone, another
puts its own name there. Two that do so at once write the same row: the cluster takes the first, and
the other one fails. So all agree, without talking to each other. A writer that is to hand its part
over first says so to all proxies, and then puts the other one's name there: two never write.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cluster  # noqa: E402
import members  # noqa: E402
import pymysql  # noqa: E402
from proxies import Proxies  # noqa: E402
from writer import STALE, claims  # noqa: E402

_EVERY, _BEAT = 0.1, 1
#: For how many seconds one that hands over waits for proxies, which ask ten times a second.
_TELLING = 1
_SYNCED, _DONOR = "4", "2"
_STATUS = (
    "wsrep_cluster_conf_id", "wsrep_cluster_state_uuid", "wsrep_cluster_status", "wsrep_connected",
    "wsrep_flow_control_paused", "wsrep_incoming_addresses", "wsrep_last_committed",
    "wsrep_local_recv_queue", "wsrep_local_state", "wsrep_local_state_comment", "wsrep_ready",
)  # fmt: skip
_ASK = f"SHOW GLOBAL STATUS WHERE Variable_name IN ({', '.join(map(repr, _STATUS))})"
# Of all that names who is in the view, this alone is always true: wsrep_incoming_addresses misses
# who joined during a state transfer.
_NAMES = "SELECT node_name FROM mysql.wsrep_cluster_members"
_ROW = "SELECT member, term, beat FROM foobar_lamp.writer WHERE id = 1"
_BEGIN = "INSERT IGNORE INTO foobar_lamp.writer (id, member, term, beat) VALUES (1, %s, 1, 0)"
_GIVE = (
    "UPDATE foobar_lamp.writer SET member = %s, "
    "term = term + 1, beat = 0 WHERE id = 1 AND term = %s"
)
_HOLD = "UPDATE foobar_lamp.writer SET beat = beat + 1 WHERE id = 1 AND member = %s"


class Member:
    """What is known of this member:
    asked by one thread on one connection, told by others from memory.
    """

    def __init__(self, known):
        self._known = known
        self._connection = None
        self._names = {address: name for name, address in known["members"].items()}
        self._seen = (None, 0.0)
        self._without, self._held = 0.0, 0.0
        # Who wrote when the server said so last: one that has handed over and stops says nothing
        # else to proxies.
        self._last, self._heir, self.proxies = "", "", Proxies()
        self.version = ""
        self.status, self.view, self.row, self.asked, self.why = (
            {},
            [],
            (),
            0.0,
            "the server was not asked yet",
        )

    def ask(self):
        """Ask the server, and do what that calls for."""
        try:
            with self._cursor() as cursor:
                cursor.execute(_ASK)
                status = dict(cursor.fetchall())
                view, row = self._reached(status), ()
                if self._works(status):
                    cursor.execute(_NAMES)
                    view = sorted(name for (name,) in cursor.fetchall())
                    cursor.execute(_ROW)
                    row = cursor.fetchone() or ()
                    row = self._write(cursor, status, view, row)
                self.status, self.view, self.row, self.asked, self.why = (
                    status,
                    view,
                    row,
                    time.monotonic(),
                    "",
                )
                self._last = row[0] if row else self._last
        except pymysql.MySQLError as error:
            code = error.args[0] if error.args else 0
            # A write that lost against another member's: the next question shows it.
            if code in (1205, 1213):
                return
            self.status, self.view, self.row, self.why = (
                {},
                [],
                (),
                f"the server does not answer ({error})",
            )
            self._close()
        finally:
            self._heir = ""

    def _cursor(self):
        if not self._connection:
            self._connection = pymysql.connect(
                unix_socket=self._known["socket"], user=self._known["account"], autocommit=True,
                connect_timeout=1, read_timeout=STALE, write_timeout=STALE,
                init_command="SET innodb_lock_wait_timeout = 2",
            )  # fmt: skip
            self.version = self._connection.get_server_info()
        return self._connection.cursor()

    def _close(self):
        if self._connection:
            with contextlib.suppress(Exception):
                self._connection._force_close()
        self._connection = None

    @staticmethod
    def _works(status):
        return (
            status.get("wsrep_cluster_status") == cluster.PRIMARY
            and status.get("wsrep_ready") == "ON"
        )

    def _reached(self, status):
        """Return whom one without a majority is together with."""
        places = [
            one.rpartition(":")[0].strip("[]")
            for one in status.get("wsrep_incoming_addresses", "").split(",")
            if one
        ]
        return [self._names.get(place, place) for place in places if place]

    def _write(self, cursor, status, view, row):
        """Do what the row calls for; return it as it is then, as far as that matters at once."""
        now, me = time.monotonic(), self._known["me"]
        if not row:
            cursor.execute(_BEGIN, (me,))
            return row
        # Of another view, the time that it took to agree on it is nobody's fault.
        seen = (row, status.get("wsrep_cluster_conf_id"))
        if seen != self._seen[0]:
            self._seen = (seen, now)
        there = row[0] in view
        self._without = 0.0 if there else self._without or now
        if row[0] == me:
            heir = members.heir()
            if heir != me and heir in view:
                return self._hand_over(cursor, row, heir)
            if now - self._held >= _BEAT:
                cursor.execute(_HOLD, (me,))
                self._held = time.monotonic()
        elif claims(
            there,
            status.get("wsrep_local_state"),
            now - self._seen[1],
            now - (self._without or now),
        ):
            cursor.execute(_GIVE, (me, row[1]))
        return row

    def _hand_over(self, cursor, row, heir):
        """Have another member write.

        By then all proxies have closed their connections to this one.
        """
        self._heir = heir
        self.proxies.wait_until_told(_TELLING)
        cursor.execute(_GIVE, (heir, row[1]))
        cursor.execute(_ROW)
        return cursor.fetchone() or ()

    def state(self):
        """Return what the member says, as ``cluster.said`` has it, and more."""
        status, row = self.status, self.row
        if not status or status.get("wsrep_cluster_status") in (None, "Disconnected"):
            found = members.noted()
            return {**found, "synced": False, "writer": "", "why": self.why} if found else None
        return {
            "running": True,
            "status": status["wsrep_cluster_status"],
            "view": self.view,
            "uuid": status["wsrep_cluster_state_uuid"],
            "seqno": int(status["wsrep_last_committed"]),
            "data": cluster.CLUSTER,
            "state": status["wsrep_local_state_comment"],
            "synced": self._works(status) and status["wsrep_local_state"] == _SYNCED,
            "paused": float(status["wsrep_flow_control_paused"]),
            "queue": int(status["wsrep_local_recv_queue"]),
            "writer": row[0] if row else "",
            "version": self.version,
            "why": self.why,
        }

    def not_writing(self):
        """Return why applications do not write here, nothing if they do."""
        status, row, age = self.status, self.row, time.monotonic() - self.asked
        if self.why:
            return self.why
        if age > STALE:
            return f"the server has said nothing for {age:.1f} s"
        if not self._works(status):
            return f"the server is no member of a majority ({status.get('wsrep_cluster_status')})"
        if status["wsrep_local_state"] not in (_SYNCED, _DONOR):
            return (
                f"the server has not all that the cluster has "
                f"({status['wsrep_local_state_comment']})"
            )
        return self.elsewhere() if row else "nobody writes"

    def elsewhere(self):
        """Return that another member writes, or is about to, as far as this one knows;
        nothing if it does itself.
        """
        writer, heir = self.row[0] if self.row else self._last, self._heir
        if heir:
            return f"{heir} is to write"
        return f"{writer} writes" if writer not in ("", self._known["me"]) else ""

    def not_reading(self):
        """Return why the server's answers may be old, nothing if they are not."""
        if self.why or time.monotonic() - self.asked > STALE:
            return self.why or "the server says nothing"
        state = self.state() or {}
        return (
            ""
            if state.get("synced")
            else f"the server has not all that the cluster has ({state.get('state')})"
        )

    def metrics(self):
        """Return the lines for Prometheus."""
        state = self.state() or {}
        found = {
            "primary": state.get("status") == cluster.PRIMARY,
            "synced": bool(state.get("synced")),
            "writes": not self.not_writing(),
            "members": len(state.get("view") or []),
            "committed": state.get("seqno", -1),
            "receive_queue": state.get("queue", 0),
            "flow_control_paused": state.get("paused", 0),
        }
        return "".join(
            f"# TYPE lamp_database_{name} gauge\nlamp_database_{name} {float(value):g}\n"
            for name, value in found.items()
        )


class Server(http.server.ThreadingHTTPServer):
    """One that answers from memory, at an address of either family."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, place, handler):
        self.address_family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        super().__init__(place, handler)

    def server_bind(self):
        """Leave out what asks for the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """Say nothing of who hangs up."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def handler_of(member):
    """Return the class that answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 2
        # All at once: a balancer that has read the first line hangs up.
        wbufsize = -1

        def do_GET(self):
            state = member.state() if self.path == "/state" else None
            if self.path in ("/write", "/read"):
                wrong = member.not_writing() if self.path == "/write" else member.not_reading()
                self._answer(503 if wrong else 200, (wrong or "yes") + "\n")
            elif self.path == "/proxy":
                now, elsewhere = time.monotonic(), member.elsewhere()
                self._answer(200, f"down #{elsewhere}\n" if elsewhere else "up\n")
                member.proxies.told(self.client_address[0], now)
            elif self.path == "/state":
                self._answer(200 if state else 503, json.dumps(state) + "\n")
            elif self.path == "/metrics":
                self._answer(200, member.metrics())
            else:
                self._answer(404, "There are /write, /proxy, /read, /state and /metrics.\n")

        def _answer(self, status, text):
            body = text.encode()
            self.send_response_only(status)
            self.send_header(
                "Content-Type", "application/json" if self.path == "/state" else "text/plain"
            )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words):
            """Say nothing of what balancers ask twice a second."""

    return Handler


def main():
    """Answer, and ask the server again and again."""
    known = members.settings()
    member = Member(known)
    server = Server((known["members"][known["me"]], known["port"]), handler_of(member))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        member.ask()
        time.sleep(_EVERY)


if __name__ == "__main__":
    main()
