# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agreeing with a name server on a key by Kerberos: GSS-TSIG (RFC
3645), carried by TKEY records (RFC 2930).

Private to the collection; the only file of it that needs the Python package gssapi. It sends
nothing itself.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
import traceback

GSSAPI_ERROR = None
try:
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
    import dns.rdtypes.ANY.TKEY
    import dns.rrset
    import dns.tsig
except ImportError:  # the module says so, in its own words
    pass
try:
    import gssapi
except (ImportError, OSError):  # OSError: the package is there, Kerberos' own libraries are not
    GSSAPI_ERROR = traceback.format_exc()

_KERBEROS, _SPNEGO = "1.2.840.113554.1.2.2", "1.3.6.1.5.5.2"
_NEGOTIATE, _DELETE = 3, 5
# Rounds that a server may ask for; Kerberos takes one, or two.
_ROUNDS = 10
_LOG_IN = "log in with kinit as the user that the module runs as, or set gss_keytab."
_KEYTAB = "see with klist -k whether the keytab holds a key of gss_principal."
_STALE = "the keytab has another key than the realm: fetch it again."
_CLOCKS = "correct the clocks of this host, of the realm's servers and of the name server."
_NO_REALM = (
    "krb5.conf and the DNS know no server of this realm: "
    "correct gss_principal or gss_server, or krb5.conf."
)
# By the number that Kerberos gives an error.
_REMEDY = {
    -1765328383: "the realm has locked the user: ask its administrator.",
    -1765328378: "the realm has no such user: correct gss_principal, or the keytab.",
    -1765328377: (
        "set gss_server to the name for which the realm has DNS/NAME; Kerberos takes its realm "
        "from krb5.conf and the DNS."
    ),
    -1765328366: "the realm has locked the user: ask its administrator.",
    -1765328360: _STALE,
    -1765328353: _STALE,
    -1765328352: _LOG_IN,
    -1765328347: _CLOCKS,
    -1765328237: _CLOCKS,
    -1765328230: _NO_REALM,
    -1765328228: "see that the realm's servers run and that a firewall lets port 88 through.",
}


class GssError(Exception):
    """Kerberos gives no ticket, or the server does not take it; the message says what to do."""


def server_name(server, name=None):
    """Return what Kerberos knows ``server`` as: ``name`` or, without one, itself;
    raises ValueError where that is an address.
    """
    try:
        ipaddress.ip_address(name or server)
    except ValueError:
        return (name or server).rstrip(".")
    option = "gss_server" if name else "server"
    raise ValueError(
        f"{option} is {name or server}, and Kerberos knows servers by name: "
        f"set gss_server to the server's host name."
    )


def agree(exchange, server, principal=None, keytab=None):
    """Return ``(key, user)``: the TSIG key that the name server named ``server`` and we agreed on,
    and who it takes us for.

    ``exchange`` takes a message to the server and returns its answer, both as bytes. Without
    ``keytab`` the ticket comes from where Kerberos itself looks for it. Raises GssError.
    """
    try:
        context = _context(server, principal, keytab)
        key = dns.tsig.Key(
            dns.name.from_text(f"{secrets.token_hex(8)}.{server}"), context, dns.tsig.GSS_TSIG
        )
        token = context.step()
        for _round in range(_ROUNDS):
            token, signed = _round_trip(exchange, key, token, server)
            if not token:
                break
    except gssapi.exceptions.GSSError as error:
        raise GssError(_explained(error, server, keytab)) from error
    except dns.tsig.BadSignature as error:
        raise GssError(
            "signed the agreed key wrongly: it is not the server that Kerberos knows."
        ) from error
    if not context.complete or token:
        raise GssError(f"came to no end in {_ROUNDS} rounds of agreeing on a key: read its log.")
    if not signed:
        raise GssError("did not sign the agreed key: it is not the server that Kerberos knows.")
    return key, str(context.initiator_name)


def farewell(key):
    """Return the message, still to be signed, that has the server forget ``key``."""
    return _tkey(key, _DELETE, b"")


