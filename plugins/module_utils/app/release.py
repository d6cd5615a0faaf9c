# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of one application on its host. Private to the collection. No Ansible import.

``/srv/NAME/releases/ID`` is a release, ``current`` and ``previous`` are links to two of them.
``made.json`` is the last file that the making of a release writes: a directory without it is what a
killed run left, and is made anew. A release is served by a systemd service of its own, and
``live.sock`` is a link to the socket of the one that visitors are led to: a switch starts a service
beside the old one, asks it for its health, renames the link, and stops the old one once the web
server keeps no connection to it. ``.settings`` (see settings) is gone from the switch until all
runs with what it is to run with, and the link ``unverified`` names the release until it is found
healthy behind the web server and its command ``after`` is done; so a run that died in between is
seen, and the next one does the rest.
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
import subprocess
import tempfile
import time

from ansible_collections.foobar.lamp.plugins.module_utils.app import (
    build,
    images,
    server,
    services,
    settings,
)
from ansible_collections.foobar.lamp.plugins.module_utils.app import pip as system_pip
from ansible_collections.foobar.lamp.plugins.module_utils.app import step as app_step
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.module_utils.app.services import ServiceError
from ansible_collections.foobar.lamp.plugins.module_utils.common import (
    journal,
    os_errors,
    private,
    safe_paths,
    tree,
)

LOGS = "/var/log/python_app"
LONGEST_OUTPUT = 6000
# As the application's user, whose state directory it is. Files of before move along.
MEDIA = """if ! [ -w "$3" ]; then
    echo "$(id -un) ($(id -u)) may not write to $3: give it that right, on all hosts that share it."
    exit 1
fi
cd "$1"
mkdir -p "$(dirname "$2")"
if [ -d "$2" ] && ! [ -L "$2" ]; then
    find "$2" -mindepth 1 -maxdepth 1 -exec mv -n -t "$3" {} +
    rmdir "$2"
fi
ln -sfn "$3" "$2"
"""
# Seconds after which the web server surely takes no connection up that it has kept (ttl of its
# proxies is 1).
IDLE = 1.5


class ReleaseError(Exception):
    """A release cannot be made or loaded.

    ``step`` names where, the text has the words of who refused.
    """

    def __init__(self, step, text):
        super().__init__(text)
        self.step = step


class OvertakenError(ReleaseError):
    """Another deploy was faster."""


def _log_opener(path, flags):
    """Open a log, which may hold what an application says of its settings."""
    return os.open(path, flags, mode=0o640)


def _iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


