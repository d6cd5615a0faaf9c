#!/usr/bin/env python3
"""Show what tests/bench/converge.py and tests/bench/serve.py measured: docs/bench.md and its plots. Measures nothing.

    tests/bench/report.py [--directory DIRECTORY]

The directory holds converge.json and serve.json, or one of them; the plots go there, and the page beside it. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import textwrap

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot  # noqa: E402 # after the choice of what it draws with

ROOT = pathlib.Path(__file__).parents[2]
FLOOR, OURS = "shell script", "foobar.lamp"
COLOURS = ("#0b6e4f", "#c8553d", "#5b5f97", "#b0a8b9", "#e0a458")
RUNS = {"first": "first run", "again": "run again"}
SERVING = """The same release with the same database, on one host, through loopback, 16 connections: as playbooks/site.yml serves it, by
Apache and by nginx; by Debian's Apache and mod_wsgi with the settings that they come with; by nginx before gunicorn, once with the
processes that gunicorn's documentation advises (twice the cores and one), once with our number of processes and threads. An ASGI
application is asked of the site, and of nginx before uvicorn with as many processes. The load shares the cores with what it asks. A bare
loop calls the application without any server: the floor.

A page is bound by Python. A static file is bound by the kernel: by system calls, and by handing a connection to a thread."""
ROLES = {
    False: "The popular Ansible roles for the same parts are not to be had here, without Ansible Galaxy, and so not compared.",
    True: "The popular Ansible roles for the same parts are not compared.",
}
BOUNDS = {
    "hosts": """A first run is bound by the processor: each host unpacks its packages and wheels, and here all hosts share the cores of one
machine with the controller, whichever way is taken. A run again is bound by the controller's processor: Ansible starts a process for each
task and host, and builds and sends a program where the host is asked.""",
    "sites": """A first run hardly notices sites: it is packages and the application. In a run again of foobar.lamp each site costs the
controller the checks of what was declared and the rendering of its virtual host, and the host nothing: untouched files are known by
their seal. pyinfra asks the host about each file and each link by itself.""",
}


def spread(values, form="{:.1f}"):
    """Return the median, with the least and the most where there are several."""
    median = form.format(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({form.format(min(values))} to {form.format(max(values))})"


def table(head, rows):
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _column in head) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def middles(found):
    """Return the medians of lists of values, and how far below and above those reach, as matplotlib wants it."""
    middle = [statistics.median(values) for values in found]
    reach = [(median - min(values), max(values) - median) for median, values in zip(middle, found, strict=True)]
    return middle, list(zip(*reach, strict=True))


def described(machine):
    """Return a sentence or two about the machine."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    cores = f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB of memory"
    return (
        f"{machine['date']}, {cores}, Linux {machine['kernel']}, {versions}. The load of the machine was {machine['load_before']} before."
    )


