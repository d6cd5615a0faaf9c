# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that certbot has made are taken over, so that nothing is asked for that is there."""

from __future__ import annotations

from . import CertificateError, files, pem, plan


def find(settings, wish, now) -> tuple[bytes, bytes, dict] | None:
    """Return chain, key and what is known about a certificate of certbot's for exactly these names,
    with a third of its life left.
    """
    for live in sorted(settings.letsencrypt.glob("live/*/fullchain.pem")):
        chain, private = files.read(live), files.read(live.with_name("privkey.pem"))
        if not chain or not private:
            continue
        try:
            said = pem.read(chain)
            if plan.key(said.names) != plan.key(wish.ordered) or pem.fits(
                chain, private, wish.names, now
            ):
                continue
        except CertificateError:
            continue
        directory = _server(settings.letsencrypt / "renewal" / f"{live.parent.name}.conf")
        ca = next((ca for ca in settings.cas if ca["directory"] == directory), None)
        if ca and now < said.end - (said.end - said.start) / 3:
            about = {
                "source": "acme",
                "ca": ca["name"],
                "directory": directory,
                "trusted": bool(ca.get("trusted")),
            }
            return chain, private, {**about, "adopted": str(live.parent)}
    return None


def _server(path):
    for line in (files.read(path) or b"").decode("utf-8", "replace").splitlines():
        name, _is, value = line.partition("=")
        if name.strip() == "server":
            return value.strip()
    return None
