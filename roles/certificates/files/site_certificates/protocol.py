# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to a CA (RFC 8555, RFC 9773), by python3-acme's
signatures, nonces and account binding.

Answers are read as plain JSON, and only what is needed of them: fields, challenges and states that
are new, and ones that a CA leaves out, do no harm.
"""

from __future__ import annotations

import json
import re
import time

import acme.errors
import josepy
import requests
from acme.client import ClientNetwork
from acme.messages import Directory, ExternalAccountBinding

from . import CertificateError, account, files, moments, tell
from .errors import FailedError, RefusedError, UnreachableError, problem

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,512}\Z")
_NONCES = 30


class _Body:
    """What is signed; an empty object is not the same as none."""

    def __init__(self, data):
        self._data = data

    def json_dumps(self, **_options):
        return json.dumps(self._data)


class _Network(ClientNetwork):
    """The library's connection, but for what it does with errors."""

    pause = 0.05

    @classmethod
    def _check_response(cls, response, content_type=None):
        if response.ok:
            return response
        retry_after = moments.of_header(response.headers.get("Retry-After"), moments.now())
        try:
            said = response.json()
        except ValueError:
            said = None
        if isinstance(said, dict) and (said.get("type") or said.get("detail")):
            error = problem(said, response.status_code, retry_after)
            if response.status_code < 500:
                raise error
            raise FailedError(f"{response.url} is out of order: {said.get('detail')}", retry_after)
        raise FailedError(
            f"{response.url} answered with the status {response.status_code}.", retry_after
        )

    def post(self, *words, **options):
        # The library tries twice, but a nonce may be refused any number of times.
        for left in reversed(range(_NONCES)):
            try:
                return self._post_once(*words, **options)
            except RefusedError as error:
                if error.kind != "badNonce" or not left:
                    raise
                self._nonces.clear()
                time.sleep(self.pause * (_NONCES - left - 1))
        raise AssertionError("unreachable")