def gone_python(release):
    """Return the Python for which the release in a directory was made, if it is there no more;
    else nothing.
    """
    python = f"{release}/venv/bin/python"
    there = os.path.exists(python) or not os.path.lexists(python)
    return "" if there else os.path.realpath(python)


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
        #: How long each command took, in seconds.
        self.seconds = {}

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
        """Return what is known of a whole release, nothing if it is not there or not whole,
        or of a version that ran within Apache.
        """
        place = pathlib.Path(f"{self.root}/releases/{release or self.release}")
        try:
            ours = (place / "serve.py").exists() or (place / "image.json").exists()
            return json.loads((place / "made.json").read_text(encoding="utf-8")) if ours else {}
        except (OSError, ValueError):
            return {}

    def releases(self):
        """Return the whole releases, newest first."""
        found = [self.made(os.path.basename(path)) for path in glob.glob(f"{self.root}/releases/*")]
        return sorted((one for one in found if one), key=lambda one: one["made"], reverse=True)

    def images(self):
        """Return how many bytes the images of its releases take, each as if it were alone:
        ``{release: bytes}``.
        """
        found = {}
        for path in glob.glob(f"{self.root}/releases/*/image.json"):
            with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
                found[path.split("/")[-2]] = json.load(file)["size"]
        return found

    def live(self):
        """Return the instance of the service that visitors are led to, empty for none."""
        try:
            return app_units.instance_of_socket(os.readlink(f"{self.root}/live.sock"))
        except OSError:
            return ""

    # What is done, one at a time.

    @contextlib.contextmanager
    def turn(self):
        """Wait for one's turn: what a killed run left running on this host ends first."""
        os.makedirs(f"{self.root}/releases", mode=0o700, exist_ok=True)
        # Who can open a file can lock it.
        with open(
            f"{self.root}/.lock",
            "w",
            encoding="ascii",
            opener=private.opener,
        ) as lock:
            os.fchmod(lock.fileno(), 0o600)
            deadline = time.monotonic() + self.plan["timeouts"]["install"]
            self._wait(
                deadline,
                lambda: self._locks(lock),
                f"Another deploy holds {self.root}/.lock; 'fuser {self.root}/.lock' names it.",
            )
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

    def make(self, archive, python, pip_environment, wheels=(), image=None):
        """Make the release of its ``archive``.

        One that is whole already stays. ``wheels``: the server's, where they were shipped.
        ``image``: the arguments of images.Image.make, where it is one.
        """
        if found := self.made():
            if found["source"] != self.plan["source"]:
                # The same content of another branch or tag, for instance.
                self._write_made(found["made"], found.get("healthy", True))
            return
        os.makedirs(LOGS, mode=0o750, exist_ok=True)
        pathlib.Path(self.log).unlink(missing_ok=True)
        build.remove_remains(f"{self.root}/releases")
        try:
            if self.plan.get("image"):
                build.begin(archive, self.directory)
                # As the application's user, whose state directory it is.
                places = [
                    f"{self.root}/state/{name}"
                    for name in self.plan["container"]["volumes"].values()
                ]
                self._command("volumes", ["mkdir", "-p", "--", f"{self.root}/state", *places])
                images.Image(self.plan, self.directory, self._command).make(*image)
            else:
                build.Build(self.plan, self.directory, self._command).make(
                    archive, python, pip_environment
                )
                if not self.plan["serve"]:
                    self._have_server(wheels, pip_environment)
        except (build.BuildError, images.ImageError) as error:
            raise ReleaseError(error.step, str(error)) from error
        except OSError as error:
            raise ReleaseError("files", os_errors.explain(error)) from error
        except tree.RefusedError as error:
            raise ReleaseError(
                "files",
                f"{error}: a release has files of its own, directories, and links to them only.",
            ) from error
        if self.plan.get("media") and not self.plan.get("image"):
            place = self.plan.get("shared_media") or f"{self.root}/media"
            self._command(
                "media",
                ["sh", "-euc", MEDIA, "sh", f"{self.root}/state", self.plan["media"], place],
            )
        self._write_made(_iso(time.time()))

    def _have_server(self, wheels, pip_environment):
        """Have the packages of the server for the release's Python,
        and let the release lead to them.
        """
        version = safe_paths.read(f"{self.directory}/venv/pyvenv.cfg")[1].decode()
        python = re.findall(r"^version(?:_info)? = (\d+\.\d+)", version, re.MULTILINE)[0]
        pins = f"{self.directory}/server.txt"
        requirements = pathlib.Path(pins).read_text(encoding="utf-8")
        place = server.place(requirements, python)
        if not os.path.isdir(place):
            with tempfile.TemporaryDirectory(prefix=".", dir=f"{self.root}/releases") as directory:
                if not wheels:
                    uid, gid = pwd.getpwnam(self.plan["builder"])[2:4]
                    os.chown(directory, uid, gid)
                    argv = [
                        build.PYTHON,
                        "-m",
                        "pip",
                        *server.download(pins, python, directory),
                        "--no-input",
                        "--progress-bar=off",
                    ]
                    environment = {
                        "HOME": "/tmp",  # noqa: S108 # of the unit's own
                        **pip_environment,
                        "PYTHONPATH": system_pip.path(),
                    }
                    who = {
                        "user": self.plan["builder"],
                        "directory": directory,
                        "writable": directory,
                    }
                    self._command("server", argv, **who, environment=environment, timeout="install")
                    wheels = [f"{directory}/{name}" for name in safe_paths.names(directory)]
                try:
                    server.install(wheels, requirements, place)
                except ValueError as error:
                    raise ReleaseError(
                        "server", f"{error}: somebody has changed it on its way."
                    ) from error
        os.symlink(place, f"{self.directory}/server")

    def _write_made(self, when, healthy=False):
        """Say that the release is whole,
        and whether it was ever found healthy behind the web server.
        """
        made = {
            "release": self.release,
            "source": self.plan["source"],
            "made": when,
            "healthy": healthy,
        }
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
        """Serve the release and make it current;
        what was before stays in place if it is not healthy, or its workers do not work.
        """
        old, before, live = self.link("current"), self.link("previous"), self.live()
        fingerprint, instance = settings.fingerprint(self.name), self._serve(self.release)
        if old and not live:
            # Of a version that ran within Apache, which looks for the script until its virtual
            # hosts are converged.
            self._link(f"releases/{self.release}/wsgi.py", f"../{old}/wsgi.py")
        with self._undone(old, before, live, instance):
            if old:
                self._point("previous", old)
            self._mark_unverified(self.release)
            self._point("current", self.release)
            self._lead_to(instance, fingerprint)
        self._prune()
        self.note("switched", old)

    def answers_as(self, release):
        """Return the release that answers of this one name:
        itself, empty where another server than ours serves it.
        """
        try:
            with open(f"{self.root}/releases/{release}/release.json", encoding="utf-8") as file:
                ways = json.load(file)
        except (OSError, ValueError):
            return ""
        return "" if ways["serve"] or ways.get("image") else release

    def target(self, release=""):
        """Return the release to go back to, the one before if none is named;
        empty if there is none that was ever healthy.
        """
        found = release or self.link("previous")
        return found if found and found != self.link("current") and self._was_healthy(found) else ""

    def _was_healthy(self, release):
        """Return whether a release is whole and was healthy.

        Earlier versions did not write down whether one was.
        """
        made = self.made(release)
        return bool(made) and made.get("healthy", True)

    def others(self):
        """Return in words which releases there are but the current one."""

        def described(one):
            never = "" if one.get("healthy", True) else ", never healthy"
            return f"{one['release']} ({one['source']}, {one['made']}{never})"

        current = self.link("current")
        return (
            ", ".join(described(one) for one in self.releases() if one["release"] != current)
            or "none"
        )

    def back(self, target):
        """Make another release current again, once its health is asked; returns its name."""
        old, before, live = self.link("current"), self.link("previous"), self.live()
        fingerprint, instance = settings.fingerprint(self.name), self._serve(target)
        with self._undone(old, before, live, instance):
            self._point("previous", old)
            self._point("current", target)
            self._mark_unverified("")
            self._lead_to(instance, fingerprint)
        self.note("rolled back", old, target)
        return target

    def restart(self):
        """Have all run that is to run, with the settings on disk;
        returns whether something was to be done.
        """
        current, live = self.link("current"), self.live()
        fingerprint = settings.fingerprint(self.name)
        others = self.services.serving() - {app_units.service_name(self.name, live)}
        if not self.made(current):
            return False
        if live.startswith(f"{current}-") and not settings.are_new(self.name):
            self.services.remove(others)
            return bool(others)
        instance = self._serve(current)
        with self._undone(
            current, self.link("previous"), live, instance, unverified=self.link("unverified")
        ):
            self._lead_to(instance, fingerprint)
        return True

    def _serve(self, release):
        """Start a service of a release beside what runs, and ask it for its health;
        returns its instance.
        """
        if gone := gone_python(f"{self.root}/releases/{release}"):
            raise ReleaseError(
                "start",
                f"the release {release} was made for {gone}, which the host does not have any "
                f"more: deploy its version anew.",
            )
        self.services.remove(
            self.services.serving() - {app_units.service_name(self.name, self.live())}
        )
        self.log, since = f"{LOGS}/{self.name}.{release}.log", time.time()
        try:
            instance = self.services.begin(self._ways(release), release)
        except ServiceError as error:
            raise ReleaseError("start", str(error)) from error
        unit, seconds = app_units.service_name(self.name, instance), self.plan["timeouts"]["start"]
        argv = [build.PYTHON, "-I", f"{self.root}/releases/{release}/check.py", str(seconds), unit]
        try:
            self._command(
                "health", [*argv, app_units.socket(self.name, instance)], seconds=seconds + 15
            )
        except ReleaseError as error:
            said = journal.words([unit], since)
            with open(self.log, "a", encoding="utf-8", opener=_log_opener) as log:
                log.write(f"{said}\n")
            self.services.remove([unit])
            words = f"{error}\nWhat {unit} said:\n{said[-LONGEST_OUTPUT:]}"
            raise ReleaseError(error.step, words) from error
        return instance

    def _ways(self, release):
        """Return what a release is made of, who reads its socket,
        and whether this host runs the timers of one host.
        """
        with open(f"{self.root}/releases/{release}/release.json", encoding="utf-8") as file:
            return {
                **json.load(file),
                **{key: self.plan[key] for key in ("builder", "single_timers")},
            }

    def _lead_to(self, instance, fingerprint):
        """Lead visitors to a service, let the workers and timers of its release run,
        and no other of the application.
        """
        settings.forget(self.name)
        self._point_live(instance)
        moved = time.monotonic()
        self.services.enable(instance)
        self._take_up(instance)
        left = self.services.serving() - {app_units.service_name(self.name, instance)}
        if left:
            time.sleep(max(0, moved + IDLE - time.monotonic()))
        self.services.remove(left)
        settings.remember(self.name, fingerprint)

    def _take_up(self, instance):
        ways = self._ways(instance.rpartition("-")[0])
        self.services.take_up(
            app_units.units(ways), app_units.elsewhere(ways, self.services.enabled())
        )

    def _elsewhere(self):
        """Return the timers of the current release that another host runs."""
        current = self.link("current")
        return (
            app_units.elsewhere(self._ways(current), self.services.enabled())
            if self.made(current)
            else []
        )

    def idle(self):
        """Return what does not run and is to, and what runs and is another host's."""
        elsewhere = self._elsewhere()
        return self.services.idle(elsewhere) + self.services.surplus(elsewhere)

    def resume(self):
        """Have all run that is to run on this host, and no more;
        returns whether something was to be done.
        """
        return self.services.resume(self._elsewhere())

    def _point_live(self, instance):
        """Let visitors be led to a service, or to none."""
        self._link("live.sock", app_units.socket(self.name, instance) if instance else "")

    @contextlib.contextmanager
    def _undone(self, old, before, live, instance, unverified=""):
        """Let everything be what it was before the switch if that fails, whatever failed.

        The service of before runs still.
        """
        remembered = settings.remembered(self.name)
        try:
            yield
        except Exception as error:
            self._point("current", old)
            self._point("previous", before)
            self._mark_unverified(unverified)
            try:
                if live and app_units.service_name(self.name, live) in self.services.there():
                    self._point_live(live)
                    self.services.enable(live)
                    self._take_up(live)
                    self.services.remove([app_units.service_name(self.name, instance)])
                    if remembered:
                        settings.remember(self.name, remembered)
                else:
                    self._point_live("")
                    self.services.remove(self.services.there())
            except (ReleaseError, ServiceError) as second:
                step = getattr(error, "step", "switch")
                raise ReleaseError(
                    step, f"{error}\nWhat was before does not run any more either: {second}"
                ) from error
            raise

    def retire(self):
        """Stop and remove what the application has at work, for it is no longer declared."""
        self.services.remove(self.services.there())
        if os.path.isdir(self.root):
            self._point_live("")
            settings.forget(self.name)
        self.note("retired")

    def drop(self):
        """Remove the release, unless it is current; its log stays."""
        if self.release == self.link("current"):
            return
        images.discard(self.directory)
        build.remove(self.directory)
        images.prune()
        if self.release == self.link("previous"):
            others = [
                one["release"] for one in self.releases() if one["release"] != self.link("current")
            ]
            self._point("previous", others[0] if others else "")

    def note(self, what, before="", release=""):
        """Keep a line of what was done."""
        release = release or self.release
        source = self.made(release).get("source") or self.plan.get("source", "")
        now = _iso(time.time())
        line = {
            "time": now,
            "application": self.name,
            "what": what,
            "release": release,
            "before": before,
            "source": source,
            "by": self.by,
        }
        os.makedirs(LOGS, mode=0o750, exist_ok=True)
        with open(f"{LOGS}/deploys.log", "a", encoding="utf-8", opener=_log_opener) as file:
            file.write(json.dumps(line) + "\n")

    def _point(self, name, release):
        """Let the link ``name`` lead to a release, or to none."""
        self._link(name, f"releases/{release}" if release else "")

    def _link(self, name, target):
        new = f"{self.root}/{name}.new"
        pathlib.Path(new).unlink(missing_ok=True)
        if not target:
            pathlib.Path(self.root, name).unlink(missing_ok=True)
            return
        os.symlink(target, new)
        os.replace(new, f"{self.root}/{name}")

    def _mark_unverified(self, release):
        """Let the link ``unverified`` name a release that is not verified yet,
        or none. What it was called before goes.
        """
        self._point("unverified", release)
        self._point("unproven", "")

    def _prune(self):
        """Keep the newest releases only, and never lose the current one and the one before."""
        kept = {self.link("current"), self.link("previous")}
        kept.update(one["release"] for one in self.releases()[: self.plan["keep"]])
        for path in glob.glob(f"{self.root}/releases/*"):
            if os.path.basename(path) not in kept:
                images.discard(path)
                build.remove(path)
        server.remove_unused()
        images.prune()
        for path in glob.glob(f"{LOGS}/{glob.escape(self.name)}.*.log"):
            if time.time() - os.stat(path).st_mtime > 30 * 86400:
                os.unlink(path)

    def _step(self, name):
        # Podman is root's; in the container it is somebody else.
        more = (
            {"user": "root", "environment": {"CONTAINER": f"app-{self.name}.step"}}
            if self.plan.get("image")
            else {}
        )
        self._command(
            name, [f"{self.directory}/run", *self.plan["steps"][name]], timeout="step", **more
        )

    def after(self):
        """Note that the release is healthy, and run the command that comes after the switch:
        now nothing more is to be done for it.
        """
        if (made := self.made()) and not made.get("healthy", True):
            self._write_made(made["made"], healthy=True)
        if "after" in self.plan["steps"]:
            self._step("after")
        self._mark_unverified("")

    def _command(
        self,
        step,
        argv,
        *,
        user="",
        directory="",
        environment=None,
        stdin=subprocess.DEVNULL,
        writable="",
        timeout="step",
        seconds=0,
    ):
        """Run a command into the release's log, as ``user`` or the application's own; ReleaseError
        with the end of what it said if it fails or does not end. What it leaves running is ended.
        """
        seconds, began = seconds or self.plan["timeouts"][timeout], time.monotonic()
        with open(self.log, "ab+", opener=_log_opener) as log:
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
            self.seconds[step] = self.seconds.get(step, 0) + time.monotonic() - began
            if wrong:
                log.seek(start)
                raise ReleaseError(
                    step,
                    f"{log.read().decode(errors='replace')[-LONGEST_OUTPUT:].strip()}\n({wrong})",
                )
