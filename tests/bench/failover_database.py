#!/usr/bin/env python3
"""What an application notices when a member of the database's cluster dies, hangs or is cut off.

    tests/bench/failover_database.py [--runs N] [--only EVENT,...] [--threads N] [--keep]
                                     [--json FILE]

Three database hosts and a web host are made, and the site is set up on them. Threads on the web
host write numbers, each in a transaction of its own, by the way to the database that the
application has. Three seconds after they began the event comes. Counted are the longest time
between two acknowledged writes, what was acknowledged and is not stored afterwards, what failed
(writes whose connection stood, and new connections), and what a write takes in the middle.
Afterwards all members have to have the same rows. Somebody looks for a second member that writes,
and for a second cluster, all the time ("twice"). --keep leaves the hosts for another time. --list
names the events. --json adds to what FILE has of other events.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

import yaml
from hosts import OPTIONS, machine, run

ROOT = pathlib.Path(__file__).parents[2]
NAME = os.environ.get("FOOBAR_LAMP_NAME", "foobar-lamp") + "-bench"
IMAGE = "foobar.lamp/debian:13"
MEMBERS, WEB = ["db1", "db2", "db3"], "web1"
NETWORK, NETS, FIRST = NAME, "198.18.78.128/27", 130
ENVIRONMENT = "/etc/python_app/www.foobar.com.env"
WRITE, LOOK = ((ROOT / "tests/support" / name).read_text() for name in ("numbers.py", "second.py"))
#: Inventories, and the site's secrets: hosts that are kept need the same.
CACHE = ROOT / ".cache" / "bench-database"
#: Seconds before the event, and that writers go on behind the new beginning.
BEFORE, AFTER = 3, 2


def address(host):
    """Return the address that a host always has."""
    return f"198.18.78.{FIRST + [*MEMBERS, WEB].index(host)}"


def sh(host, script):
    """Run a shell script on a host."""
    return run("docker", "exec", f"{NAME}-{host}", "bash", "-ec", script)


def docker(verb, *hosts):
    """Have Docker do something with hosts at once."""
    run("docker", verb, *(f"{NAME}-{host}" for host in hosts))


def asked(host, path):
    """Return what the agent of a member says to the web host, nothing if it does not."""
    ask = f"curl --silent --fail --max-time 2 http://{address(host)}:9200/{path}"
    command = ["docker", "exec", f"{NAME}-{WEB}", "bash", "-c", ask]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def state(host):
    """Return what a member says of itself."""
    return json.loads(asked(host, "state") or "{}") or {}


def writers(hosts=(*MEMBERS,)):
    """Return the members that say that applications write there."""
    return [host for host in hosts if asked(host, "write")]


def sql(host, statement):
    """Return what root of a host gets from its server, a line each."""
    return sh(host, f"mariadb --batch --skip-column-names --execute '{statement}'").splitlines()


def wait(until, seconds, what):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"{what} was not so after {seconds} seconds"
        time.sleep(0.05)


def together():
    """Say whether all members are in one cluster, have all, and one of them writes."""
    said = [state(host) for host in MEMBERS]
    whole = all(one.get("synced") and len(one["view"]) == len(MEMBERS) for one in said)
    return whole and len({one["uuid"] for one in said}) == 1 and len(writers()) == 1


def others(host):
    """Return the other members."""
    return [one for one in MEMBERS if one != host]


def another(host):
    """Wait until another member writes."""
    wait(lambda: writers(others(host)), 60, "Another one writes")


def cut(host):
    """Cut a member off from the others, but not from the applications."""
    places = ", ".join(map(address, others(host)))
    rules = "; ".join(
        (
            f"add chain inet cut {hook} {{ type filter hook {hook} priority -300; }}; add rule "
            f"inet cut {hook} ip {way} {{ {places} }} drop"
        )
        for hook, way in (("input", "saddr"), ("output", "daddr"))
    )
    sh(host, f"nft 'add table inet cut; {rules}'")


def killed(host):
    """Kill a member's host."""
    wrote = writers([host])
    docker("kill", host)
    another(host) if wrote else time.sleep(5)
    return lambda: docker("start", host)


def hung(host):
    """Stop a member's host for twenty seconds, as a machine does that is moved or out of memory."""
    docker("pause", host)
    time.sleep(20)
    return lambda: docker("unpause", host)


def server_killed(host):
    """Kill the server alone: it comes back by itself."""
    sh(host, "kill -9 $(pidof mariadbd)")
    another(host)
    return lambda: None


def cut_off(host):
    """Cut a member off.

    It cannot commit from then on, and finds that out about when the others do.
    """
    cut(host)
    another(host)
    wait(lambda: not writers([host]), 1, "The one that was cut off writes no more")
    return lambda: sh(host, "nft delete table inet cut")


def all_killed(_host):
    """Kill all at once, and start them again."""
    docker("kill", *MEMBERS)
    docker("start", *MEMBERS)
    return lambda: None


