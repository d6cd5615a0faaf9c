# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What config_tree does on a host, without Ansible: heal, compare, change, test, and put back.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import zlib
from dataclasses import replace

from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import before
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.effective import require
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import (
    Change,
    TreeError,
    mask,
    printable,
    readers,
    stale,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import diff as diff_of
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import (
    Planner,
    group_name,
    user_name,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.plan import look as look_at
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.proven import dump, load
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.seal import keep, look
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import (
    JOURNALS,
    Transaction,
)
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.units import (
    ask_systemd,
    proved,
    running,
)

# What the action plugin sends: of the task's options those that are not in the tree, and that.
SENT = {
    "name": {"type": "str", "required": True},
    "test": {"type": "list", "elements": "str"},
    "service": {"type": "str"},
    "rollback": {"type": "bool", "default": False},
    "_tree": {"type": "str", "no_log": True},
    "_seal": {"type": "str", "no_log": True},
}
LONGEST_OUTPUT = 8000
LONGEST_NAME = 80
# Seconds for which another run is waited for: what one that was killed has begun on the host goes
# on to its end.
LONGEST_WAIT = 15


def run_test(argv: list[str], secrets: list[bytes]) -> None:
    """Ask the service's checker; what it says is the error."""
    # Checkers live in sbin, which not every login has in its search path.
    path = os.pathsep.join(
        [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    )
    words = " ".join(" ".join(argv).split())
    name = words if len(words) <= LONGEST_NAME else f"{words[:LONGEST_NAME]}…"
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, "PATH": path, "LC_ALL": "C"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise TreeError(f"The test '{name}' cannot be run: {explain(error, argv[0])}") from error
    if done.returncode:
        said = mask(done.stdout.decode("utf-8", "replace").strip(), secrets) or "(it said nothing)"
        raise TreeError(
            f"The test '{name}' refused the new files with exit status {done.returncode}:\n"
            f"{said[-LONGEST_OUTPUT:]}"
        )


def require_effect(tree: dict[str, list], secrets: list[bytes]) -> None:
    """Ask the programs whether what the files say is in force."""
    try:
        for entry in tree["files"]:
            if entry["effective"]:
                require(entry["effective"], entry["path"], entry["content"])
    except TreeError as error:
        raise TreeError(mask(str(error), secrets)) from error


def remember(transaction: Transaction, changes: list[Change], secrets: list[str]) -> None:
    """Keep, before the changes are made, what the units that read them run with,
    or ran with until they were stopped.
    """
    stamps, known = transaction.stamps(), load(transaction.proven())
    units = ask_systemd(
        {
            *(change.unit for change in changes if change.unit),
            *(entry.unit for entry in known.entries.values()),
        }
    )
    behind = {unit for names in stale(stamps, units).values() for unit in names}
    known = replace(
        known.without(running(units) - behind), secrets=sorted({*known.secrets, *secrets})
    )
    transaction.prove(dump(known.before(changes, proved(units, stamps), look_at, os.path.realpath)))


def converge(params: dict, tree: dict, check_mode: bool, show: bool) -> dict:
    """Heal, compare, change; answer with the task's result."""
    transaction = Transaction(os.path.join(JOURNALS, params["name"]))
    if check_mode:
        recovered = transaction.pending()
    else:
        transaction.lock(LONGEST_WAIT)
        recovered = transaction.heal()
    looks, changes = look(tree), Planner(check_mode).plan(tree)
    secrets = [entry["content"] for entry in tree["files"] if entry["secret"]]
    found = before.others(params["name"], changes)
    kept = before.worth_a_word(found)
    if found and not check_mode:
        before.keep(params["name"], found)
    if changes and not check_mode:
        test = params["test"]
        if params["rollback"]:
            remember(
                transaction, changes, [entry["path"] for entry in tree["files"] if entry["secret"]]
            )

        def check() -> None:
            if test:
                run_test(test, secrets)
            require_effect(tree, secrets)

        transaction.apply(changes, check)
    elif not changes:
        require_effect(tree, secrets)
    if params["_seal"] and not check_mode:
        # What was just changed is compared again, in case that somebody else did something in
        # between.
        if changes:
            looks = look(tree)
        if not changes or not Planner().plan(tree):
            keep(transaction, params["_seal"], looks)
    # A run that died before its handlers left units behind that nothing of this run's is about.
    stamps, changed = transaction.stamps(), readers(changes)
    old = stale(stamps, ask_systemd({*stamps["reload"], *stamps["restart"]}))
    restart = {*changed["restart"], *old["restart"]}
    reload = {*changed["reload"], *old["reload"]} - restart
    left_behind = sorted(
        {*old["reload"], *old["restart"]} - {*changed["reload"], *changed["restart"]}
    )
    kept_paths = [printable(path) for path in kept]
    result = {
        "changed": bool(changes or recovered or left_behind),
        "changed_paths": [printable(change.path) for change in changes],
        "recovered": recovered,
        "reload": sorted(reload),
        "restart": sorted(restart),
        "stale": left_behind,
        "generation": transaction.generation(),
        "kept": kept_paths,
    }
    if kept:
        place, verb = (
            os.path.join(before.BEFORE, params["name"]),
            "would be" if check_mode else "is",
        )
        result["warnings"] = [
            (
                f"{params['name']}: what was here before {verb} kept in {place}: "
                f"{', '.join(kept_paths)}."
            )
        ]
    if recovered:
        result["msg"] = "An earlier run had died half-way; its old files were restored first."
    if left_behind:
        result["msg"] = (
            f"{', '.join(left_behind)}: "
            f"not reloaded since an earlier run changed the configuration."
        )
    if show:
        result["diff"] = diff_of(changes, user_name, group_name)
    return result


def run(params: dict, check_mode: bool = False, diff: bool = False) -> dict:
    """Do what config_tree documents with what its action plugin sent; never repeat that."""
    tree = json.loads(zlib.decompress(base64.b64decode(params["_tree"])))
    for entry in tree["files"]:
        entry["content"] = base64.b64decode(entry["content"])
    try:
        return converge(params, tree, check_mode, diff)
    except TreeError as error:
        return {"failed": True, "changed": False, "msg": str(error)}
    except OSError as error:
        return {
            "failed": True,
            "changed": False,
            "msg": explain(error, os.path.join(JOURNALS, params["name"])),
        }
