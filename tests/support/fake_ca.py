"""A CA that does what a test says: a real HTTP server, which checks
signatures and nonces, and validates nothing.
"""

from __future__ import annotations

import base64
import datetime
import http.server
import json
import secrets
import threading

import josepy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ERROR = "urn:ietf:params:acme:error:"


class FakeCa:
    """``planned`` has for a kind of request the answers to come: ``(status, error's kind,
    headers)``; None does it.
    """

    def __init__(
        self, now=lambda: datetime.datetime.now(datetime.UTC), life=datetime.timedelta(days=90)
    ):
        self.now, self.life, self.planned, self.asked, self.orders = now, life, {}, [], []
        self.meta, self.challenges, self.accounts, self.revoked = {}, ("dns-01", "http-01"), {}, []
        self.nonces, self.bad_nonces, self.window, self.registered, self.invalid = (
            set(),
            0,
            None,
            [],
            None,
        )
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.directory = f"{self.url}/directory"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        ca = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, wbufsize = "HTTP/1.1", -1

            def do_GET(self):  # noqa: N802
                self._answer(*ca.get(self.path.strip("/").split("/")))

            do_HEAD = do_GET  # noqa: N815

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(*ca.post(self.path, body))

            def _answer(self, status, headers, body):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Replay-Nonce": ca.nonce(),
                    "Content-Length": str(len(data)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def log_message(self, *_words):
                pass

        return Handler

    def nonce(self):
        new = secrets.token_urlsafe(16)
        self.nonces.add(new)
        return new

    def _planned(self, kind):
        self.asked.append(kind)
        if not self.planned.get(kind):
            return None
        status, error, headers = self.planned[kind].pop(0) or (0, "", {})
        return (
            (status, headers, {"type": ERROR + error, "detail": f"{error} as planned"})
            if status
            else None
        )

    def get(self, parts):
        if answer := self._planned(parts[0]):
            return answer
        if parts[0] == "directory":
            kinds = ("newNonce", "newAccount", "newOrder", "revokeCert")
            more = {"renewalInfo": f"{self.url}/renewalInfo"} if self.window else {}
            return (
                200,
                {},
                {kind: f"{self.url}/{kind}" for kind in kinds}
                | more
                | {"meta": self.meta, "odd": ["new"]},
            )
        if parts[0] == "renewalInfo":
            start, end = (moment.isoformat() for moment in self.window)
            return 200, {"Retry-After": "21600"}, {"suggestedWindow": {"start": start, "end": end}}
        return 200, {}, b""

    def post(self, path, body):
        parts = path.strip("/").split("/")
        said = json.loads(body)
        protected = json.loads(josepy.b64decode(said["protected"]))
        if self.bad_nonces or protected["nonce"] not in self.nonces:
            self.bad_nonces -= 1
            return 400, {}, {"type": f"{ERROR}badNonce", "detail": "bad nonce"}
        self.nonces.discard(protected["nonce"])
        assert protected["url"] == self.url + path
        if answer := self._planned(parts[0]):
            return answer
        account = protected.get("kid") or json.dumps(protected["jwk"], sort_keys=True)
        self._check(said, protected)
        payload = json.loads(josepy.b64decode(said["payload"]) or b"null")
        if parts[0] != "newAccount" and account not in self.accounts.values():
            return 400, {}, {"type": f"{ERROR}accountDoesNotExist", "detail": "no such account"}
        return getattr(self, f"_{parts[0]}")(
            payload, *parts[1:], **({"key": account} if parts[0] == "newAccount" else {})
        )

    def _check(self, said, protected):
        jwk = protected.get("jwk") or json.loads(
            next(key for key, url in self.accounts.items() if url == protected["kid"])
        )
        numbers = (int.from_bytes(josepy.b64decode(jwk[one]), "big") for one in "xy")
        key = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
        whole = josepy.JWKEC(key=key)
        assert josepy.ES256.verify(
            whole.key,
            f"{said['protected']}.{said['payload']}".encode(),
            josepy.b64decode(said["signature"]),
        )

    def _newAccount(self, wanted, key):  # noqa: N802
        if key not in self.accounts:
            if wanted.get("onlyReturnExisting"):
                return 400, {}, {"type": f"{ERROR}accountDoesNotExist", "detail": "no such account"}
            self.registered.append(wanted)
            self.accounts[key] = f"{self.url}/account/{len(self.accounts)}"
        # No contact, as with Let's Encrypt, and a state that nobody knows.
        return 200, {"Location": self.accounts[key]}, {"status": "odd"}

    def _newOrder(self, wanted):  # noqa: N802
        if wanted.get("replaces") and self.planned.get("replaces"):
            status, kind, headers = self.planned["replaces"].pop(0)
            return status, headers, {"type": ERROR + kind, "detail": kind}
        names = [one["value"] for one in wanted["identifiers"]]
        if again := [name for name in names if f"*.{name.partition('.')[2]}" in {*names} - {name}]:
            detail = f'"{again[0]}" is redundant with a wildcard of the same order'
            return 400, {}, {"type": f"{ERROR}malformed", "detail": detail}
        number = len(self.orders)
        self.orders.append(
            {"wanted": wanted, "at": self.now(), "status": "pending", "answered": set()}
        )
        return 201, {"Location": f"{self.url}/order/{number}"}, self._said(number)

    def _said(self, number):
        order, own = self.orders[number], range(len(self.orders[number]["wanted"]["identifiers"]))
        said = {"status": order["status"], "finalize": f"{self.url}/finalize/{number}"}
        said["authorizations"] = [f"{self.url}/authorization/{number}/{one}" for one in own]
        return said | (
            {"certificate": f"{self.url}/certificate/{number}"}
            if order["status"] == "valid"
            else {}
        )

    def _order(self, _body, number):
        return 200, {}, self._said(int(number))

    def _authorization(self, _body, number, one):
        order = self.orders[int(number)]
        done = int(one) in order["answered"]
        name = order["wanted"]["identifiers"][int(one)]["value"]
        # One of a kind that is to come, without a token, and a thing that is none.
        offered = [{"type": "dns-persist-01", "url": f"{self.url}/odd", "status": "pending"}, "odd"]
        for kind in self.challenges:
            offered.append(
                {
                    "type": kind,
                    "url": f"{self.url}/challenge/{number}/{one}",
                    "status": "pending",
                    "token": "t" * 32,
                }
            )
        if done and self.invalid:
            offered[-1] |= {
                "status": "invalid",
                "error": {"type": f"{ERROR}{self.invalid}", "detail": f"{self.invalid} it is"},
            }
        status = ("invalid" if self.invalid else "valid") if done else "pending"
        return (
            200,
            {},
            {"status": status, "identifier": {"type": "dns", "value": name}, "challenges": offered},
        )

    def _challenge(self, body, number, one):
        assert body == {}
        order = self.orders[int(number)]
        order["answered"].add(int(one))
        if len(order["answered"]) == len(order["wanted"]["identifiers"]):
            order["status"] = "ready"
        return 200, {}, {"status": "processing"}

    def _finalize(self, body, number):
        order = self.orders[int(number)]
        order.update(csr=base64.urlsafe_b64decode(body["csr"] + "=="), status="valid")
        return 200, {}, {"status": "processing"}

    def _certificate(self, _body, number):
        request = x509.load_der_x509_csr(self.orders[int(number)]["csr"])
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        start = self.orders[int(number)]["at"].replace(tzinfo=None)
        builder = x509.CertificateBuilder(
            self._name,
            self._name,
            request.public_key(),
            2**70 + int(number),
            start,
            start + self.life,
        )
        builder = builder.add_extension(names, False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        )
        made = builder.sign(self._key, hashes.SHA256())
        return (
            200,
            {"Content-Type": "application/pem-certificate-chain"},
            made.public_bytes(serialization.Encoding.PEM),
        )

    def _revokeCert(self, body):  # noqa: N802
        self.revoked.append(body["reason"])
        return 200, {}, b""
