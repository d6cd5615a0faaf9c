# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an application's environment is made of: the calls of pip, and
what identifies them. Private to the collection.

It reads the source as a host gets it, and writes what it makes of a lock beside that.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import posixpath
import re
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import locks

# ansible-core needs it itself, but is not always whole where its plugins are only looked at.
with contextlib.suppress(ImportError):
    from packaging.markers import Marker, default_environment

_OPTION = re.compile(
    r"(-r|--requirement|-c|--constraint|-e|--editable)(?:\s+|=|(?<=-[rce]))(\S.*)\Z"
)
_COMMENT = re.compile(r"(^|\s)#.*$")
_HASHED = re.compile(r"--(hash|require-hashes)\b")
_FILE = (".whl", ".tar.gz", ".tgz", ".zip")
_MARKER = re.compile(r"(.*?)\s*;\s*(.*?)((?:\s+--\S.*)?)\Z")
#: The Python of each version of Debian.
_DEBIAN = {"3.11": "3.11.2", "3.13": "3.13.5"}


class Installs(NamedTuple):
    """``calls``: the arguments of each call of pip, which starts in the source.

    ``digest``: what identifies them, and what they read.

    ``bound``: whether they install something of the source itself, so that the environment is that
    release's alone.
    """

    calls: list[list[str]]
    digest: str
    bound: bool


def of(plan, source, kind="directory"):
    """Return the Installs of ``plan`` with its source in the directory ``source``."""
    source = pathlib.Path(source)
    plan = {**plan, "requirements": list(plan["requirements"])}
    if kind in ("archive", "directory", "git") and (
        lock := locks.chosen(os.listdir(source), plan["requirements"])
    ):
        plan["requirements"].append(lock)
    calls, local, extras = [], [], f"[{','.join(plan['extras'])}]" if plan["extras"] else ""
    files = [name for name in plan["requirements"] if not locks.is_lock(name)]
    for number, name in enumerate(name for name in plan["requirements"] if locks.is_lock(name)):
        locked = locks.read(source / name, plan["extras"])
        place = f"../beside/{number or ''}{posixpath.basename(name)}.txt"
        (source / place).parent.mkdir(exist_ok=True)
        (source / place).write_text("".join(f"{line}\n" for line in locked.lines))
        if locked.lines:
            calls.append(["--no-deps", "--require-hashes", "--requirement", place])
        local += locked.local
    hashed = bool(calls or local)
    options = [
        word
        for key in ("requirement", "constraint")
        for name in (files if key == "requirement" else plan["constraints"])
        for word in (f"--{key}", name)
    ]
    lines = [line for name in files for line in _lines(source, name)]
    apart = plan["project"] and (hashed or any(_HASHED.search(line) for line in lines))
    wanted = (
        [f"./{path.name}{extras}" for path in sorted(source.glob("*.whl"))]
        if kind == "wheel"
        else []
    )
    wanted += [plan["requirement"]] if plan["requirement"] else []
    wanted += [f".{extras}"] if plan["project"] and not apart else []
    # Constraints alone are nothing to install.
    if wanted or files:
        calls.append([*options, *wanted])
    # What has no hash cannot be in one call with what has; and the others have said all that it
    # depends on.
    if local or apart:
        calls.append(["--no-deps", *local, *([f".{extras}"] if apart else [])])
    bound = bool(
        plan["project"] or local or kind == "wheel" or any(_is_local(line) for line in lines)
    )
    _require(source, lines, local)
    read = [
        text
        for name in (*plan["requirements"], *plan["constraints"])
        for text in _lines(source, name)
    ]
    return Installs(
        calls, hashlib.sha256("\0".join([repr(calls), *read]).encode()).hexdigest(), bound
    )


def _lines(source, name, passed=()):
    """Return the lines of a requirements file and of those that it names, without comments."""
    path = source / name
    if name in passed or not path.is_file():
        return []
    if locks.is_lock(name):
        return path.read_text(encoding="utf-8").splitlines()
    text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    found = []
    for line in filter(None, (_COMMENT.sub("", line).strip() for line in text.splitlines())):
        found.append(line)
        option = _OPTION.match(line)
        if (
            option
            and option[1] in ("-r", "--requirement", "-c", "--constraint")
            and "://" not in option[2]
        ):
            found += _lines(
                source,
                posixpath.normpath(posixpath.join(posixpath.dirname(name), option[2])),
                (*passed, name),
            )
    return found


def _is_local(line):
    return bool(local_path(line))


def local_path(line):
    """Return the path that a line of a requirements file installs from,
    empty where it comes from elsewhere.
    """
    option = _OPTION.match(line)
    if option and option[1] not in ("-e", "--editable") or not option and line.startswith("-"):
        return ""
    text = re.split(r"\s+;|\s+--", option[2] if option else line)[0].strip()
    if "@" in text and (named := re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?\s*@\s*(.+)\Z", text)):
        text = named[2]
        if not text.startswith("file:"):
            return ""
    path = re.sub(r"\[[^\]]*\]\Z", "", text)
    if path.startswith("file:"):
        return re.sub(r"^file:(//(localhost)?(?=/))?", "", path)
    if "://" in path or re.match(r"[a-z]+\+", path):
        return ""
    return path if option or "/" in path or path.startswith(".") or path.endswith(_FILE) else ""


def _require(source, lines, local):
    """Require that what is installed from a path is in the source."""
    for path in [*filter(None, map(local_path, lines)), *local]:
        if posixpath.isabs(path):
            continue
        place = posixpath.normpath(path)
        if place.split("/")[0] == "..":
            raise locks.LockError(
                f"{path} is installed, which lies outside of the source: "
                f"give a source that has both."
            )
        if not (source / place).exists():
            raise locks.LockError(
                f"{path} is installed, which the source has not: add it. Paths start in the "
                f"source, whatever file names them."
            )


def rewritten(source, name, built, python):
    """Yield the lines of a requirements file for a host with Python ``python``.

    What they install from a path is what ``built`` makes of that. pip asks its own Python what
    markers ask of another's.
    """
    path = pathlib.Path(source, name)
    text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    for line in filter(None, (_COMMENT.sub("", one).strip() for one in text.splitlines())):
        option = _OPTION.match(line)
        if option and option[1] in ("-r", "--requirement") and "://" not in option[2]:
            yield from rewritten(
                source, posixpath.join(posixpath.dirname(name), option[2]), built, python
            )
        elif option and option[1] in ("-c", "--constraint") and "://" not in option[2]:
            yield f"--constraint {path.parent / option[2]}"
        elif not line.startswith("-") or option:
            found = _MARKER.match(line)
            wanted, marker, more = found.groups() if found else (line, "", "")
            if marker and not Marker(marker).evaluate(_target(python)):
                continue
            yield (built(_spelled(wanted)) if local_path(wanted) else wanted) + more
        else:
            yield line


def _spelled(line):
    """Return the path of a line, with its extras."""
    extras = re.search(r"\[[^\]]*\]", line.split("--")[0])
    return local_path(line) + (extras[0] if extras else "")


def _target(python):
    full = _DEBIAN.get(python, f"{python}.0")
    of_linux = {"os_name": "posix", "platform_system": "Linux", "sys_platform": "linux"}
    return {
        **default_environment(),
        **of_linux,
        "python_version": python,
        "python_full_version": full,
        "implementation_version": full,
    }
