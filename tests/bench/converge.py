#!/usr/bin/env python3
"""How fast playbooks/site.yml converges, against a plain shell script that does the same work (converge.sh), in one run.

    tests/bench/converge.py [--rounds N] [--sites N] [--connection docker|ssh]

Each round takes a bare container for the script and another for the playbook: both download all their packages and wheels. Then the
playbook runs again on its host. Needs the environment and the image of script/site. Times are in seconds, medians of the rounds
with the least and the most; ratios are of one round.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).parents[2]
IMAGE = "foobar.lamp/debian:13"
OPTIONS = (
    "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --cgroupns=private "
    "--tmpfs /run --tmpfs /run/lock --tmpfs /tmp --env container=docker"
)


def run(*command, **options):
    """Run a command and return what it says; raises CalledProcessError with that shown."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-3000:])
        done.check_returncode()
    return done.stdout


class Host:
    """A bare container for a while."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self._remove()
        run("docker", "run", "--detach", "--name", self.name, "--hostname", "lamp1", *OPTIONS.split(), IMAGE, "/sbin/init")
        deadline = time.monotonic() + 60
        asked = ["docker", "exec", self.name, "systemctl", "is-system-running"]
        while "running" not in subprocess.run(asked, capture_output=True, text=True, check=False).stdout:
            assert time.monotonic() < deadline, "systemd does not come up"
            time.sleep(0.2)
        return self

    def __exit__(self, *_exception):
        self._remove()

    def _remove(self):
        subprocess.run(["docker", "rm", "--force", "--volumes", self.name], capture_output=True, check=False)

    def sh(self, script):
        """Run a shell script on the host."""
        return run("docker", "exec", "-i", self.name, "bash", "-s", input=script)

    @property
    def address(self):
        """Its address on the containers' network."""
        return run("docker", "inspect", "--format", "{{ .NetworkSettings.IPAddress }}", self.name).strip()


def timed(work):
    """Return the seconds that ``work`` takes, and what it returns."""
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def by_script(host):
    """Return the seconds that the shell script takes; copying the application to the host is not counted."""
    with tempfile.TemporaryDirectory() as place:
        (pathlib.Path(place) / "certs").mkdir()
        for file in pathlib.Path("/usr/local/share/ca-certificates").glob("*.crt"):
            (pathlib.Path(place) / "certs" / file.name).write_bytes(file.read_bytes())
        run("cp", "-r", str(ROOT / "files/app"), place)
        run("docker", "cp", f"{place}/.", f"{host.name}:/var/tmp/bench")
    return timed(lambda: host.sh(f"bash -s /var/tmp/bench/app <<'SCRIPT'\n{(ROOT / 'tests/bench/converge.sh').read_text()}\nSCRIPT"))[0]


class Playbook:
    """playbooks/site.yml for one host, with as many static sites as are wanted besides the sample application's."""

    def __init__(self, host, place, connection, sites):
        self._place = pathlib.Path(place)
        here = {"ansible_host": host.name, "ansible_connection": "community.docker.docker", "ansible_user": "root"}
        if connection == "ssh":
            here = self._by_ssh(host)
        hosts = {"hosts": {"lamp1": here}}
        inventory = {"lamp": {"children": dict.fromkeys(("lamp_db", "lamp_dns", "lamp_web"), hosts)}}
        (self._place / "hosts.json").write_text(json.dumps(inventory))
        (self._place / "group_vars").symlink_to(ROOT / "inventory/group_vars")
        self._extra = {"lamp_base_dir": str(ROOT / "inventory"), "lamp_secrets_dir": f"{place}/secrets"}
        if sites > 1:
            names = [f"site{number}.foobar.com" for number in range(1, sites)]
            first = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())["lamp_sites"]
            self._extra["lamp_sites"] = first | {name: {"document_root": f"/srv/static/{name}"} for name in names}

    def _by_ssh(self, host):
        key = self._place / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        host.sh(
            "apt-get update -qq && apt-get install -qq --no-install-recommends openssh-server > /dev/null && install -d -m 700 /root/.ssh "
            f"&& echo '{key.with_suffix('.pub').read_text().strip()}' > /root/.ssh/authorized_keys && systemctl restart ssh"
        )
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        return {
            "ansible_host": host.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": options,
        }

    def __call__(self):
        """Run it once; returns seconds, and how many tasks it was and how many of them changed something."""
        command = ["ansible-playbook", "-i", str(self._place / "hosts.json"), "playbooks/site.yml", "--extra-vars", json.dumps(self._extra)]
        seconds, said = timed(lambda: run(*command, cwd=ROOT))
        counts = dict(re.findall(r"(ok|changed)=(\d+)", said.partition("PLAY RECAP")[2]))
        return seconds, int(counts["ok"]), int(counts["changed"])


def row(name, seconds, more=""):
    """Print a row of the table."""
    print(f"| {name} | {statistics.median(seconds):.1f} | {min(seconds):.1f} to {max(seconds):.1f} | {more} |", flush=True)


def main():
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--again", type=int, default=3, help="how often the playbook runs again in each round")
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--connection", choices=["docker", "ssh"], default="docker")
    arguments = parser.parse_args()
    script, first, again, ratios, counts = [], [], [], [], set()
    for _round in range(arguments.rounds):
        with Host("lamp-bench-script") as host:
            script.append(by_script(host))
        with Host("lamp-bench-playbook") as host, tempfile.TemporaryDirectory() as place:
            playbook = Playbook(host, place, arguments.connection, arguments.sites)
            first.append(playbook()[0])
            for _time in range(arguments.again):
                seconds, tasks, changed = playbook()
                again.append(seconds)
                counts.add((tasks, changed))
        ratios.append(first[-1] / script[-1])
    print("| what | median s | least to most | |\n| --- | --- | --- | --- |")
    row("shell script", script)
    row("playbook, first run", first, f"{statistics.median(ratios):.2f} times the script")
    row("playbook, second run", again, "; ".join(f"{tasks} tasks, {changed} changed" for tasks, changed in sorted(counts)))


if __name__ == "__main__":
    main()
