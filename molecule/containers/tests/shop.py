"""An application that is an image, which tests may break."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess

from support.applications import get, play
from support.plays import ephemeral
from support.waiting import wait_for

SCRATCH = ephemeral() / "scratch"
SHOP = "shop.example.com"


class Shop:
    """The application that tests may break: what its image is made of, on this computer, and its gate on the host."""

    source = SCRATCH / "shop/shop.py"
    state = f"/srv/{SHOP}/state/data"

    def __init__(self, site):
        self._site = site

    def change(self, broken="", more=""):
        """Make another image of it, which is ``broken`` in this way; ``more``: what its Dockerfile has besides."""
        if broken:
            for path in (self.source, SCRATCH / "shop.tar"):
                shutil.copy(path, f"{path}.whole")
        number = int(re.search(r'^VERSION = "(.*)"$', self.source.read_text(), re.MULTILINE)[1]) + 1
        text = re.sub(r'^BREAK = ".*"$', f'BREAK = "{broken}"', self.source.read_text(), flags=re.MULTILINE)
        self.source.write_text(re.sub(r'^VERSION = ".*"$', f'VERSION = "{number}"', text, flags=re.MULTILINE))
        dockerfile = (self.source.parent / "Dockerfile").read_text() + more
        (SCRATCH / "Dockerfile").write_text(dockerfile)
        words = ["docker", "build", "--quiet", "--tag", "lamp-containers/shop", "--file", SCRATCH / "Dockerfile", "."]
        subprocess.run(words, cwd=self.source.parent, check=True, capture_output=True)
        subprocess.run(["docker", "save", "--output", SCRATCH / "shop.tar", "lamp-containers/shop"], check=True)
        subprocess.run(["docker", "image", "rm", "lamp-containers/shop"], check=True, capture_output=True)
        return str(number)

    def current(self):
        """Return its current release."""
        return self._site.check_output(f"readlink /srv/{SHOP}/current").removeprefix("releases/")

    def releases(self):
        """Return those that are there, and those of which Podman has an image."""
        there = set(self._site.check_output(f"ls /srv/{SHOP}/releases").split())
        shown = self._site.check_output("podman images --format '{{.Repository}} {{.Tag}}'")
        return there, set(re.findall(rf"^localhost/foobar.lamp/{SHOP} (\S+)$", shown, re.MULTILINE))

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

    def settled(self):
        """Return whether nothing of a run is left at work."""
        units = self._site.run(f"systemctl list-units --plain --no-legend 'python_app:{SHOP}.service'").stdout
        return not units.strip()

    def mend(self):
        """Let it be what it was before it was broken."""
        wait_for(self.settled)
        for path in (self.source, SCRATCH / "shop.tar"):
            if os.path.exists(f"{path}.whole"):
                os.replace(f"{path}.whole", path)


def deploy(name=SHOP, **variables):
    """Run a deploy of a site; returns its ``CompletedProcess``, whatever its status."""
    return play("deploy", lamp_deploy_site=name, **variables)
