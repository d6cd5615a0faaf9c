# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates are: a directory for each serial, and the
link ``current`` to the one that is served.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil

from . import files, pem

FILES = ("fullchain.pem", "key.pem", "about.json")


class Store:
    """The directory of one certificate."""

    def __init__(self, top: pathlib.Path, name: str):
        self.name, self.directory = name, top / name

    def make(self) -> None:
        """Make the directory, and clear up what a killed run left."""
        files.directory(self.directory)
        files.directory(self.directory / "by-serial")
        for left in [*self.directory.glob(".*.new"), *self.directory.glob("by-serial/.*.new")]:
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()

    def current(self) -> str | None:
        """Return which of the certificates is served."""
        try:
            return os.path.basename(os.readlink(self.directory / "current"))
        except FileNotFoundError:
            return None

    def read(self, which: str | None) -> tuple[pem.Certificate, dict] | None:
        """Return what is said of a certificate, and about it:
        where it is from. None if it is not there.
        """
        place = self.directory / "by-serial" / (which or "none")
        chain = files.read(place / "fullchain.pem")
        about = files.read_json(place / "about.json", None)
        if chain is None or about is None or not (place / "key.pem").exists():
            return None
        return pem.read(chain), about

    def files(self, which: str) -> tuple[bytes, bytes]:
        """Return chain and key of a certificate."""
        place = self.directory / "by-serial" / which
        return (place / "fullchain.pem").read_bytes(), (place / "key.pem").read_bytes()

    def add(self, chain: bytes, private: bytes, about: dict) -> str:
        """Keep a certificate, which is whole when it has its name; return that name."""
        name = pem.read(chain).serial
        if self.read(name) and self.files(name) != (chain, private):
            # A given one, with the same serial and another chain.
            name = f"{name}-{hashlib.sha256(chain + private).hexdigest()[:8]}"
        place = self.directory / "by-serial" / name
        if self.read(name):
            if self.read(name)[1] != about:
                files.write_json(place / "about.json", about)
            return name
        new = place.with_name(f".{name}.new")
        shutil.rmtree(new, ignore_errors=True)
        files.directory(new)
        files.write(new / "fullchain.pem", chain, 0o644)
        files.write(new / "key.pem", private)
        files.write_json(new / "about.json", about)
        if place.exists():  # it has lost a file
            shutil.rmtree(place)
        files.rename(new, place)
        return name

    def swing(self, which: str, wanted) -> None:
        """Serve a certificate from the next reload on.

        Nobody is led any more to one that browsers do not trust.
        """
        if self.trusted() and not self.trusts(which, wanted):
            files.remove(self.directory / "trusted")
        if self.current() != which:
            files.swing(self.directory / "current", f"by-serial/{which}")

    def trust(self, wanted) -> bool:
        """Have visitors led to what is served, once that was seen and if browsers trust it;
        return whether that is new.
        """
        if self.trusted() or not self.trusts(self.current(), wanted):
            return False
        files.write(self.directory / "trusted", b"", 0o644)
        return True

    def trusts(self, which: str | None, wanted) -> bool:
        """Return whether browsers trust a certificate for all the names ``wanted``."""
        found = self.read(which)
        return bool(
            found
            and found[1].get("trusted")
            and all(pem.covers(found[0].names, one) for one in wanted)
        )

    def trusted(self) -> bool:
        """Return whether the web server is told that browsers trust what is served."""
        return (self.directory / "trusted").exists()

    def tidy(self, keep) -> None:
        """Destroy the certificates, and their keys, that are not in ``keep``."""
        for place in (self.directory / "by-serial").iterdir():
            if place.name not in keep and not place.name.startswith("."):
                (place / "key.pem").unlink(missing_ok=True)
                shutil.rmtree(place)
