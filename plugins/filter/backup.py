# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role backup: what its inputs say. Private to the role."""

from __future__ import annotations

import json
import re

_RECIPIENT = re.compile(r"(age1[0-9a-z]{58,}|ssh-(ed25519|rsa) \S+.*)\Z")
_PATH = re.compile(r"/[0-9A-Za-z_./@+-]+\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_UNIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.@:-]*\Z")
_REMOTE = re.compile(r"([0-9A-Za-z_.-]+@)?[0-9A-Za-z_.-]+:[0-9A-Za-z_./@+~-]+\Z")


def backup_problems(inputs):
    """Return what is wrong with ``inputs``, which are the role's without their prefix ``backup_``: a list of sentences."""
    problems = list(_database_problems(inputs["database"]))
    for name in ("keep_days", "keep_at_least"):
        if int(inputs[name]) < 1:
            problems.append(f"backup_{name} is {inputs[name]}: give a number from 1 on.")
    for name in ("dir", "identity_file"):
        if inputs[name] and not _PATH.match(inputs[name]) or name == "dir" and not inputs[name]:
            problems.append(f"backup_{name} is {inputs[name]!r}: give an absolute path of letters, digits and _ . @ + -.")
    for one in inputs["files"]:
        if not _PATH.match(one["path"]) or "/../" in one["path"] + "/":
            problems.append(
                f"backup_files gives {one['name']} the path {one['path']!r}: give an absolute path of letters, digits and _ . @ + -."
            )
        if not _USER.match(one["user"]):
            problems.append(f"backup_files gives {one['name']} the user {one['user']!r}: name the user whose files they are.")
        if not _UNIT.match(one.get("service") or "named"):
            problems.append(f"backup_files gives {one['name']} the service {one['service']!r}: name a unit of systemd, or leave it out.")
    names = [one["name"] for one in inputs["files"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"backup_files has two directories that are called {name}: give each a name of its own.")
    for name in ("schedule", "log_schedule"):
        if not inputs[name].strip() and (inputs["database"] or name == "schedule"):
            problems.append(f"backup_{name} is empty: give one of systemd such as daily, or set backup_enabled to false.")
    problems += [
        f"backup_recipients has {one[:80]!r}: give the public key that age-keygen printed (age1…), or one of SSH (ssh-ed25519 …)."
        for one in inputs["recipients"]
        if not _RECIPIENT.match(one)
    ]
    if inputs["drill_schedule"] and inputs["recipients"] and not inputs["identity_file"]:
        problems.append(
            "backup_drill_schedule is set and the backups are encrypted: name a file on the host with an identity that reads them "
            "in backup_identity_file, or run backup_drill.yml with one from time to time instead."
        )
    return problems + list(_copy_problems(inputs))


def _database_problems(database):
    if database and not database.get("engine"):
        yield "backup_database.engine is missing: say whether the server is mariadb or mysql."
    for name in ("datadir", "socket"):
        if not _PATH.match(database.get(name) or "/x"):
            yield f"backup_database.{name} is {database[name]!r}: give an absolute path of letters, digits and _ . @ + -."
    if not _UNIT.match(database.get("service") or "mysql"):
        yield f"backup_database.service is {database['service']!r}: name the server's unit of systemd."


def _copy_problems(inputs):
    to = inputs["copy_to"]
    if not to or _PATH.match(to):
        return
    if not _REMOTE.match(to):
        yield f"backup_copy_to is {to!r}: give user@host:/directory, or the absolute path of a mounted directory."
        return
    if "PRIVATE KEY" not in inputs["copy_key"]:
        yield "backup_copy_key is not a private SSH key: give the text of one that may log in as backup_copy_to says."
    if not inputs["copy_known_hosts"].strip():
        yield f"backup_copy_known_hosts is empty: give what ssh-keyscan prints of the host of {to}, once you have compared it."
    if not 0 < int(inputs["copy_port"]) < 65536:
        yield f"backup_copy_port is {inputs['copy_port']}: give a number from 1 to 65535."


def backup_command(words):
    """Return a command, a list of words, as systemd reads it."""
    return " ".join(json.dumps(str(word)).replace("%", "%%").replace("$", "$$") for word in words)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"backup_command": backup_command, "backup_problems": backup_problems}
