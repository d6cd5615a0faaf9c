#!/usr/bin/env python3
"""How fast hosts converge with playbooks/site.yml and with what a user
might take instead: a shell script, and pyinfra.

    tests/bench/converge.py --json FILE [--quick | --rounds N --growth-rounds N --again N]
                            [--hosts N,N] [--sites N,N]

A round takes bare hosts for each way, converges them, and then converges them again. All do so by
SSH; all fetch package lists, packages and wheels anew. Bytes are those that the hosts receive on a
network that nothing but the controller's SSH uses. Ways take turns in a round, so that what slows
the machine down for a while slows all down. script/bench runs this and shows what came of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile

import hosts
import peers


def galaxy():
    """Say whether Ansible Galaxy, and so the roles that many take, can be reached from here."""
    with tempfile.TemporaryDirectory() as place:
        asked = (
            "ansible-galaxy",
            "role",
            "install",
            "--roles-path",
            place,
            "--timeout",
            "20",
            "geerlingguy.apache",
        )
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def measured(peer, on):
    """Converge once; returns what came of it and how many bytes the hosts got."""
    before = sum(host.received() for host in on)
    done = peer()
    return {**dataclasses.asdict(done), "sent": sum(host.received() for host in on) - before}


def one_round(place, count, sites, again, turn):
    """Measure each way on bare hosts, beginning with another one each round."""
    found = {}
    for way in peers.PEERS[turn:] + peers.PEERS[:turn]:
        with hosts.bare(place, count) as on, tempfile.TemporaryDirectory(prefix="bench") as own:
            peer = way(pathlib.Path(own), place / "key", on, sites)
            found[way.name] = {
                "first": measured(peer, on),
                "again": [measured(peer, on) for _time in range(again)],
            }
        first, *later = (
            one["seconds"] for one in (found[way.name]["first"], *found[way.name]["again"])
        )
        seconds = " ".join(f"{one:.1f}" for one in later)
        print(
            f"{count} hosts, {sites} sites, {way.name}: {first:.1f} s, again {seconds} s",
            file=sys.stderr,
            flush=True,
        )
    return found


def numbers(text):
    """Read a list of numbers."""
    return [int(number) for number in text.split(",") if number]


def main():
    """Measure, and write what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round of each, to see it work; not for conclusions",
    )
    parser.add_argument("--rounds", type=int, default=5, help="of one host with one site")
    parser.add_argument(
        "--growth-rounds", type=int, default=1, help="of more hosts, and of more sites"
    )
    parser.add_argument(
        "--again",
        type=int,
        default=5,
        help="how often each converges again in a round, where there is one round",
    )
    parser.add_argument("--hosts", type=numbers, default=[1, 2, 4, 8])
    parser.add_argument("--sites", type=numbers, default=[1, 10, 100])
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.growth_rounds = options.again = 1
    points = dict.fromkeys(
        [*((count, 1) for count in options.hosts), *((1, sites) for sites in options.sites)]
    )
    result = {"machine": hosts.machine(), "galaxy": galaxy(), "points": []}
    with hosts.ready() as place:
        for count, sites in points:
            rounds = options.rounds if (count, sites) == (1, 1) else options.growth_rounds
            again = -(-options.again // rounds) if rounds < options.again else 1
            found = [
                one_round(place, count, sites, again, turn % len(peers.PEERS))
                for turn in range(rounds)
            ]
            result["points"].append({"hosts": count, "sites": sites, "rounds": found})
            # After each point, so that an interrupted run is not for nothing.
            options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
