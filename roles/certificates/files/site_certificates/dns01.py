# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS-01: values of TXT records, by signed updates (RFC 2136) to the primary of our zone, seen
at each of its name servers.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import secrets
import time

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

from . import CertificateError, account, files

_TTL = 60
# In seconds: how long secondaries may take.
_CAP = 120
_UNREACHED = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def value(answer: str) -> str:
    """Return what the record has for the answer to a challenge."""
    return account.base64url(hashlib.sha256(answer.encode()).digest())


def probe() -> str:
    """Return a value that is none of a challenge, and looks like one."""
    return account.base64url(secrets.token_bytes(32))


class Zone:
    """Our zone, as the settings have it.

    A value of another host at the same name is never touched.
    """

    def __init__(self, options: dict, world):
        self._options, self._world, self._cap = options, world, options.get("wait", _CAP)
        # Its name servers, as the world knows them.
        self.name, self.ours = (
            options["zone"].rstrip("."),
            list(options.get("addresses") or options.get("servers") or []),
        )
        self._zone = dns.name.from_text(options["zone"])
        self._port = options.get("port", 53)

    def has(self, name: str) -> bool:
        """Return whether a name is of the zone."""
        return dns.name.from_text(name).is_subdomain(self._zone)

    def target(self, name: str) -> str:
        """Return where the record of a name is to stand, which has to be in the zone."""
        target = self._world.target(name)
        if not self.has(target):
            raise CertificateError(
                f"{name}: {target} is not in our zone {self.name}: let a CNAME lead there."
            )
        return target

    @contextlib.contextmanager
    def holding(self, values, notes):
        """Have values, ``(name, value)``, at each name server of the zone,
        and none of them afterwards.

        ``notes`` (``keep(values)``) remembers them meanwhile: a run that is killed leaves them, and
        the next one removes them.
        """
        notes(values)
        try:
            self.add(values)
            self.wait(values)
            yield
        finally:
            self.remove(values)
            notes(None)

    def add(self, values) -> None:
        """Add values."""
        self._update(lambda update, name, text: update.add(name, _TTL, "TXT", f'"{text}"'), values)

    def remove(self, values) -> None:
        """Remove values."""
        self._update(lambda update, name, text: update.delete(name, "TXT", f'"{text}"'), values)

    def _update(self, enter, values):
        files.checkpoint()
        try:
            keyring = dns.tsigkeyring.from_text(
                {self._options["key_name"]: self._options["key_secret"]}
            )
        except ValueError as error:
            raise CertificateError("the secret of the DNS key is not base64.") from error
        update = dns.update.UpdateMessage(
            self._zone,
            keyring=keyring,
            keyalgorithm=dns.name.from_text(self._options["key_algorithm"]),
        )
        for name, text in values:
            enter(update, dns.name.from_text(name), text)
        server = self._options["primary"]
        try:
            answer = dns.query.tcp(update, server, timeout=15, port=self._port)
        except (OSError, EOFError) as error:
            raise CertificateError(
                f"the name server {server} does not take the update of {self._options['zone']} "
                f"({error}): see that it runs and that a firewall lets TCP port 53 through."
            ) from error
        except dns.exception.DNSException as error:
            raise CertificateError(
                f"the name server {server} does not take the key {self._options['key_name']} "
                f"({type(error).__name__}): "
                f"see that it has this key, and that both clocks are right."
            ) from error
        if answer.rcode() != dns.rcode.NOERROR:
            raise CertificateError(
                f"the name server {server} answered {dns.rcode.to_text(answer.rcode())} to the "
                f"update of {', '.join(sorted({name for name, _text in values}))}: the zone's "
                f"update_policy has to grant TXT there to the key {self._options['key_name']}."
            )
        files.checkpoint()

    def servers(self) -> list[str]:
        """Return the addresses of all name servers of the zone, as the world sees them."""
        found = self._world.name_servers(self._options["zone"])
        return sorted({address for addresses in found.values() for address in addresses})

    def wait(self, values) -> None:
        """Wait until each name server of the zone has the values;
        one that this host cannot reach by its family is left out.
        """
        left = {(server, name, text) for server in self.servers() for name, text in values}
        if not left:
            raise CertificateError(
                f"{self._options['zone']} has no name servers that can be found."
            )
        end, unreached = time.monotonic() + self._cap, set()
        while left:
            for server in sorted({one[0] for one in left}):
                try:
                    for name in sorted({one[1] for one in left if one[0] == server}):
                        left -= {(server, name, text) for text in self._texts(server, name)}
                except OSError as error:
                    if error.errno in _UNREACHED:
                        unreached.add(server)
                        left = {one for one in left if one[0] != server}
            if left and time.monotonic() > end:
                server, name, _text = min(left)
                raise CertificateError(
                    f"the name server {server} of {self._options['zone']} did not have the new "
                    f"TXT record of {name} within {self._cap:.0f} s: see that it is notified by "
                    f"the primary and transfers the zone."
                )
            if left:
                time.sleep(0.5)
        if unreached >= set(self.servers()):
            raise CertificateError(
                f"no name server of {self._options['zone']} can be reached from this host."
            )

    def _texts(self, server, name):
        question = dns.message.make_query(name, "TXT", flags=0)
        try:
            answer, _tcp = dns.query.udp_with_fallback(
                question, server, timeout=3, port=self._port, ignore_unexpected=True
            )
        except (dns.exception.DNSException, EOFError):
            return set()
        return {
            b"".join(value.strings).decode("ascii", "replace")
            for rrset in answer.answer if rrset.rdtype == dns.rdatatype.TXT for value in rrset
        }  # fmt: skip
