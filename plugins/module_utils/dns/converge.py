# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leading a zone to what is declared: read, plan, check, apply,
and again when somebody else was faster.

Private to the collection. The server is a ``rfc2136.Server``; what is declared comes from
``rrsets``.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.module_utils.dns import plan, rfc2136

# Each try reads the zone anew; a zone that changes faster than this is not ours to change.
_TRIES = 5
# How servers refuse a transfer; Knot DNS says BADKEY of a key that may not, Samba sends nothing of
# the zone.
_REFUSALS = ("REFUSED", "NOTAUTH", "NOTIMP", "SERVFAIL", "FORMERR", "BADKEY", "an empty transfer")


class Outcome(NamedTuple):
    """``before``: the zone's content, ``changes``:
    what was or would be done, ``danger``: why a run would refuse, or None.
    """

    before: dict
    changes: list
    danger: str | None
    serial_before: int
    serial: int


class PartError(Exception):
    """The plan is not applied, or a part of it only; ``outcome`` says which."""

    def __init__(self, message, outcome):
        super().__init__(message)
        self.outcome = outcome


class LagError(PartError):
    """The plan is applied, but not all name servers answer with the new serial;
    the message names them and what to do.
    """


def read(server, declared, exclusive):
    """Return ``(soa, content, whole)``:
    by transfer or, where that is refused and not needed, by queries for what is declared.
    """
    try:
        return (*server.transfer(), True)
    except rfc2136.ServerError as error:
        if error.word not in _REFUSALS or exclusive and isinstance(error, rfc2136.UnservedError):
            raise
        if exclusive:
            raise rfc2136.ServerError(
                f"{error} The option exclusive needs a transfer of the zone.", error.word
            ) from error
    return (*server.query(list(declared)), False)


def converge(server, zone, declared, options, check_mode=False):
    """Lead ``zone`` on ``server`` to what is ``declared``; return the Outcome.

    ``options``: exclusive, keep, force, max_change and small_zone, as the module has them. Raises
    UnsafeError, PartError, ServerError and DeclarationError.
    """
    first, done, unsure, raced = None, [], [], None
    for _try in range(_TRIES):
        soa, content, whole = read(server, declared, options["exclusive"])
        first = first or (content, soa.serial)
        # An update whose answer was lost shows only in the zone whether it was made, and late where
        # the server signs a copy of the zone.
        done += [change for change in unsure if content.get(change[:2]) == change.after]
        unsure = [change for change in unsure if change not in done]
        changes = plan.plan(content, declared, zone, options["exclusive"], options["keep"])
        danger = _danger(content, changes, zone, options, whole)
        if check_mode or not changes:
            return Outcome(first[0], changes if check_mode else done, danger, first[1], soa.serial)
        if danger:
            raise _partly(danger, done, first, soa) if done else plan.UnsafeError(danger)
        # A server that signs a copy of the zone (BIND's inline-signing) answers with the copy's
        # serial and compares with another one: it says that the zone changed where it did not. Each
        # record set has to be as it was read then.
        guard = None if soa.serial == raced else soa
        parts = plan.parts(changes)
        for part in parts:
            try:
                server.update(part, guard)
                done += part
                unsure = []
                before, soa = soa, _after_update(server, soa)
            except rfc2136.RacedError:
                raced = guard and guard.serial
                break
            except TimeoutError:
                unsure = part
                break
            except rfc2136.ServerError as error:
                if guard and error.word == "NOTIMP":
                    # Samba takes no SOA as a condition, but record sets.
                    raced = guard.serial
                    break
                if done:
                    raise _partly(str(error), done, first, soa) from error
                raise
            # One step of the serial is ours: nobody was in between, and the next part can rely on
            # what was read. Where the server counts otherwise, or somebody was, each record set has
            # to be as it was read, and the zone is read again at the end.
            guard = soa if guard and soa.serial == before.serial + 1 else None
        else:
            if guard or len(parts) == 1:
                return Outcome(first[0], done, None, first[1], soa.serial)
    raise _partly(
        (
            f"The zone {zone} was changed by someone else, or the answer was lost, {_TRIES} "
            f"times in a row: see who changes it, and run again."
        ),
        done,
        first,
        soa,
    )