def _context(server, principal, keytab):
    user = principal and gssapi.Name(principal, gssapi.NameType.kerberos_principal)
    # What is got by a keytab stays in memory: it is no business of others who use the user's ticket
    # cache.
    store = (
        {"client_keytab": f"FILE:{keytab}", "ccache": f"MEMORY:{secrets.token_hex(8)}"}
        if keytab
        else None
    )
    wanted = {
        "name": gssapi.Name(f"DNS@{server}", gssapi.NameType.hostbased_service),
        "creds": gssapi.Credentials(name=user, usage="initiate", store=store),
        # Answers to questions that are under way at once may come in any order, so their sequence
        # is not watched.
        "flags": [
            getattr(gssapi.RequirementFlag, flag)
            for flag in ("mutual_authentication", "integrity", "replay_detection")
        ],
        "usage": "initiate",
    }
    # This fetches the ticket. Of Kerberos' errors SPNEGO, which Windows wants, keeps the words and
    # not the numbers.
    gssapi.SecurityContext(mech=gssapi.OID.from_int_seq(_KERBEROS), **wanted).step()
    return gssapi.SecurityContext(mech=gssapi.OID.from_int_seq(_SPNEGO), **wanted)


def _round_trip(exchange, key, token, server):
    """Send ``token``; return the one to send next, or None,
    and whether the answer was signed with ``key``.
    """
    following = []

    def step(answer):
        theirs = _token(answer, key.name, server)
        following.append(None if key.secret.complete else key.secret.step(theirs))

    def keyring(answer, _name):
        # The answer that completes the context is signed by it.
        step(answer)
        return key

    answer = dns.message.from_wire(
        exchange(_tkey(key, _NEGOTIATE, token).to_wire(max_size=65535)), keyring=keyring
    )
    if not following:
        step(answer)
    return following[0], answer.had_tsig


def _tkey(key, mode, token):
    now = int(time.time())
    record = dns.rdtypes.ANY.TKEY.TKEY(
        dns.rdataclass.ANY,
        dns.rdatatype.TKEY,
        dns.tsig.GSS_TSIG,
        now,
        now + 3600,
        mode,
        dns.rcode.NOERROR,
        token,
    )
    question = dns.message.make_query(key.name, dns.rdatatype.TKEY, dns.rdataclass.ANY, flags=0)
    question.additional.append(dns.rrset.from_rdata(key.name, 0, record))
    return question


def _token(answer, name, server):
    """Return the token for ``name`` in the ``answer`` of the ``server``;
    raises GssError where it refuses.
    """
    word = dns.rcode.to_text(answer.rcode())
    for rrset in answer.answer:
        if (rrset.name, rrset.rdtype) == (name, dns.rdatatype.TKEY):
            if rrset[0].error == dns.rcode.NOERROR and word == "NOERROR":
                return rrset[0].key
            word = dns.rcode.to_text(rrset[0].error or answer.rcode(), tsig=bool(rrset[0].error))
    if word == "BADKEY":
        remedy = (
            "see that its keytab holds the newest key of that name, that it may read the file, "
            "that all clocks agree, and its log."
        )
    else:
        remedy = "see that it is set up for Kerberos (BIND: tkey-gssapi-keytab)."
    raise GssError(
        f"answered {word if word != 'NOERROR' else 'no key'} to the ticket for DNS/{server}: "
        f"{remedy}"
    )


def _explained(error, server, keytab):
    number = error.min_code - 2**32 if error.min_code >= 2**31 else error.min_code
    said = error.get_all_statuses(error.min_code, False) or error.get_all_statuses(
        error.maj_code, True
    )
    remedy = _REMEDY.get(number)
    if not remedy and isinstance(
        error,
        (gssapi.exceptions.MissingCredentialsError, gssapi.exceptions.ExpiredCredentialsError),
    ):
        remedy = _KEYTAB if keytab else _LOG_IN
    return (
        f"cannot be spoken to as DNS/{server}: Kerberos says {'; '.join(said)!r}: "
        f"{remedy or 'see what klist and kvno say, as the user that the module runs as.'}"
    )
