# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the files of a release come about. Private to the collection. No Ansible import.

What others wrote (packages that build themselves, the command ``collect``) never runs as root, and
root touches nothing that it can still change. So a release is built at its place in directories
that belong to the application's build user, ``src``, and to the application's user, the static
files. Then root makes a copy of them, which is nobody else's, and puts it in their place. The
launchers and ``release.json`` are root's from the first.

Its virtual environment knows its own path, and is most of the work. It comes about in the same way
at ``environments/DIGEST``, and ``venv`` leads there: releases with the same requirements,
interpreter and settings of pip share it. ``DIGEST.json`` is written last: without it there is what
a killed run left, and it is made anew.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import pwd
import re
import shutil
import tarfile
import tempfile

from ansible_collections.foobar.lamp.plugins.module_utils.app import interpreters, mask
from ansible_collections.foobar.lamp.plugins.module_utils.app import pip as system_pip
from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths, tree

PYTHON = "/usr/bin/python3"
_HOME = {"HOME": "/tmp"}  # noqa: S108 # of the unit's own
SHIPPED = ("src", "wheels", "beside")  # directories of the archive


class BuildError(Exception):
    """A release cannot be built.

    ``step`` names where, the text begins with the cause and the remedy.
    """

    def __init__(self, step, text):
        super().__init__(text)
        self.step = step


class Build:
    """The building of the release of a ``plan`` at ``directory``."""

    def __init__(self, plan, directory, command):
        """``command``: runs a command, as Application.command does."""
        self.plan, self.directory, self._command = plan, directory, command
        self.builder, self.user = plan["builder"], plan["user"]
        self._uids = {pwd.getpwnam(name).pw_uid for name in (self.builder, self.user)}

    def make(self, archive, python, pip_environment):
        """Make it of its ``archive``. ``python``: the interpreter where the plan names none."""
        names, launchers = begin(archive, self.directory)
        python = self._interpreter(self.plan.get("python") or python, pip_environment)
        self._fetch(archive, names, python)
        digest = self._environment(
            json.loads(launchers["environment.json"][0]), python, names, pip_environment
        )
        os.symlink(f"../../environments/{digest}", f"{self.directory}/venv")
        self._static()
        self._keep(launchers)

    def _build(self, step, argv, *places, **more):
        """Run a command as the build user, who may write to the release and ``places``."""
        writable = " ".join([self.directory, *places])
        self._command(
            step,
            argv,
            user=self.builder,
            writable=writable,
            **{"directory": self.directory, **more},
        )

    def _fetch(self, archive, names, python):
        shipped = [name for name in SHIPPED if name in names]
        for name in shipped:
            self._give(f"{self.directory}/{name}")
        # The application's user cannot write what Python would keep for the next start. What does
        # not compile may be no Python's.
        script = (
            'python=$1; shift; tar --extract --gzip --file=- "$@" && { "$python" -m compileall -q '
            "src || true; }"
        )
        with open(archive, "rb") as stdin:
            self._build("source", ["sh", "-c", script, "sh", python, *shipped], stdin=stdin)

    def _give(self, path):
        """Make a directory that is the build user's."""
        os.mkdir(path)
        os.chown(path, *pwd.getpwnam(self.builder)[2:4])

    def _interpreter(self, wanted, environment):
        """Return the path of the interpreter ``wanted``:
        a path, or a version, which is installed if it is not there yet.
        """
        if not os.path.isabs(wanted):
            return interpreters.provided(
                wanted,
                lambda place, words, more: self._made(
                    place, [("python", words)], {**environment, **more}
                ),
            )
        # Which user's it is does not matter: root never runs it.
        if not os.access(wanted, os.X_OK) or os.path.isdir(wanted):
            raise BuildError(
                "python",
                (
                    f"python is {wanted}, which is no program on this host: correct it, or install "
                    f"it by python_app_packages."
                ),
            )
        return wanted

    def _made(self, place, commands, environment, directory=""):
        """Have the build user make the directory ``place`` and make it root's.

        ``commands``: ``(step, words)`` of each; they start in ``directory``.
        """
        remove(place)
        self._give(place)
        try:
            for step, words in commands:
                more = {"directory": directory} if directory else {}
                self._build(
                    step,
                    words,
                    place,
                    environment={**_HOME, **environment},
                    timeout="install",
                    **more,
                )
            with _replaced(place) as new:
                tree.copy(place, new, self._uids)
        except BaseException as error:
            remove(place)
            step = getattr(error, "step", None)
            # pip's own words are many, and the reason is the last of them.
            if step is not None and (reason := system_pip.cause(str(error))):
                raise BuildError(step, f"{reason}\n{error}") from error
            raise

    def _environment(self, installs, python, names, environment):
        """Have the environment that ``installs`` says made, if there is none yet;
        returns its digest.
        """
        top, shipped = (
            f"{self.plan['root']}/environments",
            sorted(name for name in names if re.fullmatch(r"wheels/[^/]+\.whl", name)),
        )
        os.makedirs(top, mode=0o750, exist_ok=True)
        made_of = [
            installs["digest"],
            interpreters.identity(python),
            "wheels" in names,
            self.plan["release"] if installs["bound"] else "",
        ]
        settings = sorted(
            (name, mask.plain(value))
            for name, value in environment.items()
            if not name.startswith("UV_")
        )
        digest = hashlib.sha256(repr([*made_of, settings]).encode()).hexdigest()[:12]
        remove_remains(top)
        _prune(self.plan["root"], digest)
        place = f"{top}/{digest}"
        if os.path.exists(f"{place}.json"):
            return digest
        if "wheels" in names:
            # Resolved, and their hashes checked, on the controller.
            wheels = [f"{self.directory}/{name}" for name in shipped]
            calls = [["--no-index", "--no-deps", *wheels]] if wheels else []
        else:
            calls = installs["calls"]
        # The distribution's pip may be too old for a Python that is not its own.
        pip = (
            system_pip.path()
            if calls and os.path.realpath(python) == os.path.realpath(PYTHON)
            else ""
        )
        bare = [] if calls and not pip else ["--without-pip"]
        more = {**environment, **({"PYTHONPATH": pip} if pip else {})}
        # Not quiet: what conflicts with what is said beside the error only. Relative paths start in
        # the source.
        install = [
            f"{place}/bin/python",
            "-m",
            "pip",
            "install",
            "--no-input",
            "--progress-bar=off",
        ]
        # By the name with its version: the Python that the distribution has next finds nothing of
        # what is installed here.
        commands = [
            ("virtual environment", [os.path.realpath(python), "-m", "venv", *bare, place]),
            *(("install", [*install, *words]) for words in calls),
        ]
        self._made(place, commands, more, f"{self.directory}/src")
        with open(f"{place}.json", "w", encoding="utf-8") as file:
            json.dump({"python": python, **installs}, file)
        return digest

    def _static(self):
        """Have the application fill its static directory, and compress what is in it."""
        static, user = self.plan["static_dir"], pwd.getpwnam(self.user)
        tree.make(self.directory, static)
        path = f"{self.directory}/{static}"
        filled = "collect" in self.plan["steps"] or safe_paths.names(path)
        tree.give(path, user.pw_uid, user.pw_gid, self._uids)
        if "collect" in self.plan["steps"]:
            self._command("collect", [f"{self.directory}/run", *self.plan["steps"]["collect"]])
        if filled:
            self._command("compress", [PYTHON, "-I", f"{self.directory}/compress.py", path])

    def _keep(self, launchers):
        """Put a copy that is root's in the place of what was built."""
        static = self.plan["static_dir"]
        with _replaced(self.directory) as new:
            os.mkdir(new, mode=0o755)  # the directory around it says who may read it
            _write(launchers, new)
            os.symlink(os.readlink(f"{self.directory}/venv"), f"{new}/venv")
            for name in sorted({"src", static.split("/")[0]}):
                tree.copy(f"{self.directory}/{name}", f"{new}/{name}", self._uids)
            # The web server follows them, and may read what applications keep from each other.
            if out := tree.links_out(new, static, self.directory):
                raise tree.RefusedError(f"{out[0]} is a link that leads out of the release")


