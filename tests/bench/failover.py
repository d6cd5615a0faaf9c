#!/usr/bin/env python3
"""What visitors notice when a host or a server dies, hangs or is cut
off, on the hosts of script/site --cluster.

    tests/bench/failover.py [--runs N] [--only EVENT,...] [--rates KIND=N,...] [--again N] [--grow]
                            [--throughput ROUNDS] [--shared] [--json FILE]

Visitors come at a fixed rate from a host of their own, whatever becomes of those before them: for
pages on new connections (page), for pages on kept ones (kept page), and with forms that the
database counts by their numbers (form). Three seconds after they began the event comes. A form may
be lost with an error, and never taken twice. Besides: how long playbooks/site.yml takes to change
nothing (--again), what visitors notice when it makes a third web host of a bare one (--grow), and
how many requests a second go through a balancer and straight to a web host (--throughput, wants wrk
and nsenter). --list names the events. --json adds to what FILE has of other events.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import hosts
import yaml
from hosts import run

ROOT = pathlib.Path(__file__).parents[2]
NAME = os.environ.get("FOOBAR_LAMP_NAME", "foobar-lamp")
NETWORK, IMAGE = f"{NAME}-cluster", "foobar.lamp/debian:13"
BALANCERS, WEB, NAMES, DATABASE = ["lb1", "lb2"], ["web1", "web2"], ["ns1", "ns2"], "db1"
SITE = "www.foobar.com"
#: Visits a second, of each kind.
RATES = {"page": 100, "kept page": 20, "form": 20}
#: Looks a second who holds the address.
LOOKS = 10
#: Seconds before the event, and that a visitor waits.
BEFORE, LIMIT = 3, 10
PAGE = """

import os
import socket
import sqlalchemy

_bench = sqlalchemy.create_engine(
    os.environ["DATABASE_URL"], isolation_level="AUTOCOMMIT", pool_pre_ping=True
)
with _bench.connect() as connection:
    connection.execute(
        sqlalchemy.text("CREATE TABLE IF NOT EXISTS bench (number INT, host VARCHAR(64))")
    )


@application.post("/bench/<int:number>")
def bench(number):
    with _bench.connect() as connection:
        row = {"number": number, "host": socket.gethostname()}
        connection.execute(sqlalchemy.text("INSERT INTO bench VALUES (:number, :host)"), row)
    return "taken"
"""
#: Nothing comes in or goes out any more, as if the cable were pulled, but for what the host says to
#: itself.
CUT = "; ".join(
    (
        f"add table {family} cut; add chain {family} cut {hook} {{ type filter hook {hook} "
        f"priority -400; policy drop; }}"
    )
    + ("" if family == "arp" else f"; add rule {family} cut {hook} {way} lo accept")
    for family in ("inet", "arp")
    for hook, way in (("input", "iif"), ("output", "oif"))
)


def sh(host, script, **options):
    """Run a shell script on a host."""
    return run("docker", "exec", f"{NAME}-{host}", "bash", "-ec", script, **options)


def try_sh(host, script):
    """Run a shell script on a host that may not be there."""
    return subprocess.run(
        ["docker", "exec", f"{NAME}-{host}", "bash", "-ec", script],
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def docker(verb, host):
    """Have Docker do something with a host."""
    run("docker", verb, f"{NAME}-{host}")


def owners():
    """Return the hosts that run, by their hardware addresses."""
    found = json.loads(run("docker", "network", "inspect", NETWORK))[0]
    return {
        one["MacAddress"]: one["Name"].removeprefix(f"{NAME}-")
        for one in found["Containers"].values()
    }


def address(host):
    """Return a host's address."""
    form = f'{{{{ (index .NetworkSettings.Networks "{NETWORK}").IPAMConfig.IPv4Address }}}}'
    return run("docker", "inspect", "--format", form, f"{NAME}-{host}").strip()


def vip():
    """Return the address of all balancers."""
    return re.search(r"(\S+)/32", sh(holder(), "ip -oneline -4 address"))[1]


def state(balancer):
    """Return what a balancer says of itself."""
    return try_sh(balancer, "cat /run/lamp-keepalived/state").strip()


def holder():
    """Return the balancer that says that it holds the address."""
    return next(one for one in BALANCERS if state(one) == "MASTER")


