# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock files as requirements that pip installs with their hashes. Private to the collection.

Pure but for reading the lock and the ``pyproject.toml`` beside it. A lock has all that there is to
know, so neither uv nor Poetry is needed, and none of them decides anything anew. What pip cannot
check by a hash, such as a git repository, is refused.
"""

from __future__ import annotations

import fnmatch
import json
import pathlib
import posixpath
import re
import tomllib
from typing import NamedTuple

_PYLOCK = re.compile(r"pylock(\.[^./]+)?\.toml\Z")
#: Locks that are known and not read: the command that makes one that is.
_UNREAD = {"pdm.lock": "pdm export --format pylock --output pylock.toml"}
_NAMES = ("uv.lock", "poetry.lock", "Pipfile.lock", *_UNREAD)
_ALWAYS, _NEVER = 'python_version >= "0"', 'python_version < "0"'
_EXTRA = re.compile(r"""\bextra\s*==\s*(['"])([^'"]+)\1""")
_IN_SET = re.compile(r"""(['"])([^'"]+)\1\s+in\s+(extras|dependency_groups)\b""")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_HASHED = (
    "which pip cannot check by a hash: "
    "take a release of it from an index, or an archive with its hash."
)


class LockError(ValueError):
    """A lock cannot be used; says why and what to do."""


class Locked(NamedTuple):
    """What a lock says: lines of a requirements file with hashes, and paths in the source."""

    lines: list[str]
    local: list[str]


def is_lock(name):
    """Return whether a file of this name is a lock."""
    base = posixpath.basename(name)
    return base in _NAMES or bool(_PYLOCK.match(base))


def chosen(there, requirements):
    """Return the lock that an application is installed by, of the names in its source;
    empty for none.

    One that is there is used or refused, never passed over.
    """
    found = sorted(name for name in there if "/" not in name and is_lock(name))
    if not found or any(is_lock(name) for name in requirements):
        return ""
    if requirements:
        raise LockError(
            f"requirements is {', '.join(requirements)}, and beside it is {found[0]}, which says "
            f"other things or the same again: give requirements: "
            f"{found[0]}, or leave it out by exclude: [{found[0]}]."
        )
    if len(found) > 1:
        raise LockError(
            f"{' and '.join(found)} are there: give one of them in requirements, such as "
            f"requirements: {found[0]}."
        )
    return found[0]


def above(app, listed):
    """Return the locks above the subdirectory of ``app``; ``listed``:
    called with each directory there, for the names in it.
    """
    parts = app["subdirectory"].split("/") if app.get("subdirectory") else []
    places = ["/".join(parts[:depth]) for depth in range(len(parts))]
    found = [
        posixpath.join(place, name) for place in places for name in listed(place) if is_lock(name)
    ]
    excluded = app.get("exclude") or ()
    return [
        name
        for name in found
        if not any(
            fnmatch.fnmatch(one, way)
            for one in (name, posixpath.basename(name))
            for way in excluded
        )
    ]


def refuse_above(found, there, subdirectory, requirements):
    """Refuse a lock of those ``found`` above the subdirectory,
    where nothing says that it is not the application's.

    It is of a whole workspace, whose other parts are not shipped. ``there``: the names in the
    subdirectory.
    """
    if found and not requirements and not any("/" not in name and is_lock(name) for name in there):
        raise LockError(
            f"{found[0]} is above the subdirectory {subdirectory}, and would not be followed: "
            f"export what the application needs of it to a requirements file in {subdirectory} "
            f"(for uv, 'uv export --package NAME --no-emit-workspace'), and give that in "
            f"requirements, or leave the lock out by exclude: [{posixpath.basename(found[0])}]."
        )


def read(path, extras=()):
    """Return the Locked of the lock at ``path``, with these extras of the project."""
    path = pathlib.Path(path)
    if path.name in _UNREAD:
        raise LockError(
            f"{path.name} is a lock that is not read here: make one that is by "
            f"'{_UNREAD[path.name]}'."
        )
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.name == "Pipfile.lock" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise LockError(f"{path.name} cannot be read: {error}. Make it anew.") from None
    reader = {"uv.lock": _uv, "poetry.lock": _poetry, "Pipfile.lock": _pipfile}.get(
        path.name, _pylock
    )
    try:
        names, found = reader(content, {_plain(name) for name in extras})
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise LockError(
            f"{path.name} has another form than is known here ({error!r}): "
            f"export it to a requirements file."
        ) from None
    except LockError as error:
        raise LockError(f"{path.name}: {error}") from None
    if missing := sorted(_declared(path.with_name("pyproject.toml")) - names):
        raise LockError(
            f"{path.name} is older than pyproject.toml, which wants {', '.join(missing)}, too: "
            f"lock it anew."
        )
    return found


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _named(dependency):
    """Return the name that a dependency of a ``pyproject.toml`` begins with."""
    found = _NAME.match(dependency.strip())
    if not found:
        raise LockError(
            f"pyproject.toml depends on {dependency!r}, which begins with no package's name. "
            f"Correct it."
        )
    return found[0]


def _declared(pyproject):
    """Return the names that a project depends on wherever it runs."""
    try:
        content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except OSError:
        return set()
    except ValueError as error:
        raise LockError(f"pyproject.toml cannot be read: {error}. Correct it.") from None
    own = content.get("project", {}).get("dependencies", [])
    of_poetry = content.get("tool", {}).get("poetry", {}).get("dependencies", {})
    # A lock leaves out what no Python of the project wants.
    names = {_named(one) for one in own if ";" not in one}
    names |= {
        name
        for name, one in of_poetry.items()
        if name != "python" and (isinstance(one, str) or set(one) <= {"version", "extras"})
    }
    return {_plain(name) for name in names}


def _line(what, marker, hashes):
    if not hashes:
        raise LockError(f"{what} has no hash: lock it anew.")
    return " ".join(
        [
            what,
            *([f"; {marker}"] if marker else []),
            *(f"--hash={one}" for one in sorted(set(hashes))),
        ]
    )


def _path(package, path):
    if path.startswith(("/", "../")):
        raise LockError(
            f"{package} is at {path}, outside of the source: give a source that has both, and "
            f"subdirectory if need be."
        )
    return f"./{path}"


def _uv(content, extras):
    packages = content["package"]
    roots = [
        one
        for one in packages
        if "."
        in (
            one["source"].get("virtual"),
            one["source"].get("editable"),
            one["source"].get("directory"),
        )
    ]
    if not roots:
        raise LockError(
            "it is not of the project beside it: export it, by 'uv export --package NAME "
            "--output-file requirements.txt'."
        )
    if unknown := extras - {_plain(one) for one in roots[0].get("optional-dependencies", {})}:
        raise LockError(f"the project has no extra {', '.join(sorted(unknown))}: correct extras.")
    lines, local = [], []
    for number, conditions in _reached(packages, packages.index(roots[0]), extras).items():
        one = packages[number]
        source, name = one["source"], one["name"]
        files = [*one.get("wheels", []), *([one["sdist"]] if "sdist" in one else [])]
        hashes = [file["hash"] for file in files if "hash" in file]
        marker = _any(conditions)
        if path := source.get("directory") or source.get("editable") or source.get("path"):
            # It has no marker that pip could be told beside a path.
            if not marker:
                local.append(_path(name, path))
            else:
                raise LockError(
                    f"{name} is at {path} and wanted only where {marker}: want it always."
                )
        elif "git" in source:
            raise LockError(f"{name} is from {source['git'].partition('?')[0]}, {_NOT_HASHED}")
        elif "virtual" not in source:
            lines.append(
                _line(
                    f"{name} @ {source['url']}" if "url" in source else f"{name}=={one['version']}",
                    marker,
                    hashes,
                )
            )
    return {one["name"] for one in packages}, Locked(lines, local)


def _reached(packages, root, extras):
    """Return ``{number: conditions}`` of the packages that the one of number ``root`` leads to;
    each condition is a set of markers.
    """
    found, due = {}, [(root, "", frozenset()), *((root, extra, frozenset()) for extra in extras)]
    while due:
        number, extra, condition = due.pop()
        known = found.setdefault((number, extra), set())
        if any(one <= condition for one in known):
            continue
        known.difference_update([one for one in known if condition < one])
        known.add(condition)
        one = packages[number]
        optional = {
            _plain(name): edges for name, edges in one.get("optional-dependencies", {}).items()
        }
        for edge in optional.get(_plain(extra), []) if extra else one.get("dependencies", []):
            marker = edge.get("marker", "")
            if _EXTRA.search(marker):
                raise LockError(
                    f"{edge['name']} depends on extras that exclude each other: export it to a "
                    f"requirements file by 'uv export'."
                )
            (target,) = (
                place
                for place, other in enumerate(packages)
                if all(
                    other.get(key) == edge[key]
                    for key in ("name", "version", "source")
                    if key in edge
                )
            )
            more = condition | {marker} if marker else condition
            due += [(target, name, more) for name in ("", *edge.get("extra", []))]
    return {
        number: conditions
        for (number, extra), conditions in sorted(found.items())
        if not extra and number != root
    }


def _any(conditions):
    """Return the marker that holds where one of ``conditions`` does; empty for always."""
    if frozenset() in conditions:
        return ""
    return " or ".join(
        " and ".join(f"({marker})" for marker in sorted(one))
        for one in sorted(conditions, key=sorted)
    )


def _told(marker, extras, groups=()):
    """Return ``marker`` with what it asks of extras and groups answered."""

    def answer(yes):
        return _ALWAYS if yes else _NEVER

    marker = _EXTRA.sub(lambda found: answer(_plain(found[2]) in extras), marker)
    return _IN_SET.sub(
        lambda found: answer(_plain(found[2]) in (extras if found[3] == "extras" else groups)),
        marker,
    )


def _poetry(content, extras):
    if content["metadata"]["lock-version"] not in ("2.1", "2.2"):
        raise LockError(
            "it is of a Poetry before 2, and does not say what is for development only: lock it "
            "by Poetry 2 ('poetry lock')."
        )
    if unknown := extras - {_plain(name) for name in content.get("extras", {})}:
        raise LockError(f"the project has no extra {', '.join(sorted(unknown))}: correct extras.")
    lines, local = [], []
    for one in content["package"]:
        if "main" not in one["groups"]:
            continue
        name, source, marker = one["name"], one.get("source", {}), one.get("markers", "")
        marker = _told(marker.get("main", "") if isinstance(marker, dict) else marker, extras)
        if source.get("type") == "git":
            raise LockError(f"{name} is from {source['url']}, {_NOT_HASHED}")
        if source.get("type") in ("directory", "file"):
            local.append(_path(name, source["url"]))
        else:
            what = (
                f"{name} @ {source['url']}"
                if source.get("type") == "url"
                else f"{name}=={one['version']}"
            )
            lines.append(_line(what, marker, [file["hash"] for file in one["files"]]))
    return {_plain(one["name"]) for one in content["package"]}, Locked(lines, local)


def _pylock(content, extras):
    groups = {_plain(name) for name in content.get("default-groups", [])}
    if unknown := extras - {_plain(name) for name in content.get("extras", [])}:
        raise LockError(
            f"it has no extra {', '.join(sorted(unknown))}: correct extras, or export it with them."
        )
    lines, local = [], []
    for one in content["packages"]:
        name = one["name"]
        if "vcs" in one:
            raise LockError(
                f"{name} is from {one['vcs'].get('url', 'a repository')}, {_NOT_HASHED}"
            )
        if "directory" in one:
            if _plain_path(one["directory"]["path"]) != ".":
                local.append(_path(name, _plain_path(one["directory"]["path"])))
            continue
        files = [*one.get("wheels", []), *(one[key] for key in ("sdist", "archive") if key in one)]
        hashes = [
            f"{kind}:{value}"
            for file in files
            for kind, value in file["hashes"].items()
            if kind in ("sha256", "sha384", "sha512")
        ]
        what = (
            f"{name} @ {one['archive']['url']}" if "archive" in one else f"{name}=={one['version']}"
        )
        lines.append(_line(what, _told(one.get("marker", ""), extras, groups), hashes))
    return {_plain(one["name"]) for one in content["packages"]}, Locked(lines, local)


def _plain_path(path):
    return posixpath.normpath(path)


def _pipfile(content, extras):
    if extras:
        raise LockError("it has no extras: correct extras.")
    lines, local = [], []
    for name, one in content["default"].items():
        if "git" in one:
            raise LockError(f"{name} is from {one['git']}, {_NOT_HASHED}")
        if "path" in one:
            local.append(_path(name, _plain_path(one["path"])))
        else:
            what = f"{name} @ {one['file']}" if "file" in one else f"{name}{one['version']}"
            lines.append(_line(what, one.get("markers", ""), one.get("hashes", [])))
    return {_plain(name) for name in content["default"]}, Locked(lines, local)
