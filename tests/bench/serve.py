#!/usr/bin/env python3
"""How fast the site serves, against what else could serve the
same application, in one run on one host.

    tests/bench/serve.py [--quick | --rounds N] [--seconds S] [--tls] [--json FILE]

A bare container becomes the site; beside it stand the same by nginx, Debian's Apache with the
settings that it ships, and nginx with gunicorn. All serve the same release with the same database
and the same static files, on ports of their own, one at a time. The example for FastAPI is asked of
the site and of nginx with uvicorn. The site is asked over HTTPS too, by both of its web servers.
The load comes from within the container, through loopback. Needs the environment and the image of
script/site. Ratios are of one round, medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import statistics

import hosts
import yaml
from peers import ROOT, Playbook

HERE = pathlib.Path(__file__).parent
CONNECTIONS = 16
# By name: the port, and the systemd units whose memory it takes besides the database's.
SERVERS = {
    "foobar.lamp": (80, ["apache2", "app-www.foobar.com@*"]),
    "foobar.lamp, nginx": (8084, ["nginx", "app-www.foobar.com@*"]),
    "stock Apache, mod_wsgi": (8081, ["apache2@stock"]),
    "nginx, gunicorn with processes": (8082, ["nginx-stock", "gunicorn-processes"]),
    "nginx, gunicorn with threads": (8083, ["nginx-stock", "gunicorn-threads"]),
}
# The same of the example for FastAPI.
CHAT, ASGI = "chat.foobar.com", "page of an ASGI application"
ASGI_SERVERS = {
    "foobar.lamp": (80, ["apache2", "app-chat.foobar.com@*"]),
    "nginx, uvicorn": (8085, ["nginx-asgi", "uvicorn"]),
}
# The same over HTTPS: the port and the unit.
TLS_SERVERS = {"foobar.lamp": (443, "apache2"), "foobar.lamp, nginx": (8444, "nginx")}
HANDSHAKES = {"full": "full handshake", "resumed": "resumed handshake"}
FLOOR = "the application in a bare loop"
#: Visitors who say nothing, and who send byte by byte, while others ask for a page.
CROWD = (1000, 200)
CROWDED = "page without database, beside 1000 idle and 200 slow visitors"
BROWSER = "Accept-Encoding: gzip, deflate, br"


class Sites(Playbook):
    """The site, and beside it an ASGI application."""

    def prepare(self):  # noqa: D102
        super().prepare()
        sites = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())["lamp_sites"]
        app = {
            "source": "../examples/fastapi/app",
            "asgi": "chat:app",
            "requirements": "requirements.txt",
            "health_path": "/healthz",
        }
        (self.place / "extra.json").write_text(
            json.dumps(self._extra | {"lamp_sites": {**sites, CHAT: {"app": app}}})
        )


def questions(host):
    """Return what is asked, by name: the path and the request's headers;
    the names of static files have digests in them.
    """
    css = host.sh("cd /srv/www.foobar.com/current/static; ls site.*.css").strip()
    return {
        "page from the database": ("/", BROWSER),
        "page without database": ("/healthz", BROWSER),
        "style sheet, as browsers ask": (f"/static/{css}", BROWSER),
        "style sheet, uncompressed": (f"/static/{css}", ""),
        "photograph of 60 kB": ("/static/photo.jpg", BROWSER),
    }


def load(host, port, path, header, seconds, name="www.foobar.com", every=True, tls=False):
    """Return requests a second, and the median and the 99th percentile of their times in ms;
    ``every``: each answer must be a good one.
    """
    extra = f"-H '{header}'" if header else ""
    base = f"https://{name}" if tls else "http://127.0.0.1"
    said = host.sh(
        f"wrk -t2 -c{CONNECTIONS} -d{seconds}s --latency -H 'Host: "
        f"{name}' {extra} {base}:{port}{path}"
    )
    assert not every or ("Non-2xx" not in said and "Socket errors" not in said), said
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    times = [
        float(n) * units[unit]
        for n, unit in re.findall(r"^ +(?:50|99)% +([\d.]+)(us|ms|s)$", said, re.MULTILINE)
    ]
    return float(re.search(r"Requests/sec: +([\d.]+)", said)[1]), *times


def crowded(host, port, seconds):
    """Return what load does, while others take their time."""
    host.sh(
        f"systemd-run --quiet --unit crowd --property LimitNOFILE=8192 python3 "
        f"/opt/bench/crowd.py {port} {CROWD[0]} {CROWD[1]}"
    )
    host.sh(
        "timeout 60 sh -c 'until journalctl --quiet --unit crowd --output cat | grep -q ready; do "
        "sleep 0.1; done'"
    )
    try:
        found = load(host, port, "/healthz", BROWSER, seconds, every=False)
        # One who answers nobody takes the whole time, at least.
        return found if found[0] else (0.0, seconds * 1000.0, seconds * 1000.0)
    finally:
        host.sh(
            "systemctl stop crowd; journalctl --quiet "
            "--rotate --vacuum-time=1s > /dev/null 2>&1 || true"
        )


def bare_loop(host, path, seconds):
    """Return the answers a second that the application gives without any server,
    in a process for each core.
    """
    return float(
        host.sh(
            f"cd /srv/www.foobar.com/current && ./run python /opt/bench/loop.py {path} {seconds}"
        )
    )


def memory_mb(host, units):
    """Return the proportional memory of all processes of some units, in MiB."""
    processes = (
        f"for unit in {' '.join(units)}; do cat $(find /sys/fs/cgroup -path "
        f'"*/$unit.service/cgroup.procs" | head -n 1); done'
    )
    return (
        int(
            host.sh(
                f"for pid in $({processes}); do cat /proc/$pid/smaps_rollup; done | awk '/^Pss:/ "
                f"{{ sum += $2 }} END {{ print sum }}'"
            )
        )
        / 1024
    )


class NginxToo(Sites):
    """The site by nginx, beside Apache, and both over HTTPS."""

    playbook = "tests/bench/peers/nginx.yml"


def prepare(host, place):
    """Make the site and everyone else on the host."""
    host.sh((HERE / "peers/serve_before.sh").read_text())
    Sites(place / "site", place / "key", [host], 1)()
    NginxToo(place / "site", place / "key", [host], 1)()
    for name in ("loop", "crowd", "handshakes", "ready"):
        host.sh(
            f"mkdir -p /opt/bench; cat > /opt/bench/{name}.py <<'PROGRAM'\n"
            f"{(HERE / f'peers/{name}.py').read_text()}\nPROGRAM"
        )
    host.sh((HERE / "peers/serve.sh").read_text())
    host.sh((HERE / "peers/serve_asgi.sh").read_text())


def measure(host, rounds, seconds):
    """Return rows of the table:
    everyone in turn in each round, so that a noisy minute is everyone's.
    """
    rows = {}
    for what, (path, header) in questions(host).items():
        for server, (port, _units) in SERVERS.items():
            load(host, port, path, header, 1)
            rows[what, server] = {
                "what": what,
                "who": server,
                "rps": [],
                "p50_ms": [],
                "p99_ms": [],
            }
        if not path.startswith("/static"):
            rows[what, FLOOR] = {"what": what, "who": FLOOR, "rps": []}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for what, (path, header) in questions(host).items():
            for server, (port, _units) in SERVERS.items():
                for key, value in zip(
                    ("rps", "p50_ms", "p99_ms"),
                    load(host, port, path, header, seconds),
                    strict=True,
                ):
                    rows[what, server][key].append(value)
            if (what, FLOOR) in rows:
                rows[what, FLOOR]["rps"].append(bare_loop(host, path, seconds))
    for server, (port, _units) in SERVERS.items():
        found = zip(
            ("rps", "p50_ms", "p99_ms"),
            zip(*[crowded(host, port, seconds) for _round in range(rounds)], strict=True),
            strict=True,
        )
        rows[CROWDED, server] = {
            "what": CROWDED,
            "who": server,
            **{key: list(values) for key, values in found},
        }
    for server, (_port, units) in SERVERS.items():
        for (_what, who), row in rows.items():
            if who == server:
                row["memory_mb"] = memory_mb(host, units)
    return list(rows.values())


def measure_asgi(host, rounds, seconds):
    """Return the rows of an ASGI application, in the same way."""
    rows = {
        server: {"what": ASGI, "who": server, "rps": [], "p50_ms": [], "p99_ms": []}
        for server in ASGI_SERVERS
    }
    for number in range(rounds + 1):
        for server, (port, _units) in ASGI_SERVERS.items():
            found = load(host, port, "/healthz", BROWSER, seconds if number else 1, CHAT)
            # The first is for everyone to get warm.
            for key, value in zip(
                ("rps", "p50_ms", "p99_ms"), found if number else (), strict=False
            ):
                rows[server][key].append(value)
    for server, (_port, units) in ASGI_SERVERS.items():
        rows[server]["memory_mb"] = memory_mb(host, units)
    return list(rows.values())


def measure_tls(host, rounds, seconds):
    """Return the rows over HTTPS: pages on connections that are kept, beside the same over HTTP,
    and what a handshake costs.
    """
    rows, asked = {}, questions(host)
    pages = {
        what: asked[what] for what in ("page without database", "style sheet, as browsers ask")
    }
    for number in range(rounds + 1):
        for server, (port, unit) in TLS_SERVERS.items():
            for what, (path, header) in pages.items():
                row = rows.setdefault(
                    (what, server),
                    {"what": what, "who": server, "rps": [], "plain_rps": [], "p99_ms": []},
                )
                ways = ((SERVERS[server][0], False), (port, True))
                plain, secure = (
                    load(host, one, path, header, seconds if number else 1, tls=tls)
                    for one, tls in ways
                )
                # The first is for everyone to get warm.
                if number:
                    for key, value in (
                        ("rps", secure[0]),
                        ("plain_rps", plain[0]),
                        ("p99_ms", secure[2]),
                    ):
                        row[key].append(value)
            for kind, what in HANDSHAKES.items():
                row = rows.setdefault(
                    (what, server), {"what": what, "who": server, "processor_us": []}
                )
                # The style sheet is what was asked last.
                spent = float(
                    host.sh(
                        f"python3 /opt/bench/handshakes.py {port} {unit} {seconds} {kind} {path}"
                    )
                )
                row["processor_us"] += [spent] if number else []
    return list(rows.values())


def ratios(row, base):
    """Return the ratio of each round."""
    return [one / other for one, other in zip(row["rps"], base["rps"], strict=True)]


def show(rows):
    """Print the table."""
    print(
        "| what | who | requests/s, median "
        "| ratio to stock Apache, or to uvicorn | p50 ms | p99 ms | MiB |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    for row in rows:
        base = next(
            other
            for other in rows
            if other["what"] == row["what"] and other["who"].startswith(("stock", "nginx, uvicorn"))
        )
        # One who answers nobody, in a crowd, is nothing to compare with.
        ratio = ratios(row, base) if all(base["rps"]) else [0.0]
        cells = [
            f"{statistics.median(row['rps']):.0f}",
            f"{statistics.median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f})",
        ]
        cells += [
            f"{statistics.median(row[key]):.1f}" if key in row else ""
            for key in ("p50_ms", "p99_ms")
        ]
        cells.append(f"{row['memory_mb']:.0f}" if "memory_mb" in row else "")
        print(f"| {row['what']} | {row['who']} | {' | '.join(cells)} |")


def show_tls(rows):
    """Print what HTTPS costs."""
    print(
        "| over HTTPS | who | requests/s, median "
        "| times HTTP | p99 ms | processor of the server, µs |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    for row in rows:
        cells = [
            f"{statistics.median(row[key]):.1f}" if key in row else ""
            for key in ("rps", "p99_ms", "processor_us")
        ]
        times = [
            one / other
            for one, other in zip(row.get("rps", ()), row.get("plain_rps", ()), strict=True)
        ]
        cells.insert(1, f"{statistics.median(times):.2f}" if times else "")
        print(f"| {row['what']} | {row['who']} | {' | '.join(cells)} |")


def main():
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one round, to see it work; not for conclusions"
    )
    parser.add_argument("--tls", action="store_true", help="nothing but HTTPS")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.tls and arguments.json:
        parser.error("--tls measures a part, and --json is for all of it: leave one of them out.")
    machine = hosts.machine()
    with hosts.ready() as place, hosts.bare(place, 1) as [host]:
        prepare(host, place)
        rounds = 1 if arguments.quick else arguments.rounds
        tls = measure_tls(host, rounds, arguments.seconds)
        rows = (
            []
            if arguments.tls
            else measure(host, rounds, arguments.seconds)
            + measure_asgi(host, rounds, arguments.seconds)
        )
    show(rows)
    show_tls(tls)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"machine": machine, "rows": rows, "tls": tls}, indent=1)
        )


if __name__ == "__main__":
    main()
