#!/usr/bin/env python3
"""What visitors lose when a site grows, or moves to another host.

    tests/bench/growing.py [--only EVENT,...] [--ttl SECONDS] [--list] [--json FILE]

One bare host gets the whole site. Visitors come by HTTPS at a fixed rate from a host of their own,
whatever becomes of those before them: for pages on new and on kept connections, and with forms that
the database counts by their numbers. They ask ten resolvers, which ask the site's name server and
keep what it says for its time to live. Meanwhile runs of the playbooks change the site. Counted is
for each step what failed, and the longest time in which one resolver's visitors got no answer.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import yaml
from failover import PAGE, SITE
from hosts import OPTIONS, machine, run

ROOT = pathlib.Path(__file__).parents[2]
NAME = os.environ.get("FOOBAR_LAMP_NAME", "foobar-lamp") + "-bench"
IMAGE, NETWORK, NETS = "foobar.lamp/debian:13", NAME, "198.18.79.128/27"
OLD, NEW, BALANCERS, MORE = "server1", "web1", ["lb1", "lb2"], ["web2", "web3"]
HOSTS = [OLD, NEW, *BALANCERS, *MORE]
VIP = "198.18.79.150"
#: Visits a second, of each kind.
RATES = {"page": 20, "kept page": 5, "form": 5}
#: How many resolvers there are, and how long a visitor waits.
RESOLVERS, LIMIT = 10, 10


def address(host):
    """Return the address that a host always has."""
    return f"198.18.79.{130 + HOSTS.index(host)}"


def sh(host, script):
    """Run a shell script on a host."""
    return run("docker", "exec", f"{NAME}-{host}", "bash", "-ec", script)


def remove(*hosts):
    """Remove hosts, if they are there."""
    for host in hosts:
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", f"{NAME}-{host}"],
            capture_output=True,
            check=False,
        )


def make(*hosts):
    """Make hosts anew, bare, and wait until they are up."""
    remove(*hosts)
    for host in hosts:
        place = f"--name {NAME}-{host} --hostname {host} --network {NETWORK} --ip {address(host)}"
        run("docker", "run", "--detach", *place.split(), *OPTIONS.split(), IMAGE, "/sbin/init")
    for host in hosts:
        sh(host, "timeout 60 systemctl is-system-running --wait || true")


class Site:
    """A site on hosts, and what its inventory says."""

    def __init__(self, place, ttl):
        self.place, self.ttl = pathlib.Path(place), ttl
        source = self.place / "app"
        ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(ROOT / "files/app", source, ignore=ignored)
        with open(source / "foobar/wsgi.py", "a", encoding="utf-8") as file:
            file.write(PAGE)
        given = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())
        self.values = {
            name: value for name, value in given.items() if name.startswith(("lamp_", "linux_"))
        }
        self.values |= {
            "trusted_here": given["trusted_here"],
            "lamp_secrets_dir": f"{place}/secrets",
        }
        site = self.values["lamp_sites"][SITE]
        site["app"]["source"] = str(source)
        # As with a certificate that browsers trust.
        site["tls"] = {"redirect": True}
        self.steps = []

    def led(self, host):
        """Return the record that leads to a host for a short time."""
        values = [address(host)]
        return {
            "lamp_dns_records": [{"name": "www", "type": "A", "ttl": self.ttl, "values": values}]
        }

    def run(self, playbook, web, balancers=(), **values):
        """Run a playbook; the database and the name server are on the old host all the time."""
        known = {
            host: {
                "ansible_connection": "community.docker.docker",
                "ansible_host": f"{NAME}-{host}",
                "ansible_user": "root",
            }
            for host in {OLD, *web, *balancers}
        }
        groups = {"lamp_lb": balancers, "lamp_web": web, "lamp_db": [OLD], "lamp_dns": [OLD]}
        children = {
            group: {"hosts": {host: known[host] for host in members}}
            for group, members in groups.items()
        }
        inventory = self.place / "inventory.yml"
        inventory.write_text(
            yaml.safe_dump(
                {"lamp": {"vars": self.values | values, "children": children}}, sort_keys=False
            )
        )
        run("ansible-playbook", "-i", str(inventory), f"playbooks/{playbook}.yml", cwd=ROOT)

    @contextlib.contextmanager
    def step(self, name):
        """Have a step of a change, of which visitors are counted."""
        began = time.time()
        yield
        self.steps.append((name, began, time.time()))
        print(f"  {name}: {time.time() - began:.0f} s", flush=True)

    def wait(self):
        """Wait until nobody may have the old records any more."""
        with self.step("until the records' time to live was over"):
            time.sleep(self.ttl + 1)

    def after(self):
        """See how it is then."""
        with self.step("after that"):
            time.sleep(10)


def balanced(**more):
    """Return what is so with balancers before the web hosts, of which there are two more."""
    return {"web": [OLD, *MORE], "balancers": BALANCERS, "lamp_vip": VIP, **more}


def grow_at_once(site):
    """One host becomes two balancers and three web hosts, in one run."""
    with site.step("the run"):
        site.run("site", **balanced())


def move_at_once(site):
    """The web moves to another host, in one run."""
    with site.step("the run"):
        site.run("site", [NEW])


def grow_by_steps(site):
    """One host becomes two balancers and three web hosts, and stays open meanwhile."""
    still = {"lamp_still_visited": [OLD]}
    with site.step("the run that makes the new hosts"):
        site.run("site", **balanced(**still, **site.led(OLD)))
    with site.step("the run that changes the records"):
        site.run("records", **balanced(**still))
    site.wait()
    with site.step("the run that closes the old host"):
        site.run("site", **balanced())


def move_by_steps(site):
    """The web moves to another host, and the old one stays open meanwhile."""
    with site.step("the run that makes the new host"):
        site.run("site", [OLD, NEW], **site.led(OLD))
    with site.step("the run that changes the records"):
        site.run("records", [OLD, NEW], **site.led(NEW))
    site.wait()
    with site.step("the run that closes the old host"):
        site.run("site", [NEW])


EVENTS = {
    "one host becomes 2 + 3 by steps": (grow_by_steps, [*BALANCERS, *MORE]),
    "the web moves by steps": (move_by_steps, [NEW]),
    "one host becomes 2 + 3 at once": (grow_at_once, [*BALANCERS, *MORE]),
    "the web moves at once": (move_at_once, [NEW]),
}


@contextlib.contextmanager
def visitors(number):
    """Have visitors; yields a dictionary, which afterwards has what they saw."""
    given = {"names": [address(OLD)], "seconds": 1800, "limit": LIMIT, "rates": RATES}
    given |= {"number": number, "resolvers": RESOLVERS, "tls": True, "address": ""}
    program = (ROOT / "tests/bench/peers/visits.py").read_text()
    place = f"--rm --interactive --name {NAME}-visits --network {NETWORK} {IMAGE}".split()
    words = ["docker", "run", *place, "python3", "-c", program, json.dumps(given)]
    remove("visits")
    seen = {}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        try:
            yield seen
        finally:
            seen |= json.loads(process.communicate()[0])


def stored():
    """Return how often the database has each form."""
    told = sh(
        OLD, "mariadb --skip-column-names foobar -e 'SELECT number, COUNT(*) FROM bench GROUP BY 1'"
    )
    return {int(number): int(count) for number, count in map(str.split, told.splitlines())}


def longest(visits):
    """Return the longest time in which those who asked one resolver got no answer."""
    found, ends = 0.0, {}
    for (kind, due, took, wrong, _number), asker in sorted(
        visits, key=lambda one: sum(one[0][1:3])
    ):
        # Who keeps his connection asks no resolver.
        if not wrong and kind != "kept page":
            last = ends.get(asker[0], due + took)
            found, ends[asker[0]] = max(found, due + took - last), due + took
    return round(found, 2)


def figures(visits, forms):
    """Return what came of visits; ``forms``: how often the database has each."""
    seen = [one for one, _asker in visits]
    pages = [one for one in seen if one[0] != "form"]
    sent = [one for one in seen if one[0] == "form"]
    return {
        "pages": len(pages),
        "failed": sum(bool(one[3]) for one in pages),
        "forms": len(sent),
        "forms_failed": sum(bool(one[3]) for one in sent),
        "forms_lost": sum(one[4] not in forms for one in sent if not one[3]),
        "forms_twice": sum(forms.get(one[4], 0) > 1 for one in sent),
        "gap": longest(visits),
        "wrong": collections.Counter(f"{one[0]}: {one[3]}" for one in seen if one[3]),
    }


def happen(name, ttl):
    """Have an event happen while visitors are there; returns what came of it."""
    change, others = EVENTS[name]
    print(name, flush=True)
    with tempfile.TemporaryDirectory(prefix="growing") as place:
        site = Site(place, ttl)
        try:
            make(OLD, *others)
            site.run("site", [OLD], **site.led(OLD))
            with visitors(1) as seen:
                with site.step("before"):
                    time.sleep(ttl / 2)
                change(site)
                if len(site.steps) == 2:
                    site.wait()
                site.after()
            forms = stored()
        finally:
            remove("visits", *HOSTS)
    visits = list(zip(seen["visits"], seen["askers"], strict=True))
    steps = {
        step: {"seconds": round(end - began, 1)}
        | figures([one for one in visits if began <= one[0][1] < end], forms)
        for step, began, end in site.steps
    }
    return {"steps": steps, "all": figures(visits, forms)}


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=[*EVENTS], metavar="EVENT,..."
    )
    parser.add_argument("--ttl", type=int, default=20, help="of the records, in seconds")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if options.list or set(options.only) - set(EVENTS):
        parser.exit(not options.list, "\n".join(EVENTS) + "\n")
    there = options.json and options.json.exists()
    found = json.loads(options.json.read_text()) if there else {"events": {}}
    found |= {"machine": machine(), "rates": RATES, "ttl": options.ttl}
    create = ["docker", "network", "create", "--subnet", NETS, NETWORK]
    subprocess.run(create, capture_output=True, check=False)
    try:
        for name in options.only:
            found["events"][name] = happen(name, options.ttl)
            for step, one in {
                **found["events"][name]["steps"],
                "all": found["events"][name]["all"],
            }.items():
                print(f"  {step}: {one}", flush=True)
            if options.json:
                options.json.write_text(json.dumps(found, indent=1) + "\n")
    finally:
        subprocess.run(["docker", "network", "rm", NETWORK], capture_output=True, check=False)


if __name__ == "__main__":
    main()
