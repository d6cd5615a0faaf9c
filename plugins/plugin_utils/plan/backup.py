# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role backup in the plan. Private to the collection. Pure."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Role

_RECIPIENT = re.compile(r"(age1[0-9a-z]{58,}|ssh-(ed25519|rsa) \S+.*)\Z")
_PATH = re.compile(r"/[0-9A-Za-z_./@+-]+\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_UNIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.@:-]*\Z")
_REMOTE = re.compile(r"([0-9A-Za-z_.-]+@)?[0-9A-Za-z_.-]+:[0-9A-Za-z_./@+~-]+\Z")


class Backup(Role):
    """See Role."""

    COLLECTS = True
    EDGES = {"the database": "mysql", "files": "python_app, bind"}

    def inputs(self, site, host, offered):
        """What the host has: the database, what applications keep in
        files, the name server's zones and keys.
        """
        return {
            "backup_database": offered.get("backup_database", {}),
            "backup_files": offered.get("backup_files", []),
        }

    def packages(self, inputs):
        """What compresses, encrypts and copies."""
        if not wanted(inputs):
            return []
        to, remote = inputs["backup_copy_to"], re.match(r"[^/]+:", inputs["backup_copy_to"])
        more = ["age"] if inputs["backup_recipients"] else []
        return ["zstd", *more, *(["rsync"] if to else []), *(["openssh-client"] if remote else [])]

    def problems(self, inputs, facts, search=()):
        """What is backed up, where, when and for how long."""
        if not wanted(inputs):
            return []
        return _problems({name.removeprefix("backup_"): value for name, value in inputs.items()})


def wanted(inputs):
    """Whether there is something to back up. A host that has nothing has nothing of the role."""
    return bool(inputs["backup_enabled"] and (inputs["backup_database"] or inputs["backup_files"]))


def _problems(inputs):
    """Return what is wrong with ``inputs``, which are the role's without their prefix ``backup_``:
    a list of sentences.
    """
    problems = list(_database_problems(inputs["database"]))
    for name in ("keep_days", "keep_at_least"):
        if int(inputs[name]) < 1:
            problems.append(f"backup_{name} is {inputs[name]}: give a number from 1 on.")
    for name in ("dir", "identity_file"):
        if inputs[name] and not _PATH.match(inputs[name]) or name == "dir" and not inputs[name]:
            problems.append(
                f"backup_{name} is {inputs[name]!r}: "
                f"give an absolute path of letters, digits and _ . @ + -."
            )
    for one in inputs["files"]:
        if not _PATH.match(one["path"]) or "/../" in one["path"] + "/":
            problems.append(
                f"backup_files gives {one['name']} the path {one['path']!r}: give an absolute "
                f"path of letters, digits and _ . @ + -."
            )
        if not _USER.match(one["user"]):
            problems.append(
                f"backup_files gives {one['name']} the user {one['user']!r}: "
                f"name the user that owns the files."
            )
        if not _UNIT.match(one.get("service") or "named"):
            problems.append(
                f"backup_files gives {one['name']} the service {one['service']!r}: name a unit of "
                f"systemd, or leave it out."
            )
    names = [one["name"] for one in inputs["files"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(
            f"backup_files has two directories that are called {name}: give each its own name."
        )
    for name in ("schedule", "log_schedule"):
        if not inputs[name].strip() and (inputs["database"] or name == "schedule"):
            problems.append(
                f"backup_{name} is empty: give a schedule of systemd such as daily, or set "
                f"backup_enabled to false."
            )
    problems += [
        (
            f"backup_recipients has {one[:80]!r}: give the public key that age-keygen printed "
            f"(age1…), or one of SSH (ssh-ed25519 …)."
        )
        for one in inputs["recipients"]
        if not _RECIPIENT.match(one)
    ]
    if inputs["drill_schedule"] and inputs["recipients"] and not inputs["identity_file"]:
        problems.append(
            "backup_drill_schedule is set and the backups are encrypted: name a file on the host "
            "with an identity that reads them in backup_identity_file, or run backup_drill.yml "
            "with one from time to time instead."
        )
    return problems + list(_copy_problems(inputs))


def _database_problems(database):
    if database and not database.get("engine"):
        yield "backup_database.engine is missing: say whether the server is mariadb or mysql."
    for name in ("datadir", "socket"):
        if not _PATH.match(database.get(name) or "/x"):
            yield (
                f"backup_database.{name} is {database[name]!r}: "
                f"give an absolute path of letters, digits and _ . @ + -."
            )
    cluster = database.get("cluster") or {}
    if cluster and cluster["host"] not in cluster["members"]:
        yield (
            f"backup_database.cluster.host is {cluster['host']!r}, which is no name of its "
            f"members: give this host's."
        )
    if not _UNIT.match(database.get("service") or "mysql"):
        yield (
            f"backup_database.service is {database['service']!r}: "
            f"name the server's unit of systemd."
        )


def _copy_problems(inputs):
    to = inputs["copy_to"]
    if not to or _PATH.match(to):
        return
    if not _REMOTE.match(to):
        yield (
            f"backup_copy_to is {to!r}: "
            f"give user@host:/directory, or the absolute path of a mounted directory."
        )
        return
    if "PRIVATE KEY" not in inputs["copy_key"]:
        yield (
            "backup_copy_key is not a private SSH key: "
            "give the text of one that may log in as backup_copy_to says."
        )
    if not inputs["copy_known_hosts"].strip():
        yield (
            f"backup_copy_known_hosts is empty: give what ssh-keyscan prints of the host of {to}, "
            f"once you have compared it."
        )
    if not 0 < int(inputs["copy_port"]) < 65536:
        yield f"backup_copy_port is {inputs['copy_port']}: give a number from 1 to 65535."


ROLE = Backup("backup")
