# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detect unchanged trees without a round trip, using the
fingerprints that host_facts reports. No Ansible.

A run that leaves the host as its tree declares it records a fingerprint: a digest of the tree, and
what lstat says of every path and of the unmanaged files that could override one. As long as lstat
says the same, to the nanosecond of the last change of anything about the file, nobody has touched
it, and host_facts reports the digest. A tree with the same digest has nothing to compare and
nothing to send.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import contextlib
import glob
import grp
import hashlib
import json
import os
import pwd
import secrets

from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.effective import (
    signatures,
    sources,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import stale
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import (
    JOURNALS,
    Transaction,
)

# What a seal means. Another number, and no seal that was made before holds any more.
VERSION = 3
SIGNED = ("paths", "places", "users", "groups", "watched")


def digest(tree: dict[str, list], options: dict, like: str = "") -> str:
    """Return ``SALT$HASH`` of a whole tree and the task's other options,
    with the salt of the digest ``like`` it.

    The order of paths means nothing. A file that not everyone may read may hold a weak password,
    and facts are shown and kept: the digest of a tree with such a one is slow to guess by (about 10
    ms), as a password's.
    """
    salt = like.partition("$")[0] or secrets.token_hex(8)
    plain = {
        kind: sorted((_wanted(entry) for entry in entries), key=lambda entry: entry["path"])
        for kind, entries in tree.items()
    }
    text = json.dumps([VERSION, plain, options], sort_keys=True).encode("ascii")
    salted_by = salt.encode("ascii", "replace")
    if any(entry["secret"] or not entry["mode"] & 0o004 for entry in tree["files"]):
        return f"{salt}${hashlib.scrypt(text, salt=salted_by, n=2**12, r=8, p=1, dklen=24).hex()}"
    return f"{salt}${hashlib.sha256(salted_by + text).hexdigest()}"


def _wanted(entry: dict) -> dict:
    """An entry without the words that name it in a message."""
    return {key: value for key, value in entry.items() if key != "where"}


def _signature(path: str, entries: bool) -> list[int] | None:
    """What tells whether the thing at a path is touched;
    of a directory whose entries are nobody's concern, itself only.
    """
    try:
        found = safe_paths.status(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    itself = [found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid]
    return [*itself, found.st_size, found.st_mtime_ns, found.st_ctime_ns] if entries else itself


def _number(database, name: str) -> int | None:
    """The number that an account has now."""
    try:
        return int(name) if name.isdecimal() else database(name)[2]
    except KeyError:
        return None


def _look(looks: dict) -> dict:
    """Look again at what was looked at: the same keys, with what is true now."""
    return {
        "paths": {
            path: [entries, _signature(path, entries)]
            for path, (entries, _old) in looks["paths"].items()
        },
        "places": {path: os.path.realpath(path) for path in looks["places"]},
        "users": {name: _number(pwd.getpwnam, name) for name in looks["users"]},
        "groups": {name: _number(grp.getgrnam, name) for name in looks["groups"]},
        "watched": {pattern: signatures([pattern]) for pattern in looks["watched"]},
    }


def look(tree: dict[str, list]) -> dict:
    """Return all that a comparison of the tree with the host would read, as signatures."""
    paths: dict[str, list] = {}
    for entry in tree["directories"]:
        # A link to a directory is as good as the directory.
        for path in (entry["path"], os.path.realpath(entry["path"])):
            paths[path] = [entry["purge"] or paths.get(path, [False])[0], None]
    for entry in (entry for kind in ("files", "links", "absent") for entry in tree[kind]):
        paths[entry["path"]] = [True, None]
    owned = tree["directories"] + tree["files"]
    accounts = {
        kind: {entry[key] for entry in owned if entry[key]}
        for kind, key in (("users", "owner"), ("groups", "group"))
    }
    # Files of others that can override what one of the tree says.
    watched = {
        pattern
        for entry in tree["files"]
        if entry["effective"]
        for pattern in sources(entry["effective"], entry["path"])
    }
    return _look(
        {
            "paths": paths,
            "places": {entry["path"]: "" for entry in tree["directories"]},
            "watched": watched,
            **accounts,
        }
    )


def keep(transaction: Transaction, sealed: str, looks: dict) -> None:
    """Seal the tree.

    Where that fails the next run compares again, and an older seal still says what it said.
    """
    with contextlib.suppress(OSError):
        transaction.seal(json.dumps({"seal": sealed, **looks}))


def made() -> list[str]:
    """Return the names of the trees that a run has made, whatever became of them:
    one that was killed may have left no seal.
    """
    kept = [
        path for name in ("seal", "stamps") for path in glob.glob(os.path.join(JOURNALS, "*", name))
    ]
    return sorted({os.path.basename(os.path.dirname(path)) for path in kept})


def stamped() -> set[str]:
    """Return the units that have to read a tree, or had to."""
    stamps = [
        Transaction(os.path.dirname(path)).stamps()
        for path in glob.glob(os.path.join(JOURNALS, "*", "stamps"))
    ]
    return {unit for one in stamps for units in one.values() for unit in units}


def holding(units: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the digests of the trees that still are as they were sealed, by name;
    `units` is what systemd says of services.

    A tree that a unit has not read is left out, and so is one with a unit that systemd does not
    list.
    """
    found = {}
    for path in glob.glob(os.path.join(JOURNALS, "*", "seal")):
        transaction = Transaction(os.path.dirname(path))
        stamps = transaction.stamps()
        stamped = {*stamps["reload"], *stamps["restart"]}
        if (
            transaction.unfinished()
            or not stamped <= units.keys()
            or any(stale(stamps, units).values())
        ):
            continue
        try:
            with open(path, encoding="ascii") as file:
                kept = json.load(file)
            if _look(kept) == {key: kept[key] for key in SIGNED}:
                found[os.path.basename(os.path.dirname(path))] = kept["seal"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