def all_stopped(_host):
    """Stop all servers in order, and start them, the one first that was stopped first."""
    for verb in ("stop", "start --no-block"):
        for host in MEMBERS:
            sh(host, f"systemctl {verb} mariadb")
    return lambda: None


def all_servers_killed(_host):
    """Kill all servers at once,
    which flush their log to the disk once a second, and not at each commit.
    """
    for host in MEMBERS:
        sql(host, "SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    time.sleep(1)
    processes = [
        subprocess.Popen(["docker", "exec", f"{NAME}-{host}", "pkill", "-9", "mariadbd"])
        for host in MEMBERS
    ]
    for process in processes:
        process.wait()
    return lambda: None


def begin():
    """Have all members together, and return the one that writes."""
    wait(together, 180, "All members together")
    return writers()[0]


def small_disk():
    """Give a member that does not write a small file system for its
    data, and have it write; return it.
    """
    first = begin()
    host = others(first)[0]
    move = "mount --bind /mnt /var/lib/mysql; umount /mnt; systemctl start mariadb"
    size = (
        "$(($(du --summarize --apparent-size --block-size=M /var/lib/mysql | cut --delimiter=M "
        "--fields=1) + 300))M"
    )
    fill = "chown mysql: /mnt; cp --archive --sparse=never /var/lib/mysql/. /mnt"
    sh(
        host,
        (
            f"systemctl stop mariadb; mount --types tmpfs --options size={size},mode=0755 tmpfs "
            f"/mnt; {fill}; {move}"
        ),
    )
    wait(together, 180, "All members together")
    order = (
        "import sys; sys.path.append('/usr/local/lib/mysql-cluster'); import members; "
        "members.name_heir(sys.argv[1], 5)"
    )
    sh(first, f'setpriv --reuid=mysql --regid=mysql --init-groups python3 -c "{order}" {host}')
    wait(lambda: writers() == [host], 30, f"{host} writes")
    return host


def disk_full(host):
    """Fill the member's small file system until nothing goes into it;
    give its data back their own place afterwards.
    """
    sh(host, "dd if=/dev/zero of=/var/lib/mysql/filler bs=64k 2> /dev/null || true")
    another(host)
    # Until the others wait for one that applies nothing.
    time.sleep(10)

    def room():
        began = time.monotonic()
        sh(host, "rm /var/lib/mysql/filler")
        wait(together, 180, "All members together")
        print(
            f"{host} had all again {time.monotonic() - began:.1f} s after there was room",
            flush=True,
        )
        back = (
            "find /mnt/var/lib/mysql -mindepth 1 -delete; cp --archive /var/lib/mysql/. "
            "/mnt/var/lib/mysql; umount /mnt /var/lib/mysql"
        )
        sh(host, f"systemctl stop mariadb; mount --bind / /mnt; {back}; systemctl start mariadb")

    return room


def nothing(_host):
    """Let be."""
    time.sleep(5)
    return lambda: None


class Event(NamedTuple):
    """What happens: to a host, and the function that it returns makes it good."""

    do: Callable
    #: To the one that writes, or to another one.
    to_writer: bool = True
    #: What is so before; returns the member that writes.
    begin: Callable = begin
    #: Whether an application has a database, whether all is well at last, and who has the rows
    #: then.
    serves: Callable = writers
    well: Callable = together
    members: tuple = (*MEMBERS,)


EVENTS = {
    "writer's host killed": Event(killed),
    "writer's server killed": Event(server_killed),
    "writer's host hung for 20 s": Event(hung),
    "writer's disk full": Event(disk_full, begin=small_disk),
    "another host killed": Event(killed, to_writer=False),
    "writer cut off from the others": Event(cut_off),
    "all hosts killed at once": Event(all_killed),
    "all servers stopped in order": Event(all_stopped),
    "all servers killed (logs flushed once a second)": Event(all_servers_killed),
    "nothing": Event(nothing),
}


def on_web(script, *arguments):
    """Return what starts a program on the web host, which ends
    when nobody listens to it any more.
    """
    words = ["docker", "exec", "-i", f"{NAME}-{WEB}", "python3", "-c", script, *map(str, arguments)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def happen(event, number, threads):
    """Have an event happen while numbers are written, from ``number`` on;
    return what came of it.
    """
    first = event.begin()
    with (
        on_web(WRITE, ENVIRONMENT, number, threads) as writing,
        on_web(LOOK, 9200, *map(address, MEMBERS)) as looking,
    ):
        assert writing.stdout.readline() == "begun\n"
        time.sleep(BEFORE)
        began = time.monotonic()
        undo = event.do(first if event.to_writer else others(first)[0])
        wait(event.serves, 120, "An application has a database")
        served = time.monotonic() - began
        time.sleep(AFTER)
        found = json.loads(writing.communicate()[0])
        undo()
        wait(event.well, 180, "All is well")
        twice = json.loads(looking.communicate()[0])
    stored = [
        {int(line) for line in sql(host, "SELECT number FROM foobar.numbers")}
        for host in event.members
    ]
    standing = sum(one[1] for one in found["failed"])
    return {
        "gap": round(found["gap"], 2),
        "write": round(found["median"] * 1000, 2),
        "acknowledged": len(found["done"]),
        "lost": max(len(set(found["done"]) - one) for one in stored),
        "same": all(one == stored[0] for one in stored),
        "twice": twice,
        "writes_failed": standing,
        "connections_failed": len(found["failed"]) - standing,
        "served": round(served, 1),
        "moved": writers()[:1] != [first],
    }, number + len(found["done"]) + len(found["failed"]) + threads


def inventory(members=(*MEMBERS,)):
    """Write the inventory, of these members and a web host, and return where it is."""
    site = yaml.safe_load((ROOT / "molecule/cluster/group_vars/all.yml").read_text())
    site["lamp_sites"]["www.foobar.com"]["app"]["source"] = str(ROOT / "files/app")
    hosts = {
        host: {
            "ansible_connection": "community.docker.docker",
            "ansible_host": f"{NAME}-{host}",
            "ansible_user": "root",
        }
        for host in (*members, WEB)
    }
    groups = {
        "lamp_db": {"hosts": {host: hosts[host] for host in members}},
        "lamp_web": {"hosts": {WEB: hosts[WEB]}},
    }
    place = CACHE / f"{len(members)}.yml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(yaml.safe_dump({"lamp": {"vars": site, "children": groups}}))
    return place


def command(members, *options):
    """Return the command that sets up the site on these members and the web host."""
    return [
        "ansible-playbook",
        "-i",
        str(inventory(members)),
        "-e",
        f"lamp_secrets_dir={CACHE}/secrets",
        *options,
        "playbooks/site.yml",
    ]


def make(*hosts, image=IMAGE):
    """Make hosts anew, bare, and wait until they are up."""
    for host in hosts:
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", f"{NAME}-{host}"],
            capture_output=True,
            check=False,
        )
        place = [
            "--name",
            f"{NAME}-{host}",
            "--hostname",
            host,
            "--network",
            NETWORK,
            "--ip",
            address(host),
        ]
        run("docker", "run", "--detach", *place, *OPTIONS.split(), image, "/sbin/init")
    for host in hosts:
        sh(host, "timeout 60 systemctl is-system-running --wait || true")


@contextlib.contextmanager
def cluster(keep):
    """Have the hosts, set up."""
    subprocess.run(
        ["docker", "network", "create", "--subnet", NETS, NETWORK], capture_output=True, check=False
    )
    there = run("docker", "ps", "--format", "{{ .Names }}").split()
    try:
        make(*(host for host in (*MEMBERS, WEB) if f"{NAME}-{host}" not in there))
        run(*command(MEMBERS), cwd=ROOT)
        sh(
            WEB,
            (
                "{ apt-get update; apt-get install --yes --no-install-recommends curl "
                "python3-pymysql; } > /dev/null"
            ),
        )
        wait(together, 120, "All members together")
        sql(MEMBERS[0], "CREATE OR REPLACE TABLE foobar.numbers (number INT PRIMARY KEY)")
        yield
    finally:
        if not keep:
            for host in (*MEMBERS, WEB):
                subprocess.run(
                    ["docker", "rm", "--force", "--volumes", f"{NAME}-{host}"],
                    capture_output=True,
                    check=False,
                )
            subprocess.run(["docker", "network", "rm", NETWORK], capture_output=True, check=False)


def table(events):
    """Return the events as a table."""
    heads = [
        "event",
        "runs",
        "longest gap, s",
        "a write, ms",
        "acknowledged",
        "lost",
        "writes failed",
        "connections failed",
        "twice",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for name, runs in events.items():
        gaps = [one["gap"] for one in runs]
        write = statistics.median(one["write"] for one in runs)
        sums = [
            sum(one[key] for one in runs)
            for key in ("acknowledged", "lost", "writes_failed", "connections_failed")
        ]
        sums.append(sum(len(one.get("twice", ())) for one in runs))
        figures = f"{statistics.median(gaps):.2f} ({min(gaps):.2f} to {max(gaps):.2f})"
        figures += f" | {write:.2f}"
        lines.append(
            f"| {name} | {len(runs)} | {figures} | {' | '.join(f'{one:,}' for one in sums)} |"
        )
    return "\n".join(lines)


def main(events, description):
    """Have events happen, and print the table."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default=",".join(events))
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.list:
        print("\n".join(events))
        return
    found = (
        json.loads(options.json.read_text())
        if options.json and options.json.exists()
        else {"events": {}}
    )
    found["machine"] = machine()
    number = 1
    with cluster(options.keep):
        for event in options.only.split(","):
            found["events"][event] = []
            for _run in range(options.runs):
                result, number = happen(events[event], number, options.threads)
                found["events"][event].append(result)
                print(event, result, flush=True)
                if options.json:
                    options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found["events"]))


if __name__ == "__main__":
    main(EVENTS, __doc__)
