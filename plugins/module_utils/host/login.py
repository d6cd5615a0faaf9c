# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this process came to the host by SSH, and whether it could come that way again. No
Ansible. Private to the collection.
"""

from __future__ import annotations

import grp
import os
import pwd
import re

from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import ask, read
from ansible_collections.foobar.lamp.plugins.module_utils.host import ways


def status(process):
    """Return what the kernel says of a process: its name, parent and user."""
    found = dict(
        re.findall(r"^(Name|PPid|Uid):\s+(\S+)", read(f"/proc/{process}/status"), re.MULTILINE)
    )
    return found.get("Name", ""), int(found.get("PPid", 0)), int(found.get("Uid", 0))


def ancestors(process, status=status):
    """Return what lies between a process and the sshd that let it in:
    ``(session, its user's number, names, sshd's processes)``.

    All empty without such an sshd.
    """
    session, user, names, servers = 0, 0, [], []
    while process:
        name, parent, number = status(process)
        if name.startswith("sshd"):
            servers.append(process)
        elif servers:
            break
        else:
            session, user = process, number
            names.append(name)
        process = parent
    return (session, user, names, servers) if servers and session else (0, 0, [], [])


def groups_of(account):
    """Return the names of an account's groups."""
    names = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    return sorted(
        names.get(number, str(number))
        for number in os.getgrouplist(account.pw_name, account.pw_gid)
    )


def options(settings):
    """Return settings as sshd takes them over those in its files.
    A list is a setting for each value.
    """
    for name, value in settings.items():
        for one in value if isinstance(value, list) else [value]:
            text = {True: "yes", False: "no"}.get(one, one) if isinstance(one, bool) else one
            yield from ("-o", f"{name} {text}")


def begin(settings=None):
    """Begin to find out how this process came, and return a function that returns it:
    nothing but sshd's settings if not by that.

    ``settings`` are those of sshd that are still to come.
    """
    session, number, names, servers = ancestors(os.getpid())
    try:
        account = pwd.getpwuid(number) if session else None
    except KeyError:
        account = None
    if not account:
        said_sshd = ask("sshd", "-T", *options(settings or {}))
        return lambda: {"sshd": ways.effective(said_sshd())}
    environment = dict(
        pair.partition("=")[::2] for pair in read(f"/proc/{session}/environ").split("\0")
    )
    way = (environment.get("SSH_CONNECTION") or os.environ.get("SSH_CONNECTION", "")).split()
    client, client_port, server, port = way if len(way) == 4 else ("", "", "", "")
    said_log = ask(
        "journalctl",
        "--quiet",
        "--no-pager",
        "--lines=200",
        "--output=cat",
        *(f"_PID={process}" for process in servers),
    )
    who = f"user={account.pw_name},host={client},addr={client},laddr={server},lport={port}"
    said_sshd = ask("sshd", "-T", *(["-C", who] if way else []), *options(settings or {}))
    said_sudo = ask("sudo", "-ll", "-U", account.pw_name) if number else str

    def finish():
        return {
            "user": account.pw_name,
            "root": number == 0,
            "groups": groups_of(account),
            "client": client,
            "server": server,
            "port": port,
            **ways.accepted(said_log(), client_port),
            "by_sudo": "sudo" in names,
            "sudo": ways.sudo_from(said_sudo()),
            "sshd": ways.effective(said_sshd()),
        }

    return finish


def run(by_password=False, addresses=False, sudo=False):
    """End the process with what keeps this run from coming again,
    if anything does, by the files as they are now.

    ``addresses`` and ``sudo``: what of it can be judged, as ``ways.closed`` has it.
    """
    login = {**begin()(), "by_password": by_password}
    if problems := ways.closed(login, addresses, sudo):
        raise SystemExit("\n".join(problems))
    return {}
