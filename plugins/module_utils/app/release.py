# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of one application on its host. Private to the collection. No Ansible import.

``/srv/NAME/releases/ID`` is a release, ``current`` and ``previous`` are links to two of them. ``made.json`` is the last file that the
making of a release writes: a directory without it is what a killed run left, and is made anew. The script ``wsgi.py`` of a release is as
old as can be until processes have loaded it; so a run that died between the switch and that is seen and made good. The link ``unverified``
names the release that was switched to until it is found well behind the web server and its command ``after`` is done, for the same reason.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import glob
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import time

from ansible_collections.foobar.lamp.plugins.module_utils.app import build, services
from ansible_collections.foobar.lamp.plugins.module_utils.app import step as app_step
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.module_utils.app.services import ServiceError
from ansible_collections.foobar.lamp.plugins.module_utils.common import os_errors, safe_paths, tree

LOGS = "/var/log/python_app"
MODULE = "/usr/lib/apache2/modules/mod_wsgi.so"
LONGEST_OUTPUT = 6000
# As the application's user, whose state directory it is. Files of before move along.
MEDIA = """cd "$1"
mkdir -p "$(dirname "$2")"
if [ -d "$2" ] && ! [ -L "$2" ]; then
    find "$2" -mindepth 1 -maxdepth 1 -exec mv -n -t "$3" {} +
    rmdir "$2"
fi
ln -sfn "$3" "$2"
"""
PAUSE = 0.05  # seconds between two looks at the processes


class ReleaseError(Exception):
    """A release cannot be made or loaded. ``step`` names where, the text has the words of who refused."""

    def __init__(self, step, text):
        super().__init__(text)
        self.step = step


class OvertakenError(ReleaseError):
    """Another deploy was faster."""


def _private(path, flags):
    """Open a log, which may hold what an application says of its settings."""
    return os.open(path, flags, mode=0o640)


def _iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


