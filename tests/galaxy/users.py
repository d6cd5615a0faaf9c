"""Somebody who has installed the collection, and the visitors of the site that it makes."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import sysconfig

import dns.message
import dns.query
import dns.rcode
import yaml
from support.containers import address_of, run
from support.plays import kill_after

#: Each of pytest's workers has a host of its own.
HOST = "lamp-galaxy" + os.environ.get("PYTEST_XDIST_WORKER", "").replace("gw", "-")
SITE = "www.example.com"
IMAGE = "foobar.lamp/debian:13"
#: How a run comes to a container: as root. Told a user, the connection would ask the engine twice
#: for its version at each task.
DOCKER = {"ansible_connection": "community.docker.docker", "ansible_become": False}
#: Variables with which a host is asked through the connection's pipe, as
#: playbooks/vars/connection.yml sets them.
PIPE = {"ansible_pipelining": True, "ansible_python_interpreter": "/usr/bin/python3"}


class User:
    """Somebody in a directory with an inventory, who runs ``ansible-playbook``."""

    def __init__(self, place, archive):
        self.place = place
        self.environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")
            },
            "ANSIBLE_COLLECTIONS_PATH": f"{place}/collections:{sysconfig.get_path('purelib')}",
        }
        options = ["--offline", "--collections-path", f"{place}/collections"]
        self.ran = run(
            "ansible-galaxy",
            "collection",
            "install",
            *options,
            archive,
            cwd=place,
            env=self.environment,
        )
        assert self.ran.returncode == 0, self.ran.stderr
        #: The sample application, in a place where a test may break it.
        self.app = place / "shop"
        (place / "collections/ansible_collections/foobar/lamp/files/app").rename(self.app)
        hosts = {"hosts": {"server1": {"ansible_host": HOST, **DOCKER}}}
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
        #: What this computer trusts, the host is to trust as well.
        self.trusted = [
            {"name": file.stem, "content": file.read_text()}
            for file in pathlib.Path("/usr/local/share/ca-certificates").glob("*.crt")
        ]
        self.inventory = {
            "lamp": {
                "children": dict.fromkeys(("lamp_db", "lamp_dns", "lamp_web"), hosts),
                "vars": {
                    "lamp_domain": "example.com",
                    "lamp_sites": self.sites,
                    "lamp_default_site": SITE,
                    "linux_base_trusted_certificates": self.trusted,
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
        return run(*self._command(*options, **variables), cwd=self.place, env=self.environment)

    def play_until(self, task, *options, **variables):
        """Run it, and kill it without a word behind ``task``, which has to change something."""
        command = self._command(*options, **variables)
        done = kill_after(task, command, cwd=self.place, env=self.environment)
        assert f"TASK [{task}]" in done.stdout and "changed:" in done.stdout.rpartition("TASK [")[2]


def get(path, timeout=10, port=80, host=HOST):
    """Return status and text of a page of the site."""
    connection = http.client.HTTPConnection(address_of(host), port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": SITE})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def ask_page(path="/"):
    """Return a question that fails when the answer to a page is not 200."""

    def ask():
        status = get(path)[0]
        assert status == 200, f"{path} is answered with {status}"

    return ask


def ask_name():
    """Fail when the answer of the name server holds no address of the site."""
    answer = dns.query.udp(dns.message.make_query(SITE, "A"), address_of(HOST), timeout=5)
    assert answer.answer, dns.rcode.to_text(answer.rcode())


def ask_sshd(key):
    """Return a question that fails when a login by the private key in the file ``key`` does."""
    options = (
        "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
        "-o LogLevel=ERROR -o ConnectTimeout=5"
    )

    def ask():
        done = run("ssh", "-i", key, *options.split(), f"root@{address_of(HOST)}", "true")
        assert done.returncode == 0, done.stderr

    return ask
