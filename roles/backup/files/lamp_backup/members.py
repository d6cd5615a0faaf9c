# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a cluster, whose members have the same data: which of them takes one for all, and how
the others do not wait for it.

What a member is like it says by HTTP, in JSON: ``running``, ``status``, ``state`` and ``writer``
(see the role mysql).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import time
import urllib.request

from . import BackupError, server, warn

_PATIENCE, _MOST = 2, 1 << 16
_PRIMARY = "Primary"
# One that takes a backup, or gives its data to another, is in the second: all have to come to the
# same answer meanwhile.
_ABLE = ("Synced", "Donor/Desynced")
#: In the directory of the backups while the others do not wait for this member.
MARK = ".desynced"


def maker(said: dict[str, dict | None]) -> str:
    """Return the member that takes the backup for all:
    the first by name that has the data and does not write, else the writer.

    ``said``: what each says, None of one that does not answer. Empty where no member of the cluster
    answers.
    """
    able = {
        name: one for name, one in sorted(said.items())
        if one and one.get("running")
        and one.get("status") == _PRIMARY and one.get("state") in _ABLE
    }  # fmt: skip
    writers = {one.get("writer") for one in able.values()}
    return next((name for name in able if name not in writers), next(iter(able), ""))


def _ask(url):
    """No proxy stands between members."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, timeout=_PATIENCE
        ) as answer:
            found = json.loads(answer.read(_MOST))
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return found if isinstance(found, dict) else None


def ask(cluster: dict) -> dict[str, dict | None]:
    """Return what each member says of itself."""
    urls = cluster["members"]
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(urls, pool.map(_ask, urls.values()), strict=True))


def another(settings) -> str:
    """Return which other member takes the backup for all now;
    empty where this host does, or nobody can say.
    """
    found = maker(ask(settings.cluster)) if settings.cluster else ""
    return "" if found == settings.cluster.get("host") else found


def require_alone(cluster: dict) -> list[str]:
    """Require that no other member runs, since this one begins the cluster anew;
    return those that do not answer.

    Whoever goes on with the old data would take writes that nobody has afterwards. What has just
    been stopped is known in a moment.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        others = {name: one for name, one in ask(cluster).items() if name != cluster["host"]}
        running = [name for name, one in others.items() if one and one.get("running")]
        if not running:
            return [name for name, one in others.items() if not one]
        if time.monotonic() > end:
            raise BackupError(
                f"{' and '.join(running)} of the cluster runs: "
                f"stop mariadb there first. Nothing was replaced."
            )
        time.sleep(0.1)


def lacking(said: dict[str, dict | None], host: str) -> bool:
    """Return whether a member has other data than the cluster has, which the others have to be;
    an error where there is none.

    ``said``: what each says.
    """
    cluster = [
        one["uuid"]
        for one in said.values()
        if one and one.get("running") and one.get("status") == _PRIMARY and one.get("uuid")
    ]
    if not cluster:
        raise BackupError(
            "No member runs as the cluster, whose data this one could get: "
            "start mariadb on one of them first."
        )
    mine = said.get(host) or {}
    return not (mine.get("running") and mine.get("uuid") == cluster[0])


@contextlib.contextmanager
def apart(settings, live: server.Server):
    """Have the other members not wait for this one while it reads all that it has;
    afterwards it makes up for what it has missed.

    Not where it writes, as the only one may have to.
    """
    mark = settings.directory / MARK
    mine = (
        (_ask(settings.cluster["members"][settings.cluster["host"]]) or {})
        if settings.cluster
        else {}
    )
    able = mine.get("state") == "Synced" and mine.get("writer") not in (
        "",
        None,
        settings.cluster.get("host"),
    )
    try:
        if able and live.ask("SELECT @@wsrep_desync") == [["0"]]:
            mark.touch(mode=0o600)
            live.ask("SET GLOBAL wsrep_desync = ON")
    except BackupError as error:
        warn(f"the other members may have to wait for this one: {error}")
    try:
        yield
    finally:
        together(settings, live)


def together(settings, live: server.Server) -> None:
    """End what ``apart`` began, in this run or in one that was killed.

    A server that was restarted has forgotten it.
    """
    mark = settings.directory / MARK
    if not mark.exists():
        return
    if live.answers() and live.ask("SELECT @@wsrep_desync") == [["1"]]:
        live.ask("SET GLOBAL wsrep_desync = OFF")
    mark.unlink()
