# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of site-certificates."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys

from . import CertificateError, asking, report, run, settings, tell
from .site import Site

EPILOG = """exit status: 0 done, also where a certificate has to wait for the world; 1 failed, and
said why; 2 not understood. Everything runs as root. docs/certificates.md of the collection
foobar.lamp shows each command at work."""


def parser() -> argparse.ArgumentParser:
    """Return what the command understands."""
    top = argparse.ArgumentParser(
        prog="site-certificates", description="Certificates of this host.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument(
        "--settings", default=settings.PLACE, help="the file with the settings (%(default)s)"
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name, text, *options, named=None, as_json=True):
        one = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if named:
            one.add_argument("name", metavar="NAME", nargs=named, help="a certificate's name")
        if as_json:
            one.add_argument("--json", action="store_true", help="print JSON")
        for flag, words in options:
            one.add_argument(flag, **words)

    verb(
        "place",
        (
            "make what needs no network: "
            "the host's own authority, placeholders, private and given certificates"
        ),
    )
    timer = (
        "--timer",
        {"action": "store_true", "help": "be silent, and fail only for what the owner has to know"},
    )
    verb("run", "do what is due: check, ask the CA, load, compare what is served", timer, named="*")
    verb("status", "show each certificate, what was tried, and what comes next", named="*")
    verb("check", "see whether a CA could issue now, without asking it", named="*")
    verb("renew", "ask for a new certificate now", named=1)
    reason = (
        "--reason",
        {
            "choices": tuple(run.REASONS),
            "required": True,
            "help": "why, as the CA will tell others",
        },
    )
    verb("revoke", "revoke a certificate, and ask for one with a new key", reason, named=1)
    verb("retry", "try at once what waits after a failure, for once", named="*")
    return top


def said(row: dict) -> str:
    """Return a row as people read it."""
    kinds = {
        "acme": "",
        "private": " by this host's own authority",
        "given": " given",
        "placeholder": " placeholder",
    }
    what = f"{row['state']},{kinds[row['source']]} until {row['until']}".replace(
        ", until", " until"
    )
    if row["source"] == "acme":
        what += f" by {row['issuer']}"
    trust = "trusted by browsers" if row["trusted"] else "not trusted by browsers"
    after = f"; next: {row['next']}" if row["next"] else ""
    why = f"\n  {row['reason']}" if row["reason"] else ""
    return f"{row['name']}: {what}, {trust}{after}{why}"


def work(site, words) -> int:
    """Do what the words say; return the exit status."""
    names = getattr(words, "name", [])
    if words.verb == "place":
        run.place(site)
        print(
            json.dumps({"changed": site.changed})
            if words.json
            else "\n".join(f"New: {name}" for name in site.changed) or "Nothing is new."
        )
        for name, text in site.failed.items():
            tell(f"{name}: {text}")
        return 0
    if words.verb == "retry":
        run.retry(site, names)
    if words.verb == "revoke":
        run.revoke(site, names[0], words.reason)
    else:
        run.run(site, names, forced=words.verb == "renew")
    timer = getattr(words, "timer", False)
    alarms = report.alarms(site) if timer else {}
    if words.json:
        print(json.dumps({"changed": site.changed, "certificates": report.rows(site, names)}))
    elif not timer:
        print(
            "\n".join(said(row) for row in report.rows(site, names)) or "There are no certificates."
        )
    for name, text in alarms.items():
        tell(f"{name}: {text}")
    if words.verb in ("renew", "revoke"):
        if names[0] not in site.changed:
            tell(f"{names[0]} has no new certificate yet: {report.rows(site, names)[0]['reason']}")
            return 1
        if names[0] in site.failed:
            tell(f"{names[0]}: {site.failed[names[0]]}")
            return 1
    return 1 if alarms else 0


def look(site, words) -> int:
    """Do what changes nothing here."""
    if words.verb == "status":
        rows = report.rows(site, words.name)
        print(
            json.dumps({"certificates": rows})
            if words.json
            else "\n".join(map(said, rows)) or "There are no certificates."
        )
        return 0
    found = asking.checked(site, words.name)
    if words.json:
        print(json.dumps(found))
    else:
        for name, faults in found.items():
            print(f"{name}: {' '.join(faults) or 'a CA could issue now.'}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    words = parser().parse_args(arguments)
    # Ended by systemd or by a person, it cleans up as after any error.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))
    os.umask(0o077)
    try:
        site = Site(settings.load(words.settings), getattr(words, "timer", False))
        if words.verb == "status":
            return look(site, words)
        with site.locked():
            return look(site, words) if words.verb == "check" else work(site, words)
    except CertificateError as error:
        tell(error)
    except OSError as error:
        tell(f"{error.filename or 'this host'}: {error.strerror or error}.")
    return 1
