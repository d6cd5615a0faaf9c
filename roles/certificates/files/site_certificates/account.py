# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of the ACME account, which follows from a secret: so it outlives every host."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# The order of the curve P-256.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def key(secret: str) -> ec.EllipticCurvePrivateKey:
    """Return the account's private key. 48 bytes are enough for its distribution to be even."""
    derived = HKDF(hashes.SHA256(), 48, b"foobar.lamp", b"acme account").derive(secret.encode())
    scalar = int.from_bytes(derived, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def base64url(data: bytes) -> str:
    """Return base64url without padding, as ACME has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(private: ec.EllipticCurvePrivateKey) -> str:
    """Return the key's thumbprint (RFC 7638), which answers to HTTP-01 end with."""
    public = private.public_key().public_numbers()
    members = {
        "crv": "P-256",
        "kty": "EC",
        "x": base64url(public.x.to_bytes(32, "big")),
        "y": base64url(public.y.to_bytes(32, "big")),
    }
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(text.encode()).digest())