def _after_update(server, before):
    """Return the SOA after an update;
    a server that signs a copy of the zone takes a moment to come with the next serial.
    """
    deadline = time.monotonic() + 2
    while (soa := server.soa()).serial == before.serial and time.monotonic() < deadline:
        time.sleep(0.05)
    return soa


def _danger(content, changes, zone, options, whole):
    """Return why the plan is likely a mistake, or None.

    Of a zone that is not read as a whole no share can be told.
    """
    if options["force"]:
        return None
    try:
        plan.check(
            content, changes, zone, options["max_change"] if whole else 100, options["small_zone"]
        )
    except plan.UnsafeError as error:
        return str(error)
    return None


def _partly(message, done, first, soa):
    made = (
        f"{len(done)} record sets were changed before that and stay so; run again for the rest."
        if done
        else "Nothing was changed."
    )
    return PartError(f"{message} {made}", Outcome(first[0], done, None, first[1], soa.serial))


def wait(zone, outcome, places, seconds):
    """Wait at most ``seconds`` until all name servers at ``places`` (address, port) answer with the
    outcome's serial or a later one.

    Raises LagError.
    """
    serial, deadline = outcome.serial, time.monotonic() + seconds
    behind = dict.fromkeys(places)
    while behind:
        for address, port in list(behind):
            found = rfc2136.serial_at(address, port, zone, 2)
            behind[address, port] = found
            # Serials go round: what is less than half the circle ahead is later.
            if found is not None and (found - serial) % 2**32 < 2**31:
                del behind[address, port]
        if behind and time.monotonic() > deadline:
            said = ", ".join(
                f"{address} port {port}: {old or 'no answer'}"
                for (address, port), old in behind.items()
            )
            raise LagError(
                f"The zone {zone} has the serial {serial}, but after {seconds} s not on all its "
                f"name servers ({said}): see that the primary notifies them, that they may "
                f"transfer the zone, and their logs.",
                outcome,
            )
        if behind:
            time.sleep(0.2)


def name_servers(server, zone):
    """Return ``(address, port)`` of each of the zone's name servers,
    from the zone itself or else from the system's resolver.

    Raises ServerError.
    """
    _soa, content = server.query([(zone, "NS")])
    targets = (
        sorted(value.target for value in content[zone, "NS"].values)
        if (zone, "NS") in content
        else []
    )
    _soa, content = server.query(
        [
            (target, kind)
            for target in targets
            if target.is_subdomain(zone)
            for kind in ("A", "AAAA")
        ]
    )
    places = []
    for target in targets:
        own = [
            value.address
            for kind in ("A", "AAAA")
            if (target, kind) in content
            for value in sorted(content[target, kind].values)
        ]
        if not own:
            try:
                own = sorted(
                    {
                        found[4][0]
                        for found in socket.getaddrinfo(
                            target.to_text(True), 53, type=socket.SOCK_DGRAM
                        )
                    }
                )
            except OSError as error:
                raise rfc2136.ServerError(
                    f"The name server {target} of {zone}, to be waited for, has no known address "
                    f"({error}): set wait_servers."
                ) from error
        places.extend((address, 53) for address in own)
    return places


def place(text):
    """Return ``(address, port)`` for ``ADDRESS`` or ``ADDRESS@PORT``; raises ValueError."""
    address, _at, port = text.partition("@")
    try:
        return str(ipaddress.ip_address(address)), int(port or 53)
    except ValueError:
        raise ValueError(
            f"wait_servers has {text!r}: give an address, with @ and the port where it is not 53."
        ) from None
