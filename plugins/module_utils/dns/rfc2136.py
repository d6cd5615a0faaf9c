# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to a name server: read a zone by transfer (RFC 5936) or by queries, change it by signed
updates (RFC 2136, RFC 8945).

Private to the collection; the only file of it that sends DNS messages. Needs dnspython 2.3 or
later.
"""

from __future__ import annotations

import binascii
import re
import socket
import ssl
import struct

from ansible_collections.foobar.lamp.plugins.module_utils.dns import gss_tsig
from ansible_collections.foobar.lamp.plugins.module_utils.dns.rrsets import RRset, kind_of

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.rrset
    import dns.tsig
    import dns.tsigkeyring
    import dns.update
except ImportError:  # the module says so, in its own words
    pass

# How often a question is asked whose packets or answer are lost.
_TRIES = 3
# Queries that are under way at once on one connection.
_WINDOW = 100
_REMEDY = {
    "REFUSED": (
        "let the key or user do this (BIND: allow-transfer and update-policy, Knot DNS: acl). "
        "BIND says so too when an NS or MX leads to a name of the zone that has no address."
    ),
    "NOTIMP": "it takes no updates, or not for this zone: ask the zone's primary.",
    "NOTZONE": "a name lies outside the zone: correct it.",
    "FORMERR": "it does not understand the update: read its log.",
    "SERVFAIL": (
        "read its log; BIND answers so when it cannot write the zone's journal "
        "or a record set grows too large."
    ),
    "BADTIME": "correct the clocks of both hosts.",
    "BADKEY": (
        "it does not know {key}, or (Knot DNS) does not let it do this: check name and "
        "algorithm, and Knot's acl."
    ),
    "BADSIG": "its secret for {key} is another one: check the secret.",
    "an empty transfer": (
        "it does not transfer zones, or not this one: "
        "let the key or user transfer it, or ask another server."
    ),
    # What a server says of a key as well as of a zone, by what else it answers.
    "NOTAUTH": (
        "check the zone's name, that it is primary for the zone, "
        "and that it knows {key} and lets it do this."
    ),
    "NOTAUTH zone": (
        "it does not serve the zone: check the zone's name, and ask the zone's primary."
    ),
    "NOTAUTH key": (
        "it serves the zone, but does not take {key}: "
        "check name, algorithm and secret, and the clocks of both hosts."
    ),
    "NOTAUTH right": (
        "it serves the zone and knows {key}: let that do this (PowerDNS: TSIG-ALLOW-AXFR and "
        "TSIG-ALLOW-DNSUPDATE, Knot DNS: acl), or ask the zone's primary, if this is none."
    ),
    "NOTAUTH none": "it serves the zone, but requires a signature: give a key that it allows this.",
    "BADTRUNC": "it requires longer signatures: check the algorithm.",
}


class ServerError(Exception):
    """What a server said no with; the message names server, zone and remedy.

    ``word`` is the server's own word, or None.
    """

    def __init__(self, message, word=None):
        super().__init__(message)
        self.word = word


class UnreachableError(ServerError):
    """Nobody answers at the server's address."""


class UnservedError(ServerError):
    """The server does not serve the zone."""


class RacedError(Exception):
    """The zone changed between reading and writing."""


