"""Hosts in containers."""

from __future__ import annotations

import functools
import subprocess

from .waiting import wait_for


def run(*command, check=False, **options):
    """Run a command; returns its ``CompletedProcess`` with text, whatever its status unless ``check`` is given."""
    return subprocess.run(command, capture_output=True, text=True, check=check, **options)


def start(name, hostname, image, *more):
    """Start a host in a container of an image; ``more`` are options of docker run."""
    remove(name)
    options = "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --cgroupns=private"
    options += " --tmpfs /run --tmpfs /run/lock --tmpfs /tmp --env container=docker"
    started = run("docker", "run", "--detach", "--name", name, "--hostname", hostname, *options.split(), *more, image, "/sbin/init")
    assert started.returncode == 0, started.stderr
    wait_for(lambda: run("docker", "exec", name, "systemctl", "is-system-running").stdout.strip() == "running")


def remove(name):
    """Remove a container, if there is one of this name."""
    run("docker", "rm", "--force", "--volumes", name)


@functools.lru_cache
def address_of(container):
    """Return the address of a host on the containers' network."""
    shown = "{{ range .NetworkSettings.Networks }}{{ .IPAddress }} {{ end }}"
    return run("docker", "inspect", "--format", shown, container, check=True).stdout.split()[0]


def on_host(container, script, check=False, **options):
    """Return what a shell on a host says."""
    return run("docker", "exec", "-i", container, "sh", "-euc" if check else "-c", script, check=check, **options).stdout
