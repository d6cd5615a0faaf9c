# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the members of the cluster are: this host's by its directory
of data, all by what their agents say.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import os
import time

import cluster

SETTINGS = "/etc/mysql/cluster/settings.json"
#: What a server that does not run was like last. Written as its user, read by the agent.
NOTES = "/run/mysql-cluster/notes.json"
#: To whom the agent is to hand the writer's part over, if it has that, and until when. Written and
#: read likewise.
HEIR = "/run/mysql-cluster/heir.json"
RECORDED = "/var/lib/foobar.lamp/mysql_cluster.json"
_OWN = {"foobar_lamp", "lost+found", "mysql", "performance_schema", "sys"}
_MOST = 1 << 16


def settings():
    """Return what the role says of the cluster: ``me``, ``members`` ``{name: address}``,
    ``port``, ``datadir``, ``socket``, ``account``.
    """
    with open(SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def _read(path):
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(_MOST)
    return ""


def _recorded():
    try:
        found = json.loads(_read(RECORDED) or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def on_disk(datadir, option=""):
    """Return what the member says whose server does not run.
    ``option``: what galera_recovery printed of it.
    """
    text, recorded = _read(f"{datadir}/grastate.dat"), _recorded()
    uuid, seqno, safe = cluster.state_of(text)
    if seqno < 0 and cluster.position_of(option)[0] == uuid:
        seqno = cluster.position_of(option)[1]
    filled = [
        one
        for one in os.scandir(datadir)
        if one.is_dir(follow_symlinks=False) and one.name[0] not in ".#" and one.name not in _OWN
    ]
    data = cluster.OWN if filled and not recorded else cluster.PARTIAL if filled else cluster.FRESH
    if text:
        data = cluster.CLUSTER if uuid != cluster.NOBODY else cluster.PARTIAL
    node, last_view = cluster.last_view_of(_read(f"{datadir}/gvwstate.dat"))
    found = {
        "data": data,
        "uuid": uuid,
        "seqno": seqno,
        "safe": safe,
        "node": node,
        "last_view": last_view,
        "recorded": recorded,
    }
    return cluster.said(found)


def note(found):
    """Keep what ``on_disk`` returned for the agent."""
    _keep(NOTES, found)


def forget():
    """Keep nothing: the server works, and its data go on. If it says nothing then, nobody knows how
    far it is.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(NOTES)


def _keep(path, found):
    fresh = f"{path}.new"
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump(found, file)
    os.chmod(fresh, 0o644)
    os.replace(fresh, path)


def noted():
    """Return what was kept, None if nothing was."""
    try:
        return cluster.said(json.loads(_read(NOTES)))
    except ValueError:
        return None


def name_heir(name, seconds):
    """Tell the agent to hand the writer's part over to a member within so many seconds:
    what is found later was forgotten.
    """
    _keep(HEIR, {"name": name, "until": time.monotonic() + seconds})


def heir():
    """Return the name of the member to which the writer's part is to
    be handed over now, nothing if to none.
    """
    try:
        found = json.loads(_read(HEIR) or "{}")
        return str(found["name"]) if time.monotonic() < found["until"] else ""
    except (KeyError, TypeError, ValueError):
        return ""


def ask(address, port, timeout=1.5):
    """Return what the agent at ``address`` says, as JSON has it; None if it says nothing."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", "/state")
        answer = connection.getresponse()
        return json.loads(answer.read(_MOST)) if answer.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def ask_all(known):
    """Return what the agents of all members say, ``{name: answer or None}``."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda address: ask(address, known["port"]), known["members"].values())
    return dict(zip(known["members"], answers, strict=True))
