# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no network: the own authority, placeholders, private and given certificates."""

from __future__ import annotations

from . import CertificateError, adopt, authority, given, moments, plan, serving


def place(site) -> None:
    """Have a certificate for each wish, be it a placeholder."""
    names = [name for wish in site.settings.wishes for name in wish.names]
    own = site.settings.authority
    site.authority = authority.Authority(site.top / "authority", own["name"])
    site.authority.make([*names, *own.get("domains", []), own["name"]], moments.now())
    for wish in site.settings.wishes:
        site.stores[wish.name].make()
        serving.tidy(site, wish)
        _place(site, wish)


def _place(site, wish):
    kept, now = site.stores[wish.name], moments.now()
    found = kept.read(kept.current())
    source = found[1]["source"] if found else None
    if wish.source == "given" and _give(site, wish):
        return
    if wish.source == "private" and source != "private":
        _sign(site, wish, "private")
    elif source is None:
        adopted = adopt.find(site.settings, wish, now) if wish.source == "acme" else None
        _serve(site, wish, *adopted) if adopted else _sign(site, wish, "placeholder")
    elif source in ("private", "placeholder") and not _is_good(site, found[0], wish, now):
        _sign(site, wish, source if wish.source == "private" else "placeholder")
    else:
        kept.swing(kept.current(), wish.names)


def _is_good(site, found, wish, now):
    kept = site.stores[wish.name]
    return (
        plan.key(found.names) == plan.key(wish.names)
        and found.start <= now < plan.share(found.start, found.end)
        and site.authority.signs(kept.files(kept.current())[0])
    )


def _sign(site, wish, source):
    chain, private = site.authority.leaf(wish.names, moments.now())
    _serve(site, wish, chain, private, {"source": source, "trusted": False})


def _give(site, wish):
    try:
        chain, private = given.read(wish, moments.now())
    except CertificateError as error:
        site.ledger(wish).put(given=str(error))
        return False
    site.ledger(wish).put(given=None)
    _serve(
        site,
        wish,
        chain,
        private,
        {"source": "given", "trusted": given.trusted(wish, chain, private)},
    )
    return True


def _serve(site, wish, chain, private, about):
    kept = site.stores[wish.name]
    kept.swing(kept.add(chain, private, about), wish.names)
