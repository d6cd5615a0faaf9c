"""The applications of a scenario, their visitors and their operator."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import pathlib
import socket
import time

import testinfra.utils.ansible_runner
import yaml

from . import load, plays
from .containers import address_of

INVENTORY = testinfra.utils.ansible_runner.AnsibleRunner(plays.inventory())
#: The host of the sites.
HOST = INVENTORY.get_hosts("lamp_web")[0]
SOURCES = plays.ROOT / "molecule/python_app/apps"
PROBE = "probe.example.com"


def declared():
    """Return the scenario's sites."""
    place = pathlib.Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    return yaml.safe_load((place / "group_vars/all.yml").read_text())["lamp_sites"]


def get(path, name=PROBE, container=HOST, method="GET", body=None, **headers):
    """Return the answer to a visitor, its body as ``text``."""
    connection = http.client.HTTPConnection(address_of(container), 80, timeout=30)
    try:
        connection.request(method, path, body, headers={"Host": name, **headers})
        answer = connection.getresponse()
        answer.raw = answer.read()
        answer.text = answer.raw.decode(errors="replace")
        return answer
    finally:
        connection.close()


def raw(text, container=HOST):
    """Return a connection to the web server on which this has been sent."""
    connection = socket.create_connection((address_of(container), 80), timeout=30)
    connection.sendall(text.encode())
    return connection


def gateway(container=HOST):
    """Return the address that this computer has for a host."""
    with raw("", container) as connection:
        return connection.getsockname()[0]


class WebSocket:
    """A WebSocket of a visitor, for short texts."""

    def __init__(self, path, name):
        lines = (
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
            "Sec-WebSocket-Version: 13",
        )
        self._connection = raw(
            "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {name}", *lines, "", ""])
        )
        self._file = self._connection.makefile("rb")
        assert b" 101 " in self._file.readline()
        while self._file.readline().strip():
            pass

    def __enter__(self):
        """Return itself."""
        return self

    def __exit__(self, *_error):
        """Close it."""
        self._file.close()
        self._connection.close()

    def say(self, words):
        """Send a text, masked by zeros, and return the one that comes."""
        self._connection.sendall(bytes([0x81, 0x80 | len(words)]) + bytes(4) + words.encode())
        _kind, length = self._file.read(2)
        return self._file.read(length).decode()

    def listen(self, seconds):
        """Return what comes unasked for, or that the connection has ended;
        raises TimeoutError after that time.
        """
        self._connection.settimeout(seconds)
        try:
            return self._connection.recv(100, socket.MSG_PEEK)
        finally:
            self._connection.settimeout(30)


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

        # Enough to meet each moment of a deploy, and few enough to leave it the processor.
        super().__init__(ask, pause=0.04, threads=3)

    @property
    def answers(self):
        """Return the bodies in their order, each once until another came."""
        return [text for text, _same in itertools.groupby(self.done)]


class Senders(load.Load):
    """Two send bodies of many sizes to PROBE all the while;
    ``done`` has the name and length of each that was answered.
    """

    def __init__(self):
        numbers = itertools.count()

        def send():
            number = next(numbers)
            length = (10, 1000, 30_000, 200_000)[number % 4]
            answer = get(f"/?{number}", method="POST", body=bytes(length))
            assert answer.status == 200, answer.status
            return f"{number} {length}"

        super().__init__(send, threads=2)


class Probe:
    """The application that tests may break: its source on this computer, its gate on the host."""

    source = plays.ephemeral() / "scratch/probe/probe.py"

    def __init__(self, site):
        self._site, self._number = site, 0

    @classmethod
    def whole(cls, site):
        """Return it whole and current, whatever a test before has left."""
        found = cls(site)
        if not found.take():
            found.change()
            done = play("deploy")
            assert done.returncode == 0, done.stdout[-3000:]
        return found

    def take(self):
        """Take back the source of the current release, which nobody needs to deploy;
        returns whether it is whole.
        """
        text = self._site.run(f"cat /srv/{PROBE}/current/src/probe.py").stdout
        self.source.write_text(text)
        return 'BREAK = ""' in text and get("/").text == self.current()

    def change(self, fault=""):
        """Make another version of it, with a fault or whole."""
        text = (SOURCES / "probe/probe.py").read_text()
        self.source.write_text(
            text.replace('BREAK = ""', f'BREAK = "{fault}"') + f"# {time.time_ns()}\n"
        )

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

    def kill(self):
        """Kill what deploys it on the host: whoever holds its lock,
        by whichever way it came there.
        """
        holds = f"ls -l $one/fd 2> /dev/null | grep -qF /srv/{PROBE}/.lock"
        self._site.check_output(
            f"for one in /proc/[0-9]*; do if {holds}; then kill -KILL ${{one#/proc/}}; fi; done"
        )

    def log(self, words):
        """Return whether a log of a release has these words."""
        return bool(
            self._site.run(f"cat /var/log/python_app/{PROBE}.*.log | grep -qFe '{words}'").succeeded
        )
