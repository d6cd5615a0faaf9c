# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the DNS: as the world sees it, and our own zone at its own name servers."""

from __future__ import annotations

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from . import CertificateError


class World:
    """Who is asked: the host's resolver or the given ones;
    for names of our zone its own servers.
    """

    def __init__(self, options: dict | None, timeout: float = 10):
        options = options or {}
        port, given = options.get("port", 53), options.get("resolver")
        try:
            self._resolver = dns.resolver.Resolver(configure=not given)
        except dns.resolver.NoResolverConfiguration as error:
            raise CertificateError("/etc/resolv.conf names no resolver: correct it.") from error
        if given:
            self._resolver.nameservers, self._resolver.port = list(given), port
        self._resolver.lifetime = timeout
        self._ours, self._zone = None, None
        if options.get("servers") and not given:
            # What was written a moment ago is known there, and no cache still has the contrary.
            self._zone = dns.name.from_text(options["zone"])
            self._ours = dns.resolver.Resolver(configure=False)
            self._ours.nameservers, self._ours.port = list(options["servers"]), port
            self._ours.lifetime = timeout

    def ask(self, name: str, kind: str, *, ours: bool = True) -> list:
        """Return the values of a name and type, none where there are none; aliases are followed."""
        where = dns.name.from_text(name)
        if ours and self._ours and where.is_subdomain(self._zone):
            found = self._ask(self._ours, where, kind)
            if found or kind in ("CNAME", "SOA"):
                return found
            alias = self._ask(self._ours, where, "CNAME")
            if not alias or alias[0].target.is_subdomain(self._zone):
                return []
        return self._ask(self._resolver, where, kind)

    @staticmethod
    def _ask(resolver, where, kind):
        try:
            answer = resolver.resolve(where, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException as error:
            servers = ", ".join(str(one) for one in resolver.nameservers)
            why = (
                "no answer in time"
                if isinstance(error, dns.exception.Timeout)
                else "no usable answer (as SERVFAIL)"
            )
            raise CertificateError(
                f"DNS: {where.to_text(True)} {kind}: {why} from {servers}."
            ) from error
        return list(answer.rrset or [])

    def addresses(self, name: str) -> list[str]:
        """Return the addresses of a name."""
        return [value.address for kind in ("A", "AAAA") for value in self.ask(name, kind)]

    def target(self, name: str) -> str:
        """Return where the TXT record of ``_acme-challenge`` of a name is to stand:
        aliases are followed.
        """
        where = f"_acme-challenge.{name.removeprefix('*.')}"
        for _step in range(8):
            alias = self.ask(where, "CNAME")
            if not alias:
                return where.rstrip(".").lower()
            where = alias[0].target.to_text()
        raise CertificateError(
            f"_acme-challenge.{name} is an alias in a circle: correct the CNAME records."
        )

    def name_servers(self, zone: str) -> dict[str, list[str]]:
        """Return the addresses of a zone's name servers by name, as the world sees them."""
        names = sorted(
            value.target.to_text().rstrip(".") for value in self.ask(zone, "NS", ours=False)
        )
        return {
            name: [
                one.address for kind in ("A", "AAAA") for one in self.ask(name, kind, ours=False)
            ]
            for name in names
        }
