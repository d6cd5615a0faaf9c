#!/usr/bin/env python3
"""Deploys and rollbacks while visitors ask: failed requests, and the 99th
percentile of their times before and meanwhile.

    tests/bench/deploys.py [--deploys N] [--rollbacks N] [--requests N] [--connections N]
                           [--pause MS] [--path PATH] [--reload] [--senders N] [--images]
                           [--inventory FILE] [--container NAME]

Runs against a host that script/site made (or any container of an inventory with the sample
application). Each deploy ships a copy of the sample application with another version in it, and a
page that counts what is sent to it. With --images, on the host of `script/site --container`, the
first half of the deploys goes from image to image, and the others from image to source and back.

wrk (Debian package) asks all the while on the containers' own network, and senders post bodies of
many sizes, each once. The last step puts the inventory's release back. Exit status 1 if a request
failed, if a body was lost or came twice, if the releases did not change, if the web server was not
reloaded, or if fewer than --requests were asked.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import yaml

ROOT = pathlib.Path(__file__).parents[2]
SITE = "www.foobar.com"
# In the application's state: a line for each body that it took. An image sees the directory at a
# path of its own.
TAKEN = f"/srv/{SITE}/state/bench/bodies"
INSIDE = "/bench"
PAGE = f"""

@application.post("/bench/<number>")
def bench(number):
    import os
    from flask import request

    place = "{INSIDE}" if os.path.isdir("{INSIDE}") else os.path.expanduser("~/bench")
    os.makedirs(place, exist_ok=True)
    with open(f"{{place}}/bodies", "a") as file:
        file.write(f"{{number}} {{len(request.get_data())}}\\n")
    return "taken"
