# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of the account with CAs, which follows from a secret, as the command site-certificates
has it too. Private to the collection.

It lasts as long as the secret, so it outlives lost hosts; and all web hosts can answer for what one
of them asks.
"""

from __future__ import annotations

import base64
import hashlib
import json

_BYTES = 48  # of P-256's 32, and so many more that no scalar is likelier than another


def thumbprint(secret):
    """Return the thumbprint of the account's public key (RFC 7638),
    with which a web server answers a CA's questions.
    """
    # Not sooner: it takes a while to load, and most runs have no account.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    derived = HKDF(
        algorithm=hashes.SHA256(), length=_BYTES, salt=b"foobar.lamp", info=b"acme account"
    ).derive(secret.encode())
    key = ec.derive_private_key(int.from_bytes(derived, "big") % (order - 1) + 1, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": _encoded(numbers.x.to_bytes(32, "big")),
        "y": _encoded(numbers.y.to_bytes(32, "big")),
    }
    return _encoded(
        hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest()
    )


def _encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
