"""Certificates for tests: of an authority that nobody trusts."""

from __future__ import annotations

import datetime
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

#: A secret, and the thumbprint of the account's key that follows from it: on hosts and on the
#: controller, by code of their own. Change neither: a CA knows the account by its key.
ACCOUNT = "s" * 48, "d1EUJ3tTfDc9LqZUUISNZD6gQsBtcZaBxv-RiHOMkFI"


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(key, subject, issuer):
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(
        now + datetime.timedelta(days=90)
    )


@functools.cache
def _authority():
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(key, "tests", "tests").add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return key, builder.sign(key, hashes.SHA256())


def authority():
    """Return the authority's certificate, in PEM."""
    return _authority()[1].public_bytes(Encoding.PEM).decode()


def certificate(*names, kind="ec"):
    """Return chain and key, in PEM, of a certificate for some names, and its serial number;
    its key is of P-256 or of RSA.
    """
    key = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(65537, 2048)
    )
    issuer_key, issuer = _authority()
    builder = _builder(key, names[0], "tests").add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    made = builder.add_extension(
        x509.SubjectAlternativeName(map(x509.DNSName, names)), critical=False
    ).sign(issuer_key, hashes.SHA256())
    chain = "".join(one.public_bytes(Encoding.PEM).decode() for one in (made, issuer))
    return (
        chain,
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        made.serial_number,
    )
