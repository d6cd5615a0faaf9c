#!/usr/bin/env python3
"""What a container costs: the same application as an image and as a
source, on one host, asked in turns through loopback.

    tests/bench/containers.py CONTAINER IMAGE_SITE SOURCE_SITE
                              [--rounds N] [--seconds S] [--path PATH]

Both sites stand on the host already. The table has requests a second, processor time of the
application for a request, its memory, and how long its service takes from its start to its first
answer. Each figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import time


def sh(container, script):
    """Run a shell script on the host and return what it says."""
    return subprocess.run(
        ["docker", "exec", container, "bash", "-ec", script],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


class Service:
    """The service of a site's current release."""

    def __init__(self, container, site):
        self.container, self.site = container, site
        listed = [
            "systemctl",
            "list-units",
            "--state=active",
            "--plain",
            "--no-legend",
            f"'app-{site}@*'",
        ]
        self.unit = sh(container, " ".join(listed)).split()[0]

    def _processes(self):
        """Return the numbers of all processes of the unit, which a container's are, too."""
        return sh(
            self.container,
            f"find /sys/fs/cgroup -path '*/{self.unit}/cgroup.procs' -exec cat {{}} + | sort -u",
        ).split()

    def processor(self):
        """Return the seconds of processor time that its processes have taken."""
        stats = sh(
            self.container, "cat " + " ".join(f"/proc/{one}/stat" for one in self._processes())
        )
        return (
            sum(
                sum(map(int, line.rpartition(")")[2].split()[11:13])) for line in stats.splitlines()
            )
            / 100
        )

    def memory(self):
        """Return its proportional memory in MiB."""
        rollups = sh(
            self.container,
            "cat " + " ".join(f"/proc/{one}/smaps_rollup" for one in self._processes()),
        )
        return sum(map(int, re.findall(r"^Pss: +(\d+)", rollups, re.MULTILINE))) / 1024

    def page(self, path, seconds):
        """Return requests a second, and milliseconds of processor time for each."""
        before = self.processor()
        said = sh(
            self.container,
            f"wrk -t1 -c8 -d{seconds}s -H 'Host: {self.site}' http://127.0.0.1{path}",
        )
        assert "Non-2xx" not in said and "Socket errors" not in said, said
        requests = int(re.search(r"(\d+) requests in", said)[1])
        return requests / seconds, (self.processor() - before) / requests * 1000

    def start(self, path):
        """Return the seconds that a restart takes, to the first answer."""
        began = time.monotonic()
        asked = (
            f"curl --silent --fail --output /dev/null --header 'Host: "
            f"{self.site}' http://127.0.0.1{path}"
        )
        sh(
            self.container,
            f'systemctl restart {self.unit}; timeout 60 sh -c "until {asked}; do sleep 0.05; done"',
        )
        return time.monotonic() - began


def main():
    """Measure both in turns, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("container", "image", "source"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--path", default="/healthz")
    options = parser.parse_args()
    services = {
        "image": Service(options.container, options.image),
        "source": Service(options.container, options.source),
    }
    found = {
        name: {"requests a second": [], "processor time, ms": [], "memory, MiB": [], "start, s": []}
        for name in services
    }
    for _round in range(options.rounds):
        for name, one in services.items():
            start = one.start(options.path)
            figures = (*one.page(options.path, options.seconds), one.memory(), start)
            for values, figure in zip(found[name].values(), figures, strict=True):
                values.append(figure)
    print("| | image | source |\n| --- | --- | --- |")
    for what in found["image"]:
        print(
            f"| {what} | "
            + " | ".join(f"{statistics.median(found[name][what]):.3g}" for name in services)
            + " |"
        )


if __name__ == "__main__":
    main()
