# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role has written down for the command."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import types

from . import CertificateError, pem

PLACE = "/etc/foobar.lamp/certificates.json"
_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]*\Z")
_RESERVED = ("authority", "archive")


@dataclasses.dataclass(frozen=True)
class Wish:
    """A certificate that is declared."""

    name: str
    names: tuple[str, ...]
    source: str
    method: str = "http-01"
    chain: str | None = None
    key: str | None = None
    trusted: bool | None = None

    @property
    def ordered(self) -> tuple[str, ...]:
        """The names that a CA is asked for.

        CAs refuse a name beside the wildcard that covers it.
        """
        return tuple(one for one in self.names if not pem.covers({*self.names} - {one}, one))


def load(path: str = PLACE) -> types.SimpleNamespace:
    """Return the settings; the role's README says what there is."""
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CertificateError(
            f"{path}: {error.strerror}. Become root; if it is missing, run the role certificates."
        ) from error
    except ValueError as error:
        raise CertificateError(
            f"{path} is broken ({error}): run the role certificates, which writes it anew."
        ) from error
    try:
        return _settings(found)
    except (KeyError, TypeError) as error:
        raise CertificateError(
            f"{path} lacks {error}: run the role certificates, which writes it anew."
        ) from error


def _settings(found):
    wishes = []
    for one in found["certificates"]:
        names = tuple(dict.fromkeys(name.lower().rstrip(".") for name in one["names"]))
        wishes.append(
            Wish(
                one["name"],
                names,
                one["source"],
                one.get("method") or "http-01",
                one.get("chain"),
                one.get("key"),
                one.get("trusted"),
            )
        )
    for wish in wishes:
        if not _NAME.match(wish.name) or wish.name in _RESERVED:
            raise CertificateError(
                f"the certificate {wish.name!r} has a name that no directory of it can have: "
                f"choose another."
            )
    return types.SimpleNamespace(
        directory=pathlib.Path(found["directory"]),
        cas=found.get("authorities") or [],
        account_secret=found.get("account_secret") or "",
        contact=found.get("contact") or "",
        check=found.get("check", True),
        http_port=found.get("http_port", 80),
        dns=found.get("dns"),
        authority=found["authority"],
        wishes=wishes,
        load=found.get("load") or [],
        letsencrypt=pathlib.Path(found.get("adopt", "/etc/letsencrypt")),
    )