def backends(balancer):
    """Return whether each web host gets visitors, as a balancer says."""
    ask = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8404/;csv').read().decode())"
    )
    lines = [line.split(",") for line in try_sh(balancer, f'python3 -c "{ask}"').splitlines()]
    return {
        line[1]: line[17]
        for line in lines
        if line[0] == "web" and line[1] not in ("FRONTEND", "BACKEND")
    }


def settled():
    """Say whether all is as it was before an event."""
    return (
        sorted(map(state, BALANCERS)) == ["BACKUP", "MASTER"]
        and all(set(backends(one).values()) == {"UP"} for one in BALANCERS)
        and all(
            "running" in try_sh(one, "systemctl is-active bind9 named | sed s/^active/running/")
            for one in NAMES
        )
    )


def wait(until, seconds, what):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            sys.exit(f"{what} was not so after {seconds} seconds")
        time.sleep(0.2)


def said(host, unit, words, since):
    """Return when a unit first said one of some words, in seconds since a moment;
    None if it did not.
    """
    told = try_sh(host, f"journalctl --quiet --output json --unit {unit} --since @{since:.6f}")
    for line in map(json.loads, told.splitlines()):
        when = int(line["__REALTIME_TIMESTAMP"]) / 1e6
        if when >= since and isinstance(line["MESSAGE"], str) and re.search(words, line["MESSAGE"]):
            return round(when - since, 3)
    return None


def kill(unit, who="all"):
    """Return a function that kills all processes of a unit."""
    return lambda host: sh(host, f"systemctl kill --signal=KILL --kill-whom={who} '{unit}'")


def reload(host):
    """Reload haproxy twenty times."""
    sh(host, "for _time in $(seq 20); do systemctl reload haproxy; done")


UNIT = "$(systemctl is-enabled --quiet apache2 2> /dev/null && echo apache2 || echo nginx)"


def kill_web_server(host):
    """Kill its web server, whichever it is."""
    sh(host, f"systemctl kill --signal=KILL {UNIT}")


def start_web_server(host):
    """Start it again."""
    sh(host, f"systemctl start {UNIT}")


def on(verb, back=None):
    """Return functions that have Docker do something with a host and take it back."""
    return (lambda host: docker(verb, host)), (lambda host: docker(back, host)) if back else (
        lambda host: None
    )


def cut(host):
    """Cut a host off."""
    sh(host, f"nft '{CUT}'")


def connect(host):
    """Connect it again."""
    sh(host, "nft 'delete table inet cut; delete table arp cut'")


def nothing(_host):
    """Do nothing: it comes back by itself."""


class Event:
    """What happens, to which host, for how many seconds, and how that is taken back;
    and who notices it by which words.
    """

    def __init__(self, host, do, undo=nothing, seconds=10, noticed=None, rates=None):
        self.host, self.do, self.undo, self.seconds, self.noticed, self.rates = (
            host,
            do,
            undo,
            seconds,
            noticed,
            rates or RATES,
        )


def first(_holder):
    """Return the web host that things happen to."""
    return WEB[0]


DOWN = (
    "haproxy",
    rf"Server web/{WEB[0]} is DOWN|Health check for server web/{WEB[0]} failed.*DOWN",
)
EVENTS = {
    "balancer killed": Event(str, *on("kill", "start"), noticed="moved"),
    "balancer hung": Event(str, *on("pause", "unpause"), noticed="moved"),
    "balancer cut off": Event(str, cut, connect, noticed="moved"),
    "haproxy killed": Event(str, kill("haproxy"), seconds=6),
    "haproxy reloaded 20 times": Event(str, reload, seconds=6),
    "web server killed": Event(first, kill_web_server, start_web_server, 8, DOWN),
    "application killed": Event(first, kill(f"app-{SITE}@*"), seconds=8, noticed=DOWN),
    "web host killed": Event(first, *on("kill", "start"), noticed=DOWN),
    "web host hung": Event(first, *on("pause", "unpause"), noticed=DOWN),
    "web host cut off": Event(first, cut, connect, noticed=DOWN),
    "name server killed": Event(lambda _holder: NAMES[0], *on("kill", "start"), rates={"name": 10}),
    "nothing": Event(str, nothing, seconds=8),
}


