"""An application that is an image, which tests may break."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess

from support.applications import get, play
from support.containers import address_of
from support.plays import ephemeral
from support.waiting import wait_for

SCRATCH = ephemeral() / "scratch"
SHOP = "shop.example.com"


class Shop:
    """The application that tests may break: what its image is made of,
    on this computer, and its gate on the host.
    """

    source = SCRATCH / "shop/shop.py"
    state = f"/srv/{SHOP}/state/data"

    def __init__(self, site):
        self._site = site

    def change(self, broken="", more=""):
        """Make another image of it, which is ``broken`` in this way;
        ``more``: what its Dockerfile has besides.
        """
        if broken:
            for path in (self.source, SCRATCH / "shop.tar"):
                shutil.copy(path, f"{path}.whole")
        number = int(re.search(r'^VERSION = "(.*)"$', self.source.read_text(), re.MULTILINE)[1]) + 1
        text = re.sub(
            r'^BREAK = ".*"$', f'BREAK = "{broken}"', self.source.read_text(), flags=re.MULTILINE
        )
        self.source.write_text(
            re.sub(r'^VERSION = ".*"$', f'VERSION = "{number}"', text, flags=re.MULTILINE)
        )
        dockerfile = (self.source.parent / "Dockerfile").read_text() + more
        (SCRATCH / "Dockerfile").write_text(dockerfile)
        words = [
            "docker",
            "build",
            "--quiet",
            "--tag",
            "lamp-containers/shop",
            "--file",
            SCRATCH / "Dockerfile",
            ".",
        ]
        subprocess.run(words, cwd=self.source.parent, check=True, capture_output=True)
        subprocess.run(
            ["docker", "save", "--output", SCRATCH / "shop.tar", "lamp-containers/shop"], check=True
        )
        subprocess.run(
            ["docker", "image", "rm", "lamp-containers/shop"], check=True, capture_output=True
        )
        return str(number)

    def current(self):
        """Return its current release."""
        return self._site.check_output(f"readlink /srv/{SHOP}/current").removeprefix("releases/")

    def releases(self):
        """Return those that are there, and those of which Podman has an image."""
        there = set(self._site.check_output(f"ls /srv/{SHOP}/releases").split())
        shown = self._site.check_output("podman images --format '{{.Repository}} {{.Tag}}'")
        return there, set(re.findall(rf"^localhost/foobar.lamp/{SHOP} (\S+)$", shown, re.MULTILINE))

    def strangers(self):
        """Return what Podman has of images but those of releases,
        and what these say that belongs to them.
        """
        shown = self._site.check_output(
            "podman images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'"
        )
        known = self._site.check_output("cat /srv/*/releases/*/image.json")
        images = [line.split() for line in shown.splitlines()]
        return [
            name
            for number, name in images
            if not name.startswith("localhost/foobar.lamp/") and number not in known
        ]

    def containers(self):
        """Return the names of its containers."""
        shown = self._site.check_output("podman ps --all --format '{{.Names}}'")
        return {name for name in shown.split() if name.startswith(f"app-{SHOP}")}

    def answer(self, path="/"):
        """Return what it says to a visitor."""
        return json.loads(get(path, SHOP).text)

    @contextlib.contextmanager
    def gate(self, step):
        """Let it wait where it comes to this step."""
        self._site.check_output(f"echo {step} > {self.state}/gate")
        try:
            yield
        finally:
            self._site.check_output(f"rm -f {self.state}/gate")

    @contextlib.contextmanager
    def dying_at(self, word):
        """Let whoever deploys it on the host be killed,
        as a loss of power does, where Podman is told this first.
        """
        holds = f"ls -l $one/fd 2> /dev/null | grep -qF /srv/{SHOP}/.lock"
        kill = f"for one in /proc/[0-9]*; do if {holds}; then kill -KILL ${{one#/proc/}}; fi; done"
        script = (
            f'#!/bin/sh\nif [ "$2" = {word} ]; then {kill}; exit 1; fi\nexec '
            f'/usr/bin/podman.whole "$@"\n'
        )
        self._site.check_output(
            (
                "mv /usr/bin/podman /usr/bin/podman.whole; "
                "printf %s %s > /usr/bin/podman; chmod 0755 /usr/bin/podman"
            ),
            "%s",
            script,
        )
        try:
            yield
        finally:
            self._site.check_output("mv /usr/bin/podman.whole /usr/bin/podman")

    def settled(self):
        """Return whether nothing of a run is left at work."""
        units = self._site.run(
            f"systemctl list-units --plain --no-legend 'python_app:{SHOP}.service'"
        ).stdout
        return not units.strip()

    def mend(self):
        """Let it be what it was before it was broken."""
        wait_for(self.settled)
        for path in (self.source, SCRATCH / "shop.tar"):
            if os.path.exists(f"{path}.whole"):
                os.replace(f"{path}.whole", path)


class Registry:
    """The registry on another host, which both this computer and the host of the sites may ask."""

    def __init__(self, host, container, login):
        """``host``: where it is, in ``container``. ``login``: ``username`` and ``password``."""
        self.login, self.address = login, f"{address_of(container)}:5000"
        self.certificate = SCRATCH / "registry.pem"
        self.certificate.write_text(host.check_output("cat /etc/docker/registry/cert.pem"))

    def push(self):
        """Have it have the image of the shop; returns ``(tag, digest)``, two references to it."""
        name = f"{self.address}/shop"
        (SCRATCH / "auth.json").write_text(
            json.dumps({"auths": {self.address: {"auth": self.token()}}})
        )
        words = [
            "skopeo",
            "copy",
            "--quiet",
            f"--dest-authfile={SCRATCH}/auth.json",
            f"--digestfile={SCRATCH}/digest",
        ]
        environment = {**os.environ, "SSL_CERT_FILE": str(self.certificate)}
        subprocess.run(
            [*words, f"docker-archive:{SCRATCH}/shop.tar", f"docker://{name}:1"],
            check=True,
            capture_output=True,
            env=environment,
        )
        return f"{name}:1", f"{name}@{(SCRATCH / 'digest').read_text().strip()}"

    def token(self):
        """Return the login as tools write it into their files."""
        return base64.b64encode(
            f"{self.login['username']}:{self.login['password']}".encode()
        ).decode()


def deploy(name=SHOP, **variables):
    """Run a deploy of a site; returns its ``CompletedProcess``, whatever its status."""
    return play("deploy", lamp_deploy_site=name, **variables)
