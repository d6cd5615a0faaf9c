"""The hosts of the scenario, and a writer on the web host, as an application would be."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess

import support
from support.containers import address_of, on_host, run
from support.waiting import wait_for

MEMBERS = ["lamp-cluster-db1", "lamp-cluster-db2", "lamp-cluster-db3"]
WEB, ENVIRONMENT = "lamp-cluster-web", "/etc/python_app/www.foobar.com.env"
WRITE = (pathlib.Path(support.__file__).parent / "numbers.py").read_text()


def sql(host, statement):
    """Return what root of a host gets from its server, a line each."""
    return on_host(
        host, f"mariadb --batch --skip-column-names --execute '{statement}'"
    ).splitlines()


def state(host):
    """Return what the agent of a host says, nothing if it says nothing.
    Asked by the web host, as its proxy does.
    """
    ask = (
        f"from urllib.request import urlopen as u; "
        f"print(u('http://{address_of(host)}:9200/state', timeout=2).read().decode())"
    )
    with contextlib.suppress(ValueError):
        return json.loads(on_host(WEB, f'python3 -c "{ask}" 2> /dev/null')) or {}
    return {}


def writes(host):
    """Whether a host says that applications write there."""
    ask = (
        f"from urllib.request import urlopen as u; "
        f"print(u('http://{address_of(host)}:9200/write', timeout=2).status)"
    )
    return on_host(WEB, f'python3 -c "{ask}" 2> /dev/null').strip() == "200"


def writer():
    """Return the member that writes; exactly one has to."""
    found = [host for host in MEMBERS if writes(host)]
    assert len(found) == 1, found
    return found[0]


def together(hosts=(*MEMBERS,)):
    """Whether these are all members of one cluster, and have all."""
    said = [state(host) for host in hosts]
    return (
        all(one.get("synced") and len(one["view"]) == len(hosts) for one in said)
        and len({one["uuid"] for one in said}) == 1
    )


def kill(*hosts):
    """End hosts at once, as a power cut does."""
    run("docker", "kill", *hosts, check=True)


def start(*hosts):
    """Start hosts again."""
    run("docker", "start", *hosts, check=True)


def stored(host):
    """Return the numbers that a member has."""
    return {int(line) for line in sql(host, "SELECT number FROM foobar.numbers")}


def lost(found):
    """Return the numbers that were acknowledged and that a member does not have."""
    return {host: missing for host in MEMBERS if (missing := set(found["done"]) - stored(host))}


@contextlib.contextmanager
def numbers(begin):
    """Write while the block runs; the result is there behind it."""
    process = subprocess.Popen(
        ["docker", "exec", "-i", WEB, "python3", "-c", WRITE, ENVIRONMENT, str(begin), "4"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = {}
    assert process.stdout.readline() == "begun\n"
    try:
        yield found
    finally:
        found.update(json.loads(process.communicate(timeout=120)[0] or "{}"))


def whole(seconds=120):
    """Wait until all members are together and one writes."""
    wait_for(together, seconds)
    wait_for(lambda: sum(map(writes, MEMBERS)) == 1, 20)


def failed(found):
    """Return in words what failed."""
    open_before = [one for one in found["failed"] if one[1]]
    return (
        f"{len(open_before)} writes "
        f"and {len(found['failed']) - len(open_before)} connections failed"
    )