class Converging:
    """What converge.py measured."""

    def __init__(self, measured):
        self.machine, self.galaxy = measured["machine"], measured["galaxy"]
        self.points = {(point["hosts"], point["sites"]): point["rounds"] for point in measured["points"]}
        self.ways = list(dict.fromkeys(way for rounds in self.points.values() for one in rounds for way in one))

    def runs(self, point, way, run):
        """Return the runs of a way at a point: a list for each round."""
        return [[one[way]["first"]] if run == "first" else one[way]["again"] for one in self.points[point]]

    def seconds(self, point, way, run):
        """Return the seconds of all those runs."""
        return [one["seconds"] for found in self.runs(point, way, run) for one in found]

    def ratios(self, point, way, run, to):
        """Return how many times another way's seconds they are, within each round."""
        medians = [[statistics.median(one["seconds"] for one in found) for found in self.runs(point, which, run)] for which in (way, to)]
        return [own / other for own, other in zip(*medians, strict=True)]

    def headline(self):
        """Return the table of one point."""
        point = (1, 1) if (1, 1) in self.points else next(iter(self.points))
        parts = []
        for run, title in RUNS.items():
            rows = []
            for way in self.ways:
                last = self.runs(point, way, run)[-1][-1]
                tasks = "" if way == FLOOR else f"{last['tasks']}, {last['changed']} changed"
                ratios = [
                    spread(self.ratios(point, way, run, to), "{:.2f}") if way != to else "1" for to in (FLOOR, OURS) if to in self.ways
                ]
                rows.append([way, spread(self.seconds(point, way, run)), *ratios, tasks, f"{last['sent'] / 1000:,.0f} kB"])
            head = [f"{title}, {self.size(point)}", "seconds", f"times the {FLOOR}", f"times {OURS}", "tasks", "sent to the host"]
            parts.append(f"{table(head, rows)}\n\n{self.counted(point, run)}")
        return "\n\n".join(parts)

    @staticmethod
    def size(point):
        """Return a point in words."""
        return ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for count, what in zip(point, ("host", "site"), strict=True))

    def counted(self, point, run):
        """Return how many rounds and runs a table stands on."""
        rounds = self.runs(point, OURS, run)
        runs = sum(len(found) for found in rounds)
        return f"Of {runs} run{'s' if runs > 1 else ''} each, in {len(rounds)} round{'s' if len(rounds) > 1 else ''}."

    def growing(self, what):
        """Return the points at which hosts, or sites, grow while there is one of the other."""
        return [point for point in sorted(self.points) if point[what == "hosts"] == 1]

    def growth(self, what):
        """Return the table of how seconds grow."""
        points = self.growing(what)
        rows = [
            [f"{way}, {title}", *(spread(self.seconds(point, way, run)) for point in points)]
            for run, title in RUNS.items()
            for way in self.ways
        ]
        runs = {point: [len(self.seconds(point, OURS, run)) for run in RUNS] for point in points}
        counts = [f"{self.size(point)}: {first} and {again}" for point, (first, again) in runs.items()]
        return (
            f"{table(['seconds', *map(self.size, points)], rows)}\n\n"
            f"Numbers of first runs and of runs again: {'; '.join(counts)}.\n\n{BOUNDS[what]}"
        )

    def draw(self, path):
        """Draw how seconds grow with hosts and with sites."""
        figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
        for row, run in enumerate(RUNS):
            for column, what in enumerate(("hosts", "sites")):
                points, plot = self.growing(what), axes[row][column]
                places = [point[what == "sites"] for point in points]
                for way, colour in zip(self.ways, COLOURS, strict=False):
                    found = [self.seconds(point, way, run) for point in points]
                    middle = [statistics.median(values) for values in found]
                    errors = [
                        [m - min(v) for m, v in zip(middle, found, strict=True)],
                        [max(v) - m for m, v in zip(middle, found, strict=True)],
                    ]
                    plot.errorbar(places, middle, errors, label=way, color=colour, marker="o", capsize=3)
                plot.set(title=f"{RUNS[run]}, {what}", xlabel=what, ylabel="seconds", ylim=(0, None))
                if what == "sites":
                    plot.set_xscale("log")
                plot.set_xticks(places, [str(place) for place in places])
                plot.grid(visible=True, alpha=0.3)
        axes[0][0].legend()
        figure.savefig(path, dpi=110)

    def page(self, directory):
        """Return this part of the page, and draw its plot."""
        self.draw(directory / "converging.png")
        return f"""## Converging
{described(self.machine)} The hosts are containers on the same machine.

foobar.lamp runs `playbooks/site.yml`; the others are [a shell script](../tests/bench/peers/converge.sh), which is about the least that
can be done, and [a deploy of pyinfra](../tests/bench/peers/deploy.py). All three end with the same packages, the same application with its
database, virtual hosts and records; only foobar.lamp checks inputs first, tests each configuration, takes back what fails and heals what
was left half done. All go by SSH and begin with a new connection. Nothing is cached for any of them: each first run fetches package lists,
packages and wheels. {ROLES[self.galaxy]}

{self.headline()}

### More hosts
Each has the web server and the application, the first one the database and the name server as well.

{self.growth("hosts")}

### More sites
One with the application, the others with static files; each with its virtual host and its records.

{self.growth("sites")}

![Seconds by number of hosts and of sites](bench/converging.png)
"""


