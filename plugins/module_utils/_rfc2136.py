# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to a name server: read a zone by transfer (RFC 5936), change it by one signed update (RFC 2136, RFC 8945).

Private to the collection; the only file of it that sends DNS messages. Needs dnspython 2.3 or later.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.module_utils._zone_plan import RRset

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.tsig
    import dns.tsigkeyring
    import dns.update
except ImportError:  # the module says so, in its own words
    pass

_REMEDY = {
    "REFUSED": "let the key update and transfer the zone (allow-transfer, update-policy).",
    "NOTAUTH": "check the zone's name and the key: the server does not serve the one or does not know the other.",
    "NOTZONE": "a name lies outside the zone.",
    "SERVFAIL": "look into the server's log.",
}


class ServerError(Exception):
    """What a server said no with; the message names server, zone and remedy."""


class UnreachableError(ServerError):
    """Nobody answers at the server's address."""


class RacedError(Exception):
    """The zone changed between reading and writing."""


def read_key_file(path):
    """Return ``(name, algorithm, secret)`` of the first key in the file ``path``, which has BIND's format."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name = re.search(r'key\s+"?([^"\s{]+)"?\s*\{', text)
    algorithm = re.search(r'algorithm\s+"?([^";\s]+)', text)
    secret = re.search(r'secret\s+"?([^";\s]+)', text)
    if not (name and algorithm and secret):
        raise ValueError(f"{path} holds no key: it wants name, algorithm and secret as tsig-keygen writes them.")
    return name[1], algorithm[1], secret[1]


class Server:
    """A name server at ``address`` (IPv4 or IPv6) and ``port``, asked for ``zone``, signed with ``key`` (name, algorithm, secret)."""

    def __init__(self, address, port, zone, key, timeout):
        self._where = f"The name server {address} port {port}, asked for the zone {zone},"
        self._place = {"where": address, "port": port, "timeout": timeout}
        self._zone = zone
        name, algorithm, secret = key
        self._signature = {
            "keyring": dns.tsigkeyring.from_text({name: secret}),
            "keyname": dns.name.from_text(name),
            "keyalgorithm": dns.name.from_text(algorithm),
        }

    def read(self):
        """Return ``(soa, content)`` of the zone; raises ServerError."""
        place = dict(self._place)
        content, soa = {}, None
        try:
            for message in dns.query.xfr(place.pop("where"), self._zone, relativize=False, lifetime=60, **place, **self._signature):
                for rrset in message.answer:
                    kind = dns.rdatatype.to_text(rrset.rdtype)
                    if kind == "SOA":
                        soa = rrset[0]
                    key = (rrset.name, kind)
                    values = content[key].values if key in content else frozenset()
                    content[key] = RRset(rrset.ttl, values | frozenset(rrset))
        except dns.query.TransferError as error:
            raise self._refused(dns.rcode.to_text(error.rcode)) from error
        except (dns.exception.DNSException, OSError) as error:
            raise self._failed(error) from error
        return soa, content

    def apply(self, changes, soa):
        """Make ``changes`` in one update that holds only if the zone's SOA is still ``soa``; raises RacedError or ServerError."""
        update = dns.update.UpdateMessage(self._zone, **self._signature)
        update.present(self._zone, soa)
        for change in changes:
            if change.after is None:
                update.delete(change.name, change.type)
            else:
                # Value by value, new ones first: a server keeps the last name server of a zone.
                before = change.before.values if change.before else frozenset()
                kept_ttl = change.before and change.before.ttl == change.after.ttl
                for value in sorted(change.after.values - before if kept_ttl else change.after.values):
                    update.add(change.name, change.after.ttl, value)
                for value in sorted(before - change.after.values):
                    update.delete(change.name, value)
        try:
            answer = dns.query.tcp(update, **self._place)
        except (dns.exception.DNSException, OSError) as error:
            raise self._failed(error) from error
        word = dns.rcode.to_text(answer.rcode())
        if word in ("NXRRSET", "YXRRSET"):
            raise RacedError
        if word != "NOERROR":
            raise self._refused(word)

    def _refused(self, word):
        return ServerError(f"{self._where} answered {word}: {_REMEDY.get(word, 'look into its log.')}")

    def _failed(self, error):
        if isinstance(error, dns.tsig.PeerBadTime):
            return ServerError(f"{self._where} answered BADTIME: set the clocks of both hosts right.")
        if isinstance(error, dns.tsig.PeerError):
            return ServerError(
                f"{self._where} answered {type(error).__name__.replace('Peer', '').upper()}: check the key's name, algorithm and secret."
            )
        if isinstance(error, (dns.exception.Timeout, OSError)):
            return UnreachableError(
                f"{self._where} does not answer ({error or 'time-out'}): see that it runs and that a firewall lets TCP through."
            )
        return ServerError(f"{self._where} answered what cannot be understood ({type(error).__name__}: {error}).")
