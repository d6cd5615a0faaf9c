#!/usr/bin/env python3
"""Show what tests/bench/converge.py, serve.py and failover.py measured:
docs/bench.md and its plots. Measures nothing.

    tests/bench/report.py [--directory DIRECTORY]

The directory holds converge.json, serve.json and failover.json, or some of them; the plots go
there, and the page beside it. Of the last one a table goes into balancers.md as well. Needs
matplotlib.
"""

from __future__ import annotations

import argparse
import json
import math
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
SERVING = """The same release with the same database, on one host, through loopback, with 16
connections. It is served
- as playbooks/site.yml sets it up, by Apache and by nginx;
- by Debian's Apache and mod_wsgi with their default settings;
- by nginx in front of gunicorn, once with the processes that gunicorn's documentation
  recommends (twice the cores and one), once with our number of processes and threads.

An ASGI application is measured on the site, and on nginx in front of uvicorn with as many
processes. The load generator shares the cores with the servers. A bare loop calls the
application without any server: this is the floor.

The speed of a page is limited by Python. The speed of a static file is limited by the
kernel: by system calls, and by passing a connection to a thread."""
TLS = """The same over HTTPS, on kept connections, compared with HTTP in the same round; and
what a connection for one style sheet costs the server in total: with a full handshake (TLS
1.3, X25519MLKEM768, a certificate of P-256), and with one that resumes an earlier session."""
FAILING = """Seven containers on that machine, as `script/site --cluster` makes them: two balancers
with one address, two web hosts, a database, two name servers. Visitors come at a fixed rate,
whatever happens to earlier ones, each second {rates}.

- Each visitor waits for {limit} seconds at most; one who gets no answer counts as having waited
  that long.
- Gaps are from one good answer to the next, of all kinds.
- Where there are two figures, they are the median and the worst of {runs} runs; failures are
  those of all runs.
- A page on a kept connection that ends is requested once more, as browsers do.
- Forms are counted in the database; of those that were answered, {lost} were missing there.
- "Noticed" is the time until the address had moved, as seen from another host, or until the
  slower of both balancers sent a web host no more visitors.
- A hung host is a paused container, whose kernel continues: a balancer still answers for its
  address, beside the one that has taken it over.

{note}"""
NOTES = {
    False: "",
    True: (
        "The machine had other work at the same time, "
        "more or less of it, so these figures are indicative."
    ),
}
THROUGH = """16 kept connections, from the host of the balancer that does not hold the address.
All hosts and the load generator share the cores of one machine, so a balancer takes from the
web hosts what it needs, and more web hosts cannot serve more. This shows what a balancer
costs, not how a site grows with separate hosts."""
ROLES = {
    False: (
        "The popular Ansible roles for the same parts could not be installed here, without "
        "Ansible\nGalaxy, and so are not compared."
    ),
    True: "The popular Ansible roles for the same parts are not compared.",
}
BOUNDS = {
    "hosts": """A first run is limited by the processor: each host unpacks its packages and wheels,
and here all hosts share the cores of one machine with the controller, whichever tool is used. A
second run is limited by the controller's processor: Ansible starts a process for each task and
host, and builds and sends a program whenever it asks the host.""",
    "sites": """The number of sites hardly affects a first run, which is packages and the
application. In a second run of foobar.lamp, each site costs the controller the checks of its
declaration and the rendering of its virtual host, and costs the host nothing: untouched files are
known by their fingerprint. pyinfra asks the host about each file and each link.""",
}


def spread(values, form="{:.1f}"):
    """Return the median, with the least and the most where there
    are several. What has no end is none.
    """
    median, least, most = (
        "none" if value == math.inf else form.format(value)
        for value in (statistics.median(values), min(values), max(values))
    )
    return median if len(values) == 1 or least == "none" else f"{median} ({least} to {most})"


def table(head, rows):
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _column in head) + " |"]
    return "\n".join(
        [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)]
    )


