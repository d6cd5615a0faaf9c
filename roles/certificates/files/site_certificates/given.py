# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that are given as files, and what browsers would make of them."""

from __future__ import annotations

import os
import ssl

from . import CertificateError, pem, reach


def read(wish, now) -> tuple[bytes, bytes]:
    """Return chain and key of a given certificate; raises CertificateError if they cannot serve."""
    chain, private = (_content(wish, path) for path in (wish.chain, wish.key))
    try:
        why = pem.fits(chain, private, wish.names, now)
    except CertificateError as error:
        why = str(error).rstrip(".")
    if why:
        raise CertificateError(
            f"the given certificate {wish.chain} cannot serve {wish.name}: {why}. Give another one."
        )
    return chain, private


def _content(wish, path):
    if not path:
        raise CertificateError(f"{wish.name} has no {'key' if wish.chain else 'chain'}: give both.")
    try:
        return reach.read(path)
    except OSError as error:
        raise CertificateError(
            f"{path} on this host: {error.strerror}. Give chain and key of {wish.name}."
        ) from error


def trusted(wish, chain: bytes, private: bytes) -> bool:
    """Return whether browsers trust a given certificate:
    as is said, else as this host's own store does.
    """
    if wish.trusted is not None:
        return wish.trusted
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    # The library takes files alone, and those that were given may be others by now.
    with open(os.memfd_create("given"), "wb") as file:
        file.write(private + b"\n" + chain)
        file.flush()
        try:
            server.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        except (OSError, ValueError):
            return False
    return all(_accepted(server, client, name) for name in wish.names)


def _accepted(server, client, name):
    """Shake hands in memory: the library knows all that a client looks at."""
    try:
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (
            client.wrap_bio(back, there, server_hostname=name.replace("*", "any")),
            server.wrap_bio(there, back, server_side=True),
        )
        for _turn in range(5):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except (OSError, ValueError):
        return False
    return ends[0].version() is not None
