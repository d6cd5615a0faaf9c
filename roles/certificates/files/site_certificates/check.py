# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-check: what a CA would find wrong is found here first, at the cost of no limit. Each
fault is a sentence with its remedy.
"""

from __future__ import annotations

import dataclasses
import datetime

from . import CertificateError, dns01, http01, moments

_CLOCK = 600


@dataclasses.dataclass(frozen=True)
class Fault:
    """What keeps a CA from issuing; ``of_ca``: it is the CA's own."""

    said: str
    of_ca: bool = False
    retry_after: datetime.datetime | None = None


def faults(
    wish, client, world, zone, notes, thumbprint: str, accounts: dict | None = None, port: int = 80
) -> list[Fault]:
    """Return what is wrong with what a wish needs. Nothing is asked of the CA but its directory.

    ``notes`` remembers the TXT records that have to be removed.
    """
    try:
        meta = client.meta()
    except CertificateError as error:
        return [Fault(f"{client.ca['name']}: {error}", True, getattr(error, "retry_after", None))]
    found = [*_clock(client), *_profile(client, meta)]
    try:
        for name in wish.ordered:
            found += _caa(
                name, wish, client, meta, world, (accounts or {}).get(client.ca["directory"])
            )
        found += (
            _dns(wish, world, zone, notes)
            if wish.method == "dns-01"
            else _http(wish, world, thumbprint, port)
        )
    except CertificateError as error:
        found.append(Fault(str(error)))
    return found


def _clock(client):
    said, now = moments.of_header(client.date, moments.now()), moments.now()
    if said and abs((said - now).total_seconds()) > _CLOCK:
        text = (
            f"this host's clock says {moments.shown(now)}, "
            f"and {client.ca['name']}'s {moments.shown(said)}"
        )
        return [Fault(f"{text}: see timedatectl, and that time is synchronised.")]
    return []


def _profile(client, meta):
    wanted, offered = client.ca.get("profile"), meta.get("profiles")
    offered = sorted(offered) if isinstance(offered, dict) else []
    if wanted and wanted not in offered:
        there = f"offers {', '.join(offered)}" if offered else "offers none"
        return [
            Fault(
                f"{client.ca['name']} does not know the profile {wanted}, it {there}: "
                f"correct lamp_acme.profile."
            )
        ]
    return []


def caa_refusal(
    records, identities, wildcard: bool, method: str, account: str | None = None
) -> str | None:
    """Return what in a set of CAA records ``(flags, tag, value)`` forbids a certificate,
    None if nothing does. Pure.
    """
    known = ("issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone")
    for flags, tag, _value in records:
        if flags & 128 and tag.lower() not in known:
            return f"the critical property {tag}, which CAs do not know"
    issue = [value for _flags, tag, value in records if tag.lower() == "issue"]
    wild = [value for _flags, tag, value in records if tag.lower() == "issuewild"]
    rules = wild if wildcard and wild else issue
    if not rules:
        return None
    named = sorted({one.partition(";")[0].strip() or "nobody" for one in rules})
    why = f"only {' and '.join(named)} may issue"
    for rule in rules:
        who, *parameters = (part.strip() for part in rule.split(";"))
        if who.lower() not in identities:
            continue
        said = {
            name.strip().lower(): value.strip()
            for name, _is, value in (one.partition("=") for one in parameters)
        }
        if (methods := said.get("validationmethods")) and method not in [
            one.strip() for one in methods.split(",")
        ]:
            why = f"the validation methods are {methods} only, and this one is {method}"
        elif account and said.get("accounturi", account) != account:
            why = f"the account is {said['accounturi']}, and ours is {account}"
        else:
            return None
    return why


def _caa(name, wish, client, meta, world, account):
    identities = meta.get("caaIdentities")
    identities = [str(one).lower() for one in identities] if isinstance(identities, list) else []
    if not identities:
        return []  # a CA of one's own, which looks at none
    where = name.removeprefix("*.")
    while where:
        records = [
            (one.flags, one.tag.decode(), one.value.decode()) for one in world.ask(where, "CAA")
        ]
        if records:
            why = caa_refusal(records, identities, name.startswith("*."), wish.method, account)
            remedy = f'add a record like: {where} CAA 0 issue "{identities[0]}"'
            return (
                [
                    Fault(
                        f"{name}: the CAA records "
                        f"of {where} keep {client.ca['name']} out ({why}): {remedy}"
                    )
                ]
                if why
                else []
            )
        where = where.partition(".")[2]
    return []


def _dns(wish, world, zone, notes):
    if zone is None:
        return [
            Fault(
                f"{wish.name} is to be proved by DNS-01, "
                f"and there is no name server of ours: use HTTP-01."
            )
        ]
    found = _delegation(zone, world)
    for name in wish.ordered:
        target = world.target(name)
        if not zone.has(target):
            through = (
                ""
                if target == f"_acme-challenge.{name.removeprefix('*.')}"
                else f" leads to {target}, which"
            )
            found.append(
                Fault(
                    f"{name}: _acme-challenge.{name.removeprefix('*.')}{through} is not in our "
                    f"zone {zone.name}: let a CNAME lead there."
                )
            )
    if found:
        return found
    probe = [
        (target, dns01.probe()) for target in sorted({world.target(name) for name in wish.ordered})
    ]
    with zone.holding(probe, notes):
        return []


def _delegation(zone, world):
    servers = world.name_servers(zone.name)
    if not servers:
        return [
            Fault(
                f"the world finds no name servers of {zone.name}: have the registrar name "
                f"{', '.join(zone.ours)}."
            )
        ]
    if not {one for addresses in servers.values() for one in addresses} & set(zone.ours):
        named = ", ".join(servers)
        return [
            Fault(
                f"the registrar still names {named} for {zone.name}: have it name our name "
                f"servers ({', '.join(zone.ours)})."
            )
        ]
    return []


def _http(wish, world, thumbprint, port):
    found = []
    for name in wish.ordered:
        if name.startswith("*."):
            found.append(
                Fault(
                    f"{name}: a wildcard needs DNS-01, "
                    f"which needs a name server of ours (group lamp_dns)."
                )
            )
            continue
        addresses = world.addresses(name)
        if not addresses:
            found.append(
                Fault(
                    f"{name} has no address in the DNS: add an A record with this host's address."
                )
            )
        for address in addresses:
            try:
                wrong = http01.try_address(name, address, thumbprint, port)
            except http01.UnseenError:
                continue
            if wrong:
                kind = "AAAA" if ":" in address else "A"
                found.append(
                    Fault(
                        f"{name}: its {kind} record {address} {wrong}: let it be a web host of "
                        f"this site that is reached on port {port}, or remove the record."
                    )
                )
    return found