class Serving:
    """What serve.py measured: rows of ``what`` (a kind of page) and ``who`` (a server), with lists of figures, one for each round."""

    FIGURES = {"rps": ("requests a second", "{:,.0f}"), "p50_ms": ("p50, ms", "{:.2f}"), "p99_ms": ("p99, ms", "{:.2f}")}

    def __init__(self, measured):
        self.machine, self.rows = measured["machine"], measured["rows"]
        self.kinds = list(dict.fromkeys(row["what"] for row in self.rows))

    def table(self, kind):
        """Return the table of a kind of page."""
        rows = [row for row in self.rows if row["what"] == kind]
        ours = next((row["rps"] for row in rows if row["who"] == OURS), None)
        lines = []
        for row in rows:
            ratio = spread([own / other for own, other in zip(ours, row["rps"], strict=True)], "{:.2f}") if ours and all(row["rps"]) else ""
            memory = f"{row['memory_mb']:,.0f} MB" if row.get("memory_mb") is not None else ""
            figures = [spread(row[name], form) if name in row else "" for name, (_title, form) in self.FIGURES.items()]
            lines.append([row["who"], figures[0], ratio, *figures[1:], memory])
        titles = [title for title, _form in self.FIGURES.values()]
        return table([kind, titles[0], f"{OURS} has, times this", *titles[1:], "memory"], lines) + f"\n\nRounds: {len(rows[0]['rps'])}."

    def draw(self, path):
        """Draw bars of requests a second, and of p99, for each kind of page."""
        figure, axes = pyplot.subplots(2, len(self.kinds), figsize=(5 * len(self.kinds), 7), layout="constrained", squeeze=False)
        for column, kind in enumerate(self.kinds):
            rows = [row for row in self.rows if row["what"] == kind]
            names = [textwrap.fill(row["who"], 12) for row in rows]
            for plot, figure_name in zip(axes[:, column], ("rps", "p99_ms"), strict=True):
                known = [(name, row[figure_name]) for name, row in zip(names, rows, strict=True) if figure_name in row]
                middle, errors = middles([values for _name, values in known])
                plot.bar([name for name, _values in known], middle, yerr=errors, capsize=3, color=COLOURS)
                plot.set(title=kind, ylabel=self.FIGURES[figure_name][0])
        figure.savefig(path, dpi=110)

    def page(self, directory):
        """Return this part of the page, and draw its plot."""
        self.draw(directory / "serving.png")
        tables = "\n\n".join(self.table(kind) for kind in self.kinds)
        return f"## Serving\n{described(self.machine)}\n\n{SERVING}\n\n{tables}\n\n![Requests a second and p99](bench/serving.png)\n"


def main():
    """Write the page and the plots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=pathlib.Path, default=ROOT / "docs/bench")
    directory = parser.parse_args().directory
    parts = [
        part(json.loads((directory / name).read_text())).page(directory)
        for name, part in (("converge.json", Converging), ("serve.json", Serving))
        if (directory / name).exists()
    ]
    if not parts:
        parser.error(f"{directory} has neither converge.json nor serve.json: run script/bench first.")
    head = """# How fast it is

Made by `script/bench`, which measures this on your machine; `script/bench --render` makes this page anew from [what was measured](bench/).
Figures are medians, with the least and the most in brackets; ratios are of one round, in which all take turns. Seconds of another
machine are others; ratios are less so.
"""
    (directory.parent / "bench.md").write_text("\n".join([head, *parts]))


if __name__ == "__main__":
    main()
