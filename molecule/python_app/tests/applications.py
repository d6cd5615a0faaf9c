"""The scenario's applications, their visitors and their operator."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import time

from support import load, plays
from support.containers import address_of

SOURCES = plays.ROOT / "molecule/python_app/apps"
PROBE = "probe.example.com"


def get(path, name=PROBE, container="lamp-app-site", method="GET", **headers):
    """Return the answer to a visitor, its body as ``text``."""
    connection = http.client.HTTPConnection(address_of(container), 80, timeout=30)
    try:
        connection.request(method, path, headers={"Host": name, **headers})
        answer = connection.getresponse()
        answer.raw = answer.read()
        answer.text = answer.raw.decode(errors="replace")
        return answer
    finally:
        connection.close()


def command(playbook, *options, **variables):
    """Return the command that runs a playbook of the collection; the site of a deploy is PROBE."""
    return plays.command(playbook, *options, **{"lamp_deploy_site": PROBE, **variables})


def play(playbook, *options, **variables):
    """Run it; returns its ``CompletedProcess``, whatever its status."""
    return plays.play(playbook, *options, **{"lamp_deploy_site": PROBE, **variables})


class Visitors(load.Load):
    """Three ask for a page all the while; ``failures`` has what was not answered with 200."""

    def __init__(self, *page):
        def ask():
            answer = get(*(page or ("/",)))
            assert answer.status == 200, answer.status
            return answer.text

        super().__init__(ask, threads=3)

    @property
    def answers(self):
        """Return the bodies in their order, each once until another came."""
        return [text for text, _same in itertools.groupby(self.done)]


class Probe:
    """The application that tests may break: its source on this computer, its gate on the host."""

    source = plays.ephemeral() / "scratch/probe/probe.py"

    def __init__(self, site):
        self._site, self._number = site, 0

    def take(self):
        """Take back the source of the current release, which nobody needs to deploy; returns whether it is whole."""
        text = self._site.run(f"cat /srv/{PROBE}/current/src/probe.py").stdout
        self.source.write_text(text)
        return 'BREAK = ""' in text and get("/").text == self.current()

    def change(self, fault=""):
        """Make another version of it, with a fault or whole."""
        text = (SOURCES / "probe/probe.py").read_text()
        self.source.write_text(text.replace('BREAK = ""', f'BREAK = "{fault}"') + f"# {time.time_ns()}\n")

    @contextlib.contextmanager
    def gate(self, name):
        """Let the application wait at a step."""
        place = f"/srv/{PROBE}/state/gate"
        self._site.check_output(f"echo {name} > {place}")
        try:
            yield
        finally:
            self._site.check_output(f"rm -f {place}")

    def current(self):
        """Return the release that the link names."""
        return self._site.check_output(f"readlink /srv/{PROBE}/current").removeprefix("releases/")

    def releases(self):
        """Return the releases on disk."""
        return set(self._site.check_output(f"ls /srv/{PROBE}/releases").split())

    def log(self, words):
        """Return whether a log of a release has these words."""
        return bool(self._site.run(f"cat /var/log/python_app/{PROBE}.*.log | grep -qFe '{words}'").succeeded)
