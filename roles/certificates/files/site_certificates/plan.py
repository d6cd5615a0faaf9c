# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do next for a certificate. Pure: what there is, the ledger,
the clock and the CA's advice in; a step out.

A *wish* is the set of names that a CA is asked for. The ledger has a *pace* for each: what was
tried for it and when it may be tried again. A pace is a dictionary as JSON has it; functions return
a new one.
"""

from __future__ import annotations

import dataclasses
import datetime

from . import moments

MINUTE, HOUR, DAY = (datetime.timedelta(seconds=n) for n in (60, 3600, 86400))
# As Let's Encrypt's guide for clients has it.
PAUSES = (MINUTE, 10 * MINUTE, 100 * MINUTE, DAY)
# What is asked of the world costs no limit of a CA.
CHECKS, CHECK_SOON, CHECK_LATER = 6, 10 * MINUTE, HOUR
# The timer comes every ten minutes, not to the second: what is due before its next run is due.
_EARLY = 5 * MINUTE
FALLBACK = DAY
ALARM_FAILURES = 3
# An order whose answer was lost with its run is asked about again, but not for ever.
RESUMES = 3


@dataclasses.dataclass(frozen=True)
class Have:
    """The certificate that is served."""

    source: str  # acme, private, given or placeholder
    names: tuple[str, ...]
    start: datetime.datetime
    end: datetime.datetime
    directory: str | None = None
    revoked: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    """What to do: ``keep`` until ``at``, ``wait`` until ``at``,
    ``resume`` an order, or ``ask`` for one.
    """

    kind: str
    at: datetime.datetime | None = None
    ca: str | None = None
    rehearse: bool = False


def key(names) -> str:
    """Return the name of a wish in the ledger."""
    return ",".join(sorted(names))


def share(start: datetime.datetime, end: datetime.datetime) -> datetime.datetime:
    """Return when a certificate is due without the CA's advice:
    after 2/3 of its life, 1/2 where that is short.
    """
    life = end - start
    return start + (life / 2 if life < 10 * DAY else life * 2 / 3)


def due(
    names, have: Have | None, advised: datetime.datetime | None, directories
) -> datetime.datetime | None:
    """Return when a certificate from a CA is to be asked for, None for at once."""
    if have is None or have.source != "acme" or have.revoked:
        return None
    # Another CA is another certificate: so a staging one never stays.
    if key(have.names) != key(names) or have.directory not in directories:
        return None
    regular = share(have.start, have.end)
    return min(regular, advised) if advised else regular


def next_step(
    names, have, pace: dict, advised, cas: list[dict], now, *, timer=False, forced=False
) -> Step:
    """Return the next step for a certificate from a CA.

    ``cas``: the CAs in their order (name, directory, staging, eab). ``forced``: it is due now, as
    an owner asked. Not even that is asked for before the pause after a failure is over.
    """
    attempt = pace.get("attempt")
    known = [ca["name"] for ca in cas]
    if attempt and attempt.get("order") and attempt["ca"] in known and attempt["resumed"] < RESUMES:
        # After a killed run at once; after one that lost the CA when the pause is over.
        at = moments.read(pace.get("next")) if attempt.get("lost") else None
        return Step("wait", at=at) if at and at > now else Step("resume", ca=attempt["ca"])
    when = due(names, have, advised, [ca["directory"] for ca in cas])
    if when and when > now and not forced:
        return Step("keep", at=when)
    if (
        (at := moments.read(pace.get("next")))
        and at > now
        and not (forced and not pace["failures"])
    ):
        return Step("wait", at=at)
    if timer and (at := moments.read(pace.get("check_next"))) and at > now + _EARLY:
        return Step("wait", at=at)
    ca = choose(pace, known, now)
    asked = next(one for one in cas if one["name"] == ca)
    # A staging knows nothing of the account that ours is bound to.
    return Step(
        "ask",
        ca=ca,
        rehearse=bool(asked.get("staging") and not asked.get("eab") and pace.get("failures")),
    )


def choose(pace: dict, known: list[str], now) -> str:
    """Return the CA to ask: after a day of failures the next of the list, and so round."""
    ca = pace.get("ca") if pace.get("ca") in known else known[0]
    since = moments.read(pace.get("since"))
    if since and now - since >= FALLBACK:
        return known[(known.index(ca) + 1) % len(known)]
    return ca


def waits(pace: dict, now, said: str, ca: str, blames_ca: bool, not_before=None) -> dict:
    """Return the pace after a self-check that found the world
    not ready. It counts as no failure.
    """
    checks = pace.get("checks", 0) + 1
    pause = CHECK_SOON if checks <= CHECKS else CHECK_LATER
    new = {**pace, "checks": checks, "check_next": moments.shown(now + pause), "said": said}
    new["waits"] = True
    if not_before:
        new["next"] = moments.shown(max(not_before, moments.read(pace.get("next")) or now))
    return _blamed(new, now, ca) if blames_ca else new


def begun(pace: dict, now, ca: str) -> dict:
    """Return the pace to be written *before* a CA is asked:
    of a run that is killed, it is the failure.
    """
    failures = pace.get("failures", 0) + 1
    new = {
        name: value for name, value in pace.items() if name not in ("checks", "check_next", "waits")
    }
    new |= {
        "failures": failures,
        "next": moments.shown(now + pause(failures)),
        "said": "The run that asked for it was killed before the answer.",
        "attempt": {"at": moments.shown(now), "ca": ca, "order": None, "resumed": 0},
    }
    return _blamed(new, now, ca)


def _blamed(pace, now, ca):
    if pace.get("ca") == ca and pace.get("since") and now - moments.read(pace["since"]) < FALLBACK:
        return pace
    return {**pace, "ca": ca, "since": moments.shown(now)}


def ordered(pace: dict, url: str) -> dict:
    """Return the pace when an order is made, about which a later run can ask."""
    return {**pace, "attempt": {**pace["attempt"], "order": url}}


def resumed(pace: dict) -> dict:
    """Return the pace to be written before an order is asked about again."""
    attempt = pace["attempt"]
    return {**pace, "attempt": {**attempt, "resumed": attempt["resumed"] + 1}}


def failed(pace: dict, now, said: str, not_before=None, lost: bool = False) -> dict:
    """Return the pace after an attempt that failed.

    ``not_before``: what the CA's ``Retry-After`` says. ``lost``: the CA did not answer, so an order
    that it has may still come to a good end; the next attempt asks about it.
    """
    at = max(now + pause(pace["failures"]), not_before or now)
    attempt = pace.get("attempt") if lost and (pace.get("attempt") or {}).get("order") else None
    return {
        **pace,
        "next": moments.shown(at),
        "said": said,
        "attempt": attempt and {**attempt, "lost": True},
    }


def put_off(pace: dict, at, said: str) -> dict:
    """Return the pace when the CA has told others of this host to wait:
    nothing was asked, nothing failed.
    """
    return {**pace, "next": moments.shown(at), "said": said, "failures": pace.get("failures", 0)}


def succeeded(now, life: datetime.timedelta) -> dict:
    """Return the pace after a certificate was issued: nothing may lead to one each minute."""
    return {"failures": 0, "next": moments.shown(now + min(HOUR, life / 4)), "attempt": None}


def cleared(pace: dict) -> dict:
    """Return the pace when an owner wants it tried at once.

    The next failure pauses as long as it would have.
    """
    return {name: value for name, value in pace.items() if name not in ("next", "check_next")}


def pause(failures: int) -> datetime.timedelta:
    """Return how long to wait after so many failures in a row."""
    return PAUSES[min(failures, len(PAUSES)) - 1]


def advice(old: dict | None, window: tuple, have: Have, number: float) -> datetime.datetime:
    """Return the moment of renewal within the window that the CA suggests (RFC 9773).

    It is drawn once, by ``number`` (0 to 1), and kept as long as it lies within the window.
    """
    start, end = window
    if end - start > have.end - have.start:
        # The window is longer than the certificate's life: take its part that makes sense.
        start = max(start, have.start + (have.end - have.start) / 2)
        end = max(start, min(end, have.end))
    drawn = moments.read((old or {}).get("moment"))
    if drawn and start <= drawn <= end:
        return drawn
    return (start + (end - start) * number).replace(microsecond=0)


def alarm(have: Have | None, pace: dict, now) -> str | None:
    """Return what an owner has to know, None if nothing."""
    if pace.get("failures", 0) >= ALARM_FAILURES:
        return f"{pace['failures']} attempts in a row failed. {pace.get('said') or ''}".strip()
    if have and have.source != "placeholder" and now > have.end - (have.end - have.start) / 4:
        left = have.end - now
        rest = f"ends in {left.days} days" if left > DAY else f"ends at {moments.shown(have.end)}"
        return f"the certificate {rest}. {pace.get('said') or ''}".strip()
    return None