def middles(found):
    """Return the medians of lists of values,
    and how far below and above those reach, as matplotlib wants it.
    """
    middle = [statistics.median(values) for values in found]
    reach = [
        (median - min(values), max(values) - median)
        for median, values in zip(middle, found, strict=True)
    ]
    return middle, list(zip(*reach, strict=True))


def described(machine):
    """Return a sentence or two about the machine."""
    versions = ", ".join(
        f"{name} {version}" for name, version in machine.get("versions", {}).items()
    )
    cores = (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB of memory"
    )
    return (
        f"{machine['date']}, {cores}, Linux {machine['kernel']}, {versions}. The load of the "
        f"machine was {machine['load_before']} before."
    )


class Converging:
    """What converge.py measured."""

    def __init__(self, measured):
        self.machine, self.galaxy = measured["machine"], measured["galaxy"]
        self.points = {
            (point["hosts"], point["sites"]): point["rounds"] for point in measured["points"]
        }
        self.ways = list(
            dict.fromkeys(way for rounds in self.points.values() for one in rounds for way in one)
        )

    def runs(self, point, way, run):
        """Return the runs of a way at a point: a list for each round."""
        return [
            [one[way]["first"]] if run == "first" else one[way]["again"]
            for one in self.points[point]
        ]

    def seconds(self, point, way, run):
        """Return the seconds of all those runs."""
        return [one["seconds"] for found in self.runs(point, way, run) for one in found]

    def ratios(self, point, way, run, to):
        """Return how many times another way's seconds they are, within each round."""
        medians = [
            [
                statistics.median(one["seconds"] for one in found)
                for found in self.runs(point, which, run)
            ]
            for which in (way, to)
        ]
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
                    spread(self.ratios(point, way, run, to), "{:.2f}") if way != to else "1"
                    for to in (FLOOR, OURS)
                    if to in self.ways
                ]
                rows.append(
                    [
                        way,
                        spread(self.seconds(point, way, run)),
                        *ratios,
                        tasks,
                        f"{last['sent'] / 1000:,.0f} kB",
                    ]
                )
            head = [
                f"{title}, {self.size(point)}",
                "seconds",
                f"times the {FLOOR}",
                f"times {OURS}",
                "tasks",
                "sent to the host",
            ]
            parts.append(f"{table(head, rows)}\n\n{self.counted(point, run)}")
        return "\n\n".join(parts)

    @staticmethod
    def size(point):
        """Return a point in words."""
        return ", ".join(
            f"{count} {what}{'s' if count > 1 else ''}"
            for count, what in zip(point, ("host", "site"), strict=True)
        )

    def counted(self, point, run):
        """Return how many rounds and runs a table stands on."""
        rounds = self.runs(point, OURS, run)
        runs = sum(len(found) for found in rounds)
        return (
            f"Of {runs} run{'s' if runs > 1 else ''} each, in {len(rounds)} "
            f"round{'s' if len(rounds) > 1 else ''}."
        )

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
        counts = [
            f"{self.size(point)}: {first} and {again}" for point, (first, again) in runs.items()
        ]
        return (
            f"{table(['seconds', *map(self.size, points)], rows)}\n\n"
            f"Numbers of first runs, and of runs again: {'; '.join(counts)}.\n\n{BOUNDS[what]}"
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
                    plot.errorbar(
                        places, middle, errors, label=way, color=colour, marker="o", capsize=3
                    )
                plot.set(
                    title=f"{RUNS[run]}, {what}", xlabel=what, ylabel="seconds", ylim=(0, None)
                )
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

foobar.lamp runs `playbooks/site.yml`; the others are
[a shell script](../tests/bench/peers/converge.sh), which does about the least that is possible,
and [a deploy of pyinfra](../tests/bench/peers/deploy.py). All three end with the same packages,
the same application with its database, virtual hosts and records. Only foobar.lamp checks
inputs first, tests each configuration, rolls back what fails and recovers what was left half
done. All use SSH and begin with a new connection. Nothing is cached for any of them: each
first run fetches package lists, packages and wheels.
{ROLES[self.galaxy]}

{self.headline()}

### More hosts
Each host has the web server and the application; the first one also has the database and the
name server.

{self.growth("hosts")}

### More sites
One site has the application, the others have static files; each has its virtual host and its
records.

{self.growth("sites")}

![Seconds by number of hosts and of sites](bench/converging.png)
"""


class Serving:
    """What serve.py measured: rows of ``what`` (a kind of page) and ``who`` (a server),
    with lists of figures, one for each round.
    """

    FIGURES = {
        "rps": ("requests a second", "{:,.0f}"),
        "p50_ms": ("p50, ms", "{:.2f}"),
        "p99_ms": ("p99, ms", "{:.2f}"),
    }

    def __init__(self, measured):
        self.machine, self.rows, self.tls = (
            measured["machine"],
            measured["rows"],
            measured.get("tls") or [],
        )
        self.kinds = list(dict.fromkeys(row["what"] for row in self.rows))

    @staticmethod
    def figures(row, name):
        """Return the figures of a row.

        Where nobody was answered, an answer took no time that could be told.
        """
        times = name != "rps"
        return [
            math.inf if times and not answers else value
            for value, answers in zip(row[name], row["rps"], strict=True)
        ]

    def table(self, kind):
        """Return the table of a kind of page."""
        rows = [row for row in self.rows if row["what"] == kind]
        ours = next((row["rps"] for row in rows if row["who"] == OURS), None)
        lines = []
        for row in rows:
            ratio = (
                spread([own / other for own, other in zip(ours, row["rps"], strict=True)], "{:.2f}")
                if ours and all(row["rps"])
                else ""
            )
            memory = f"{row['memory_mb']:,.0f} MB" if row.get("memory_mb") is not None else ""
            figures = [
                spread(self.figures(row, name), form) if name in row else ""
                for name, (_title, form) in self.FIGURES.items()
            ]
            lines.append([row["who"], figures[0], ratio, *figures[1:], memory])
        titles = [title for title, _form in self.FIGURES.values()]
        return (
            table([kind, titles[0], f"{OURS} has, times this", *titles[1:], "memory"], lines)
            + f"\n\nRounds: {len(rows[0]['rps'])}."
        )

    def secure(self):
        """Return what there is over HTTPS; nothing where it was not measured."""
        pages, costs = ([row for row in self.tls if key in row] for key in ("rps", "processor_us"))
        lines = []
        for row in pages:
            ratio = [own / plain for own, plain in zip(row["rps"], row["plain_rps"], strict=True)]
            lines.append(
                [
                    row["what"],
                    row["who"],
                    spread(row["rps"], "{:,.0f}"),
                    spread(ratio, "{:.2f}"),
                    spread(row["p99_ms"], "{:.2f}"),
                ]
            )
        spent = [[row["what"], row["who"], spread(row["processor_us"], "{:,.0f}")] for row in costs]
        if not lines:
            return ""
        head = ["over HTTPS", "who", "requests a second", "times HTTP", "p99, ms"]
        return (
            f"\n### HTTPS\n{TLS}\n\n{table(head, lines)}\n\n"
            f"{table(['connection', 'who', 'processor of the server, µs'], spent)}\n\n"
            f"Rounds: {len(pages[0]['rps'])}.\n"
        )

    def draw(self, path):
        """Draw bars of requests a second, and of p99, for each kind of page."""
        figure, axes = pyplot.subplots(
            2,
            len(self.kinds),
            figsize=(5 * len(self.kinds), 7),
            layout="constrained",
            squeeze=False,
        )
        for column, kind in enumerate(self.kinds):
            rows = [row for row in self.rows if row["what"] == kind]
            names = [textwrap.fill(row["who"], 12) for row in rows]
            for plot, figure_name in zip(axes[:, column], ("rps", "p99_ms"), strict=True):
                known = [
                    (name, row[figure_name])
                    for name, row in zip(names, rows, strict=True)
                    if figure_name in row
                ]
                middle, errors = middles([values for _name, values in known])
                plot.bar(
                    [name for name, _values in known], middle, yerr=errors, capsize=3, color=COLOURS
                )
                plot.set(title=kind, ylabel=self.FIGURES[figure_name][0])
        figure.savefig(path, dpi=110)

    def page(self, directory):
        """Return this part of the page, and draw its plot."""
        self.draw(directory / "serving.png")
        tables = "\n\n".join(self.table(kind) for kind in self.kinds)
        plot = "![Requests a second and p99](bench/serving.png)"
        return (
            f"## Serving\n{described(self.machine)}\n\n{SERVING}\n\n{tables}\n\n{plot}\n"
            f"{self.secure()}"
        )


class Failing:
    """What failover.py measured: by event, runs with figures."""

    def __init__(self, measured):
        self.measured, self.events = (
            measured,
            {name: runs for name, runs in measured["events"].items() if runs},
        )

    def figure(self, name, key, form="{:.2f}"):
        """Return the median of a figure of an event, and the worst; nothing where it has none."""
        known = [one[key] for one in self.events[name] if one.get(key) is not None]
        if not known:
            return ""
        median, worst = statistics.median(known), max(known)
        return (
            form.format(median)
            if median == worst
            else f"{form.format(median)}, {form.format(worst)}"
        )

    def total(self, name, *keys):
        """Return a figure of all runs together, of how many."""
        return " of ".join(f"{sum(one.get(key, 0) for one in self.events[name]):,}" for key in keys)

    def table(self):
        """Return the table of events."""
        head = [
            "event",
            "longest gap, s",
            "pages failed",
            "forms failed",
            "taken twice",
            "slowest page, s",
            "p99.9, s",
            "noticed, s",
        ]
        rows = [
            [
                name,
                self.figure(name, "gap"),
                self.total(name, "failed", "asked"),
                self.total(name, "forms_failed", "forms")
                if self.total(name, "forms") != "0"
                else "",
                self.total(name, "forms_twice") if self.total(name, "forms") != "0" else "",
                *(self.figure(name, key) for key in ("worst", "p999", "noticed")),
            ]
            for name in self.events
        ]
        return table(
            [*head, "address moved", "held by, at most"],
            [[*row, self.moves(row[0]), self.most(row[0])] for row in rows],
        )

    def moves(self, name):
        """Return how often the address moved, in all runs."""
        return self.total(name, "moves")

    def most(self, name):
        """Return how many hosts answered to the address at once, at most."""
        return max(one["most"] for one in self.events[name])

    def grown(self):
        """Return what a web host more cost; nothing where it was not measured."""
        one = self.measured.get("grown")
        if not one:
            return ""
        return (
            f"A third web host was added by a run of {one['took']:.0f} s on a bare host: "
            f"{one['failed']:,} of {one['asked']:,} pages\n"
            f"and {one['forms_failed']:,} of {one['forms']:,} forms failed, and "
            f"{one['forms_twice']:,} forms were taken twice;\n"
            f"the slowest page took {one['worst']:.2f} s.\n\n"
        )

    def again(self):
        """Return how long a run takes that changes nothing; nothing where it was not measured."""
        one = self.measured.get("again")
        return one and (
            f"A run of `playbooks/site.yml` that changes nothing on these {one['hosts']} "
            f"hosts: {spread(one['seconds'])} s.\n\n"
        )

    def throughput(self):
        """Return the table of requests a second; nothing where it was not measured."""
        rows, lines = self.measured.get("throughput") or [], []
        for row in rows:
            straight = next(
                one for one in rows if one["what"] == row["what"] and not one["web_hosts"]
            )
            ratio = [own / other for own, other in zip(row["rps"], straight["rps"], strict=True)]
            count = row["web_hosts"]
            way = (
                f"a balancer, {count} web host{'s' if count > 1 else ''}"
                if count
                else "straight to a web host"
            )
            lines.append(
                [
                    row["what"],
                    way,
                    spread(row["rps"], "{:,.0f}"),
                    spread(ratio, "{:.2f}"),
                    spread(row["p99_ms"]),
                ]
            )
        head = ["what", "through", "requests a second", "times straight", "p99, ms"]
        return rows and (
            f"### Through a balancer\n{THROUGH}\n\n{table(head, lines)}\n\nRounds: "
            f"{len(rows[0]['rps'])}.\n"
        )

    def draw(self, path):
        """Draw the gaps of all runs, and the slowest pages."""
        names = [*self.events][::-1]
        figure, axes = pyplot.subplots(
            1, 2, figsize=(11, 0.4 * len(names) + 1.5), layout="constrained", sharey=True
        )
        for plot, key, title, colour in zip(
            axes, ("gap", "worst"), ("longest gap", "slowest page"), COLOURS, strict=False
        ):
            for place, name in enumerate(names):
                values = [one[key] for one in self.events[name]]
                plot.barh(place, statistics.median(values), color=colour, alpha=0.45)
                plot.plot(values, [place] * len(values), "o", color=colour, markersize=4, alpha=0.7)
            plot.set(title=title, xlabel="seconds; the bar is the median")
            plot.grid(visible=True, axis="x", alpha=0.3)
        axes[0].set_yticks(range(len(names)), names)
        figure.savefig(path, dpi=110)

    def legend(self):
        """Return what the table's columns are."""
        words = {
            "page": "for pages on new connections",
            "kept page": "for pages on kept ones",
            "form": "with forms",
        }
        rates = ", ".join(
            f"{rate:g} {words[kind]}" for kind, rate in self.measured["rates"].items()
        )
        runs = sorted({len(one) for one in self.events.values()})
        count = f"{runs[0]} to {runs[-1]}" if len(runs) > 1 else f"{runs[0]}"
        lost = (
            sum(one.get("forms_lost", 0) for found in self.events.values() for one in found)
            or "none"
        )
        # What else was measured and is not shown, where somebody has noted that.
        note = " ".join(
            filter(None, [NOTES[bool(self.measured.get("shared"))], self.measured.get("note")])
        )
        return FAILING.format(
            rates=rates, limit=self.measured["limit"], lost=lost, runs=count, note=note
        )

    def page(self, directory):
        """Return this part of the page, and draw its plot."""
        self.draw(directory / "failover.png")
        guide = directory.parent / "balancers.md"
        if guide.exists():
            head, begin, rest = guide.read_text().partition("<!-- measured -->\n")
            _old, end, tail = rest.partition("<!-- /measured -->")
            guide.write_text(f"{head}{begin}{self.table()}\n{end}{tail}")
        plot = "![Longest gaps and slowest pages, by event](bench/failover.png)"
        return (
            f"## Failing over\n{described(self.measured['machine'])}\n\n{self.legend()}\n\n"
            f"{self.table()}\n\n{plot}\n\n"
            f"{self.grown()}{self.again() or ''}{self.throughput() or ''}"
        )


def main():
    """Write the page and the plots."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=pathlib.Path, default=ROOT / "docs/bench")
    directory = parser.parse_args().directory
    parts = [
        part(json.loads((directory / name).read_text())).page(directory)
        for name, part in (
            ("converge.json", Converging),
            ("serve.json", Serving),
            ("failover.json", Failing),
        )
        if (directory / name).exists()
    ]
    if not parts:
        parser.error(
            f"{directory} has none of converge.json, "
            f"serve.json and failover.json: run script/bench first."
        )
    head = """# How fast it is

`script/bench` makes this page by measuring on your machine; `script/bench --render` writes it
again from the [last results](bench/). Figures are medians, with the least and the most in
brackets; ratios are of one round, in which all take turns. On another machine the seconds
differ, the ratios less so.
"""
    (directory.parent / "bench.md").write_text("\n".join([head, *parts]))


if __name__ == "__main__":
    main()
