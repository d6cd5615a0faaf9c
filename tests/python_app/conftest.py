"""Applications as their visitors and their operators see them. Run by Molecule's verifier, which names the hosts in an inventory."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
import testinfra.utils.ansible_runner

ROOT = pathlib.Path(__file__).parents[2]
SCRATCH = pathlib.Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "scratch")
INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
PROBE = "probe.example.com"
# Colours would stand in the middle of what tests look for.
ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_FORCE_COLOR": "false"}

_hosts = testinfra.utils.ansible_runner.AnsibleRunner(INVENTORY)


@pytest.fixture(scope="session")
def site():
    """Return the host of the site."""
    return _hosts.get_host("lamp-app-site")


@pytest.fixture(scope="session")
def shut():
    """Return the host without a route."""
    return _hosts.get_host("lamp-app-shut")


@functools.lru_cache
def address_of(container):
    """Return the address of a host on the containers' network."""
    shown = ["docker", "inspect", "--format", "{{ range .NetworkSettings.Networks }}{{ .IPAddress }} {{ end }}", container]
    return subprocess.run(shown, check=True, capture_output=True, text=True).stdout.split()[0]


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
    """Return the command that runs a playbook of the collection against the scenario's hosts."""
    given = {
        "ansible_user": "root",
        "lamp_base_dir": f"{ROOT}/inventory",
        "lamp_secrets_dir": f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/secrets",
        "lamp_deploy_site": PROBE,
        **variables,
    }
    return ["ansible-playbook", "--inventory", INVENTORY, "--extra-vars", json.dumps(given), f"{ROOT}/playbooks/{playbook}.yml", *options]


def play(playbook, *options, **variables):
    """Run it; returns its ``CompletedProcess``, whatever its status."""
    words = command(playbook, *options, **variables)
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT)


class Visitors:
    """Three ask for a page all the while; ``failures`` has what was not answered with 200, ``answers`` the bodies in their order."""

    def __init__(self, *page):
        self._page = page or ("/",)
        self._end, self.asked, self.failures, self.answers = threading.Event(), 0, [], []

    def _ask(self):
        while not self._end.wait(0.02):
            self.asked += 1
            try:
                answer = get(*self._page)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                continue
            if answer.status != 200:
                self.failures.append(answer.status)
            elif self.answers[-1:] != [answer.text]:
                self.answers.append(answer.text)

    def __enter__(self):
        self._threads = [threading.Thread(target=self._ask) for _number in range(3)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self._end.set()
        for thread in self._threads:
            thread.join()


class Probe:
    """The application that tests may break: its source on this computer, its gate on the host."""

    source = SCRATCH / "probe" / "probe.py"

    def __init__(self, site):
        self._site, self._number = site, 0

    def take(self):
        """Take back the source of the current release, which nobody needs to deploy; returns whether it is whole."""
        text = self._site.run(f"cat /srv/{PROBE}/current/src/probe.py").stdout
        self.source.write_text(text)
        return 'BREAK = ""' in text and get("/").text == self.current()

    def change(self, fault=""):
        """Make another version of it, with a fault or whole."""
        text = (ROOT / "tests/python_app/apps/probe/probe.py").read_text()
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


@pytest.fixture
def probe(site):
    """Return it whole and current, whatever a test before has left."""
    found = Probe(site)
    if not found.take():
        found.change()
        done = play("deploy")
        assert done.returncode == 0, done.stdout[-3000:]
    return found


def wait_for(condition, seconds=60):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} does not come true"
        time.sleep(0.1)


@contextlib.contextmanager
def killed():
    """Start a deploy; on leaving, its whole process group is killed, as if the controller were gone."""
    process = subprocess.Popen(command("deploy"), cwd=ROOT, env=ENVIRONMENT, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
