# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that is an image: how Podman comes to have it, and how it goes. Private to the
collection. No Ansible import.

An image is tagged ``localhost/foobar.lamp/NAME:RELEASE``, which says whose it is. ``image.json`` of
the release has what the launcher needs to know of it: its ``id``, the numbers ``uid`` and ``gid``
of its user, its ``command`` (entry point and arguments) and its ``size`` in bytes.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
import tarfile
import tempfile

from ansible_collections.foobar.lamp.plugins.module_utils.common import private, tree

PODMAN = ["/usr/bin/podman", "--events-backend=none"]
#: What builds images on the controller, in the order in which they are taken.
BUILD_TOOLS = ("podman", "docker", "buildah")
_PREFIX = "localhost/foobar.lamp"
_MEMBER = re.compile(r"(\./)?(oci-layout|index\.json|blobs/[a-z0-9]+/[0-9a-f]+)\Z")


class ImageError(Exception):
    """An image cannot be had, or not be used.

    ``step`` names where, the text begins with the cause and the remedy.
    """

    def __init__(self, step, text):
        super().__init__(text)
        self.step = step


def tag(name, release):
    """Return what the image of a release of the application ``name`` is called on the host."""
    return f"{_PREFIX}/{name}:{release}"


def _asked(*words):
    """Return what Podman says, empty if it fails."""
    return subprocess.run([*PODMAN, *words], capture_output=True, text=True, check=False).stdout


def sizes():
    """Return how many bytes the images of applications take, each as if it were alone:
    ``{tag: bytes}``.
    """
    if not os.path.exists(PODMAN[0]):
        return {}
    found = json.loads(
        _asked("images", "--filter", f"reference={_PREFIX}/*", "--format", "json") or "[]"
    )
    return {
        name: one["Size"]
        for one in found
        for name in one.get("Names") or ()
        if name.startswith(f"{_PREFIX}/")
    }


def _pulled(name, release, image):
    """Return what Podman itself calls the ``image`` of a plan that it has pulled,
    empty where it is given its tag at once.
    """
    if image["kind"] == "registry":
        # A tag and a digest together are one too many.
        return re.sub(r":[^:/]+(?=@)", "", image["reference"])
    # Of the name of its directory, by Podman 4.3; later ones give it none.
    return f"localhost/{name}-{release}:latest" if image["kind"] == "layout" else ""


def _unnamed():
    """Return the identifiers of the images that have no name,
    and of which no other image is made.
    """
    return set(_asked("images", "--filter", "dangling=true", "--quiet", "--no-trunc").split())


def discard(directory):
    """Have Podman forget what it has of the release at ``directory`` beside its image:
    the stages that were built for it, and what has not got its tag because a run died.
    """
    about = {}
    for name in ("release.json", "image.json"):
        with (
            contextlib.suppress(OSError, ValueError),
            open(f"{directory}/{name}", encoding="utf-8") as file,
        ):
            about |= json.load(file)
    gone = list(about.get("stages") or [])
    if about.get("image") and not os.path.exists(f"{directory}/made.json"):
        pulled = _pulled(about["name"], os.path.basename(directory), about["image"])
        # By its name: an image stays where it has another one. One of files has none at all, if
        # that is its only one.
        gone += [pulled] if pulled else []
        gone += _unnamed() & {about["image"]["digest"]}
    for one in gone:
        _asked("rmi", one)


def prune():
    """Remove the images of releases that are gone, whosever they are."""
    gone = [
        one
        for one in sizes()
        if not os.path.isdir(
            "/srv/{}/releases/{}".format(*one.removeprefix(f"{_PREFIX}/").rsplit(":", 1))
        )
    ]
    if gone:
        # What a container of a service that is ending still has, goes with the next release.
        _asked("rmi", *gone)


