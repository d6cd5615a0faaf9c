# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the web server serve what is on the disk, and see that it does."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time

from cryptography import x509

_CAP = 10


class Units:
    """The units that serve certificates, as the settings have them."""

    def __init__(self, units: list[dict]):
        self._units = units

    def active(self) -> list[dict]:
        """Return those that run. One that starts later reads the files then."""
        return [
            unit
            for unit in self._units
            if not _run(["systemctl", "is-active", "--quiet", unit["unit"]])
        ]

    def test(self) -> str | None:
        """Return what the checkers find wrong."""
        for unit in self.active():
            if unit.get("test") and (said := _run(unit["test"])):
                return f"{' '.join(unit['test'])} says: {said}"
        return None

    def reload(self) -> str | None:
        """Have them read the certificates; return what went wrong."""
        for unit in self.active():
            if said := _run(["systemctl", "reload", unit["unit"]]):
                return f"{unit['unit']} could not be reloaded: {said}"
        return None

    def unlike(
        self, wanted: dict[str | None, str], cap: float | None = None
    ) -> dict[str | None, str]:
        """Return in words, by name,
        where another certificate is served than the one with the serial ``wanted``.
        """
        places = [unit["serves"] for unit in self.active() if unit.get("serves")]
        end, left = (
            time.monotonic() + (_CAP if cap is None else cap),
            {(place, name) for place in places for name in wanted},
        )
        while True:
            found = {one: served(*one) for one in sorted(left, key=str)}
            left = {one for one, (serial, _said) in found.items() if serial != wanted[one[1]]}
            if not left or time.monotonic() >= end:
                break
            time.sleep(0.2)
        said = {
            key: f"the serial {serial}" if serial else why for key, (serial, why) in found.items()
        }
        return {
            name: f"{place} serves {said[place, name]} instead of {wanted[name]}"
            for place, name in sorted(left, key=str)
        }


def served(place: str, name: str | None, timeout: float = 5) -> tuple[str | None, str]:
    """Return the serial that is served at ``address:port`` for a name (None: without one),
    and why there is none.
    """
    address, _colon, port = place.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address.strip("[]"), int(port)), timeout) as stream,
            context.wrap_socket(stream, server_hostname=name) as tls,
        ):
            found = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
    except (OSError, ValueError) as error:
        return None, f"nothing ({getattr(error, 'strerror', None) or error})"
    return f"{found.serial_number:x}", ""


def _run(words):
    """Run a program; return what it says if it fails, nothing if it does not."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}")[-600:]
