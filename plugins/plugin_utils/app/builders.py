# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are built from a Containerfile: what identifies one, and how this computer builds
it. Private to the collection.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.module_utils.app import mask
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import (
    ignores,
    model,
    references,
    registries,
    sources,
)

#: The modification time of all that is built from, so that the same makes the same. Earlier ones
#: some formats do not know.
_MOMENT = 315619200
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_HIDDEN = (".git", ".hg", ".svn")
#: What builds, and how each says that it works.
_WORKS = {
    "podman": ("podman", "info"),
    "docker": ("docker", "version"),
    "buildah": ("buildah", "images", "--quiet"),
}


class Build(NamedTuple):
    """What an image is built from:
    a directory on the controller, the Containerfile in it, the stage that is wanted, and arguments.
    """

    directory: str
    file: str
    target: str
    args: dict


def of(app):
    """Return the Build of ``app``; SourceError where there is no Containerfile."""
    given = app["build"] if isinstance(app["build"], dict) else {"directory": app["build"]}
    directory = given.get("directory") or "."
    names = (
        [os.path.normpath(given["file"])] if given.get("file") else ["Containerfile", "Dockerfile"]
    )
    if references.leads_out(names[0]):
        raise sources.SourceError(
            f"{model.called(app)} the build.file {names[0]}, "
            f"which is not in {directory}: give one that is."
        )
    found = next((name for name in names if os.path.isfile(os.path.join(directory, name))), None)
    if not found:
        raise sources.SourceError(
            f"{model.called(app)} the build {directory}, which has no {' and no '.join(names)}: "
            f"add one, or name it in build.file."
        )
    return Build(
        directory,
        found,
        given.get("target") or "",
        {str(name): str(value) for name, value in (given.get("args") or {}).items()},
    )


def _ignore(build):
    """Return the name of the file that says what is left out; none if there is none."""
    names = [name.format(file=build.file) for name in ignores.NAMES]
    return next(
        (name for name in names if os.path.isfile(os.path.join(build.directory, name))), None
    )


def listing(build):
    """Return the files that are built from, sorted, relative to the directory:
    what its ignore file leaves in, or what git would ship.

    Builders read the Containerfile and the ignore file, whatever that says of them.
    """
    ignore = _ignore(build)
    if ignore:
        text = pathlib.Path(build.directory, ignore).read_text(encoding="utf-8")
        # Each question to git changes what it keeps there; an image with that would be another one
        # each time.
        hidden = [name for name in _HIDDEN if f"!{name}" not in text]
        found = []
        for folder, folders, files in os.walk(build.directory):
            folders[:] = [name for name in folders if name not in hidden]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            found += [
                os.path.relpath(os.path.join(folder, name), build.directory)
                for name in (*files, *links)
            ]
        found = [*ignores.kept(found, text), ignore]
    else:
        found = sources.listing(build.directory)
    places = {name: os.path.join(build.directory, name) for name in sorted({*found, build.file})}
    return [
        name for name, place in places.items() if os.path.islink(place) or os.path.isfile(place)
    ]


def digest(build):
    """Return what identifies what is built from."""
    said = json.dumps(
        [
            sources.digest_of_files(build.directory, listing(build)),
            build.file,
            build.target,
            build.args,
        ],
        sort_keys=True,
    )
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def stage(build, place):
    """Put what is built from into ``place``: the directory ``context``, ``Containerfile``,
    and ``build.json`` with target, args and the registry that a login is for.
    """
    place = pathlib.Path(place)
    (place / "context").mkdir()
    for name in listing(build):
        target = place / "context" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(os.path.join(build.directory, name), target, follow_symlinks=False)
    shutil.copy(os.path.join(build.directory, build.file), place / "Containerfile")
    about = {"target": build.target, "args": build.args, "registry": _registry(build)}
    (place / "build.json").write_text(json.dumps(about, sort_keys=True))
    for folder, folders, files in os.walk(place):
        for path in (os.path.join(folder, name) for name in (*folders, *files)):
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.path.isdir(path) or os.access(path, os.X_OK) else 0o644)
            os.utime(path, (_MOMENT, _MOMENT), follow_symlinks=False)


