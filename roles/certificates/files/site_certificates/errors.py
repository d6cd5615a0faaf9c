# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA says no with, and what helps. Apart from the protocol,
whose library is loaded only when a CA is asked.
"""

from __future__ import annotations

from . import CertificateError

_ERROR = "urn:ietf:params:acme:error:"
_REMEDIES = {
    "caa": "Correct the domain's CAA records, or choose another CA (lamp_acme.directory).",
    "connection": (
        "See that port 80 is open to the world, for IPv4 and for IPv6 if there is an AAAA record."
    ),
    "dns": "See that the world finds the name: registrar, name servers, DNSSEC.",
    "dnssec": "See that the zone's signatures and the DS records at the registrar belong together.",
    "externalAccountRequired": "Set lamp_acme.eab to what the CA gave you.",
    "invalidContact": "Correct lamp_acme.contact, or leave it out.",
    "unsupportedContact": "Correct lamp_acme.contact, or leave it out.",
    "rateLimited": "Wait: it is asked again when the CA allows it.",
    "rejectedIdentifier": (
        "The CA does not serve this name: set the site's tls to private or to given files."
    ),
    "unauthorized": "See that each address of the name is a host of this site.",
    "userActionRequired": "The CA wants its new terms agreed to: follow the address that it names.",
    "badSignatureAlgorithm": "The CA takes no P-256 account keys: choose another one.",
}


class UnreachableError(CertificateError):
    """A CA that cannot be talked to, or is not able to answer;
    ``retry_after`` is its wish, if it has one.
    """

    def __init__(self, said: str, retry_after=None):
        super().__init__(said)
        self.retry_after = retry_after


class FailedError(UnreachableError):
    """A CA that answered with a fault of its own."""


class RefusedError(CertificateError):
    """What a CA refused; ``kind`` is the error's name in RFC 8555 or 9773."""

    def __init__(self, kind: str, detail: str, status: int, retry_after=None):
        remedy = _REMEDIES.get(kind, "")
        super().__init__(f"the CA refused: {detail.strip() or kind} ({kind}). {remedy}".strip())
        self.kind, self.status, self.retry_after = kind, status, retry_after


def problem(said: dict, status: int = 0, retry_after=None) -> RefusedError:
    """Return the error that a CA's problem document tells; the parts of a compound one say more."""
    parts = [part for part in said.get("subproblems") or [] if isinstance(part, dict)]
    details = [str(said.get("detail") or "")]
    for part in parts:
        name = (part.get("identifier") or {}).get("value", "")
        details.append(f"{name}: {part.get('detail', '')}".removeprefix(": "))
    kind = str(said.get("type") or "").removeprefix(_ERROR)
    if kind == "compound" and parts:
        kind = str(parts[0].get("type") or "").removeprefix(_ERROR)
    return RefusedError(
        kind or "unknown", " ".join(filter(None, details))[:600], status, retry_after
    )
