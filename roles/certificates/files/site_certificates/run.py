# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run, and what an owner may ask for."""

from __future__ import annotations

from . import CertificateError, asking, moments, placing, plan, serving

REASONS = {
    "unspecified": 0, "keyCompromise": 1, "affiliationChanged": 3, "superseded": 4,
    "cessationOfOperation": 5,
}  # fmt: skip


def place(site) -> None:
    """Make what needs no network, and have it loaded in the place of what is served."""
    placing.place(site)
    # What the web server never served it may not know yet: it reads that with its configuration,
    # which comes next.
    active = site.units.active()
    serving.load_pending(
        site,
        [wish for wish in site.settings.wishes if not active or site.ledger(wish).get("loaded")],
    )


def run(site, names=(), forced: bool = False) -> None:
    """Do what is due."""
    wishes = site.wishes(names)
    placing.place(site)
    # Before a CA is asked: what is served now is what the site goes back to.
    serving.load_pending(site)
    for wish in wishes:
        if wish.source == "acme":
            # What is wrong with one keeps no other from being seen to.
            try:
                asking.see_to(site, wish, forced)
            except CertificateError as error:
                site.failed[wish.name] = str(error)
        # Not after all of them: a CA may take minutes for each.
        serving.load_pending(site)
    if not names:
        serving.put_away(site)


def retry(site, names) -> None:
    """Clear the back-off once."""
    for wish in site.wishes(names):
        book = site.ledger(wish)
        if (site.top / wish.name).is_dir():
            book.set_pace(wish.ordered, plan.cleared(book.pace(wish.ordered)), moments.now())


def revoke(site, name: str, reason: str) -> None:
    """Revoke a certificate, and ask for one with a new key."""
    wish = site.wishes([name])[0]
    kept = site.stores[name]
    found = kept.read(kept.current())
    if not found or found[1]["source"] != "acme":
        raise CertificateError(f"{name} has no certificate of a CA that could be revoked.")
    book = site.ledger(wish)
    pace = book.pace(wish.ordered)
    # A new one is asked for at once, but not past the back-off after a failure.
    if not pace.get("failures"):
        book.set_pace(wish.ordered, plan.cleared(pace), moments.now())
    # Written first: a killed run is gone on with.
    book.put(revoked={"serial": found[0].serial, "reason": REASONS[reason], "done": False})
    run(site, [name])
