# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of the certificates."""

from __future__ import annotations

from . import asking, files, moments, plan


def alarms(site) -> dict[str, str]:
    """Return what an owner has to know, of each certificate once a day."""
    found, now = {}, moments.now()
    for wish in site.settings.wishes:
        book = site.ledger(wish)
        pace, stuck = dict(book.pace(wish.ordered)), book.get("stuck")
        if stuck:
            pace = {"failures": stuck["failures"], "said": stuck["said"]}
        elif pace.get("said") is None:
            pace["said"] = book.get("given") or ""
        said, last = plan.alarm(site.have(wish), pace, now), moments.read(book.get("alarmed"))
        if not said:
            book.put(alarmed=None)
        elif last is None or now - last >= plan.DAY:
            found[wish.name] = said
            book.put(alarmed=moments.shown(now))
    return found


def rows(site, names=()) -> list[dict]:
    """Return what there is of each certificate."""
    return [_row(site, wish) for wish in site.wishes(names)]


def _row(site, wish):
    kept, book = site.stores[wish.name], site.ledger(wish)
    found = kept.read(kept.current())
    said, about = found or (None, {})
    pace, stuck = book.pace(wish.ordered), book.get("stuck")
    state, following = "issued", said and plan.share(said.start, said.end)
    reason = (
        (stuck or {}).get("said")
        or book.get("given")
        or (asking.unrevoked(site, wish) or {}).get("said")
        or ""
    )
    if wish.source == "acme" and site.settings.cas:
        step = asking.next_step(site, wish)
        # A step that is due is taken by the timer, which looks at the world less often than an
        # owner may.
        following = step.at or max(
            moments.read(pace.get("check_next")) or moments.now(), moments.now()
        )
        if step.kind != "keep":
            state, reason = _state(pace, about), reason or pace.get("said") or ""
        elif pace.get("waits") or pace.get("failures"):
            # The owner asked for it before it was due.
            reason = reason or pace.get("said") or ""
    elif wish.source == "given":
        following = None
    if about.get("source") != wish.source and wish.source != "acme":
        state = "placeholder"
    return {
        "name": wish.name,
        "names": list(wish.names),
        "source": about.get("source") or wish.source,
        "state": "failed" if stuck else state,
        "since": said and moments.shown(said.start),
        "until": said and moments.shown(said.end),
        "serial": said and said.serial,
        "issuer": said and said.issuer,
        "trusted": kept.trusted(),
        "account": files.read_json(site.top / "accounts.json", {}).get(about.get("directory")),
        "reason": site.failed.get(wish.name) or reason,
        "next": following and moments.shown(following),
    }


def _state(pace, about):
    if pace.get("attempt") and not pace["attempt"].get("lost"):
        return "asking"
    if pace.get("waits"):
        return "waiting"
    if pace.get("failures"):
        return "failed"
    return "due" if about.get("source") == "acme" else "placeholder"