def read_key_file(path):
    """Return ``(name, algorithm, secret)`` of the first key in the file ``path``,
    which has BIND's format.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name = re.search(r'key\s+"?([^"\s{]+)"?\s*\{', text)
    algorithm = re.search(r'algorithm\s+"?([^";\s]+)', text)
    secret = re.search(r'secret\s+"?([^";\s]+)', text)
    if not (name and algorithm and secret):
        raise ValueError(
            f"{path} has no key: write name, algorithm and secret into it as tsig-keygen does."
        )
    return name[1], algorithm[1], secret[1]


class Server:
    """The name server at ``address`` (IPv4 or IPv6) and ``port``, asked for ``zone``.

    ``key``: name, algorithm and secret of a TSIG key, or None. ``timeout``: seconds to wait for a
    packet. ``tls``: None, or ``(file of trusted certificates or None, name in the server's
    certificate or None)``. ``gss``: None or, for a key that is agreed on by Kerberos, ``(the
    server's name, our own or None, keytab or None)``. To be used by ``with``, so that such a key is
    given back.
    """

    def __init__(self, address, port, zone, key=None, timeout=10, tls=None, gss=None):
        self._where = f"The name server {address} port {port}, asked for the zone {zone},"
        self._place, self._zone, self._timeout = (address, port), zone, timeout
        self._tls = tls and (_trust(tls[0]), tls[1] or address)
        self._signature, self._gss, self._key = {}, gss, "the key"
        if key:
            name, algorithm, secret = key
            self._key = f"the key {name} ({algorithm})"
            try:
                self._signature = {
                    "keyring": dns.tsigkeyring.from_text({name: secret}),
                    "keyname": dns.name.from_text(name),
                    "algorithm": dns.name.from_text(algorithm),
                }
            except binascii.Error:
                raise ValueError(
                    f"The secret of the key {name} is not base64: give it as tsig-keygen writes it."
                ) from None

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if not (self._gss and self._signature):
            return
        try:
            with self._stream() as stream:
                self._exchange(stream, gss_tsig.farewell(self._signature["keyring"]))
        except (dns.exception.DNSException, OSError, EOFError, ServerError):
            pass  # a key that is not given back is forgotten by the server in time

    def transfer(self):
        """Return ``(soa, content)`` of the whole zone; raises ServerError."""
        return self._ask(self._transfer)

    def query(self, keys):
        """Return ``(soa, content)`` where the content is that of the names and types ``keys``.

        Besides it has the aliases at those names, what the server tells of other data where an
        alias is asked for, and of a DS the NS.
        """
        keys = {*keys, *((name, "NS") for name, kind in keys if kind == "DS")}
        wanted = sorted(
            {
                *keys,
                *((name, "ANY" if (name, "CNAME") in keys else "CNAME") for name, _kind in keys),
            }
        )
        return self._ask(lambda stream: (self._soa(stream), self._query(stream, wanted)))

    def soa(self):
        """Return the zone's SOA; raises ServerError."""
        return self._ask(self._soa)

    def update(self, changes, soa=None):
        """Make ``changes`` in one update, which holds only if the zone's SOA is still ``soa``.

        Without ``soa`` it holds only if what the changes take or replace is still there, and what
        they add is not. Raises RacedError, TimeoutError (whether the update was made is not known
        then) or ServerError.
        """
        update = dns.update.UpdateMessage(self._zone)
        if soa:
            update.present(self._zone, soa)
        for change in changes:
            if not soa:
                self._require(update, change)
            self._enter(update, change)
        what = ", ".join(f"{change.name} {change.type}" for change in changes[:2])
        if changes[2:]:
            what += f" and {len(changes) - 2} more"
        try:
            answer = self._ask(lambda stream: self._exchange(stream, update), tries=1)
        except dns.exception.TooBig as error:
            raise ServerError(
                f"{self._where} cannot be sent {what}: "
                f"one DNS message holds 65535 bytes. Use fewer values."
            ) from error
        word = dns.rcode.to_text(answer.rcode())
        if word in ("NXRRSET", "YXRRSET", "NXDOMAIN", "YXDOMAIN"):
            raise RacedError
        if word != "NOERROR":
            raise self._refused(word, f" to the update of {what}")

    @staticmethod
    def _require(update, change):
        if change.before:
            update.present(change.name, *sorted(change.before.values))
        else:
            update.absent(change.name, change.type)

    def _enter(self, update, change):
        if change.after is None:
            update.delete(change.name, change.type)
            return
        before = change.before.values if change.before else frozenset()
        if (
            change.before
            and change.before.ttl != change.after.ttl
            and (change.name, change.type) != (self._zone, "NS")
        ):
            # Knot DNS passes over the new TTL of a record that is there.
            update.replace(change.name, change.after.ttl, *change.after.values)
            return
        # Value by value, new ones first: a server keeps the last name server of a zone.
        kept_ttl = change.before and change.before.ttl == change.after.ttl
        new = change.after.values - before if kept_ttl else change.after.values
        if new:  # past update.add, which looks for a record set to add to first
            update.update.append(dns.rrset.from_rdata_list(change.name, change.after.ttl, new))
        for value in before - change.after.values:
            update.delete(change.name, value)

    def _ask(self, question, tries=_TRIES):
        """Return ``question(stream)``;
        asks again, on a new connection, when packets are lost, and for no other reason.
        """
        for left in reversed(range(tries)):
            try:
                with self._stream() as stream:
                    if self._gss and not self._signature:
                        self._agree(stream)
                    return question(stream)
            except TimeoutError as error:
                if left == 0 and tries > 1:
                    raise UnreachableError(
                        f"{self._where} does not answer (time-out, {tries} times {self._timeout} "
                        f"s): see that it runs and that a firewall lets TCP through."
                    ) from error
                if left == 0:
                    raise
            except ssl.SSLError as error:
                raise ServerError(
                    f"{self._where} failed the verification of TLS ({error}): "
                    f"check port, tls_ca and tls_name."
                ) from error
            except dns.tsig.PeerError as error:
                word = (
                    type(error)
                    .__name__.replace("Peer", "")
                    .upper()
                    .replace("SIGNATURE", "SIG")
                    .replace("TRUNCATION", "TRUNC")
                )
                raise self._refused(word) from error
            except dns.tsig.BadTime as error:
                raise self._refused("BADTIME") from error
            except gss_tsig.GssError as error:
                raise ServerError(f"{self._where} {error}") from error
            except dns.exception.TooBig:
                raise
            except EOFError as error:
                raise ServerError(
                    f"{self._where} closed the connection before its answer: "
                    f"check that it runs, and its log."
                ) from error
            except OSError as error:
                raise UnreachableError(
                    f"{self._where} does not answer ({error}): see that it runs and that a "
                    f"firewall lets TCP through."
                ) from error
            except dns.exception.DNSException as error:
                raise ServerError(
                    f"{self._where} gave an answer that cannot be understood "
                    f"({type(error).__name__}: {error})."
                ) from error
        raise AssertionError("unreachable")

    def _stream(self):
        stream = socket.create_connection(self._place, self._timeout)
        if self._tls is None:
            return stream
        context, name = self._tls
        try:
            return context.wrap_socket(stream, server_hostname=name)
        except BaseException:
            stream.close()
            raise

    def _agree(self, stream):
        """Agree with the server on a key, by Kerberos; it serves for other connections too."""

        def exchange(message):
            _write(stream, message)
            return _next(stream)

        key, user = gss_tsig.agree(exchange, *self._gss)
        self._signature = {"keyring": key}
        self._where = f"{self._where[:-1]} by {user},"

    def _send(self, stream, message):
        if self._signature:
            message.use_tsig(**self._signature)
        _write(stream, message.to_wire(max_size=65535))

    def _receive(self, stream, sent, **options):
        """Return the next answer, to one of the messages in ``sent`` (``{id: message}``)."""
        wire = _next(stream)
        question = sent.get(struct.unpack("!H", wire[:2])[0])
        if question is None:
            raise ServerError(f"{self._where} answered another question: ask the zone's primary.")
        keyring = self._signature.get("keyring")
        try:
            answer = dns.message.from_wire(
                wire, keyring=keyring, request_mac=question.mac if keyring else b"", **options
            )
        except (dns.exception.FormError, dns.tsig.BadSignature) as error:
            # A refusal may come without a signature, or with a wrong one as from Samba; nothing
            # else may.
            if wire[3] & 15 != dns.rcode.NOERROR:
                return dns.message.from_wire(wire, question_only=True)
            if options or isinstance(error, dns.tsig.BadSignature):
                raise
            # Newer versions of dnspython raise FormError where a signature is missing.
            answer = dns.message.from_wire(wire)
        if keyring and not (answer.had_tsig or answer.rcode() != dns.rcode.NOERROR or options):
            self._fail_unsigned()
        return answer

    def _exchange(self, stream, message):
        self._send(stream, message)
        return self._receive(stream, {message.id: message})

    def _fail_unsigned(self):
        raise ServerError(
            f"{self._where} did not sign its answer: make sure that it knows the key."
        )

    def _transfer(self, stream):
        question = dns.message.make_query(self._zone, "AXFR", flags=0)
        self._send(stream, question)
        content, soa, context, ended = {}, None, None, False
        while not ended:
            answer = self._receive(
                stream, {question.id: question}, xfr=True, tsig_ctx=context, multi=True
            )
            context = answer.tsig_ctx
            if answer.rcode() != dns.rcode.NOERROR:
                raise self._refused(dns.rcode.to_text(answer.rcode()), " to the transfer")
            for rrset in answer.answer:
                kind = kind_of(rrset.rdtype)
                if soa is None and (kind, rrset.name) != ("SOA", self._zone):
                    raise ServerError(
                        f"{self._where} answered the transfer with something that is not a zone: "
                        f"ask the zone's primary."
                    )
                if kind == "SOA":
                    soa, ended = rrset[0], soa is not None
                new = RRset(rrset.ttl, frozenset(rrset))
                before = content.setdefault((rrset.name, kind), new)
                if before is not new:  # it goes on from one message to the next
                    content[rrset.name, kind] = before._replace(values=before.values | new.values)
            if soa is None:
                raise self._refused("an empty transfer")
        # Of several messages the last one has to be signed.
        if self._signature and not answer.had_tsig:
            self._fail_unsigned()
        return soa, content

    def _query(self, stream, wanted):
        """Return the content for the names and types ``wanted``, asked over one connection
        without waiting for each answer.
        """
        content = {}
        for start in range(0, len(wanted), _WINDOW):
            sent = {}
            for number, (name, kind) in enumerate(wanted[start : start + _WINDOW]):
                sent[number] = dns.message.make_query(name, kind, flags=0)
                sent[number].id = number
                self._send(stream, sent[number])
            for _answer in range(len(sent)):
                answer = self._receive(stream, sent)
                key = wanted[start + answer.id]
                if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    raise self._refused(
                        dns.rcode.to_text(answer.rcode()), f" to the query for {key[0]} {key[1]}"
                    )
                # Of a delegation the name servers stand in the authority section, their addresses
                # in the additional one.
                for rrset in (*answer.answer, *answer.authority, *answer.additional):
                    found = (rrset.name, kind_of(rrset.rdtype))
                    if found == key or key == (rrset.name, "ANY"):
                        content[found] = RRset(rrset.ttl, frozenset(rrset))
        return content

    def _soa(self, stream):
        answer = self._exchange(stream, dns.message.make_query(self._zone, "SOA", flags=0))
        if answer.rcode() != dns.rcode.NOERROR:
            remedy = "check the zone's name, and that it is primary for the zone."
            word = dns.rcode.to_text(answer.rcode())
            refusal = self._refused(
                word, " to the query for the SOA", None if word == "NOTAUTH" else remedy
            )
            raise refusal if word == "NOTAUTH" else UnservedError(str(refusal), word)
        for rrset in answer.answer:
            if (rrset.name, rrset.rdtype) == (self._zone, dns.rdatatype.SOA):
                return rrset[0]
        raise ServerError(
            f"{self._where} has no SOA of it: ask the zone's primary, and check the zone's name."
        )

    def _refused(self, word, to="", remedy=None):
        if self._gss and word == "BADKEY":
            remedy = "it has forgotten the negotiated key, for instance after a restart: run again."
        meaning = self._meaning() if word == "NOTAUTH" else word
        remedy = remedy or _REMEDY.get(meaning, "read its log.").format(key=self._key)
        return (UnservedError if meaning == "NOTAUTH zone" else ServerError)(
            f"{self._where} answered {word}{to}: {remedy}", word
        )

    def _meaning(self):
        """Return what NOTAUTH is said of, as _REMEDY has it:
        whether the server tells the zone's SOA without a signature, and with ours.
        """
        try:
            if not self._tells_soa({}):
                return "NOTAUTH zone"
            if not self._signature:
                return "NOTAUTH none"
            return "NOTAUTH right" if self._tells_soa(self._signature) else "NOTAUTH key"
        except (OSError, EOFError):
            return "NOTAUTH"

    def _tells_soa(self, signature):
        question = dns.message.make_query(self._zone, "SOA", flags=0)
        if signature:
            question.use_tsig(**signature)
        with self._stream() as stream:
            _write(stream, question.to_wire())
            flags, code, _questions, answers = struct.unpack_from("!xxBBHH", _next(stream))
        return code & 15 == dns.rcode.NOERROR and bool(flags & 4) and answers > 0


def _trust(file):
    """Return the TLS context that trusts the certificates in ``file`` or,
    without one, those that the system trusts.
    """
    try:
        context = ssl.create_default_context(cafile=file)
    except OSError as error:
        raise ValueError(
            f"tls_ca is {file}, which holds no certificates that can be read ({error}): correct it."
        ) from error
    context.set_alpn_protocols(["dot"])
    return context


def _write(stream, wire):
    stream.sendall(struct.pack("!H", len(wire)) + wire)


def _next(stream):
    """Return the next message of a connection; raises EOFError where it ends before."""
    return _read(stream, *struct.unpack("!H", _read(stream, 2)))


def _read(stream, size):
    """Return exactly ``size`` bytes; raises EOFError where the connection ends before."""
    found = bytearray()
    while len(found) < size:
        piece = stream.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)


def serial_at(address, port, zone, timeout):
    """Return the serial that the name server at ``address`` answers with over UDP,
    None where it gives none in time.
    """
    try:
        answer = dns.query.udp(
            dns.message.make_query(zone, "SOA", flags=0),
            address,
            timeout,
            port,
            ignore_unexpected=True,
        )
    except (dns.exception.DNSException, OSError):
        return None
    return next(
        (rrset[0].serial for rrset in answer.answer if rrset.rdtype == dns.rdatatype.SOA), None
    )
