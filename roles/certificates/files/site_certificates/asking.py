# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done for a certificate of a CA, in steps of which each is on the disk before the next."""

from __future__ import annotations

import contextlib
import random

from cryptography.hazmat.primitives import serialization

from . import CertificateError, account, errors, files, moments, order, pem, plan, serving, tell

# When a CA that gives no hint is asked for its advice again, and one that did not answer.
_ADVICE, _NO_ADVICE = 6 * plan.HOUR, plan.HOUR


def see_to(site, wish, forced: bool) -> None:
    """Do what is due for a certificate of a CA."""
    _clean(site, wish)
    _revoke(site, wish)
    if serving.retry(site, wish):
        return
    _take_advice(site, wish)
    step = next_step(site, wish, forced)
    if step.kind == "resume":
        _ask(site, wish, step, site.ledger(wish).pace(wish.ordered)["attempt"]["order"])
    elif step.kind == "ask" and _is_ready(site, wish, step):
        _ask(site, wish, step)


def next_step(site, wish, forced: bool = False) -> plan.Step:
    """Return what to do next for a certificate of a CA."""
    if not site.settings.cas:
        raise CertificateError(
            f"{wish.name} is to have a certificate of a CA, and none is set: "
            f"set lamp_acme.directory."
        )
    book = site.ledger(wish)
    advised = (book.get("advice") or {}).get("moment")
    return plan.next_step(
        wish.ordered, site.have(wish), book.pace(wish.ordered), moments.read(advised),
        site.settings.cas, moments.now(), timer=site.timer, forced=forced,
    )  # fmt: skip


def _clean(site, wish):
    """Remove what a run left that was killed:
    TXT records, and the key of an order that is no more.
    """
    book, left = site.ledger(wish), site.top / wish.name / "order.key"
    if (values := book.get("values")) and (zone := site.zone()):
        with contextlib.suppress(CertificateError):
            zone.remove([tuple(value) for value in values])
            book.put(values=None)
    if left.exists() and not book.pace(wish.ordered).get("attempt"):
        files.remove(left)


def _is_ready(site, wish, step):
    book, ca = site.ledger(wish), site.ca(step.ca)
    pace, now = book.pace(wish.ordered), moments.now()
    if closed := site.closed.get(ca["directory"]):
        book.set_pace(wish.ordered, plan.put_off(pace, *closed), now)
        return False
    if not site.settings.check:
        return True
    if found := faults(site, wish, ca):
        said, blames = " ".join(fault.said for fault in found), any(fault.of_ca for fault in found)
        not_before = max((fault.retry_after for fault in found if fault.retry_after), default=None)
        book.set_pace(wish.ordered, plan.waits(pace, now, said, step.ca, blames, not_before), now)
        return False
    return True


def faults(site, wish, ca) -> list:
    """Return what the self-check finds."""
    from . import check, world

    thumbprint = account.thumbprint(account.key(site.settings.account_secret))
    accounts = files.read_json(site.top / "accounts.json", {})
    notes, dns = _notes(site, wish), site.settings.dns
    return check.faults(
        wish,
        site.client(ca),
        world.World(dns),
        site.zone(),
        notes,
        thumbprint,
        accounts,
        site.settings.http_port,
    )


def checked(site, names) -> dict[str, list[str]]:
    """Return what the self-check finds for each certificate of a CA."""
    found = {}
    for wish in site.wishes(names):
        if wish.source == "acme" and site.settings.cas:
            site.stores[wish.name].make()  # for its ledger
            ca = plan.choose(
                site.ledger(wish).pace(wish.ordered),
                [one["name"] for one in site.settings.cas],
                moments.now(),
            )
            found[wish.name] = [fault.said for fault in faults(site, wish, site.ca(ca))]
    return found


def _ask(site, wish, step, url=None):
    book, kept, ca = site.ledger(wish), site.stores[wish.name], site.ca(step.ca)
    # Written before anything is asked: a killed run has asked as well.
    pace = book.pace(wish.ordered)
    pace = plan.resumed(pace) if url else plan.begun(pace, moments.now(), step.ca)
    book.set_pace(wish.ordered, pace, moments.now())
    try:
        if step.rehearse:
            _rehearse(site, wish, ca)
        private = _order_key(kept, url)
        chain = order.obtain(
            site.client(ca), wish, site.zone(), private, _notes(site, wish),
            url=url, replaces=_replaced(site, wish, ca),
            made=lambda made: book.set_pace(wish.ordered, plan.ordered(pace, made), moments.now()),
        )  # fmt: skip
        if why := pem.fits(chain, pem.key_pem(private), wish.names, moments.now()):
            raise CertificateError(f"the certificate that {ca['name']} issued cannot serve: {why}.")
    except CertificateError as error:
        _note_failure(site, wish, ca, error)
        return
    said = pem.read(chain)
    about = {
        "source": "acme",
        "ca": ca["name"],
        "directory": ca["directory"],
        "trusted": bool(ca.get("trusted")),
    }
    which = kept.add(chain, pem.key_pem(private), about)
    kept.swing(which, wish.names)
    book.put(advice=None, stuck=None)
    book.set_pace(wish.ordered, plan.succeeded(moments.now(), said.end - said.start), moments.now())
    files.remove(kept.directory / "order.key")
    _take_advice(site, wish)


