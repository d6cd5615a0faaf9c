# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in certificates and keys."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from . import CertificateError, account

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What is said of the first certificate of a chain."""

    serial: str
    names: tuple[str, ...]
    start: datetime.datetime
    end: datetime.datetime
    issuer: str
    # The name that RFC 9773 gives to a certificate, None if it cannot have one.
    renewal_id: str | None


def chain(content: bytes) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, in their order."""
    try:
        return [x509.load_pem_x509_certificate(block) for block in _BLOCK.findall(content)]
    except ValueError as error:
        raise CertificateError(f"a certificate cannot be read: {error}.") from error


def read(content: bytes) -> Certificate:
    """Return what is said of the first certificate of a PEM file."""
    found = chain(content)
    if not found:
        raise CertificateError("there is no certificate in PEM in it.")
    return described(found[0])


def described(found: x509.Certificate) -> Certificate:
    """Return what is said of a certificate."""
    start, end = _validity(found)
    return Certificate(
        f"{found.serial_number:x}", _names(found), start, end, _issuer(found), _renewal_id(found)
    )


def _validity(found):
    # Debian 12's cryptography has only the form without a time zone, which newer ones give up.
    if hasattr(found, "not_valid_after_utc"):
        return found.not_valid_before_utc, found.not_valid_after_utc
    zone = datetime.UTC
    return found.not_valid_before.replace(tzinfo=zone), found.not_valid_after.replace(tzinfo=zone)


def _names(found):
    try:
        said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(one) for one in said.get_values_for_type(x509.IPAddress))
    dns = (one.lower() for one in said.get_values_for_type(x509.DNSName))
    return tuple(sorted({*dns, *addresses}))


def _issuer(found):
    wanted = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    said = [part.value for oid in wanted for part in found.issuer.get_attributes_for_oid(oid)]
    return " ".join(str(part) for part in said) or found.issuer.rfc4514_string()


def _renewal_id(found):
    try:
        said = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return None
    if not said.key_identifier:
        return None
    number = found.serial_number
    # DER's integer: a leading zero where the first bit is set.
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return f"{account.base64url(said.key_identifier)}.{account.base64url(serial)}"


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new private key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(private) -> bytes:
    """Return a private key as PEM, without a password."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_key(content: bytes):
    """Return the private key of a PEM file."""
    try:
        return serialization.load_pem_private_key(content, None)
    except TypeError as error:
        raise CertificateError("the private key has a password: give it without one.") from error
    except ValueError as error:
        raise CertificateError("there is no private key in PEM in it.") from error


def public_bytes(public) -> bytes:
    """Return a public key in the one form by which two can be compared."""
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def general_name(name: str) -> x509.GeneralName:
    """Return a name as certificates have it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def request(private, names) -> bytes:
    """Return a signing request (DER) for names.

    It has no common name, which holds 64 characters only.
    """
    said = x509.SubjectAlternativeName([general_name(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    built = builder.add_extension(said, critical=False).sign(private, hashes.SHA256())
    return built.public_bytes(serialization.Encoding.DER)


def fits(chain_pem: bytes, private_pem: bytes, names, now: datetime.datetime) -> str | None:
    """Return in words why chain and key cannot serve ``names`` now, None if they can."""
    certificates = chain(chain_pem)
    if not certificates:
        return "there is no certificate in it"
    first = described(certificates[0])
    if public_bytes(certificates[0].public_key()) != public_bytes(
        read_key(private_pem).public_key()
    ):
        return "the private key is of another certificate"
    if missing := [name for name in names if not covers(first.names, name)]:
        return f"it is for {', '.join(first.names) or 'no names'}, and lacks {', '.join(missing)}"
    if now >= first.end:
        return f"it ended on {first.end:%Y-%m-%d}"
    # A host's clock may be a little slow.
    if now < first.start - datetime.timedelta(minutes=5):
        return f"it begins on {first.start:%Y-%m-%d} only"
    for lower, upper in zip(certificates, certificates[1:], strict=False):
        if not signed(lower, upper):
            return (
                f"the chain is broken: {lower.subject.rfc4514_string()} is not signed by "
                f"{upper.subject.rfc4514_string()}, which follows"
            )
    return None


def covers(have, name: str) -> bool:
    """Return whether a certificate for the names ``have`` is good for ``name``."""
    return name in have or f"*.{name.partition('.')[2]}" in have


def signed(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    """Return whether ``lower`` was signed by ``upper``."""
    if lower.issuer != upper.subject:
        return False
    if lower.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
        return True  # seldom, and old versions of the library cannot say its parameters
    public, how = upper.public_key(), lower.signature_hash_algorithm
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(lower.signature, lower.tbs_certificate_bytes, padding.PKCS1v15(), how)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(lower.signature, lower.tbs_certificate_bytes, ec.ECDSA(how))
    except InvalidSignature:
        return False
    return True
