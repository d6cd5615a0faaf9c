# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own authority: for private names, and for
placeholders until a CA has issued a certificate.

Its certificate has critical name constraints: whoever trusts it trusts it for this host's names
only.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import files, pem, plan

_LIFE, _LEAF = datetime.timedelta(days=3650), datetime.timedelta(days=90)
# A client's clock may be a little slow.
_EARLIER = datetime.timedelta(hours=1)
_LOOPBACK = ("127.0.0.1", "::1")


class Authority:
    """The authority in a directory."""

    def __init__(self, directory: pathlib.Path, name: str):
        self._directory, self._name = directory, name
        self._key = self._certificate = None

    def make(self, names, now: datetime.datetime) -> bool:
        """Make the authority, or its certificate anew by the same key if the names need that;
        return whether.
        """
        files.directory(self._directory)
        private = files.read(self._directory / "key.pem")
        if private is None:
            private = pem.key_pem(pem.new_key())
            files.write(self._directory / "key.pem", private)
        self._key = pem.read_key(private)
        wanted, old = permitted(names), files.read(self._directory / "authority.pem")
        if old and (found := pem.chain(old)) and self._holds(found[0], wanted, now):
            self._certificate = found[0]
            return False
        self._certificate = self._sign(wanted, now)
        content = self._certificate.public_bytes(pem.serialization.Encoding.PEM)
        files.write(self._directory / "authority.pem", content, 0o644)
        return True

    def _holds(self, found, wanted, now):
        said = pem.described(found)
        constraints = found.extensions.get_extension_for_class(x509.NameConstraints).value
        return (
            pem.public_bytes(found.public_key()) == pem.public_bytes(self._key.public_key())
            and set(constraints.permitted_subtrees) == set(wanted)
            and said.start <= now < plan.share(said.start, said.end)
        )

    def _sign(self, wanted, now):
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "encipher_only", "decipher_only"), False
        )  # fmt: skip
        subject, public = self._subject(), self._key.public_key()
        builder = _builder(subject, subject, public, now - _EARLIER, now + _LIFE)
        for value, critical in (
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), True),
            (x509.NameConstraints(wanted, None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
        ):
            builder = builder.add_extension(value, critical)
        return builder.sign(self._key, hashes.SHA256())

    def _subject(self):
        # Two hosts of one name, or one that was made anew, have authorities of different names.
        mark = hashlib.sha256(pem.public_bytes(self._key.public_key())).hexdigest()[:8]
        return _named(f"{self._name[:40]} certificate authority {mark}")

    def signs(self, chain: bytes) -> bool:
        """Return whether a chain's first certificate is this authority's."""
        return pem.signed(pem.chain(chain)[0], self._certificate)

    def leaf(self, names, now: datetime.datetime) -> tuple[bytes, bytes]:
        """Return chain and key of a new certificate for names."""
        private = pem.new_key()
        public, issuer = private.public_key(), self._certificate.subject
        subject = _named(names[0][:64])
        builder = _builder(subject, issuer, public, now - _EARLIER, now + _LEAF)
        for value, critical in (
            (x509.SubjectAlternativeName([pem.general_name(name) for name in names]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        ):
            builder = builder.add_extension(value, critical)
        made = builder.sign(self._key, hashes.SHA256())
        return made.public_bytes(pem.serialization.Encoding.PEM), pem.key_pem(private)


def permitted(names) -> list[x509.GeneralName]:
    """Return the names, and the addresses of loopback, as constraints:
    a domain permits all below it.
    """
    found = {name.lower().removeprefix("*.") for name in (*names, "localhost", *_LOOPBACK)}
    addresses, domains = set(), set()
    for name in found:
        try:
            addresses.add(ipaddress.ip_network(name))
        except ValueError:
            domains.add(name)
    least = {one for one in domains if not any(one.endswith(f".{other}") for other in domains)}
    return [
        *(x509.DNSName(name) for name in sorted(least)),
        *(x509.IPAddress(one) for one in sorted(addresses, key=lambda one: (one.version, one))),
    ]


def _named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject, issuer, public, start, end):
    return x509.CertificateBuilder(
        issuer, subject, public, x509.random_serial_number(), *(
            # The library takes moments of UTC without a zone in all versions.
            when.astimezone(datetime.UTC).replace(tzinfo=None) for when in (start, end)
        ),
    )  # fmt: skip