def _note_failure(site, wish, ca, error):
    book, retry_after, now = (site.ledger(wish), getattr(error, "retry_after", None), moments.now())
    lost = isinstance(error, errors.UnreachableError)
    if retry_after and lost:
        site.closed[ca["directory"]] = (retry_after, str(error))
    book.set_pace(
        wish.ordered,
        plan.failed(book.pace(wish.ordered), now, f"{ca['name']}: {error}", retry_after, lost),
        now,
    )


def _order_key(kept, url):
    path = kept.directory / "order.key"
    old = files.read(path) if url else None
    if url and old is None:
        raise CertificateError("the key of the order that a killed run has made is lost.")
    private = pem.read_key(old) if old else pem.new_key()
    if not old:
        files.write(path, pem.key_pem(private))
    return private


def _notes(site, wish):
    """Return what remembers TXT records, besides those that an earlier run has left."""
    book = site.ledger(wish)
    left = book.get("values") or []
    return lambda values: book.put(values=[*left, *map(list, values or [])] or None)


def _rehearse(site, wish, ca):
    """After a failure: see at the CA's staging that it would work,
    which costs no limit of the real one.
    """
    try:
        order.obtain(
            site.client(ca, staging=True), wish, site.zone(), pem.new_key(), _notes(site, wish)
        )
    except errors.UnreachableError as error:
        tell(f"{wish.name}: no rehearsal, {error}")
    except errors.RefusedError as error:
        if error.kind != "rateLimited":
            raise


def _replaced(site, wish, ca):
    kept = site.stores[wish.name]
    found = kept.read(kept.current())
    same = (
        found
        and found[1].get("directory") == ca["directory"]
        and plan.key(found[0].names) == plan.key(wish.ordered)
    )
    return found[0].renewal_id if same else None


def _take_advice(site, wish):
    """Ask the CA when to renew, as seldom as it wants."""
    kept, book, now = site.stores[wish.name], site.ledger(wish), moments.now()
    found = kept.read(kept.current())
    ca = next(
        (
            one
            for one in site.settings.cas
            if found and one["directory"] == found[1].get("directory")
        ),
        None,
    )
    if not ca or not found[0].renewal_id:
        return
    old = book.get("advice") or {}
    old = old if old.get("of") == found[0].renewal_id else {"of": found[0].renewal_id}
    if (again := moments.read(old.get("again"))) and now < again:
        return
    try:
        said = site.client(ca).renewal(found[0].renewal_id)
    except CertificateError:
        book.put(advice={**old, "again": moments.shown(now + _NO_ADVICE)})
        return
    if said is None:
        book.put(advice={**old, "again": moments.shown(now + plan.DAY)})
        return
    window, again = said
    moment = plan.advice(old, window, site.have(wish), random.random())  # noqa: S311 # spreads load
    again = min(max(again or now + _ADVICE, now + plan.MINUTE), now + plan.DAY)
    book.put(advice={**old, "moment": moments.shown(moment), "again": moments.shown(again)})


def _revoke(site, wish):
    """Revoke what an owner wants revoked, if that is not done.

    A CA that refuses keeps no new one from being asked for.
    """
    book, kept, now = site.ledger(wish), site.stores[wish.name], moments.now()
    wanted = unrevoked(site, wish)
    if not wanted or (moments.read(wanted.get("next")) or now) > now:
        return
    chain, directory = (
        pem.chain(kept.files(wanted["serial"])[0]),
        kept.read(wanted["serial"])[1].get("directory"),
    )
    try:
        ca = next((one for one in site.settings.cas if one["directory"] == directory), None)
        if not ca:
            raise CertificateError(
                f"the CA {directory} is not set any more: set lamp_acme.directory to revoke."
            )
        client = site.client(ca)
        client.login()
        client.revoke(chain[0].public_bytes(serialization.Encoding.DER), wanted["reason"])
    except CertificateError as error:
        failures = wanted.get("failures", 0) + 1
        said = f"the certificate {wanted['serial']} could not be revoked: {error}"
        book.put(
            revoked={
                **wanted,
                "failures": failures,
                "next": moments.shown(now + plan.pause(failures)),
                "said": said,
            }
        )
        site.failed[wish.name] = said
    else:
        book.put(revoked={"serial": wanted["serial"], "reason": wanted["reason"], "done": True})


def unrevoked(site, wish) -> dict | None:
    """Return what an owner wants revoked, as long as it is there and not revoked."""
    wanted = site.ledger(wish).get("revoked")
    return (
        wanted
        if wanted and not wanted["done"] and site.stores[wish.name].read(wanted["serial"])
        else None
    )
