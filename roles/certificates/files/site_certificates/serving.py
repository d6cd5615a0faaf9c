# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server serves: it is loaded and looked at, or what was served before goes on."""

from __future__ import annotations

from . import archive, files, moments, pem, tell


def retry(site, wish) -> bool:
    """Try again to have a certificate loaded that was issued:
    no other one is asked for meanwhile.
    """
    kept, stuck = site.stores[wish.name], site.ledger(wish).get("stuck")
    found = kept.read(stuck["which"]) if stuck and stuck["which"] != kept.current() else None
    if (
        not found
        or found[1]["source"] != "acme"
        or pem.fits(*kept.files(stuck["which"]), wish.names, moments.now())
    ):
        return False
    kept.swing(stuck["which"], wish.names)
    return True


def load_pending(site, wishes=None) -> None:
    """Have the web server load what is new, and see that it serves it;
    else what was served goes on.

    Only what was seen is told to be trusted: a web server may look for that at each request, and a
    visitor who is led to a certificate that is not loaded yet gets a warning. One that looks when
    it is reloaded is reloaded once more.
    """
    wishes = site.settings.wishes if wishes is None else wishes
    _load(site, wishes)
    if told := [
        wish
        for wish in wishes
        if _is_loaded(site, wish) and site.stores[wish.name].trust(wish.names)
    ]:
        _load(site, told)


def _is_loaded(site, wish):
    loaded = site.ledger(wish).get("loaded")
    return bool(loaded) and loaded["which"] == site.stores[wish.name].current()


def _load(site, wishes):
    pending = [wish for wish in wishes if site.ledger(wish).get("loaded") != site.mark(wish)]
    if not pending:
        return
    if not site.units.active() or _is_served(site, pending):
        _loaded(site, pending)
        return
    wrong = site.units.test() or site.units.reload()
    if wrong:
        _swing_back(site, pending, dict.fromkeys((wish.name for wish in pending), wrong))
        return
    unlike = site.units.unlike(_serials(site, pending))
    bad = {wish.name: unlike[_asked(wish)] for wish in pending if _asked(wish) in unlike}
    _loaded(site, [wish for wish in pending if wish.name not in bad])
    if bad:
        _swing_back(site, [wish for wish in pending if wish.name in bad], bad)


def _is_served(site, pending):
    """Return whether nothing has to be loaded, as after the web server's start.

    It is seen at each unit, or it is not known.
    """
    if not all(unit.get("serves") for unit in site.units.active()):
        return False
    for wish in pending:
        loaded = site.ledger(wish).get("loaded")
        if (loaded or {"trusted": False})["trusted"] != site.stores[wish.name].trusted():
            return False
    return not site.units.unlike(_serials(site, pending), cap=0)


def _asked(wish):
    return None if wish.name == "_default" else wish.names[0].replace("*", "any")


def _serials(site, wishes):
    found = ((wish, site.stores[wish.name]) for wish in wishes)
    return {_asked(wish): kept.read(kept.current())[0].serial for wish, kept in found}


def _loaded(site, wishes):
    for wish in wishes:
        book, mark = site.ledger(wish), site.mark(wish)
        before, stuck = ((book.get(one) or {}).get("which") for one in ("loaded", "stuck"))
        if before != mark["which"]:
            book.put(before=before, stuck=None)
        elif stuck == before:
            book.put(stuck=None)
        book.put(loaded=mark)
        tidy(site, wish)


def tidy(site, wish) -> None:
    """Keep what is served and what was served before, and destroy the rest."""
    book, kept = site.ledger(wish), site.stores[wish.name]
    ours = {(book.get(one) or {}).get("which") for one in ("loaded", "stuck")}
    kept.tidy({kept.current(), book.get("before"), *ours})


def _swing_back(site, wishes, said):
    for wish in wishes:
        book, kept = site.ledger(wish), site.stores[wish.name]
        before, which = (book.get("loaded") or {}).get("which"), kept.current()
        failures = (book.get("stuck") or {}).get("failures", 0) + 1
        goes_back = bool(before and before != which and kept.read(before))
        text = (
            f"the {'new ' if goes_back else ''}certificate could not be "
            f"loaded{', the one before goes on' if goes_back else ''}"
        )
        site.failed[wish.name] = f"{text}: {said[wish.name]}"
        book.put(stuck={"which": which, "failures": failures, "said": site.failed[wish.name]})
        if goes_back:
            kept.swing(before, wish.names)
    # The test may fail for another reason; then nothing is reloaded, and what runs goes on.
    if not site.units.test() and not site.units.reload():
        for wish in wishes:
            if _is_loaded(site, wish) and not site.stores[wish.name].trusted():
                site.ledger(wish).put(loaded=site.mark(wish))


def put_away(site) -> None:
    """Put away what is declared no more, unless the web server still names it."""
    now = moments.now()
    for name in archive.leftovers(site.top, site.stores):
        place = archive.put_away(site.top, name, now)
        if site.units.test():
            files.rename(place, site.top / name)
            tell(
                f"{name} is declared no more, "
                f"but the web server still uses its certificate: run site.yml."
            )
        else:
            tell(f"{name} {archive.told(place)}")
    archive.destroy_keys(site.top, now)