def write(build, target):
    """Write what is built from as a tar.gz for a host, as `stage` has it.

    Its ``build.json`` may hold secrets, so nobody else reads it.
    """
    with tempfile.TemporaryDirectory() as place, open(target, "wb") as file:
        stage(build, place)
        os.chmod(target, 0o600)
        os.chmod(os.path.join(place, "build.json"), 0o600)
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=4) as archive:
            for name in sorted(os.listdir(place)):
                archive.add(os.path.join(place, name), name, filter=_of_root)


def _of_root(member):
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def tool(tools):
    """Return which of ``tools`` builds images on this computer,
    the first that works; empty for none.
    """
    return next((name for name in tools if shutil.which(name) and _works(_WORKS[name])), "")


def _works(words):
    return (
        subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
        == 0
    )


def build_here(tool, app, build, target, architecture, patience):
    """Build the image by ``tool`` and put its archive into the file ``target``;
    SourceError with the end of what the tool said.

    ``architecture``: the host's, as `uname -m` has it. ``patience``: the seconds that it may take.
    """
    tag = "localhost/foobar-lamp/" + re.sub(r"[^a-z0-9]+", "-", app["name"].lower()).strip("-")
    login = app.get("registry") or {}
    with (
        tempfile.TemporaryDirectory() as place,
        registries.credentials(_registry(build), login if _registry(build) else {}) as environment,
    ):
        stage(build, place)
        words = [
            tool,
            "build",
            "--file",
            f"{place}/Containerfile",
            "--tag",
            tag,
            "--iidfile",
            f"{place}/id",
        ]
        # Of the three it alone keeps no layers for the next build by itself.
        words += ["--layers"] if tool == "buildah" else []
        words += ["--target", build.target] if build.target else []
        if (
            references.processor(architecture) != references.processor(platform.machine())
            and architecture
        ):
            words += ["--platform", references.platform(architecture)]
        # The values are the environment's: other users of this computer see arguments.
        words += [word for name in build.args for word in ("--build-arg", name)]
        secret = {**build.args, **login}
        _run([*words, f"{place}/context"], {**environment, **build.args}, app, secret, patience)
        name = pathlib.Path(place, "id").read_text(encoding="ascii").strip()
        save = {
            "podman": [
                "podman",
                "save",
                "--quiet",
                "--format",
                "oci-archive",
                "--output",
                str(target),
                name,
            ],
            "buildah": ["buildah", "push", "--quiet", name, f"oci-archive:{target}"],
            "docker": ["docker", "save", "--output", str(target), name],
        }
        _run(save[tool], environment, app, secret, patience)


def _registry(build):
    """Return the registry of all images that it is built from; empty where it is not one alone,
    and nobody knows whose a login is.
    """
    found = _FROM.findall(pathlib.Path(build.directory, build.file).read_text(encoding="utf-8"))
    stages = {stage for _image, stage in found} | {"scratch"}
    images = [references.parsed(image) for image, _stage in found if image not in stages]
    names = {one.registry if one else "" for one in images}
    return names.pop() if len(names) == 1 else ""


def _run(words, environment, app, secret, patience):
    try:
        done = subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=patience,
        )
    except subprocess.TimeoutExpired as error:
        said = mask.mask((error.stdout or b"").decode(errors="replace"), secret)
        raise sources.SourceError(
            f"{model.called(app)} a build that {words[0]} was not done with after {patience} "
            f"seconds on this computer: correct it, or "
            f"raise timeouts.install.\n{said[-4000:].strip()}"
        ) from None
    if done.returncode:
        said = mask.mask(done.stdout.decode(errors="replace"), secret)
        raise sources.SourceError(
            f"{words[0]} {words[1]} failed on this computer.\n{said[-4000:].strip()}"
        )