class Application:
    """An application by its plan (see plan of plugin_utils/app/model.py)."""

    def __init__(self, plan, by=""):
        """``by``: who deploys, for the record."""
        self.plan, self.by = plan, by
        self.name, self.root = plan["name"], plan["root"]
        self.release = plan.get("release", "")
        self.directory = f"{self.root}/releases/{self.release}"
        self.log = f"{LOGS}/{self.name}.{self.release}.log"
        self.services = services.Services(self.name)

    # What is there.

    def link(self, name):
        """Return the release that the link ``current`` or ``previous`` names, empty for none."""
        try:
            return os.path.basename(os.readlink(f"{self.root}/{name}"))
        except OSError:
            return ""

    def since(self):
        """Return when the current release became current, empty if there is none."""
        try:
            return _iso(os.lstat(f"{self.root}/current").st_mtime)
        except OSError:
            return ""

    def made(self, release=None):
        """Return what is known of a whole release, nothing if it is not there or not whole."""
        try:
            return json.loads(pathlib.Path(f"{self.root}/releases/{release or self.release}/made.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def releases(self):
        """Return the whole releases, newest first."""
        found = [self.made(os.path.basename(path)) for path in glob.glob(f"{self.root}/releases/*")]
        return sorted((one for one in found if one), key=lambda one: one["made"], reverse=True)

    def processes(self):
        """Return the application's processes: ``{pid: name}``, the name as wsgi.py shows it, ``ok:RELEASE`` or ``no:RELEASE``."""
        found = {}
        try:
            # Apache cuts their titles short; but each application has a user of its own.
            owner = pwd.getpwnam(self.plan["user"]).pw_uid
        except KeyError:
            return found
        for place in glob.glob("/proc/[0-9]*"):
            try:
                if os.stat(place).st_uid == owner and pathlib.Path(place, "cmdline").read_bytes().startswith(b"wsgi:"):
                    found[int(place[6:])] = pathlib.Path(place, "comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:  # it ended meanwhile
                continue
        return found

    # What is done, one at a time.

    @contextlib.contextmanager
    def turn(self):
        """Wait for one's turn: what a killed run left running on this host ends first."""
        os.makedirs(f"{self.root}/releases", mode=0o700, exist_ok=True)
        # Who can open a file can lock it.
        with open(f"{self.root}/.lock", "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, mode=0o600)) as lock:
            os.fchmod(lock.fileno(), 0o600)
            deadline = time.monotonic() + self.plan["timeouts"]["install"]
            self._wait(deadline, lambda: self._locks(lock), f"Another deploy holds {self.root}/.lock; 'fuser {self.root}/.lock' names it.")
            # Steps do not hold the lock: what one of them leaves running would hold it, too.
            unit = app_step.unit(self.name)
            left = f"A step of another deploy runs still; 'systemctl status {unit}' shows it."
            self._wait(deadline, lambda: not app_step.runs(self.name), left)
            yield

    @staticmethod
    def _locks(lock):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @staticmethod
    def _wait(deadline, condition, words):
        while not condition():
            if time.monotonic() > deadline:
                raise ReleaseError("lock", words)
            time.sleep(0.5)

    def make(self, archive, python, pip_environment):
        """Make the release of its ``archive`` up to the point where its entry is imported. One that is whole already stays."""
        if found := self.made():
            if found["source"] != self.plan["source"]:
                # The same content of another branch or tag, for instance.
                self._write_made(found["made"], found.get("healthy", True))
            return
        os.makedirs(LOGS, mode=0o750, exist_ok=True)
        pathlib.Path(self.log).unlink(missing_ok=True)
        build.remove_remains(f"{self.root}/releases")
        try:
            build.Build(self.plan, self.directory, self._command).make(archive, python, pip_environment, self._check_python)
        except OSError as error:
            raise ReleaseError("files", os_errors.explain(error)) from error
        except tree.RefusedError as error:
            raise ReleaseError("files", f"{error}: a release has files of its own, directories, and links to them only.") from error
        if self.plan.get("media"):
            self._command("media", ["sh", "-euc", MEDIA, "sh", f"{self.root}/state", self.plan["media"], f"{self.root}/media"])
        self._check("import")
        os.utime(f"{self.directory}/wsgi.py", (0, 0))
        self._write_made(_iso(time.time()))

    def _check_python(self):
        """Require that mod_wsgi, where it is installed, holds the Python of the virtual environment."""
        own = re.search(r"^version = (\d+\.\d+)", safe_paths.read(f"{self.directory}/venv/pyvenv.cfg")[1].decode(), re.MULTILINE)[1]
        try:
            linked = re.search(rb"libpython(\d+\.\d+)", pathlib.Path(MODULE).read_bytes())
        except OSError:
            return
        if linked and linked[1].decode() != own:
            raise ReleaseError(
                "check", f"mod_wsgi runs Python {linked[1].decode()}, the virtual environment is Python {own}: use python_app_python."
            )

    def _write_made(self, when, healthy=False):
        """Say that the release is whole, and whether it was ever found healthy behind the web server."""
        made = {"release": self.release, "source": self.plan["source"], "made": when, "healthy": healthy}
        new = f"{self.directory}/made.json.new"
        with open(new, "w", encoding="utf-8") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, f"{self.directory}/made.json")

    def migrate(self):
        """Bring the database to what the release needs."""
        self._step("migrate")

    def switch(self):
        """Make the release current, once its health is asked; the old one stays in place if processes cannot load the new."""
        self._check_python()
        self._check("health")
        old, before = self.link("current"), self.link("previous")
        with self._undone(old, before):
            if old:
                self._point("previous", old)
            self._mark_unverified(self.release)
            self._point("current", self.release)
            self.restart()
        self._prune()
        self.note("switched", old)

    def target(self, release=""):
        """Return the release to go back to, the one before if none is named; empty if there is none that was ever healthy."""
        found = release or self.link("previous")
        return found if found and found != self.link("current") and self._was_healthy(found) else ""

    def _was_healthy(self, release):
        """Return whether a release is whole and was healthy. Earlier versions did not write down whether one was."""
        made = self.made(release)
        return bool(made) and made.get("healthy", True)

    def others(self):
        """Return in words which releases there are but the current one."""

        def described(one):
            never = "" if one.get("healthy", True) else ", never healthy"
            return f"{one['release']} ({one['source']}, {one['made']}{never})"

        current = self.link("current")
        return ", ".join(described(one) for one in self.releases() if one["release"] != current) or "none"

    def back(self, target):
        """Make another release current again; returns its name."""
        old = self.link("current")
        self._point("previous", old)
        self._point("current", target)
        self._mark_unverified("")
        self.restart(target)
        self.note("rolled back", old, target)
        return target

    def restart(self, release=""):
        """Let the processes load the current release, one after the other, so that the others answer meanwhile."""
        release = release or self.link("current")
        old = self.processes()
        for fresh, pid in enumerate(old, 1):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + self.plan["timeouts"]["start"] + 30
            while True:
                now = {one: state for one, state in self.processes().items() if one not in old}
                if f"no:{release}" in now.values():
                    raise ReleaseError("load", f"mod_wsgi cannot load it. Apache's error log says:\n{self.apache_log()}")
                if pid not in self.processes() and list(now.values()).count(f"ok:{release}") >= fresh:
                    break
                if time.monotonic() > deadline:
                    raise ReleaseError("load", f"A process of mod_wsgi does not come up. Apache's error log says:\n{self.apache_log()}")
                time.sleep(PAUSE)
        self._take_up_units(release)
        os.utime(f"{self.root}/releases/{release}/wsgi.py")

    def _take_up_units(self, release):
        """Let systemd run the workers and timers of the release, and no others of the application."""
        with open(f"{self.root}/releases/{release}/release.json", encoding="utf-8") as file:
            self.services.take_up(app_units.units(json.load(file)))

    @contextlib.contextmanager
    def _undone(self, old, before):
        """Let everything be what it was before the switch if that fails, whatever failed."""
        try:
            yield
        except Exception as error:
            self._point("current", old)
            self._point("previous", before)
            self._mark_unverified("")
            try:
                if old:
                    self.restart(old)
                else:
                    self.services.remove(self.services.there())
                    for pid in self.processes():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGTERM)
            except (ReleaseError, ServiceError) as second:
                step = getattr(error, "step", "switch")
                raise ReleaseError(step, f"{error}\nWhat was before does not run any more either: {second}") from error
            raise

    def settings_are_new(self):
        """Return whether the settings are younger than the last loading."""
        try:
            script = os.stat(f"{self.root}/current/wsgi.py").st_mtime
            return os.stat(self.plan["environment_file"]).st_mtime > script
        except OSError:
            return False

    def drop(self):
        """Remove the release, unless it is current; its log stays."""
        if self.release == self.link("current"):
            return
        build.remove(self.directory)
        if self.release == self.link("previous"):
            others = [one["release"] for one in self.releases() if one["release"] != self.link("current")]
            self._point("previous", others[0] if others else "")

    def note(self, what, before="", release=""):
        """Keep a line of what was done."""
        release = release or self.release
        source = self.made(release).get("source") or self.plan.get("source", "")
        now = _iso(time.time())
        line = {"time": now, "application": self.name, "what": what, "release": release, "before": before, "source": source, "by": self.by}
        os.makedirs(LOGS, mode=0o750, exist_ok=True)
        with open(f"{LOGS}/deploys.log", "a", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps(line) + "\n")

    def apache_log(self):
        """Return the end of the site's error log."""
        try:
            text = pathlib.Path(f"/var/log/apache2/{self.plan['host']}.error.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "(there is none)"
        return text[-LONGEST_OUTPUT:].strip()

    def _point(self, name, release):
        """Let the link ``name`` lead to a release, or to none."""
        new = f"{self.root}/{name}.new"
        pathlib.Path(new).unlink(missing_ok=True)
        if not release:
            pathlib.Path(self.root, name).unlink(missing_ok=True)
            return
        os.symlink(f"releases/{release}", new)
        os.replace(new, f"{self.root}/{name}")

    def _mark_unverified(self, release):
        """Let the link ``unverified`` name a release that is not verified yet, or none. What it was called before goes."""
        self._point("unverified", release)
        self._point("unproven", "")

    def _prune(self):
        """Keep the newest releases only, and never lose the current one and the one before."""
        kept = {self.link("current"), self.link("previous")}
        kept.update(one["release"] for one in self.releases()[: self.plan["keep"]])
        for path in glob.glob(f"{self.root}/releases/*"):
            if os.path.basename(path) not in kept:
                build.remove(path)
        for path in glob.glob(f"{LOGS}/{glob.escape(self.name)}.*.log"):
            if time.time() - os.stat(path).st_mtime > 30 * 86400:
                os.unlink(path)

    def _check(self, what):
        seconds = self.plan["timeouts"]["start"]
        words = ["python", f"{self.directory}/check.py", str(seconds), *(["health"] if what == "health" else [])]
        self._command(what, [f"{self.directory}/run", *words], seconds=seconds + 5)

    def _step(self, name):
        self._command(name, [f"{self.directory}/run", *self.plan["steps"][name]], timeout="step")

    def after(self):
        """Note that the release is healthy, and run the command that comes after the switch: now nothing more is to be done for it."""
        if (made := self.made()) and not made.get("healthy", True):
            self._write_made(made["made"], healthy=True)
        if "after" in self.plan["steps"]:
            self._step("after")
        self._mark_unverified("")

    def _command(
        self, step, argv, *, user="", directory="", environment=None, stdin=subprocess.DEVNULL, writable="", timeout="step", seconds=0
    ):
        """Run a command into the release's log, as ``user`` or the application's own; ReleaseError with the end of what it said if it fails
        or does not end. What it leaves running is ended.
        """
        seconds = seconds or self.plan["timeouts"][timeout]
        with open(self.log, "ab+", opener=_private) as log:
            log.write(f"== {step}\n".encode())
            log.flush()
            start = log.tell()
            wrong = app_step.run(
                self.name,
                argv,
                user or self.plan["user"],
                directory or self.directory,
                seconds,
                log,
                stdin=stdin,
                environment=environment,
                writable=writable,
            )
            if wrong:
                log.seek(start)
                raise ReleaseError(step, f"{log.read().decode(errors='replace')[-LONGEST_OUTPUT:].strip()}\n({wrong})")
