# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services, workers and timers of one application, as systemd runs them. Private to the
collection. No Ansible import.
"""

from __future__ import annotations

import glob
import itertools
import os
import pathlib
import subprocess
import time

from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.module_utils.common import journal, listings

UNITS = "/etc/systemd/system"
SETTLE = 5  # seconds that a worker has to stay up: one that cannot work ends in its first
PAUSE = 0.2  # seconds between two looks at them


class ServiceError(Exception):
    """A unit cannot be started or stopped. The text has its own words."""

    step = "workers and timers"


def _run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def check_schedules(plan):
    """Require that this host's systemd understands the schedules of ``plan``."""
    for job in plan.get("timers") or []:
        status, words = _run("systemd-analyze", "calendar", "--", str(job["schedule"]))
        if status:
            raise ServiceError(
                f"The timer {job['name']} has the schedule {job['schedule']!r}, which systemd "
                f"does not take: give one such as "
                f"daily, Mon *-*-* 03:00:00 or *:0/15, see 'man systemd.time'. "
                f"systemd-analyze says:\n{words}"
            )


class Services:
    """The units of the application ``name``:
    a service for each release that runs, workers and timers.
    """

    def __init__(self, name):
        self.name = name

    def there(self):
        """Return the names of its units."""
        names = glob.escape(self.name)
        found = glob.glob(f"{UNITS}/{names}-*") + glob.glob(f"{UNITS}/app-{names}@*")
        return {os.path.basename(path) for path in found if self._owns(path)}

    def serving(self):
        """Return the units of its releases."""
        return {name for name in self.there() if app_units.instance(name)}

    def begin(self, plan, release):
        """Start a service of the ``release`` of ``plan``, beside what runs;
        returns its instance.
        """
        instance = next(
            one
            for one in (f"{release}-{number}" for number in itertools.count(1))
            if not self._file(one).exists()
        )
        self._file(instance).write_text(
            app_units.service(plan, release, instance), encoding="utf-8"
        )
        _run("systemctl", "daemon-reload")
        since, unit = time.time(), app_units.service_name(self.name, instance)
        status, words = _run("systemctl", "start", unit)
        if status:
            said = journal.words([unit], since)
            self.remove([unit])
            raise ServiceError(f"{words}\n{said}".strip())
        return instance

    def _file(self, instance):
        return pathlib.Path(f"{UNITS}/{app_units.service_name(self.name, instance)}")

    def enable(self, instance):
        """Let a start of the host start this service of the application, and no other."""
        unit = app_units.service_name(self.name, instance)
        if others := self.serving() - {unit}:
            _run("systemctl", "disable", *others)
        status, words = _run("systemctl", "enable", unit)
        if status:
            raise ServiceError(words)

    def _owns(self, path):
        """Return whether a unit is this application's; another's name may begin with its name."""
        return (
            os.path.isfile(path)
            and app_units.owner(pathlib.Path(path).read_text(encoding="utf-8")) == self.name
        )

    def take_up(self, wanted, elsewhere=()):
        """Let systemd run the units ``wanted``, ``{name: text}``,
        anew, and no others of the application.

        ``elsewhere``: timers among them that another host runs. They are there, to be started when
        it is this host's turn.
        """
        self.remove(self.there() - self.serving() - set(wanted))
        if not wanted:
            return
        for name, text in wanted.items():
            pathlib.Path(f"{UNITS}/{name}").write_text(text, encoding="utf-8")
        _run("systemctl", "daemon-reload")
        self._leave(elsewhere)
        self._start(app_units.started(wanted, elsewhere))

    def remove(self, names):
        """Stop these of its units, timers first, and remove them."""
        for name in self._in_order(names):
            # systemd cannot stop what it could not load. What counts is that nothing runs in the
            # end.
            _run("systemctl", "disable", "--now", name)
            pathlib.Path(f"{UNITS}/{name}").unlink(missing_ok=True)
        if not names:
            return
        _run("systemctl", "daemon-reload")
        _run("systemctl", "reset-failed", *names)
        if left := self._working(names):
            raise ServiceError(
                f"These do not stop: {', '.join(left)}. 'systemctl status' on the host says why."
            )

    def working(self):
        """Return the units that are not at rest: services, workers,
        timers, and what timers have started.
        """
        return self._working(self.there())

    def pause(self):
        """Stop them until ``resume``, or until the release is loaded anew;
        returns whether one was at work.
        """
        working = self.working()
        for name in self._in_order(self.there()):
            status, words = _run("systemctl", "stop", name)
            if status:
                raise ServiceError(f"systemctl stop {name}:\n{words}")
        return bool(working)

    def enabled(self):
        """Return those of its timers that a start of the host starts."""
        return [
            name for name in self.there() if os.path.islink(f"{UNITS}/timers.target.wants/{name}")
        ]

    def idle(self, elsewhere=()):
        """Return the services, workers and timers that do not run; those ``elsewhere`` need not."""
        states = self._states(app_units.started(self.there(), elsewhere))
        return sorted(name for name, state in states.items() if state["ActiveState"] != "active")

    def surplus(self, elsewhere):
        """Return the timers of another host, ``elsewhere``, that run here all the same."""
        return sorted(
            set(elsewhere) & {*self.enabled(), *self._working(self.there() & set(elsewhere))}
        )

    def resume(self, elsewhere=()):
        """Start the services, workers and timers that do not run, and stop what is another host's;
        returns whether there were such.
        """
        idle, surplus = self.idle(elsewhere), self.surplus(elsewhere)
        self._leave(elsewhere)
        if idle:
            self._start(idle)
        return bool(idle or surplus)

    @staticmethod
    def _leave(timers):
        """Leave timers to another host. What one of them has started goes on to its end."""
        if not timers:
            return
        status, words = _run("systemctl", "disable", "--now", *timers)
        if status:
            raise ServiceError(words)
        # When one is this host's again, what the other has run is not made up for (Persistent).
        _run("systemctl", "clean", "--what=state", *timers)

    @staticmethod
    def _in_order(names):
        """Return units, timers first:
        without its timer, nothing starts a service any more that is not at work just now.
        """
        return sorted(names, key=lambda name: (not name.endswith(".timer"), name))

    def _working(self, names):
        return [
            name
            for name, state in self._states(names).items()
            if state["ActiveState"] not in ("inactive", "failed")
        ]

    @staticmethod
    def _states(names):
        """Return ``{unit: {property: value}}``, timers first."""
        if not names:
            return {}
        words = ["systemctl", "show", "--property=Id,ActiveState,NRestarts", *names]
        shown = listings.services(
            subprocess.run(words, capture_output=True, text=True, check=False).stdout
        )
        gone = {"ActiveState": "inactive", "NRestarts": ""}
        return {
            name: shown.get(name.removesuffix(".service"), gone)
            for name in Services._in_order(names)
        }

    def _start(self, names):
        """Enable units and start them anew;
        ServiceError with their own words if one does not stay up.
        """
        if not names:
            return
        since = time.time()
        status, words = _run("systemctl", "enable", *names)
        if not status:
            status, words = _run("systemctl", "restart", *names)
        if status:
            raise ServiceError(f"{words}\n{journal.words(names, since)}".strip())
        workers = [name for name in names if name.endswith(".service")]
        deadline, first = time.monotonic() + SETTLE, self._states(workers)
        while workers:
            now = self._states(workers)
            down = [
                name
                for name in workers
                if now[name]["ActiveState"] != "active"
                or now[name]["NRestarts"] != first[name]["NRestarts"]
            ]
            if down:
                said = journal.words(down, since)
                raise ServiceError(f"{', '.join(down)} does not stay up. Its own words:\n{said}")
            if time.monotonic() > deadline:
                return
            time.sleep(PAUSE)
