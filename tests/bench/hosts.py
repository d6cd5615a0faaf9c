"""Bare hosts for a while: containers that are reached by SSH, and what was sent to them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import time

NAME = os.environ.get("FOOBAR_LAMP_NAME", "foobar-lamp") + "-bench"
BARE = "foobar.lamp/debian:13"
# Every server has SSH. Package lists are old: each way of converging fetches them anew.
RECIPE = f"""FROM {BARE}
RUN apt-get update && apt-get install --yes --no-install-recommends openssh-server && apt-get clean
RUN touch --date '30 days ago' /var/lib/apt/lists
CMD ["/sbin/init"]
"""
OPTIONS = (
    "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --cgroupns=private "
    "--tmpfs /run --tmpfs /run/lock --tmpfs /tmp --env container=docker"
)


def run(*command, **options):
    """Run a command and return what it says; raises CalledProcessError with that shown."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        print(" ".join(command[:3]), done.stdout[-3000:], done.stderr[-3000:], sep="\n")
        done.check_returncode()
    return done.stdout


def machine():
    """Describe what it was measured on, without anybody's names."""
    model = re.search(r"model name\s*: (.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    asked = {
        "ansible-core": ("ansible", "--version"),
        "pyinfra": ("pyinfra", "--version"),
        "Docker": ("docker", "version", "--format", "{{ .Server.Version }}"),
    }
    there = {name: command for name, command in asked.items() if shutil.which(command[0])}
    versions = {
        name: re.search(r"\d+(\.\d+)+", run(*command))[0] for name, command in there.items()
    }
    versions["Python"] = platform.python_version()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model[1] if model else platform.machine(),
        "memory_gib": round(memory / 2**20),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions,
    }


class Host:
    """A container with systemd and two networks:
    one leads to the world, on the other there is nothing but the controller.
    """

    def __init__(self, number, key):
        self.name = f"lamp{number}"
        self.container = f"{NAME}-{number}"
        self.address = self.control = ""
        self._key = key

    def start(self):
        """Begin to start it, bare."""
        self.remove()
        run(
            "docker",
            "run",
            "--detach",
            "--name",
            self.container,
            "--hostname",
            self.name,
            *OPTIONS.split(),
            NAME,
            "/sbin/init",
        )
        run("docker", "network", "connect", NAME, self.container)
        form = (
            f"{{{{ .NetworkSettings.IPAddress }}}} {{{{ (index .NetworkSettings.Networks "
            f'"{NAME}").IPAddress }}}}'
        )
        self.address, self.control = run(
            "docker", "inspect", "--format", form, self.container
        ).split()

    def wait(self):
        """Return when it is up and lets the key in."""
        deadline = time.monotonic() + 120
        asked = ["docker", "exec", self.container, "systemctl", "is-system-running"]
        while (
            "running"
            not in subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        ):
            assert time.monotonic() < deadline, "systemd does not come up"
            time.sleep(0.2)
        self.sh(f"install -d -m 700 /root/.ssh && echo '{self._key}' > /root/.ssh/authorized_keys")

    def remove(self):
        """Remove it, if it is there."""
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", self.container],
            capture_output=True,
            check=False,
        )

    def sh(self, script):
        """Run a shell script on the host."""
        return run("docker", "exec", "-i", self.container, "bash", "-ec", script)

    def received(self):
        """Return how many bytes the controller has sent to it."""
        [interface] = re.findall(
            rf"^\d+: (\S+) +inet {re.escape(self.control)}/",
            self.sh("ip -oneline -4 address"),
            re.MULTILINE,
        )
        return int(self.sh(f"cat /sys/class/net/{interface}/statistics/rx_bytes"))


@contextlib.contextmanager
def ready():
    """Have the image and the network; yields a directory with the pair of keys ``key``."""
    run("docker", "build", "--quiet", "--tag", NAME, "-", input=RECIPE)
    # One may be left of a run that was killed.
    subprocess.run(["docker", "network", "rm", NAME], capture_output=True, check=False)
    run("docker", "network", "create", "--internal", NAME)
    with tempfile.TemporaryDirectory(prefix="bench") as place:
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{place}/key")
        try:
            yield pathlib.Path(place)
        finally:
            run("docker", "network", "rm", NAME)


@contextlib.contextmanager
def bare(place, count):
    """Yield so many bare hosts."""
    hosts = [
        Host(number, (place / "key.pub").read_text().strip()) for number in range(1, count + 1)
    ]
    try:
        for host in hosts:
            host.start()
        for host in hosts:
            host.wait()
        yield hosts
    finally:
        for host in hosts:
            host.remove()
