# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP-01: each web server answers each token with the account's thumbprint by itself, so there
is nothing to place. Only to try.
"""

from __future__ import annotations

import errno
import http.client
import secrets
import socket
import ssl
import urllib.parse

_REDIRECTS = 5
_UNREACHED = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class UnseenError(Exception):
    """An address that this host cannot try, being without addresses of that family."""


def try_address(
    name: str, address: str, thumbprint: str, port: int = 80, timeout: float = 10
) -> str | None:
    """Return in words how ``address`` answers wrongly for ``name``,
    None if rightly; as a CA would ask.
    """
    token = f"probe-{secrets.token_hex(12)}"
    url, place = f"http://{name}/.well-known/acme-challenge/{token}", (address, port)
    try:
        for _redirect in range(_REDIRECTS + 1):
            status, said, target = _get(url, place, timeout)
            if target is None:
                break
            new = urllib.parse.urlsplit(urllib.parse.urljoin(url, target))
            if new.scheme not in ("http", "https") or not new.hostname:
                return f"leads to {target[:100]}, where no CA follows"
            url = new.geturl()
            # A redirect to the same name is followed at the same address.
            place = (
                address if new.hostname == name else new.hostname,
                new.port or {"http": port, "https": 443}[new.scheme],
            )
    except OSError as error:
        if error.errno in _UNREACHED:
            raise UnseenError(address) from error
        return f"does not answer ({error.strerror or error})"
    except http.client.HTTPException as error:
        return f"answers with something else than HTTP ({type(error).__name__})"
    if target is not None:
        return "leads from one address to the next without an end"
    if status == 200 and said.strip() == f"{token}.{thumbprint}".encode():
        return None
    if status == 200 and said.strip().startswith(token.encode() + b"."):
        return "answers for another ACME account"
    return f"answers with the status {status}" + ("" if status != 200 else " and another content")


def _get(url, place, timeout):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(*place, timeout=timeout)
    connection.sock = socket.create_connection(place, timeout)
    if parts.scheme == "https":
        # As a CA: whoever asks for a certificate may have a bad one.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection.sock = context.wrap_socket(connection.sock, server_hostname=parts.hostname)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "GET",
            path,
            headers={"Host": parts.netloc, "User-Agent": "foobar.lamp site-certificates"},
        )
        answer = connection.getresponse()
        moved = answer.status in (301, 302, 303, 307, 308)
        return answer.status, answer.read(4096), answer.headers.get("Location") if moved else None
    finally:
        connection.close()
