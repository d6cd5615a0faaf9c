# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a password is the one that a server keeps as a hash. Private to the collection. Pure:
no I/O, no Ansible import.
"""

from __future__ import annotations

import hashlib
import hmac

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SIZE = hashlib.sha256().digest_size


def native(password):
    """Return what mysql_native_password keeps of ``password``."""
    twice = hashlib.sha1(hashlib.sha1(password.encode()).digest())  # noqa: S324 # the server's way
    return f"*{twice.hexdigest().upper()}"


def matches(password, plugin, kept):
    """Return whether the account with ``plugin`` and the authentication
    string ``kept`` (bytes) lets ``password`` in.
    """
    if plugin == "mysql_native_password":
        return hmac.compare_digest(native(password).encode(), kept)
    if plugin == "caching_sha2_password":
        return _matches_sha2(password.encode(), kept)
    return False


def _matches_sha2(password, kept):
    """*kept* is ``$A$``, thousands of rounds as three hexadecimal digits, ``$``, 20 bytes of salt,
    and the digest in 43 characters.
    """
    try:
        rounds = int(kept[3:6], 16) * 1000
    except ValueError:
        return False
    if kept[:3] != b"$A$" or kept[6:7] != b"$" or len(kept) != 70:
        return False
    return hmac.compare_digest(sha256_crypt(password, kept[7:27], rounds), kept[27:])


def sha256_crypt(password, salt, rounds):
    """Return the digest of Ulrich Drepper's SHA-crypt with SHA-256, in its 43 characters."""
    sha = hashlib.sha256
    other = sha(password + salt + password).digest()
    mixed = sha(password + salt + _filled(other, len(password)))
    length = len(password)
    while length:
        mixed.update(other if length & 1 else password)
        length >>= 1
    digest = mixed.digest()
    of_password = _filled(sha(password * len(password)).digest(), len(password))
    of_salt = _filled(sha(salt * (16 + digest[0])).digest(), len(salt))
    for step in range(rounds):
        part = of_password if step & 1 else digest
        if step % 3:
            part += of_salt
        if step % 7:
            part += of_password
        digest = sha(part + (digest if step & 1 else of_password)).digest()
    return _characters(digest)


def _filled(pattern, size):
    return (pattern * (size // len(pattern) + 1))[:size]


def _characters(digest):
    """Three bytes become four characters, lowest bits first; which three, SHA-crypt says."""
    triples = [(0, 10, 20)]
    while len(triples) < _SIZE // 3:
        first, second, third = triples[-1]
        triples.append((third + 1, first + 1, second + 1))
    words = [(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in triples]
    words.append((digest[31] << 8 | digest[30], 3))
    return bytes(_ALPHABET[word >> 6 * place & 63] for word, size in words for place in range(size))
