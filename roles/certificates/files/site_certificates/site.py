# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a run."""

from __future__ import annotations

import contextlib
import fcntl
import os

from . import CertificateError, account, files, ledger, load, plan, store


class Site:
    """The host's certificates, what is known about each, and the CAs. Used within ``locked``."""

    def __init__(self, settings, timer: bool = False):
        self.settings, self.timer, self.top = settings, timer, settings.directory
        self.stores = {wish.name: store.Store(self.top, wish.name) for wish in settings.wishes}
        self.units, self.authority = load.Units(settings.load), None
        # What went wrong in this run, and the CAs that want to be left alone.
        self.failed, self.closed = {}, {}
        self._ledgers, self._clients, self._before = {}, {}, {}

    @contextlib.contextmanager
    def locked(self):
        """Be alone: a second command waits."""
        files.directory(self.top)
        handle = os.open(
            self.top / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._before = {wish.name: self.mark(wish) for wish in self.settings.wishes}
            yield self
        finally:
            os.close(handle)

    def wishes(self, names) -> list:
        """Return the certificates that are meant, all of them without names."""
        known = {wish.name: wish for wish in self.settings.wishes}
        if unknown := [name for name in names if name not in known]:
            raise CertificateError(
                f"There is no certificate {unknown[0]}. There are: {', '.join(known) or 'none'}."
            )
        return [known[name] for name in names] if names else list(known.values())

    def ledger(self, wish):
        """Return what is remembered about a certificate."""
        return self._ledgers.setdefault(wish.name, ledger.Ledger(self.top / wish.name))

    def mark(self, wish):
        """Return what would be served after a reload."""
        kept = self.stores[wish.name]
        return {"which": kept.current(), "trusted": kept.trusted()}

    @property
    def changed(self) -> list[str]:
        """The names of the certificates that are others than when this run began;
        what was taken back is not.
        """
        return [
            wish.name for wish in self.settings.wishes if self.mark(wish) != self._before[wish.name]
        ]

    def have(self, wish):
        """Return the certificate that is served, as the plan wants it."""
        kept = self.stores[wish.name]
        if not (found := kept.read(kept.current())):
            return None
        said, about = found
        revoked = (self.ledger(wish).get("revoked") or {}).get("serial") == said.serial
        return plan.Have(
            about["source"], said.names, said.start, said.end, about.get("directory"), revoked
        )

    def ca(self, name):
        """Return a CA by its name."""
        return next(ca for ca in self.settings.cas if ca["name"] == name)

    def client(self, ca, staging=False):
        """Return the connection to a CA, or to its staging."""
        url = ca["staging"] if staging else ca["directory"]
        if url not in self._clients:
            if staging:
                ca = {**ca, "name": f"{ca['name']}'s staging", "directory": url}
            from . import protocol  # loads slowly, and most runs ask nobody

            self._clients[url] = protocol.Client(
                ca,
                account.key(self.settings.account_secret),
                self.settings.contact,
                lambda address: self._remember(url, address),
            )
        return self._clients[url]

    def _remember(self, url, address):
        known = files.read_json(self.top / "accounts.json", {})
        if known.get(url) != address:
            files.write_json(self.top / "accounts.json", {**known, url: address}, 0o644)

    def zone(self):
        """Return our zone, None where there is none."""
        if not self.settings.dns:
            return None
        from . import dns01, world

        return dns01.Zone(self.settings.dns, world.World(self.settings.dns))