class Client:
    """A CA, and our account there."""

    def __init__(self, ca: dict, private, contact: str = "", remember=lambda _url: None):
        self.ca, self._key, self._contact, self._remember = ca, private, contact, remember
        self._jwk = josepy.JWKEC(key=private)
        self._net = _Network(
            key=self._jwk, alg=josepy.ES256, verify_ssl=ca.get("ca_file") or True,
            user_agent="foobar.lamp site-certificates", timeout=30,
        )  # fmt: skip
        self._directory = None
        self.date = None

    def directory(self) -> dict:
        """Return the CA's directory."""
        if self._directory is None:
            answer = self._call(self._net.get, self.ca["directory"])
            found = self._json(answer)
            if not all(
                isinstance(found.get(one), str) for one in ("newNonce", "newAccount", "newOrder")
            ):
                raise UnreachableError(
                    f"{self.ca['directory']} is no directory of ACME: correct lamp_acme.directory."
                )
            self.date, self._directory = answer.headers.get("Date"), found
        return self._directory

    def meta(self) -> dict:
        """Return what the CA says of itself."""
        found = self.directory().get("meta")
        return found if isinstance(found, dict) else {}

    def _call(self, call, url, *words, **options):
        files.checkpoint()
        try:
            answer = call(url, *words, **options)
        except requests.exceptions.SSLError as error:
            raise UnreachableError(
                f"the certificate of {url} is not trusted: for a CA of your own set "
                f"lamp_acme.ca_file. {_last(error)}"
            ) from error
        except (
            requests.exceptions.RequestException,
            acme.errors.Error,
            josepy.Error,
            ValueError,
        ) as error:
            raise UnreachableError(f"{url} cannot be reached: {_last(error)}") from error
        files.checkpoint()
        return answer

    def post(self, url: str, data=None):
        """Return the answer to what is signed; without ``data`` it only reads."""
        nonces = self.directory()["newNonce"]
        return self._call(
            self._net.post, url, None if data is None else _Body(data), new_nonce_url=nonces
        )

    def _json(self, answer):
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise UnreachableError(f"{answer.url} answered with something else than a JSON object.")
        return found

    def get(self, url: str) -> tuple[dict, object]:
        """Return an object of the CA, and when to ask for it again if it says so."""
        answer = self.post(url)
        return self._json(answer), moments.of_header(
            answer.headers.get("Retry-After"), moments.now()
        )

    def login(self) -> str:
        """Have an account, and return its address.

        An account is made only when the CA knows none of this key.
        """
        new = self.directory()["newAccount"]
        self._net.account = None
        try:
            answer = self.post(new, {"onlyReturnExisting": True})
        except RefusedError as error:
            if error.kind != "accountDoesNotExist":
                raise
            answer = self.post(new, self._registration())
            terms = self.meta().get("termsOfService")
            tell(
                f"Registered with {self.ca['name']}."
                + (f" By using it you agree to its terms: {terms}" if terms else "")
            )
        address = answer.headers.get("Location")
        if not address:
            raise UnreachableError(f"{new} answered without the account's address.")
        self._net.account = {"uri": address}
        self._remember(address)
        return address

    def _registration(self):
        wanted = {"termsOfServiceAgreed": True}
        if self._contact:
            contact = self._contact
            wanted["contact"] = [contact if ":" in contact else f"mailto:{contact}"]
        eab = self.ca.get("eab")
        if eab:
            wanted["externalAccountBinding"] = ExternalAccountBinding.from_data(
                self._jwk.public_key(), eab["kid"], eab["hmac"], Directory(self.directory())
            )
        elif self.meta().get("externalAccountRequired"):
            raise CertificateError(
                f"{self.ca['name']} takes accounts of its customers only: set lamp_acme.eab to "
                f"the kid and hmac that it gave you."
            )
        return wanted

    def order(self, names, replaces: str | None = None) -> tuple[str, dict]:
        """Make an order; return its address and what it says."""
        wanted = {"identifiers": [{"type": "dns", "value": name} for name in names]}
        if self.ca.get("profile"):
            wanted["profile"] = self.ca["profile"]
        url = self.directory()["newOrder"]
        if replaces and self.directory().get("renewalInfo"):
            try:
                return self._made(self.post(url, {**wanted, "replaces": replaces}))
            except FailedError as error:
                # pebble says of a certificate that it does not find that it is itself out of order.
                if error.retry_after:
                    raise
            except RefusedError as error:
                # It was replaced already, or the CA has forgotten it. What else is wrong is refused
                # again.
                if error.kind in ("rateLimited", "accountDoesNotExist", "userActionRequired"):
                    raise
        return self._made(self.post(url, wanted))

    def _made(self, answer):
        address = answer.headers.get("Location")
        if not address:
            raise UnreachableError(f"{answer.url} answered without the order's address.")
        return address, self._json(answer)

    def token(self, authorization: dict, method: str) -> tuple[str, str]:
        """Return address and token of the challenge of a kind; others,
        whatever they look like, do not matter.
        """
        name = (authorization.get("identifier") or {}).get("value", "")
        offered = authorization.get("challenges")
        offered = (
            [one for one in offered if isinstance(one, dict)] if isinstance(offered, list) else []
        )
        for one in offered:
            if one.get("type") == method and isinstance(one.get("url"), str):
                token = one.get("token")
                if not isinstance(token, str) or not _TOKEN.match(token):
                    raise CertificateError(
                        f"the CA's token for {name} is not base64url of a token's length: "
                        f"nothing is done with it."
                    )
                return one["url"], token
        kinds = ", ".join(str(one.get("type")) for one in offered) or "none"
        raise CertificateError(f"the CA offers no {method} for {name}, but {kinds}.")

    def answer_to(self, token: str) -> str:
        """Return the answer to a challenge."""
        return f"{token}.{account.thumbprint(self._key)}"

    def poll(self, url: str, during, cap: float = 120) -> dict:
        """Return an object of the CA when its status is none of ``during`` any more."""
        end = time.monotonic() + cap
        while True:
            found, again = self.get(url)
            if found.get("status") not in during:
                return found
            wait = (again - moments.now()).total_seconds() if again else 0
            wait = min(max(wait, 1), 15)
            if time.monotonic() + wait > end:
                raise UnreachableError(f"{self.ca['name']} came to no decision within {cap:.0f} s.")
            time.sleep(wait)

    def download(self, url: str) -> bytes:
        """Return the certificate's chain."""
        return self.post(url).content

    def renewal(self, renewal_id: str) -> tuple[tuple, object] | None:
        """Return the window that the CA suggests for a renewal, and when to ask again;
        None if it has no advice.
        """
        base = self.directory().get("renewalInfo")
        if not isinstance(base, str):
            return None
        answer = self._call(self._net.get, f"{base.rstrip('/')}/{renewal_id}")
        window = self._json(answer).get("suggestedWindow") or {}
        try:
            start, end = moments.read(window["start"]), moments.read(window["end"])
        except (KeyError, TypeError, ValueError):
            return None
        if not start or not end or end < start:
            return None
        return (start, end), moments.of_header(answer.headers.get("Retry-After"), moments.now())

    def revoke(self, certificate_der: bytes, reason: int) -> None:
        """Revoke a certificate."""
        url = self.directory().get("revokeCert")
        if not isinstance(url, str):
            raise CertificateError(f"{self.ca['name']} takes no revocations.")
        try:
            self.post(url, {"certificate": account.base64url(certificate_der), "reason": reason})
        except RefusedError as error:
            if error.kind != "alreadyRevoked":
                raise


def _last(error):
    """Return what went wrong, without the names of a library's classes and objects."""
    text = re.sub(r"<[^>]*>:? ?", "", str(error))
    found = re.findall(
        r"\[Errno [^\]]+\] [^'\")]+|certificate verify failed: [^'\")(]+|timed out", text
    )
    return (found[-1] if found else text).strip()[:300]