"""
SIZES = (10, 1000, 20_000, 30_000)  # it takes 32 KiB
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deploys", type=int, default=20)
    parser.add_argument("--rollbacks", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument(
        "--pause", type=int, default=20, help="milliseconds of each between two requests"
    )
    parser.add_argument("--path", default="/healthz")
    parser.add_argument(
        "--reload", action="store_true", help="reload the web server every five seconds"
    )
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument(
        "--images", action="store_true", help="deploy images, and sources between them"
    )
    parser.add_argument(
        "--inventory", help="inventory/hosts.yml, or with --images inventory/container.yml"
    )
    parser.add_argument("--container", help="foobar-lamp, or with --images foobar-lamp-container")
    options = parser.parse_args()
    options.inventory = options.inventory or str(
        ROOT / "inventory" / ("container.yml" if options.images else "hosts.yml")
    )
    options.container = options.container or (
        "foobar-lamp-container" if options.images else "foobar-lamp"
    )
    return options


class Versions:
    """The sample application with the page,
    in one version after the other, each a source or an image.
    """

    def __init__(self, directory, options):
        self._images, self._half, self._base = (
            options.images,
            options.deploys // 2,
            f"{options.container}-app",
        )
        self._sites = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())[
            "lamp_sites"
        ]
        self._source, self._image = (
            pathlib.Path(directory, "app"),
            pathlib.Path(directory, "app.tar"),
        )
        shutil.copytree(
            ROOT / "files/app",
            self._source,
            ignore=shutil.ignore_patterns("__pycache__", ".*_cache"),
        )
        with open(self._source / "foobar/wsgi.py", "a", encoding="utf-8") as file:
            file.write(PAGE)
        app = self._sites[SITE]["app"]
        self._apps = {
            "source": {**app, "source": str(self._source)},
            "image": {
                **{key: app[key] for key in ("migrate", "health_path")},
                "image": str(self._image),
                "static_dir": "/app/src/static",
                "volumes": {INSIDE: "bench"},
            },
        }

    def kind(self, number):
        """Return what the deploy of this number, from 1 on, is of; 0 is what it begins with."""
        return (
            "image"
            if self._images and (number <= self._half or (number - self._half) % 2 == 0)
            else "source"
        )

    def make(self, number):
        """Make another version; returns the options of the playbook that deploys it."""
        (self._source / "foobar/__init__.py").write_text(
            f'"""The sample application."""\n\n__version__ = "deploy.{number}"\n'
        )
        if self.kind(number) == "image":
            dockerfile = (
                f"FROM {self._base}\nCOPY foobar/__init__.py foobar/wsgi.py /app/src/foobar/\n"
            )
            tag = f"{self._base}-bench"
            build = ["docker", "build", "--quiet", "--tag", tag, "--file", "-", str(self._source)]
            subprocess.run(build, input=dockerfile, check=True, capture_output=True, text=True)
            subprocess.run(["docker", "save", "--output", str(self._image), tag], check=True)
            subprocess.run(["docker", "image", "rm", tag], check=True, capture_output=True)
        self._sites[SITE]["app"] = self._apps[self.kind(number)]
        return ["-e", json.dumps({"lamp_sites": self._sites})]


class Load:
    """wrk for a while; ``result`` has requests, failed, p99 in seconds and requests a second."""

    def __init__(self, address, options, seconds):
        # Visitors pause between two requests: a queue that is always full would measure the queue.
        self._script = tempfile.NamedTemporaryFile("w", suffix=".lua")  # noqa: SIM115 # it lives as long as wrk
        self._script.write(f"function delay() return {options.pause} end")
        self._script.flush()
        command = [
            "wrk",
            "--latency",
            "--timeout",
            "10s",
            "-t2",
            f"-c{options.connections}",
            f"-d{seconds}s",
            "-H",
            f"Host: {SITE}",
        ]
        if options.reload:
            # A reload closes connections that are idle: what is asked on one at that moment a
            # browser asks again, and wrk does not.
            command += ["-H", "Connection: close"]
        command += ["-s", self._script.name, f"http://{address}{options.path}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self):
        """Send the visitors home."""
        self._process.send_signal(signal.SIGINT)

    def result(self):
        """Wait for the end and return what came of it."""
        text = self._process.communicate()[0]
        errors = re.search(
            r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
        )
        answers = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", text).groups()
        return {
            "requests": int(re.search(r"(\d+) requests in", text)[1]),
            "errors": [found[0] for found in (errors, answers) if found],
            "failed": sum(map(int, errors.groups() if errors else ()))
            + (int(answers[1]) if answers else 0),
            "p99": float(number) * SECONDS[unit],
            "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        }


class Senders:
    """Visitors that post bodies all the while;
    ``sent`` has the number and length of each that was answered, ``failed`` what was not.
    """

    def __init__(self, address, count):
        self._address, self._numbers, self._end = address, itertools.count(), threading.Event()
        self.sent, self.failed = [], []
        self._threads = [threading.Thread(target=self._run) for _sender in range(count)]

    def _run(self):
        while not self._end.wait(0.02):
            number = next(self._numbers)
            length = SIZES[number % len(SIZES)]
            try:
                with contextlib.closing(
                    http.client.HTTPConnection(self._address, 80, timeout=15)
                ) as connection:
                    connection.request("POST", f"/bench/{number}", bytes(length), {"Host": SITE})
                    answer = connection.getresponse()
                    assert answer.status == 200, answer.status
                self.sent.append(f"{number} {length}")
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.failed.append(f"{number} {length}: {error!r}")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error):
        self._end.set()
        for thread in self._threads:
            thread.join()


class Reloads:
    """Reload the web server of a container every few seconds,
    whatever else goes on, and count that.
    """

    def __init__(self, container):
        self._end, self.count, self.error = threading.Event(), 0, ""
        active = ["docker", "exec", container, "systemctl", "--quiet", "is-active"]
        unit = next(
            one
            for one in ("apache2", "nginx")
            if subprocess.run([*active, one], check=False).returncode == 0
        )
        self._reload = ["docker", "exec", container, "systemctl", "reload", unit]
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.error and not self._end.wait(5):
            done = subprocess.run(self._reload, check=False, capture_output=True, text=True)
            self.count, self.error = (
                self.count + 1,
                (done.stderr or "failed") if done.returncode else "",
            )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._end.set()
        self._thread.join()


def release(address):
    """Return the release that answers a visitor."""
    connection = http.client.HTTPConnection(address, 80, timeout=10)
    connection.request("GET", "/version", headers={"Host": SITE})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["release"], answer["version"]


def play(name, inventory, *options):
    """Run a playbook; returns the seconds it took."""
    start = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, f"playbooks/{name}.yml", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name}.yml failed:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return time.monotonic() - start


def main():
    """Measure before and during, and print both."""
    options = arguments()
    shown = [
        "docker",
        "inspect",
        "--format",
        "{{ range .NetworkSettings.Networks }}{{ .IPAddress }} {{ end }}",
        options.container,
    ]
    address = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.split()[0]
    # As script/site calls them.
    os.environ.setdefault("FOOBAR_LAMP_NAME", options.container)
    os.environ.setdefault("FOOBAR_LAMP_IMAGE", str(ROOT / f".cache/{options.container}.tar"))
    before, times = Load(address, options, 20).result(), []
    with tempfile.TemporaryDirectory() as directory:
        versions = Versions(directory, options)
        play("deploy", options.inventory, *versions.make(0))
        seen = [release(address)]
        subprocess.run(["docker", "exec", options.container, "rm", "-f", TAKEN], check=True)
        load, senders = Load(address, options, 3600), Senders(address, options.senders)
        reloads = Reloads(options.container) if options.reload else contextlib.nullcontext()
        try:
            with senders, reloads:
                for number in range(1, options.deploys + 1):
                    times.append(play("deploy", options.inventory, *versions.make(number)))
                    seen.append(release(address))
                    print(
                        f"deploy {number}: {times[-1]:.1f} s, {versions.kind(number)}, {seen[-1]}",
                        flush=True,
                    )
                for number in range(options.rollbacks):
                    times.append(play("rollback", options.inventory))
                    seen.append(release(address))
                    print(f"rollback {number + 1}: {times[-1]:.1f} s, {seen[-1]}", flush=True)
        finally:
            load.stop()
        during = load.result()
    told = subprocess.run(
        ["docker", "exec", options.container, "cat", TAKEN],
        check=True,
        capture_output=True,
        text=True,
    )
    taken = collections.Counter(told.stdout.splitlines())
    lost, twice = (
        [one for one in senders.sent if one not in taken],
        [one for one, times_taken in taken.items() if times_taken > 1],
    )
    play("deploy", options.inventory)
    for name, one in (("before", before), ("during", during)):
        times_of = f"p99 {one['p99'] * 1000:.1f} ms, {one['per_second']:.0f} a second"
        print(
            f"{name:7} {one['requests']:8} requests, {one['failed']} failed, {times_of}",
            *one["errors"],
        )
    unchanged = [
        number
        for number, (old, new) in enumerate(zip(seen, seen[1:], strict=False), 1)
        if old == new
    ]
    print(
        f"bodies  {len(senders.sent):8} answered, {len(senders.failed)} failed, {len(lost)} lost, "
        f"{len(twice)} taken twice"
    )
    if options.reload:
        print(f"reloads {reloads.count:8}", reloads.error)
    for one in senders.failed[:5]:
        print(f"  {one}")
    if unchanged:
        print(f"changed nothing: {unchanged}")
    wrong = (
        during["failed"]
        or senders.failed
        or lost
        or twice
        or unchanged
        or (options.reload and (reloads.error or not reloads.count))
    )
    sys.exit(bool(wrong or during["requests"] < options.requests))


if __name__ == "__main__":
    main()
