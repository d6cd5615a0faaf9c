#!/usr/bin/env python3
"""What an application notices when runs change the cluster that has its
database, and what a run leaves that is killed.

    tests/bench/changes_database.py [--runs N] [--only EVENT,...] [--threads N]
                                    [--keep] [--json FILE]

The hosts, what is counted and the options are those of failover_database.py. Here each event is a
run of playbooks/site.yml: one host becomes three, a member is made anew without its data, three
become one. Members are upgraded from Debian 12 to 13 by apt, the one that writes last, and a run
follows each. A setting that needs a restart is changed by a run that is killed as its first task of
the rolling restart begins, and then by another run to its end; the same again for the second task,
and so on.
"""

from __future__ import annotations

import json
import subprocess
import sys

from failover_database import (
    MEMBERS,
    NAME,
    ROOT,
    Event,
    begin,
    command,
    main,
    make,
    nothing,
    others,
    run,
    sh,
    sql,
    together,
    wait,
)

sys.path[:0] = [str(ROOT / "tests")]
from support.plays import ENVIRONMENT, killed  # noqa: E402  # its place is known only now

#: The member that is left of three.
KEPT = MEMBERS[0]
OLD_IMAGE = "foobar.lamp/debian:12"
#: From Debian 12 to 13, as its release notes have it.
UPGRADE = """
sed --in-place s/bookworm/trixie/g /etc/apt/sources.list
export DEBIAN_FRONTEND=noninteractive
get="apt-get --yes -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
{ $get update && $get upgrade --without-new-pkgs && $get full-upgrade; } > /root/upgrade.log 2>&1 ||
    { tail --lines=30 /root/upgrade.log; exit 1; }
"""
#: The first task of a rolling restart, and the one behind the last.
FIRST, BEHIND = (
    "See that all members are there, and have another one write",
    "Remember who the members are",
)


def site(members, *options):
    """Run the playbook to its end."""
    run(*command(members, *options), cwd=ROOT)


def alone():
    """Whether the member that is kept has left the cluster."""
    asked = [
        "docker",
        "exec",
        f"{NAME}-{KEPT}",
        "mariadb",
        "--batch",
        "--skip-column-names",
        "--execute",
        "SELECT @@wsrep_on",
    ]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "0"


def one():
    """Have one host with the database, and two bare ones; return the one."""
    if not alone():
        shrink(KEPT)
    make(*others(KEPT))
    return KEPT


def three():
    """Have a cluster of three, and return the member that writes."""
    if alone():
        make(*others(KEPT))
        site(MEMBERS)
    return begin()


def grow(_host):
    """Make one host three."""
    site(MEMBERS)
    return lambda: None


def replace(host):
    """Take a member away with its data, and have a bare host in its place."""
    make(host)
    site(MEMBERS)
    return lambda: None


def shrink(_host):
    """Make three hosts one."""
    for host in others(KEPT):
        sh(host, "systemctl disable --now mariadb")
    site([KEPT], "--extra-vars", "mysql_leave_cluster=true")
    return lambda: None


def three_of_old():
    """Have a cluster of three on Debian 12, and return the member that writes."""
    make(*MEMBERS, image=OLD_IMAGE)
    site(MEMBERS)
    first = begin()
    sql(first, "CREATE OR REPLACE TABLE foobar.numbers (number INT PRIMARY KEY)")
    return first


def upgraded(first):
    """Upgrade one member after the other to Debian 13, each with a run of the playbook."""
    for host in (*others(first), first):
        sh(host, UPGRADE)
        wait(together, 180, "All members together")
        site(MEMBERS)
    return lambda: None


def back_logs():
    """Return what each member runs with."""
    return [int(sql(host, "SELECT @@back_log")[0]) for host in MEMBERS]


def killed_as(number, words):
    """Run the playbook until a task of its rolling restart begins, the ``number``-th; return
    that, nothing if it has not so many.
    """
    begun = 0
    environment = {**ENVIRONMENT, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true", "PYTHONUNBUFFERED": "1"}
    with killed(words, stdout=subprocess.PIPE, env=environment) as process:
        for line in process.stdout:
            if line.startswith("TASK [") and (begun or FIRST in line):
                begun += 1
                if BEHIND in line:
                    return ""
                if begun == number:
                    return line.partition(" : ")[2].partition("]")[0]
    return ""


def killed_at_each(_host):
    """Kill a run at each task of its rolling restart, and see that the next run does the rest."""
    number, task = 0, "none"
    while task:
        number, value = number + 1, back_logs()[0] + 1
        words = command(
            MEMBERS,
            "--tags",
            "mysql",
            "--extra-vars",
            json.dumps({"mysql_settings": {"mysqld": {"back_log": value}}}),
        )
        task, found = killed_as(number, words), back_logs()
        run(*words, cwd=ROOT)
        wait(together, 30, "All members together")
        assert back_logs() == [value] * len(MEMBERS), back_logs()
        print(
            (
                f"{number}: killed as {task or 'nothing any more'!r} began, {found.count(value)} "
                f"had it, all have it now"
            ),
            flush=True,
        )
    # As the other events have it.
    return lambda: site(MEMBERS, "--tags", "mysql")


EVENTS = {
    "a member replaced": Event(replace, to_writer=False, begin=three),
    "a run killed at each task of a rolling restart": Event(killed_at_each, begin=three),
    # What a write takes there, to be compared with "nothing" of failover_database.py.
    "nothing, on one host": Event(nothing, begin=one, serves=alone, well=alone, members=(KEPT,)),
    "three hosts become one": Event(shrink, begin=three, serves=alone, well=alone, members=(KEPT,)),
    "one host becomes three": Event(grow, begin=one),
    "Debian 12 becomes 13 member by member": Event(upgraded, begin=three_of_old),
}

if __name__ == "__main__":
    main(EVENTS, __doc__)
