"""Hosts in containers."""

from __future__ import annotations

import functools
import subprocess

from .waiting import wait_for


def run(*command, check=False, **options):
    """Run a command; returns its ``CompletedProcess`` with text,
    whatever its status unless ``check`` is given.

    One that hangs is a failed test, and not a suite that never ends.
    """
    return subprocess.run(
        command, capture_output=True, text=True, check=check, **{"timeout": 900, **options}
    )


def start(name, hostname, image, *more):
    """Start a host in a container of an image; ``more`` are options of docker run."""
    remove(name)
    options = (
        "--cap-add SYS_ADMIN --cap-add NET_ADMIN "
        "--security-opt seccomp=unconfined --cgroupns=private"
    )
    options += " --tmpfs /run --tmpfs /run/lock --tmpfs /tmp --env container=docker"
    started = run(
        "docker",
        "run",
        "--detach",
        "--name",
        name,
        "--hostname",
        hostname,
        *options.split(),
        *more,
        image,
        "/sbin/init",
    )
    assert started.returncode == 0, started.stderr
    wait_for(
        lambda: (
            run("docker", "exec", name, "systemctl", "is-system-running").stdout.strip()
            == "running"
        )
    )


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
    return run(
        "docker",
        "exec",
        "-i",
        container,
        "sh",
        "-euc" if check else "-c",
        script,
        check=check,
        **options,
    ).stdout


def page(visitor, host, name, path="/", scheme="https", *more):
    """Return status, headers and text of a page,
    as a host sees it that trusts Pebble's CA and comes to ``host``; ``more``: curl's options.

    A header that is there more than once has a line each.
    """
    port = {"https": 443, "http": 80}[scheme]
    where = [
        "--resolve",
        f"{name}:{port}:{address_of(host)}",
        "--cacert",
        "/etc/pebble/root.pem",
        "--max-time",
        "10",
    ]
    done = run(
        "docker",
        "exec",
        visitor,
        "curl",
        "--silent",
        "--show-error",
        "--include",
        *where,
        *more,
        f"{scheme}://{name}{path}",
    )
    assert done.returncode == 0, done.stderr
    head, _empty, text = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.splitlines()
    headers = {}
    for key, value in (line.split(": ", 1) for line in lines):
        headers[key.lower()] = (
            f"{headers[key.lower()]}\n{value}" if key.lower() in headers else value
        )
    return int(first.split()[1]), headers, text