def begin(archive, directory):
    """Make the directory of a release anew, with the launchers of its archive;
    returns the names of all in that, and the launchers.
    """
    remove(directory)
    os.mkdir(directory, mode=0o755)
    names, launchers = _read(archive)
    _write(launchers, directory)
    return names, launchers


@contextlib.contextmanager
def _replaced(path):
    """Yield a path at which to make what then takes the place of ``path``."""
    place = tempfile.mkdtemp(prefix=".", dir=os.path.dirname(path))
    try:
        yield f"{place}/new"
        remove(path)
        os.rename(f"{place}/new", path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _prune(root, *kept):
    """Remove the environments that no release has any more, but ``kept``."""
    wanted = {
        *kept,
        *(
            os.path.basename(os.readlink(path))
            for path in glob.glob(f"{root}/releases/*/venv")
            if os.path.islink(path)
        ),
    }
    for name in {
        name.removesuffix(".json") for name in os.listdir(f"{root}/environments")
    } - wanted:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{root}/environments/{name}.json")
        remove(f"{root}/environments/{name}")


def _read(archive):
    """Return the names of all that an archive has, and its launchers and ``release.json``:
    ``{name: (content, mode)}``.
    """
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
        launchers = {
            one.name: (file.read(), 0o755 if one.mode & 0o100 else 0o644)
            for one in members
            if one.isfile() and "/" not in one.name and (file := opened.extractfile(one))
        }
    return [member.name for member in members], launchers


def _write(launchers, directory):
    for name, (content, mode) in launchers.items():
        with open(f"{directory}/{name}", "xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)


def remove(path):
    """Remove a directory, whatever becomes of it meanwhile:
    at once by its name, and then what is in it.
    """
    if os.path.lexists(path):
        gone = tempfile.mkdtemp(prefix=".", dir=os.path.dirname(path))
        os.rename(path, f"{gone}/gone")
        # It follows no link (shutil.rmtree.avoids_symlink_attacks).
        shutil.rmtree(gone, ignore_errors=True)


def remove_remains(directory):
    """Remove what a killed run left of its building and removing."""
    for name in os.listdir(directory):
        if name.startswith("."):
            shutil.rmtree(f"{directory}/{name}", ignore_errors=True)