class Visits:
    """Visitors in a container of their own, or somebody who looks.

    Once they are gone: ``seen``, what they saw.
    """

    number = 0

    def __init__(self, name, seconds, rates):
        given = {
            "address": vip(),
            "names": [address(one) for one in NAMES],
            "seconds": seconds,
            "limit": LIMIT,
        }
        given |= {"rates": rates, "number": Visits.number + 1}
        Visits.number += round(seconds * rates.get("form", 0)) + 1
        program = (ROOT / "tests/bench/peers/visits.py").read_text()
        name = f"{NAME}-{name}"
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
        container = [
            "docker",
            "run",
            "--rm",
            "--interactive",
            "--name",
            name,
            "--network",
            NETWORK,
            IMAGE,
        ]
        self._command = [*container, "python3", "-c", program, json.dumps(given)]
        self.seen = {}

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "begun\n"
        return self

    def wait(self):
        """Wait until as much time is over as was said."""
        self.seen = json.loads(self._process.stdout.readline())

    def __exit__(self, *_exception):
        said = self._process.communicate()[0]
        self.seen = self.seen or json.loads(said)


@contextlib.contextmanager
def visited(seconds, rates):
    """Have visitors and somebody who looks; yields the visitors,
    who have ``seen`` it all at the end.
    """
    with (
        Visits("looks", seconds, {"look": LOOKS}) as looks,
        Visits("visits", seconds, rates) as visits,
    ):
        yield visits
    visits.seen["holders"] = looks.seen["holders"]


def sql(question):
    """Ask the site's database."""
    return sh(
        DATABASE,
        f"$(command -v mariadb mysql | head -n 1) --skip-column-names foobar -e '{question}'",
    )


def counted():
    """Return how often the database has each form."""
    told = sql("SELECT number, COUNT(*) FROM bench GROUP BY 1")
    return {
        int(number): int(count) for number, count in (line.split() for line in told.splitlines())
    }


def figures(seen, at):
    """Return what came of visits, of which an event happened at a moment."""
    visits = seen["visits"]
    reads = [visit for visit in visits if visit[0] != "form"]
    forms = [visit for visit in visits if visit[0] == "form"]
    ends = sorted(due + took for _kind, due, took, wrong, _number in visits if not wrong)
    # Who waited in vain waited as long as he could; who was refused knew at once.
    times = sorted(took for *_of, took, wrong, _number in reads if wrong in ("", "TimeoutError"))
    found = {
        "asked": len(reads),
        "failed": sum(bool(visit[3]) for visit in reads),
        "forms": len(forms),
        "forms_failed": sum(bool(visit[3]) for visit in forms),
        "wrong": collections.Counter(f"{visit[0]}: {visit[3]}" for visit in visits if visit[3]),
        "again": seen["again"],
        "gap": round(max(later - sooner for sooner, later in zip(ends, ends[1:], strict=False)), 3),
        "worst": times[-1],
        "p999": times[min(len(times) - 1, int(len(times) * 0.999))],
        "p50": times[len(times) // 2],
    }
    if forms:
        numbers = {visit[4] for visit in forms}
        taken = {number: count for number, count in counted().items() if number in numbers}
        found["forms_lost"] = sum(visit[4] not in taken for visit in forms if not visit[3])
        found["forms_twice"] = sum(count > 1 for count in taken.values())
        found["forms_taken_unsaid"] = sum(visit[4] in taken for visit in forms if visit[3])
    return found | held(seen["holders"], at)


def held(looks, at):
    """Return who held the address:
    the most at once, how often it moved, how long nobody answered, and when it had moved.
    """
    before = next((found for when, found in reversed(looks) if when < at and found), [])
    moves, last, most, none, moved = 0, before, 0, 0, None
    for (when, found), (then, _found) in zip(looks, looks[1:], strict=False):
        most, none = max(most, len(found)), none + (0 if found else then - when)
        if found and set(found) - set(last) and when >= at:
            moves += 1
            moved = moved if moved is not None else round(then - at, 3)
        last = found or last
    return {
        "most": most,
        "moves": moves,
        "nobody": round(none, 2),
        "moved": moved,
        "held": [owners().get(one, one) for one in last],
    }


def happen(name):
    """Have an event happen while visitors are there; returns what came of it."""
    event = EVENTS[name]
    wait(settled, 120, "All that stood before the event")
    where = event.host(holder())
    with visited(BEFORE + event.seconds, event.rates) as visits:
        time.sleep(BEFORE)
        at = time.time()
        event.do(where)
        done = time.time()
        visits.wait()
    event.undo(where)
    wait(settled, 180, "All that stood before the event")
    found = figures(visits.seen, at) | {"took": round(done - at, 3), "noticed": None}
    if event.noticed == "moved":
        found["noticed"] = found["moved"]
    elif event.noticed:
        # The slower of both balancers.
        heard = [said(balancer, *event.noticed, at) for balancer in BALANCERS]
        found["noticed"] = None if None in heard else max(heard)
    return found


def environment():
    """Return the environment of playbooks."""
    return os.environ | {"FOOBAR_LAMP_NAME": NAME, "FOOBAR_LAMP_VIP": vip()}


def play(name, *options):
    """Run a playbook on the cluster; returns the seconds it took and what it said."""
    began = time.monotonic()
    command = ["ansible-playbook", "-i", "inventory/cluster.yml", *options, f"playbooks/{name}.yml"]
    text = run(*command, cwd=ROOT, env=environment())
    return time.monotonic() - began, text


@contextlib.contextmanager
def counting():
    """Have a release that counts forms, and afterwards the one before."""
    sites = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())["lamp_sites"]
    with tempfile.TemporaryDirectory() as place:
        source = pathlib.Path(place, "app")
        shutil.copytree(
            ROOT / "files/app", source, ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
        )
        with open(source / "foobar/wsgi.py", "a", encoding="utf-8") as file:
            file.write(PAGE)
        sites[SITE]["app"]["source"] = str(source)
        more = ("-e", json.dumps({"lamp_sites": sites}))
        play("deploy", *more)
        try:
            yield more
        finally:
            play("deploy")
            sql("DROP TABLE IF EXISTS bench")


