"""How fast a zone is filled, and found to be right: dns_records, octoDNS and a loop of
community.general.nsupdate, in one run.

Usage: python tests/bench/dns_records.py [ROUNDS], in the environment that script/test makes; takes
some minutes. A BIND on the loopback address serves the zone. "Own work" is from the declarations in
memory to the last answer: Python's and Ansible's start are apart. "Whole task" is a playbook with
the task, less one without it. The loop runs over LOOPED records, and its time is multiplied.
Figures are medians, of ROUNDS rounds (by default 9) of own work; those of another machine differ,
their ratios hardly do.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
from support.name_servers import Bind  # noqa: E402  # its place is known only now

LOOPED = 30
TASK_ROUNDS = 3
SIZES = (1000, 10000)
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(HERE.parent.parent / ".cache" / "collections"),
    "ANSIBLE_COLLECTIONS_PATH": str(HERE.parent.parent / ".cache" / "collections"),
    "ANSIBLE_CONFIG": str(HERE.parent.parent / "ansible.cfg"),
}
OURS = """
import json, sys, time
from ansible_collections.foobar.lamp.plugins.module_utils.dns import dns_records
params = json.load(sys.stdin)
began = time.perf_counter()
outcome = dns_records.converge(params, *dns_records.declared(params))
print(json.dumps([time.perf_counter() - began, len(outcome.changes)]))
"""
OCTODNS = """
import json, sys, time
from octodns.record import Record
from octodns.zone import Zone
from octodns_bind import Rfc2136Provider
params = json.load(sys.stdin)
began = time.perf_counter()
provider = Rfc2136Provider("bind", host="127.0.0.1", port=params["port"], key_name="lamp",
                           key_secret=params["key_secret"], key_algorithm="hmac-sha256")
zone = Zone(params["zone"] + ".", [])
# It is always exclusive, so it has to be told of what the zone holds already.
zone.add_record(Record.new(zone, "", {"type": "NS", "ttl": 300, "values": ["ns1.foobar.com."]}))
zone.add_record(Record.new(zone, "ns1", {"type": "A", "ttl": 300, "values": ["127.0.0.1"]}))
for record in params["records"]:
    data = {"type": record["type"], "ttl": 3600, "values": record["values"]}
    zone.add_record(Record.new(zone, record["name"], data))
plan = provider.plan(zone)
if plan:
    provider.apply(plan)
print(json.dumps([time.perf_counter() - began, len(plan.changes) if plan else 0]))
"""


@contextlib.contextmanager
def serving(place):
    """Serve the zone, new, in a directory below ``place``; the server ends whatever happens."""
    with tempfile.TemporaryDirectory(dir=place) as own:
        server = Bind(pathlib.Path(own))
        try:
            yield server
        finally:
            server.stop()


def parameters(server, records):
    """Return the module's parameters, defaults included, as Ansible hands them over."""
    return {
        "zone": "foobar.com", "server": "127.0.0.1", "port": server.port, "timeout": 10,
        "key_file": None, "key_name": "lamp", "key_algorithm": "hmac-sha256",
        "key_secret": server.secret, "tls": False, "tls_ca": None, "tls_name": None,
        "reverse_of": None, "default_ttl": 3600, "exclusive": False, "keep": [], "max_change": 30,
        "small_zone": 10, "force": False, "wait_seconds": 0, "wait_servers": None,
        "records": records,
    }  # fmt: skip


def own_work(python, script, given, expected):
    """Return the seconds that ``script`` says it took;
    it must have made as many changes as ``expected``.
    """
    done = subprocess.run(
        [python, "-c", script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    seconds, changes = json.loads(done.stdout)
    if changes != expected:
        sys.exit(f"{changes} changes were made where {expected} were to be made.")
    return seconds


def playbook(place, tasks):
    """Return how many seconds a playbook with ``tasks`` takes on the controller itself."""
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (place / "play.yml").write_text(json.dumps([play]))
    began = time.perf_counter()
    command = [
        "ansible-playbook",
        "-i",
        "localhost,",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        place / "play.yml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - began


def tasks_of(server, records):
    """Return the two playbook tasks for the same records: dns_records, and the loop of nsupdate."""
    given = {
        "zone": "foobar.com",
        "port": server.port,
        "key_name": "lamp",
        "key_secret": server.secret,
    }
    looped = {
        **given,
        "server": "127.0.0.1",
        "key_algorithm": "hmac-sha256",
        "protocol": "tcp",
        "record": "{{ item.name }}",
    }
    loop = {
        "community.general.nsupdate": {
            **looped,
            "type": "{{ item.type }}",
            "value": "{{ item['values'] }}",
        },
        "loop": records,
    }
    return [{"foobar.lamp.dns_records": {**given, "records": records}}], [loop]


def hosts(size):
    """Return ``size`` record sets."""
    return [
        {"name": f"h{number}", "type": "A", "values": [f"10.0.{number >> 8}.{number & 255}"]}
        for number in range(size)
    ]


def measure_work(place, python):
    """Return the own work of one round: ``{(what, size, run): seconds}``."""
    found = {}
    for size in SIZES:
        records = hosts(size)
        for what, program, script in (
            ("dns_records", sys.executable, OURS),
            ("octoDNS", python, OCTODNS),
        ):
            with serving(place) as server:
                for run, expected in (("first", size), ("again", 0)):
                    found[f"{what}, own work", size, run] = own_work(
                        program, script, parameters(server, records), expected
                    )
    return found


def measure_tasks(place):
    """Return what whole tasks take in one round: ``{(what, size, run): seconds}``."""
    found, records, nothing = {}, hosts(SIZES[0]), playbook(place, [])
    for number, what in enumerate(("dns_records, whole task", "nsupdate in a loop")):
        with serving(place) as server:
            chosen, factor = (records, 1) if number == 0 else (records[:LOOPED], SIZES[0] / LOOPED)
            for run in ("first", "again"):
                found[what, SIZES[0], run] = (
                    playbook(place, tasks_of(server, chosen)[number]) - nothing
                ) * factor
    return found


def median(rounds):
    """Return the median of each figure."""
    return {key: statistics.median(found[key] for found in rounds) for key in rounds[0]}


def main():
    """Run all rounds and print the medians and their ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as top:
        place = pathlib.Path(top)
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "octodns-bind"], check=True)
        medians = median([measure_work(place, python) for _round in range(rounds)])
        medians |= median([measure_tasks(place) for _round in range(TASK_ROUNDS)])
    print(
        f"Medians: {rounds} rounds of own work, {TASK_ROUNDS} of tasks. The loop had {LOOPED} "
        f"records; its time is multiplied."
    )
    print("| what | records | first run | run again |\n| --- | --- | --- | --- |")
    for what, size in dict.fromkeys((what, size) for what, size, _run in medians):
        print(
            f"| {what} | {size} | {medians[what, size, 'first']:.3f} s | "
            f"{medians[what, size, 'again']:.3f} s |"
        )
    for run in ("first", "again"):
        for size in SIZES:
            ratio = (
                medians["octoDNS, own work", size, run]
                / medians["dns_records, own work", size, run]
            )
            print(f"{size} records, {run}: {ratio:.2f} times as fast as octoDNS")
        for what in ("own work", "whole task"):
            ratio = (
                medians["nsupdate in a loop", SIZES[0], run]
                / medians[f"dns_records, {what}", SIZES[0], run]
            )
            print(f"{SIZES[0]} records, {run}: {ratio:.0f} times as fast as the loop ({what})")


if __name__ == "__main__":
    main()
