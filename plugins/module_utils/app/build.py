# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the files of a release come about. Private to the collection. No Ansible import.

What others wrote (packages that build themselves, the command ``collect``) never runs as root, and root touches nothing that it can still
change. So a release is built at its place (a virtual environment knows its own path) in directories that belong to the application's build
user, ``src`` and ``venv``, and to the application's user, the static files. Then root makes a copy of them, which is nobody else's, and
puts it in their place. The launchers and ``release.json`` are root's from the first.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tarfile
import tempfile

from ansible_collections.foobar.lamp.plugins.module_utils.app import pip as system_pip
from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths, tree

PYTHON = "/usr/bin/python3"
SHIPPED = ("src", "wheels", "beside")  # directories of the archive


class Build:
    """The building of the release of a ``plan`` at ``directory``."""

    def __init__(self, plan, directory, command):
        """``command``: runs a command, as Application.command does."""
        self.plan, self.directory, self._command = plan, directory, command
        self.builder, self.user = plan["builder"], plan["user"]
        self._uids = {pwd.getpwnam(name).pw_uid for name in (self.builder, self.user)}

    def make(self, archive, python, pip_environment):
        """Make it of its ``archive``."""
        remove(self.directory)
        os.mkdir(self.directory, mode=0o755)
        names, launchers = _read(archive)
        _write(launchers, self.directory)
        self._fetch(archive, names, python)
        self._environment(python, names, pip_environment)
        self._static()
        self._keep(launchers)

    def _build(self, step, argv, **more):
        self._command(step, argv, user=self.builder, directory=self.directory, writable=self.directory, **more)

    def _fetch(self, archive, names, python):
        shipped = [name for name in SHIPPED if name in names]
        uid, gid = pwd.getpwnam(self.builder)[2:4]
        for name in (*shipped, "venv"):
            os.mkdir(f"{self.directory}/{name}")
            os.chown(f"{self.directory}/{name}", uid, gid)
        # The application's user cannot write what Python would keep for the next start. What does not compile may be no Python's.
        script = 'python=$1; shift; tar --extract --gzip --file=- "$@" && { "$python" -m compileall -q src || true; }'
        with open(archive, "rb") as stdin:
            self._build("source", ["sh", "-c", script, "sh", python, *shipped], stdin=stdin)

    def _environment(self, python, names, environment):
        """Make the virtual environment, and have the distribution's pip fill it, or where there is none, a pip of its own."""
        source = f"{self.directory}/src"
        shipped = sorted(f"{self.directory}/{name}" for name in names if re.fullmatch(r"wheels/[^/]+\.whl", name))
        if "wheels" in names:
            # Resolved, and their hashes checked, on the controller.
            words = ["--no-index", "--no-deps", *shipped] if shipped else []
        else:
            own = sorted(f"{self.directory}/{name}" for name in names if re.fullmatch(r"src/[^/]+\.whl", name))
            words = system_pip.targets(self.plan, source, own)
        # The distribution's pip may be too old for a Python that is not its own.
        pip = system_pip.path() if words and os.path.realpath(python) == os.path.realpath(PYTHON) else ""
        bare = [] if words and not pip else ["--without-pip"]
        self._build("virtual environment", [python, "-m", "venv", *bare, f"{self.directory}/venv"])
        if words:
            # Not quiet: what conflicts with what is said beside the error only.
            install = [f"{self.directory}/venv/bin/python", "-m", "pip", "install", "--no-input", "--progress-bar=off", *words]
            more = {**environment, **({"PYTHONPATH": pip} if pip else {})}
            self._build("install", install, environment={"HOME": "/tmp", **more}, timeout="install")  # noqa: S108 # of the unit's own

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
        new = tempfile.mkdtemp(prefix=".", dir=os.path.dirname(self.directory))
        try:
            os.chmod(new, 0o755)  # noqa: S103 # the directory around it says who may read it
            _write(launchers, new)
            for name in sorted({"src", "venv", static.split("/")[0]}):
                tree.copy(f"{self.directory}/{name}", f"{new}/{name}", self._uids)
            # The web server follows them, and may read what applications keep from each other.
            if out := tree.links_out(new, static, self.directory):
                raise tree.RefusedError(f"{out[0]} is a link that leads out of the release")
            remove(self.directory)
            os.rename(new, self.directory)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise


def _read(archive):
    """Return the names of all that an archive has, and its launchers and ``release.json``: ``{name: (content, mode)}``."""
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
        own = [member for member in members if member.isfile() and "/" not in member.name]
        launchers = {one.name: (opened.extractfile(one).read(), 0o755 if one.mode & 0o100 else 0o644) for one in own}
    return [member.name for member in members], launchers


def _write(launchers, directory):
    for name, (content, mode) in launchers.items():
        with open(f"{directory}/{name}", "xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)


def remove(path):
    """Remove a directory, whatever becomes of it meanwhile: at once by its name, and then what is in it."""
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