def again(times):
    """Return how long it takes to change nothing, and on how many hosts."""
    found = []
    for _time in range(times + 1):
        seconds, text = play("site")
        changed = sum(map(int, re.findall(r"changed=(\d+)", text)))
        # The first is for what the bench has left to change.
        found += [round(seconds, 2)] if _time else []
        assert not (_time and changed), text[-3000:]
    return {"hosts": len(re.findall(r"ok=\d+", text)), "seconds": found}


def _noticed(host, *options):
    """Have a run take in a web host; return what visitors noticed."""
    began = time.time()
    with visited(900, {kind: rate / 2 for kind, rate in RATES.items()}) as visits:
        took, _text = play("site", *options)
        wait(lambda: backends(holder()).get(host) == "UP", 30, "The new web host")
    return figures(visits.seen, began) | {"took": round(took, 1)}


@contextlib.contextmanager
def grown(more):
    """Have a third web host, of a bare one; yields what visitors noticed."""
    host = "web3"
    subprocess.run(
        ["docker", "rm", "--force", "--volumes", f"{NAME}-{host}"], capture_output=True, check=False
    )
    options = [
        "--name",
        f"{NAME}-{host}",
        "--hostname",
        host,
        "--network",
        NETWORK,
        "--label",
        f"checkout={ROOT}",
    ]
    run("docker", "run", "--detach", *options, *hosts.OPTIONS.split(), IMAGE, "/sbin/init")
    try:
        wait(
            lambda: "running" in try_sh(host, "systemctl is-system-running || true"),
            60,
            "The new host's start",
        )
        with tempfile.TemporaryDirectory() as place:
            inventory = pathlib.Path(place, "more.yml")
            inventory.write_text(
                json.dumps({"lamp": {"children": {"lamp_web": {"hosts": {host: {}}}}}})
            )
            # The directory of the inventory that was named last is not where the secrets are.
            places = {
                "lamp_base_dir": f"{ROOT}/inventory",
                "lamp_secrets_dir": f"{ROOT}/inventory/.secrets",
            }
            yield _noticed(host, "-i", str(inventory), "-e", json.dumps(places), *more)
            play("site", *more)
    finally:
        run("docker", "rm", "--force", "--volumes", f"{NAME}-{host}")


def maintain(server, state_of_it):
    """Have all balancers leave out a web host, or take it in again."""
    ask = (
        "import socket; s = socket.socket(socket.AF_UNIX); "
        "s.connect('/run/lamp-haproxy/admin.sock'); "
    )
    ask += f"s.sendall(b'set server web/{server} state {state_of_it}\\n'); s.recv(99)"
    for balancer in BALANCERS:
        sh(balancer, f'python3 -c "{ask}"')