class Image:
    """The image of the release of a ``plan``, whose files are at ``directory``."""

    def __init__(self, plan, directory, command):
        """``command``: runs a command, as Application.command does."""
        self.plan, self.directory, self._command = plan, directory, command
        self.tag = tag(plan["name"], plan["release"])
        self.pulled = _pulled(plan["name"], plan["release"], plan["image"])

    def make(self, shipped, login, isolation):
        """Have Podman have the image, and know of it what the launcher needs;
        then the static files.

        ``shipped``: the path of an image or of the files that it is built of, empty for a registry.
        ``login``: its user and password. ``isolation``: how a build is apart from the host, as
        Podman calls it.
        """
        kind, stages = self.plan["image"]["kind"], set()
        with tempfile.TemporaryDirectory(prefix=".", dir=os.path.dirname(self.directory)) as place:
            if kind == "registry":
                self._pull(place, login)
            elif kind == "layout":
                self._load(shipped, place)
            else:
                before = _unnamed()
                self._build(shipped, place, login, isolation)
                stages = _unnamed() - before
        found = json.loads(_asked("image", "inspect", self.tag) or "[]")
        if not found:
            raise ImageError("image", f"Podman does not have {self.tag} any more: run again.")
        (about,) = found
        config = about["Config"]
        with self._mounted() as top:
            uid, gid = _ids(config.get("User") or "0", top)
            command = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
            if not command and not self.plan["serve"]:
                raise ImageError(
                    "image",
                    (
                        "It has neither an entry point nor a command: "
                        "give serve, the command that serves it."
                    ),
                )
            known = {
                "id": about["Id"],
                "uid": uid,
                "gid": gid,
                "command": command,
                "size": about["Size"],
                "stages": sorted(stages),
            }
            with open(f"{self.directory}/image.json", "w", encoding="utf-8") as file:
                json.dump(known, file)
            self._copy_static(top)
        self._collect()

    def _podman(self, step, *words, directory="/", **more):
        self._command(
            step, [*PODMAN, *words], user="root", directory=directory, timeout="install", **more
        )

    def _pull(self, place, login):
        words = _login(place, self.pulled.partition("/")[0], login)
        self._podman("image", "pull", "--quiet", *words, self.pulled)
        self._name(self.pulled)

    def _load(self, shipped, place):
        """Layers that Podman has already need not be in what was shipped."""
        directory = f"{self.plan['name']}-{self.plan['release']}"
        _unpack(shipped, f"{place}/{directory}")
        # From where it lies: Podman 4.3 makes a name of the path, and not each path is one.
        self._podman(
            "image",
            "pull",
            "--quiet",
            f"oci:{directory}",
            directory=place,
            environment={"TMPDIR": place},
        )
        self._name(self.plan["image"]["digest"].removeprefix("sha256:"))

    def _name(self, image):
        """Give an image that was pulled its tag, and no other name:
        that would stay when its release goes.
        """
        self._podman("image", "tag", image, self.tag)
        _asked("untag", self.tag, self.pulled)

    def _build(self, shipped, place, login, isolation):
        self._command(
            "image",
            ["tar", "--extract", "--gzip", f"--file={shipped}", f"--directory={place}"],
            user="root",
            directory="/",
        )
        with open(f"{place}/build.json", encoding="utf-8") as file:
            build = json.load(file)
        words = [
            f"--file={place}/Containerfile",
            f"--tag={self.tag}",
            *([f"--target={build['target']}"] if build["target"] else []),
        ]
        # The values are the environment's: other users see arguments.
        words += [f"--build-arg={name}" for name in build["args"]] + (
            [f"--isolation={isolation}"] if isolation else []
        )
        words += _login(place, build.get("registry"), login)
        self._podman(
            "image",
            "build",
            "--quiet",
            "--network=host",
            *words,
            f"{place}/context",
            environment={"TMPDIR": place, **build["args"]},
        )

    @contextlib.contextmanager
    def _mounted(self):
        """Yield the directory where the image's files are for reading."""
        where = _asked("image", "mount", self.tag).strip()
        if not where:
            raise ImageError(
                "image",
                (
                    f"Podman cannot mount {self.tag}: "
                    f"'podman image mount {self.tag}' on the host says why."
                ),
            )
        try:
            yield where
        finally:
            _asked("image", "unmount", self.tag)

    def _copy_static(self, top):
        """Copy what the image has for the web server to serve,
        as the application's user's, who may add to it.
        """
        tree.make(self.directory, "static")
        inside = self.plan["container"]["static"]
        if not inside:
            return
        found = _within(top, inside)
        if os.path.isdir(found):
            os.rmdir(f"{self.directory}/static")
            _copy(found, f"{self.directory}/static")
        elif "collect" not in self.plan["steps"]:
            raise ImageError(
                "image",
                (
                    f"It has no directory {inside}: "
                    f"correct static_dir, or give collect, the command that fills it."
                ),
            )

    def _collect(self):
        static = f"{self.directory}/static"
        collects = "collect" in self.plan["steps"]
        if not collects and not os.listdir(static):
            return
        user = pwd.getpwnam(self.plan["user"])
        tree.give(static, user.pw_uid, user.pw_gid, {0})
        if collects:
            words = [f"{self.directory}/run", *self.plan["steps"]["collect"]]
            environment = {"COLLECT": static, "CONTAINER": f"app-{self.plan['name']}.step"}
            self._command("collect", words, user="root", directory="/", environment=environment)
        self._command(
            "compress", ["/usr/bin/python3", "-I", f"{self.directory}/compress.py", static]
        )
        kept = f"{self.directory}/static.new"
        tree.copy(static, kept, {user.pw_uid})
        if out := tree.links_out(kept, ".", static):
            raise ImageError("collect", f"{out[0]} is a link that leads out of the static files.")
        shutil.rmtree(static)
        os.rename(kept, static)


