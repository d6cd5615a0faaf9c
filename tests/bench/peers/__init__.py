"""Ways to make the same hosts: playbooks/site.yml, and what a user might take instead."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time

import yaml

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
SITE = "www.foobar.com"
UNKNOWN = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")


@dataclasses.dataclass
class Run:
    """What came of a run."""

    seconds: float
    tasks: int
    changed: int


class Peer:
    """One way to make ``hosts``: the first has the database and the name server, each the web
    server; ``sites`` virtual hosts on each.
    """

    def __init__(self, place, key, hosts, sites):
        """``place``: a directory of its own that outlives its runs."""
        self.place, self.key, self.hosts = place, key, hosts
        self.sites = [f"site{number}.foobar.com" for number in range(1, sites)]
        place.mkdir(exist_ok=True)
        self.prepare()

    def prepare(self):
        """Write what the runs read."""

    def run(self):
        """Converge once: returns how many tasks that was and how many of them changed something."""
        raise NotImplementedError

    def __call__(self):
        """Converge once."""
        began = time.monotonic()
        tasks, changed = self.run()
        seconds = time.monotonic() - began
        self.rest()
        return Run(seconds, tasks, changed)

    def rest(self):
        """Close what would make the next run faster than one of tomorrow."""

    def command(self, *command, environment=None):
        """Run a command and return all that it says; the end of that is shown if it fails."""
        environment = os.environ | (environment or {})
        said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False, **said)
        if done.returncode:
            print(done.stdout[-4000:], file=sys.stderr)
            done.check_returncode()
        return done.stdout

    def settings(self):
        """What is to be known of the hosts besides the files; secrets are made once."""
        kept = self.place / "secrets.json"
        if not kept.exists():
            kept.write_text(
                json.dumps({name: secrets.token_urlsafe(36) for name in ("password", "secret_key")})
            )
        web = [host.address for host in self.hosts]
        return {
            "site": SITE,
            "sites": self.sites,
            "database": web[0],
            "web": web,
            **json.loads(kept.read_text()),
        }

    def files(self):
        """Lay the application and this computer's own certificates into ``place``."""
        shutil.rmtree(self.place / "app", ignore_errors=True)
        shutil.copytree(
            ROOT / "files/app",
            self.place / "app",
            ignore=shutil.ignore_patterns("__pycache__", ".*"),
        )
        (self.place / "certs").mkdir(exist_ok=True)
        for file in pathlib.Path("/usr/local/share/ca-certificates").glob("*.crt"):
            shutil.copy(file, self.place / "certs")


class Playbook(Peer):
    """playbooks/site.yml, with the settings of this project's ansible.cfg."""

    name = "foobar.lamp"
    playbook = "playbooks/site.yml"

    def prepare(self):  # noqa: D102
        here = {
            host.name: {
                "ansible_host": host.control,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(self.key),
                "ansible_ssh_common_args": " ".join(f"-o {option}" for option in UNKNOWN),
            }
            for host in self.hosts
        }
        first = {self.hosts[0].name: here[self.hosts[0].name]}
        children = {
            "lamp_db": {"hosts": first},
            "lamp_dns": {"hosts": first},
            "lamp_web": {"hosts": here},
        }
        (self.place / "hosts.json").write_text(json.dumps({"lamp": {"children": children}}))
        with contextlib.suppress(FileExistsError):
            (self.place / "group_vars").symlink_to(ROOT / "inventory/group_vars")
        self._extra = {
            "lamp_base_dir": str(ROOT / "inventory"),
            "lamp_secrets_dir": str(self.place / "secrets"),
        }
        if self.sites:
            own = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())["lamp_sites"]
            self._extra["lamp_sites"] = own | {
                name: {"document_root": f"/srv/static/{name}"} for name in self.sites
            }
        (self.place / "extra.json").write_text(json.dumps(self._extra))

    def run(self):  # noqa: D102
        said = self.command(
            "ansible-playbook",
            *(
                "-i",
                str(self.place / "hosts.json"),
                self.playbook,
                "--extra-vars",
                f"@{self.place / 'extra.json'}",
            ),
            environment={
                "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.place / "ssh"),
                "XDG_CACHE_HOME": str(self.place / "cache"),
            },
        )
        recap = re.findall(r"ok=(\d+) +changed=(\d+)", said.partition("PLAY RECAP")[2])
        return max(int(ok) for ok, _changed in recap), max(int(changed) for _ok, changed in recap)

    def rest(self):
        """Connections that Ansible keeps open for a while are another run's."""
        for socket in (self.place / "ssh").glob("*"):
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "host"],
                capture_output=True,
                check=False,
            )


class Script(Peer):
    """A plain shell script, sent with what it needs to all hosts at once."""

    name = "shell script"

    def prepare(self):  # noqa: D102
        self.files()
        shutil.copy(HERE / "converge.sh", self.place)
        settings = {
            name: " ".join(value) if isinstance(value, list) else value
            for name, value in self.settings().items()
        }
        (self.place / "settings").write_text(
            "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
        )

    def run(self):  # noqa: D102
        there = "/root/converge"
        there = (
            f"rm -rf {there} && mkdir -m 700 {there} && "
            f"tar -xzC {there} && bash {there}/converge.sh"
        )
        ssh = (
            f"ssh {' '.join(f'-o {option}' for option in UNKNOWN)} -i {self.key} root@$host "
            f"{shlex.quote(there)}"
        )
        each = (
            f"for host in {' '.join(host.control for host in self.hosts)}; "
            f"do {ssh} < sent.tar.gz & all+=($!); done"
        )
        wait = "for one in ${all[@]}; do wait $one; done"
        self.command(
            "bash",
            "-euc",
            f"cd {self.place}; tar -czf sent.tar.gz app certs settings converge.sh; {each}; {wait}",
        )
        return 1, 1


class Pyinfra(Peer):
    """A deploy of pyinfra, as its documentation would have it written."""

    name = "pyinfra"

    def prepare(self):  # noqa: D102
        self.files()
        hosts = {
            host.control: {"first": host is self.hosts[0], "address": host.address}
            for host in self.hosts
        }
        known = {"key": str(self.key), "place": str(self.place), "hosts": hosts, **self.settings()}
        (self.place / "known.json").write_text(json.dumps(known))

    def run(self):  # noqa: D102
        command = ("pyinfra", "--yes", str(HERE / "inventory.py"), str(HERE / "deploy.py"))
        said = self.command(*command, environment={"BENCH": str(self.place / "known.json")})
        # A row for each operation: its name, and on how many hosts it succeeded, failed and had
        # nothing to do.
        rows = re.findall(
            r"^    .+?  +\d+ +([\d-]+) +[\d-]+ +[\d-]+ *$",
            said.partition("--> Results:")[2],
            re.MULTILINE,
        )[:-1]
        return len(rows), sum(changed != "-" for changed in rows)


PEERS = (Playbook, Pyinfra, Script)