def load(place, path, seconds):
    """Return requests a second, and the 99th percentile of their times in ms, asked from the
    balancer that has nothing else to do.
    """
    other = next(one for one in BALANCERS if one != holder())
    process = run("docker", "inspect", "--format", "{{ .State.Pid }}", f"{NAME}-{other}").strip()
    asked = [
        "nsenter",
        "--net",
        "--target",
        process,
        "wrk",
        "-t1",
        "-c16",
        f"-d{seconds}s",
        "--latency",
        "-H",
        f"Host: {SITE}",
    ]
    text = run(*asked, f"http://{place}{path}")
    assert "Non-2xx" not in text, text
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), float(number) * {
        "us": 0.001,
        "ms": 1,
        "s": 1000,
    }[unit]


def throughput(rounds, web, seconds=4):
    """Return rows of what goes through a balancer to one, two and more web hosts,
    and straight to one.
    """
    css = sh(WEB[0], "cd /srv/www.foobar.com/current/static; ls site.*.css").strip()
    rows = {}
    for turn in range(rounds + 1):
        for what, path in (
            ("page from the database", "/"),
            ("page without database", "/healthz"),
            ("style sheet", f"/static/{css}"),
        ):
            for count in (0, *range(1, len(web) + 1)):
                for server in web:
                    maintain(server, "ready" if server in web[: count or 1] else "maint")
                found = load(vip() if count else address(web[0]), path, seconds if turn else 1)
                row = rows.setdefault(
                    (what, count), {"what": what, "web_hosts": count, "rps": [], "p99_ms": []}
                )
                # The first is for everyone to get warm.
                if turn:
                    row["rps"].append(found[0])
                    row["p99_ms"].append(found[1])
    for server in web:
        maintain(server, "ready")
    return list(rows.values())


def show(name, runs):
    """Print what came of an event."""

    def of(key):
        known = [one[key] for one in runs if one.get(key) is not None]
        return f"{statistics.median(known):.2f}/{max(known):.2f}" if known else "-"

    def total(key):
        return sum(one.get(key, 0) for one in runs)

    wrong = sum((collections.Counter(one["wrong"]) for one in runs), collections.Counter())
    print(
        f"{name}: gap {of('gap')} s; failed {total('failed')} of {total('asked')}, forms "
        f"{total('forms_failed')} of {total('forms')}, {total('forms_twice')} twice, "
        f"{total('forms_lost')} lost; asked again {total('again')}; worst {of('worst')}, p99.9 "
        f"{of('p999')}, noticed {of('noticed')}, moves {of('moves')}, at most "
        f"{max(one['most'] for one in runs)} held; {dict(wrong)}",
        flush=True,
    )


def rates(text):
    """Read rates."""
    return {kind: float(rate) for kind, rate in (one.split("=") for one in text.split(","))}


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="of each event; 0 leaves them out")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=[*EVENTS], metavar="EVENT,..."
    )
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--rates", type=rates, help="visits a second, such as 'page=400,form=0'")
    parser.add_argument("--again", type=int, default=0, metavar="TIMES")
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--throughput", type=int, default=0, metavar="ROUNDS")
    parser.add_argument(
        "--shared", action="store_true", help="the machine has other work: the report says so"
    )
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.list or set(options.only) - set(EVENTS):
        parser.exit(not options.list, "\n".join(EVENTS) + "\n")
    if options.rates:
        RATES.update(options.rates)
    result = (
        json.loads(options.json.read_text())
        if options.json and options.json.exists()
        else {"events": {}}
    )
    result |= {"machine": hosts.machine(), "rates": RATES, "limit": LIMIT, "shared": options.shared}

    def keep():
        # After each part, so that an interrupted run is not for nothing.
        if options.json:
            options.json.write_text(json.dumps(result, indent=1))

    if options.again:
        result["again"] = again(options.again)
        print(result["again"], flush=True)
        keep()
    if options.runs or options.grow:
        with counting() as more:
            for name in options.only if options.runs else ():
                result["events"][name] = []
                for _run in range(options.runs):
                    result["events"][name].append(happen(name))
                    keep()
                show(name, result["events"][name])
            if options.grow:
                with grown(more) as found:
                    result["grown"] = found
                    print(found, flush=True)
                    if options.throughput:
                        result["throughput"] = throughput(options.throughput, [*WEB, "web3"])
                keep()
    if options.throughput and not options.grow:
        result["throughput"] = throughput(options.throughput, WEB)
    for row in result.get("throughput", ()) if options.throughput else ():
        print(row, flush=True)
    keep()


if __name__ == "__main__":
    main()