def _login(place, registry, login):
    """Return the arguments by which Podman logs in to a registry.

    The file for it is in ``place``, and root's alone.
    """
    if not login or not registry:
        return []
    known = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
    with open(f"{place}/auth.json", "x", encoding="ascii", opener=private.opener) as file:
        json.dump({"auths": {registry: {"auth": known}}}, file)
    return [f"--authfile={place}/auth.json"]


def _unpack(archive, target):
    """Unpack an image layout: its files by their names, and nothing else."""
    os.mkdir(target)
    with tarfile.open(archive) as opened:
        for member in opened:
            content = (
                opened.extractfile(member)
                if member.isfile() and _MEMBER.match(member.name)
                else None
            )
            if not content:
                if member.isdir():
                    continue
                raise ImageError(
                    "image",
                    (
                        f"{member.name} has no place in an image layout: ship an OCI layout or "
                        f"what docker save writes."
                    ),
                )
            path = os.path.join(target, member.name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with content, open(path, "wb") as file:
                shutil.copyfileobj(content, file)


def _within(top, path):
    """Return the place of a path of an image below ``top``, links in it led as within the image."""
    parts, found, links = [one for one in path.split("/") if one], "", 0
    while parts:
        part = parts.pop(0)
        if part in (".", ""):
            continue
        if part == "..":
            found = found.rpartition("/")[0]
            continue
        inner = f"{found}/{part}"
        if os.path.islink(top + inner) and links < 40:
            links += 1
            to = os.readlink(top + inner)
            found = "" if to.startswith("/") else found
            parts = [*to.split("/"), *parts]
        else:
            found = inner
    return top + found


def _copy(source, target):
    """Copy directories, files and links of an image; what else it has there is left out."""
    os.mkdir(target, mode=0o755)
    for entry in os.scandir(source):
        place = f"{target}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir():
            _copy(entry.path, place)
        elif entry.is_file():
            shutil.copyfile(entry.path, place, follow_symlinks=False)


def _ids(user, top):
    """Return the numbers of the user of an image, as its configuration names it: ``user``,
    ``user:group``, by name or number.
    """
    name, _colon, group = user.partition(":")
    users, groups = (_lines(_within(top, f"/etc/{file}")) for file in ("passwd", "group"))
    found = next(
        (line for line in users if line[0] == name or (name.isdigit() and line[2] == name)), None
    )
    if not found and not name.isdigit():
        raise ImageError(
            "image", f"Its user is {name}, whom its /etc/passwd does not have: give USER a number."
        )
    uid, gid = (int(found[2]), int(found[3])) if found else (int(name), 0)
    if group:
        line = next((line for line in groups if line[0] == group), None)
        if not line and not group.isdigit():
            raise ImageError(
                "image",
                f"Its group is {group}, which its /etc/group does not have: give USER a number.",
            )
        gid = int(line[2]) if line else int(group)
    if max(uid, gid) >= 65536:
        raise ImageError(
            "image",
            f"Its user is {uid}:{gid}: give USER numbers below 65536, which a container has.",
        )
    return uid, gid


def _lines(path):
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.split(":") for line in file.read().splitlines() if line.count(":") >= 3]
