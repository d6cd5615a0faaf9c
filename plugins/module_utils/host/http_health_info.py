# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the health of many web pages at once: what http_health_info does, without Ansible."""

from __future__ import annotations

import concurrent.futures
import http.client
import socket
import ssl
import time

ARGUMENT_SPEC: dict[str, dict] = {
    "pages": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "str", "default": "/"},
            "host": {"type": "str"},
            "headers": {"type": "dict", "default": {}},
            "tls": {"type": "bool", "default": False},
        },
    },
    "address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 80},
    "tls_port": {"type": "int", "default": 443},
    "timeout": {"type": "int", "default": 15},
}

PAUSE = 0.3  # seconds between two questions to one page


def connect(page, address, ports, deadline):
    """Return a connection for ``page``.

    By TLS, the certificate may be one that nobody trusts yet: who answers is known by the address.
    """
    timeout = max(1.0, deadline - time.monotonic())
    if not page["tls"]:
        return http.client.HTTPConnection(address, ports[0], timeout=timeout)
    # Not create_default_context: it reads all CAs of the system, for nothing.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPConnection(address, ports[1], timeout=timeout)
    try:
        plain = socket.create_connection((address, ports[1]), timeout)
    except ConnectionRefusedError:
        # A server that no run has configured for it yet.
        return http.client.HTTPConnection(address, ports[0], timeout=timeout)
    try:
        # An HTTPSConnection would ask for the certificate of the address.
        connection.sock = context.wrap_socket(plain, server_hostname=page["host"] or page["name"])
    except BaseException:
        plain.close()
        raise
    return connection


def ask(page, address, ports, deadline):
    """Return what is wrong with ``page``, an empty text when it is healthy. ``ports``:
    that of HTTP and that of HTTPS.
    """
    connection = None
    try:
        connection = connect(page, address, ports, deadline)
        connection.request(
            "GET",
            page["path"],
            headers={"Host": page["host"] or page["name"], "User-Agent": "foobar.lamp"},
        )
        answer = connection.getresponse()
        if answer.status >= 400:
            return f"answered {answer.status} {answer.reason}"
        for name, value in page["headers"].items():
            if answer.headers.get(name) != value:
                return f"answered with {name}: {answer.headers.get(name)}, not {value}"
        return ""
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer ({error or type(error).__name__})"
    finally:
        if connection:
            connection.close()


def wait(page, address, ports, deadline):
    """Ask until ``page`` is healthy or the time is over;
    return what is wrong with it in the end.
    """
    while (wrong := ask(page, address, ports, deadline)) and time.monotonic() + PAUSE < deadline:
        time.sleep(PAUSE)
    return wrong


def run(params, check_mode=False, diff=False):
    """Do what http_health_info documents; return its result.
    ``check_mode`` and ``diff`` change nothing.
    """
    address, ports, began = params["address"], (params["port"], params["tls_port"]), time.time()
    deadline = time.monotonic() + params["timeout"]
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        wrongs = list(pool.map(lambda page: wait(page, address, ports, deadline), params["pages"]))
    return {
        "changed": False,
        "began": began,
        "unhealthy": {
            page["name"]: wrong
            for page, wrong in zip(params["pages"], wrongs, strict=True)
            if wrong
        },
    }
