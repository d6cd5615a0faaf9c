"""The collection as a user gets it: built, installed into an empty directory, and run from there against a bare host."""

from __future__ import annotations

import functools
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sysconfig
import threading
import time

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
HOST = "lamp-galaxy"
SITE = "www.example.com"
IMAGE = "foobar.lamp/debian:13"
#: Variables with which a host is asked through the connection's pipe, as playbooks/wiring.yml sets them.
PIPE = {"ansible_pipelining": True, "ansible_python_interpreter": "/usr/bin/python3"}


def run(*command, check=False, **options):
    """Run a command; returns its ``CompletedProcess`` with text, whatever its status unless ``check`` is given."""
    return subprocess.run(command, capture_output=True, text=True, check=check, **options)


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """Build the collection from what git knows or would add."""
    place = tmp_path_factory.mktemp("build")
    built = run("ansible-galaxy", "collection", "build", "--output-path", place, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return next(place.glob("foobar-lamp-*.tar.gz"))


def start(name, hostname, image, *more):
    """Start a host in a container of an image; ``more`` are options of docker run."""
    run("docker", "rm", "--force", "--volumes", name)
    options = "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --cgroupns=private"
    options += " --tmpfs /run --tmpfs /run/lock --tmpfs /tmp --env container=docker"
    started = run("docker", "run", "--detach", "--name", name, "--hostname", hostname, *options.split(), *more, image, "/sbin/init")
    assert started.returncode == 0, started.stderr
    deadline = time.monotonic() + 60
    while run("docker", "exec", name, "systemctl", "is-system-running").stdout.strip() != "running":
        assert time.monotonic() < deadline, "systemd does not come up in the container"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def host():
    """Start a bare host; returns its name."""
    start(HOST, "server1", IMAGE)
    yield HOST
    run("docker", "rm", "--force", "--volumes", HOST)


class User:
    """Somebody in a directory with an inventory, who runs ``ansible-playbook``."""

    def __init__(self, place, archive):
        self.place = place
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": f"{place}/collections:{sysconfig.get_path('purelib')}",
        }
        options = ["--offline", "--collections-path", f"{place}/collections"]
        self.ran = run("ansible-galaxy", "collection", "install", *options, archive, cwd=place, env=self._environment)
        assert self.ran.returncode == 0, self.ran.stderr
        #: The sample application, in a place where a test may break it.
        self.app = place / "shop"
        (place / "collections/ansible_collections/foobar/lamp/files/app").rename(self.app)
        hosts = {"hosts": {"server1": {"ansible_host": HOST, "ansible_connection": "community.docker.docker", "ansible_user": "root"}}}
        self.sites = {
            SITE: {
                "aliases": ["example.com"],
                "app": {
                    "source": "shop",
                    "wsgi": "foobar.wsgi:application",
                    "requirements": "requirements.txt",
                    "migrate": ["alembic", "upgrade", "head"],
                    "collect": ["python", "-m", "foobar.assets"],
                    "health_path": "/healthz",
                },
                "database": "shop",
            }
        }
        self.inventory = {
            "lamp": {
                "children": dict.fromkeys(("lamp_db", "lamp_dns", "lamp_web"), hosts),
                "vars": {
                    "lamp_domain": "example.com",
                    "lamp_sites": self.sites,
                    "apache_default_site": SITE,
                    "linux_base_trusted_certificates": [
                        {"name": file.stem, "content": file.read_text()}
                        for file in pathlib.Path("/usr/local/share/ca-certificates").glob("*.crt")
                    ],
                },
            }
        }

    def _command(self, *options, inventory=None, playbook="foobar.lamp.site", **variables):
        text = yaml.safe_dump(inventory or self.inventory, sort_keys=False)
        (self.place / "inventory.yml").write_text(text)
        extra = ["--extra-vars", json.dumps(variables)] if variables else []
        return ["ansible-playbook", "-i", "inventory.yml", playbook, *options, *extra]

    def play(self, *options, **variables):
        """Run ``ansible-playbook foobar.lamp.site``; ``variables`` win over the inventory's.

        Another ``inventory`` or ``playbook`` takes the place of the user's.
        """
        return run(*self._command(*options, **variables), cwd=self.place, env=self._environment)

    def play_until(self, task, *options, **variables):
        """Run it, and kill it without a word as soon as ``task`` has changed something."""
        command = self._command(*options, **variables)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen(command, cwd=self.place, env=self._environment, start_new_session=True, **streams) as process:
            said, at_task = [], False
            for line in process.stdout:
                said.append(line)
                at_task = at_task or line.startswith(f"TASK [{task}]")
                if at_task and line.startswith("changed:"):
                    break
            else:
                pytest.fail(f"{task} changed nothing:\n{''.join(said[-40:])}")
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def user(tmp_path_factory, archive):
    """Return a user who has installed the collection into an empty directory."""
    return User(tmp_path_factory.mktemp("user"), archive)


def recap(done):
    """Return the counts of a run's recap, ``{"ok": int, "changed": int, ...}``, over all hosts."""
    counts = {}
    for name, number in re.findall(r"(\w+)=(\d+)", done.stdout.partition("PLAY RECAP")[2]):
        counts[name] = counts.get(name, 0) + int(number)
    return counts


@functools.lru_cache
def address():
    """Return the host's address on the containers' network."""
    return run("docker", "inspect", "--format", "{{ .NetworkSettings.IPAddress }}", HOST).stdout.strip()


def get(path, timeout=10):
    """Return status and text of a page of the site."""
    connection = http.client.HTTPConnection(address(), 80, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": SITE})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def ask_page(path="/"):
    """Return a question that finds fault with the answer to a page that is not 200."""

    def ask():
        status = get(path)[0]
        return "" if status == 200 else f"{path} is answered with {status}"

    return ask


def ask_name():
    """Find fault with an answer of the name server that holds no address of the site."""
    answer = dns.query.udp(dns.message.make_query(SITE, "A"), address(), timeout=5)
    return "" if answer.answer else dns.rcode.to_text(answer.rcode())


def ask_sshd(key):
    """Return a question that finds fault with a login by the private key in the file ``key``."""
    options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=5"

    def ask():
        done = run("ssh", "-i", key, *options.split(), f"root@{address()}", "true")
        return done.stderr if done.returncode else ""

    return ask


class Visitors:
    """Somebody asks a question all the while; ``failures`` has what did not go well."""

    def __init__(self, question):
        self._question, self._end = question, threading.Event()
        self.asked, self.failures = 0, []

    def _ask(self):
        while not self._end.wait(0.05):
            self.asked += 1
            try:
                wrong = self._question()
            except (OSError, dns.exception.DNSException) as error:
                wrong = repr(error)
            if wrong:
                self.failures.append(wrong)

    def __enter__(self):
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._end.set()
        self._thread.join()
