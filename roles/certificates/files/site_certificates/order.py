# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One certificate from a CA: an order, its challenges, its end."""

from __future__ import annotations

from . import CertificateError, account, pem
from .errors import RefusedError, problem

_UNDECIDED = ("pending", "processing", "ready")


def obtain(
    client,
    wish,
    zone,
    private,
    notes,
    *,
    url: str | None = None,
    replaces: str | None = None,
    made=None,
) -> bytes:
    """Return the chain of a new certificate for the key ``private``.

    ``url``: an order that an earlier run has made. ``made`` gets the address of a new one before
    anything else is done. ``notes`` (``keep(values)``) remembers the TXT records that have to be
    removed.
    """
    client.login()
    if url:
        order = client.get(url)[0]
    else:
        url, order = client.order(wish.ordered, replaces)
        if made:
            made(url)
    if order.get("status") == "pending":
        _prove(client, wish, zone, order, notes)
        order = client.poll(url, ("pending",))
    if order.get("status") == "ready":
        request = account.base64url(pem.request(private, wish.ordered))
        client.post(order["finalize"], {"csr": request})
    if order.get("status") in _UNDECIDED:
        order = client.poll(url, _UNDECIDED)
    if order.get("status") != "valid" or not isinstance(order.get("certificate"), str):
        _refused(order, f"the CA gave the order up (status {order.get('status')}).")
    return client.download(order["certificate"])


def _refused(said, otherwise):
    if isinstance(said.get("error"), dict):
        raise problem(said["error"])
    raise CertificateError(otherwise)


def _prove(client, wish, zone, order, notes):
    tasks = []
    for url in order.get("authorizations") or []:
        authorization = client.get(url)[0]
        if authorization.get("status") == "valid":
            continue
        if authorization.get("status") != "pending":
            _refuse(authorization)
        name = authorization["identifier"]["value"]
        tasks.append((name, url, *client.token(authorization, wish.method)))
    if wish.method == "dns-01" and zone is None:
        raise CertificateError(
            f"{wish.name} is to be proved by DNS-01, "
            f"and there is no name server of ours: use HTTP-01."
        )
    if wish.method != "dns-01":
        _answer(client, tasks)
        return
    from . import dns01  # its library is loaded only where it is needed

    values = [
        (zone.target(name), dns01.value(client.answer_to(token)))
        for name, _url, _challenge, token in tasks
    ]
    with zone.holding(values, notes):
        _answer(client, tasks)


def _answer(client, tasks):
    for _name, _url, challenge, _token in tasks:
        try:
            client.post(challenge, {})
        except RefusedError as error:
            # A run that was killed, or another host of this account, has answered already.
            if error.kind != "malformed":
                raise
    for _name, url, _challenge, _token in tasks:
        authorization = client.poll(url, ("pending", "processing"))
        if authorization.get("status") != "valid":
            _refuse(authorization)


def _refuse(authorization):
    name = (authorization.get("identifier") or {}).get("value", "")
    for challenge in authorization.get("challenges") or []:
        if isinstance(challenge, dict) and isinstance(challenge.get("error"), dict):
            error = problem(challenge["error"])
            error.args = (f"{name}: {error}",)
            raise error
    raise CertificateError(
        f"{name}: the CA gave the authorisation up (status {authorization.get('status')})."
    )
