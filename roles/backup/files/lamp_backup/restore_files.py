# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories of files in a restore: each is made anew beside the live one, by its user, and
root gives it the name later.
"""

from __future__ import annotations

import os
import pathlib

from . import BackupError, files, owner, plan, store, trees, warn


def _fresh(tree) -> pathlib.Path:
    live = pathlib.Path(tree["path"])
    return live.parent / f".{live.name}.restored"


def old_name(live: str, stamp: str) -> str:
    """Return the name of a directory that is replaced."""
    path = pathlib.Path(live)
    return str(path.parent / f".{path.name}.replaced-{stamp}")


def _wanted(settings, shelf, wanted, drilled=False):
    """Return the directories of this host that are wanted of a backup;
    what it has besides is told.
    """
    said = shelf.manifest(wanted["name"]).get("files", {"trees": {}})["trees"]
    here = {tree["name"]: tree for tree in settings.files if store.known(tree["user"])}
    for other in said.keys() - here.keys():
        warn(
            f"the files of {other} ({said[other]['path']}) are "
            f"in the backup and have no place on this host."
        )
    only = wanted.get("only_files")

    def meant(name):
        return drilled or (name in only if only is not None else not here[name].get("on_request"))

    return [here[name] for name in said if name in here and meant(name)]


def require_exchangeable(settings, shelf, wanted: dict) -> None:
    """Require that the directories can be exchanged,
    and that there is room for their copies, before anything is made.
    """
    for tree in _wanted(settings, shelf, wanted):
        live = pathlib.Path(tree["path"])
        owner.require_own(live if tree["user"] == "root" else live.parent)
        if live.is_symlink() or os.path.ismount(live):
            raise BackupError(
                f"{live} is a link or a file system of its own, which cannot be exchanged: "
                f"restore there by hand."
            )
        size = shelf.manifest(wanted["name"])["files"]["trees"][tree["name"]]["bytes"]
        if live.parent.is_dir() and files.free(live) < size:
            raise BackupError(
                f"No room for {_fresh(tree)}: it needs {size >> 20} MiB. "
                f"Make room. Nothing has changed."
            )


def prepare(settings, shelf, wanted: dict, force: bool) -> list[dict]:
    """Make the directories of a backup beside the live ones,
    with what was written between it and the moment.
    """
    chosen, identity = (
        _wanted(settings, shelf, wanted),
        wanted["identity"] or settings.identity or None,
    )
    if not chosen:
        return []
    shelf.verify_files(wanted["name"])
    rows, made = store.listed(shelf, wanted["name"], identity), []
    try:
        for tree in chosen:
            _require(
                store.build(shelf, rows[tree["name"]], tree["user"], _fresh(tree), identity),
                tree,
                force,
            )
            late = wanted["until"] and os.path.isdir(tree["path"]) and not tree.get("on_request")
            kept = _keep(shelf, wanted, tree) if late else 0
            if shelf.manifest(wanted["name"])["files"]["trees"][tree["name"]].get("roots"):
                os.chown(_fresh(tree), 0, -1, follow_symlinks=False)
            if os.path.isdir(tree["path"]):
                # Another group may read it, such as the web server. Its name is in a directory of
                # root's.
                os.chown(_fresh(tree), -1, os.lstat(tree["path"]).st_gid, follow_symlinks=False)
            count = sum(row["kind"] == "file" for row in rows[tree["name"]])
            made.append(
                {"live": tree["path"], "new": str(_fresh(tree)), "files": count, "kept": kept}
            )
    except BaseException:
        clean(settings)
        raise
    return made


def _keep(shelf, wanted, tree):
    since = plan.moment_of(shelf.manifest(wanted["name"])["time"]).timestamp()
    until = None if wanted["until"] == plan.END else plan.moment_of(wanted["until"]).timestamp()
    return owner.run(tree["user"], trees.keep, tree["path"], str(_fresh(tree)), since, until)


def _require(unlike, tree, force=False):
    if unlike:
        text = (
            f"The files for {tree['path']} are not what the backup says: {'; '.join(unlike[:20])}."
        )
        if not force:
            raise BackupError(f"{text} Nothing was replaced.")
        warn(text)


def services(settings, moves: list[dict]) -> list[str]:
    """Return the units that have to be stopped while the directories of ``moves`` are exchanged."""
    lives = {move["live"] for move in moves}
    return sorted(
        {
            tree["service"]
            for tree in settings.files
            if tree["path"] in lives and tree.get("service")
        }
    )


def put_back(moves: list[dict]) -> None:
    """Give all the names back that it had before an exchange, however far that came."""
    for move in moves:
        if os.path.lexists(move["live"]) and not os.path.lexists(move["new"]):
            os.rename(move["live"], move["new"])
        if os.path.lexists(move["old"]) and not os.path.lexists(move["live"]):
            os.rename(move["old"], move["live"])


def replaced(settings, stamp: str) -> dict[str, str]:
    """Return the directories that a restore has replaced, ``{live: where it is now}``."""
    found = {tree["path"]: old_name(tree["path"], stamp) for tree in settings.files}
    return {live: old for live, old in found.items() if os.path.isdir(old)}


def discard(settings) -> list[pathlib.Path]:
    """Delete the directories that were replaced."""
    gone = []
    for tree in settings.files:
        live = pathlib.Path(tree["path"])
        for path in sorted(live.parent.glob(f".{live.name}.replaced-*")):
            owner.remove(tree["user"], path)
            gone.append(path)
    return gone


def clean(settings) -> None:
    """Remove what was prepared."""
    for tree in settings.files:
        if os.path.lexists(_fresh(tree)):
            owner.remove(tree["user"], _fresh(tree))


def drill(settings, shelf, wanted: dict) -> list[dict]:
    """Make the directories of a backup in a scratch place, and compare them."""
    identity, made = wanted["identity"] or settings.identity or None, []
    chosen = _wanted(settings, shelf, wanted, drilled=True)
    rows = store.listed(shelf, wanted["name"], identity) if chosen else {}
    for number, tree in enumerate(chosen):
        place = settings.workshop / "drill-files" / f"{number}-{tree['user']}"
        place.parent.mkdir(exist_ok=True)
        place.parent.chmod(0o711)
        files.require_room(
            settings,
            place.parent,
            sum(row.get("size", 0) for row in rows[tree["name"]]),
            "Make room.",
        )
        _require(store.build(shelf, rows[tree["name"]], tree["user"], place, identity), tree)
        made.append(
            {
                "live": tree["path"],
                "files": sum(row["kind"] == "file" for row in rows[tree["name"]]),
            }
        )
        owner.remove(tree["user"], place)
    return made


def clean_drill(settings) -> None:
    """Remove what a drill has made."""
    place = settings.workshop / "drill-files"
    if place.exists():
        for made in place.iterdir():
            owner.remove(made.name.partition("-")[2], made)
        place.rmdir()
