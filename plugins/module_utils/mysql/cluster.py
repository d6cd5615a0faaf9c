# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster of database servers may be formed, and by which member. Pure: no I/O, no
Ansible, and no other import of ours.

The role mysql copies this file to database hosts, whose servers ask it before they start; its tasks
ask it there, too.

A *member* says how it is in a dictionary (see ``said``). What does not answer is None. *Forming*
makes a member the first of a cluster: whoever joins afterwards gets its data, and loses what that
lacks. So nothing is formed without proof that no other member has more. Joining is safe at any
time: the engine makes no cluster by itself, but where all members of the last view are there again.
"""

from __future__ import annotations

from typing import NamedTuple

#: What a member's directory of data holds: nothing of anybody's; data that never were a cluster's;
#: those of a cluster; what a state transfer left that was cut short.
FRESH, OWN, CLUSTER, PARTIAL = "fresh", "own", "cluster", "partial"
NOBODY = "00000000-0000-0000-0000-000000000000"
PRIMARY = "Primary"

#: What is decided. JOIN: start, and find the others. FORM: the one member named is to be the first.
#: WAIT: it comes right by itself, or not by this function. REFUSE: a person has to say what is to
#: be.
JOIN, FORM, WAIT, REFUSE = "join", "form", "wait", "refuse"

_TYPES = {
    "running": (bool, False),
    "status": (str, ""),
    "view": (list, []),
    "uuid": (str, ""),
    "seqno": (int, -1),
    "safe": (bool, False),
    "data": (str, ""),
    "node": (str, ""),
    "last_view": (list, []),
    "recorded": (list, []),
}


class Decision(NamedTuple):
    """What is to be done. ``members``: who forms, who has to end before anybody can, or whom a
    refusal is about; nobody: all. ``why``: a sentence for people.
    """

    action: str
    members: tuple[str, ...]
    why: str


def said(answer):
    """Return what a member says in the right types, or None where that is not what a member says.

    ``running``: whether its server answers as one of a cluster; ``status``: then whether that has a
    majority (``Primary``); ``view``: then who is in it, by names. ``uuid``: the cluster's history
    that its data are of; ``seqno``: how far, -1: not known. ``safe``: whether it was the last to
    leave. ``data``: what its directory holds. ``node``, ``last_view``: of one that crashed, who it
    was and who was with it, as the engine calls them. ``recorded``: who the members were when it
    last worked.
    """
    if not isinstance(answer, dict) or answer.get("data") not in (FRESH, OWN, CLUSTER, PARTIAL):
        return None
    found = {name: answer.get(name, default) for name, (_kind, default) in _TYPES.items()}
    return (
        found
        if all(isinstance(found[name], kind) for name, (kind, _default) in _TYPES.items())
        else None
    )


def state_of(text):
    """Return ``(uuid, seqno, safe)`` of the file grastate.dat; of what cannot be read, nobody's."""
    found = dict(
        line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#")
    )
    number = found.get("seqno", "").strip()
    uuid = found.get("uuid", "").strip() or NOBODY
    return (
        uuid,
        int(number) if number.lstrip("-").isdecimal() else -1,
        found.get("safe_to_bootstrap", "").strip() == "1",
    )


def position_of(option):
    """Return ``(uuid, seqno)`` of what galera_recovery prints:
    ``--wsrep_start_position=UUID:SEQNO``, with GTID mode ``,D-S-N`` behind.
    """
    uuid, _colon, rest = option.strip().partition("=")[2].rpartition(":")
    number = rest.partition(",")[0]
    return (uuid, int(number)) if uuid and number.lstrip("-").isdecimal() else (NOBODY, -1)


def last_view_of(text):
    """Return ``(node, members)`` of the file gvwstate.dat, nothing
    of one that is empty or was cut short.
    """
    lines = text.splitlines()
    if "#vwend" not in lines:
        return "", []
    mine = [line.partition(":")[2].strip() for line in lines if line.startswith("my_uuid:")]
    return "".join(mine), [line.split()[1] for line in lines if line.startswith("member:")]


def decide(members, setting_up=False):
    """Return the Decision for ``members``:
    ``{name: what it says}``, in the inventory's order, None for one that does not answer.

    ``setting_up``: whether a person's run asks, which alone may make a cluster where there was
    none.
    """
    there = {name: one for name, one in members.items() if one is not None}
    silent = [name for name in members if name not in there]
    primaries = {
        name: one for name, one in there.items() if one["running"] and one["status"] == PRIMARY
    }
    if others := strangers(members):
        return Decision(REFUSE, (), not_in_inventory(others))
    if primaries:
        return (
            _split(primaries)
            or _strange(there, primaries)
            or Decision(JOIN, (), f"{_say(primaries, 'is', 'are')} the cluster.")
        )
    if strange := _strange(
        there, {name: one for name, one in there.items() if one["data"] == CLUSTER}
    ):
        return strange
    if not any(one["data"] == CLUSTER for one in there.values()):
        return _new(there, silent, setting_up)
    if running := [name for name, one in there.items() if one["running"]]:
        return _without_majority(there, silent, running)
    crashed = {one["node"] for one in there.values() if one["last_view"]}
    if any(one["last_view"] and set(one["last_view"]) <= crashed for one in there.values()):
        return Decision(
            JOIN, (), "All that were together when it ended are there again: they go on from there."
        )
    return _again(there, silent)


def strangers(members):
    """Return who is in a view of ``members``, and none of them."""
    there = [one for one in members.values() if one is not None]
    return sorted({name for one in there for name in one["view"]} - members.keys())


def not_in_inventory(names):
    """Return what is to be said of strangers to whoever has the inventory."""
    it = "them" if names[1:] else "it"
    return (
        f"{_say(names, 'is', 'are')} in the cluster, and not in lamp_db of the inventory: put {it} "
        f"back there, or end {it} by 'systemctl disable --now mariadb' there."
    )


def not_known_here(names):
    """Return what is to be said of them on a host, which has no inventory."""
    return (
        f"{_say(names, 'is', 'are')} in the cluster, and not known on this host. If this host has "
        f"left lamp_db, run 'systemctl disable --now mariadb' here; else run foobar.lamp.site."
    )


def _split(primaries):
    """Return a refusal where members say that they are the cluster, and are not the same one."""
    uuids = {one["uuid"] for one in primaries.values()}
    views = [set(one["view"]) for one in primaries.values()]
    if len(uuids) == 1 and all(one & other for one in views for other in views):
        return None
    where = "; ".join(f"{name}: {_place(one)}" for name, one in primaries.items())
    return Decision(
        REFUSE,
        (),
        (
            f"There is more than one cluster ({where}): "
            f"stop the one whose data you do not want, and move them aside."
        ),
    )


def _strange(there, cluster):
    """Return a refusal where members have other data than the ``cluster`` has,
    which they would lose by joining.
    """
    uuids = {one["uuid"] for one in cluster.values()}
    if len(uuids) > 1:
        where = "; ".join(f"{name}: {_place(one)}" for name, one in cluster.items())
        remedy = "move the data aside (/var/lib/mysql) on those whose data you do not want"
        return Decision(
            REFUSE, (), f"The members have data of different clusters ({where}): {remedy}."
        )
    strange = [
        name
        for name, one in there.items()
        if one["data"] == OWN or one["data"] == CLUSTER and one["uuid"] not in uuids
    ]
    if cluster and strange:
        why = f"{_say(strange, 'has', 'have')} data that are not the cluster's, and would lose them"
        return Decision(
            REFUSE, tuple(strange), f"{why}: dump what you want of them, and move them aside there."
        )
    return None


def _new(there, silent, setting_up):
    """Decide where nobody who answers has a cluster's data."""
    own = [name for name, one in there.items() if one["data"] == OWN]
    recorded = [name for name, one in there.items() if one["recorded"]]
    if len(own) > 1:
        return Decision(
            REFUSE,
            (),
            (
                f"{_and(own)} have databases, "
                f"and one's alone can be the cluster's: move the others' aside."
            ),
        )
    if recorded:
        why = (
            f"{_say(recorded, 'was', 'were')} in a cluster, of which no data are left: this would "
            f"begin with none. Restore them on one host first"
        )
        return Decision(
            REFUSE,
            (),
            (
                f"{why}, or remove /var/lib/foobar.lamp/mysql_cluster.json "
                f"on all if there is nothing to lose."
            ),
        )
    if silent:
        return Decision(
            WAIT,
            (),
            f"{_say(silent, 'does', 'do')} not answer, and may have data: nothing is begun before.",
        )
    if not setting_up:
        return Decision(WAIT, (), "There was no cluster yet: foobar.lamp.site makes it.")
    able = own or [name for name, one in there.items() if one["data"] == FRESH]
    if not able:
        why = (
            f"{_and(there)} have only what a copy that was cut short has left: restore a backup "
            f"on one, or move it aside on one of them"
        )
        return Decision(REFUSE, (), f"{why}.")
    first = able[0]
    why = (
        "has databases, and the others have none" if own else "is the first of those that have none"
    )
    return Decision(FORM, (first,), f"{first} {why}.")


def _without_majority(there, silent, running):
    """Decide where servers run, and none of them has a majority.

    Those that are stopped wait for it, and it may wait for them: for as long as it runs, where
    they have left it since. Only a server that is stopped can begin, and all say then how far they
    are.
    """
    so = f"{_say(running, 'runs and has', 'run and have')} no majority"
    stopped = [name for name in there if name not in running]
    if stopped and not silent:
        # What a server that ends has is found out at its next start.
        ended = {
            name: {**one, "seqno": max(one["seqno"], 0) if one["running"] else one["seqno"]}
            for name, one in there.items()
        }
        after = _again(ended, [])
        if after.action != FORM:
            return Decision(WAIT, (), f"{so}, and nobody could begin without: {after.why}")
        return Decision(
            WAIT,
            tuple(running),
            (
                f"{so}, and {_say(stopped, 'is', 'are')} stopped: if they do not find together, "
                f"{_say(running, 'ends', 'end')} within a minute, and the one that has most begins."
            ),
        )
    remedy = f"see to {_and(silent)}" if silent else "see that they reach each other at port 4567"
    return Decision(WAIT, (), f"{so}: the cluster goes on by itself when it has one; {remedy}.")


def _again(there, silent):
    """Decide where all that answer are stopped, and some have a cluster's data."""
    cluster = {name: one for name, one in there.items() if one["data"] == CLUSTER}
    known = "; ".join(f"{name}: {_place(one)}" for name, one in cluster.items())
    furthest = max(cluster, key=lambda name: cluster[name]["seqno"])
    remedy = f"if you know that none has more than {furthest}, run galera_new_cluster there"
    if silent:
        why = (
            f"{_say(silent, 'does', 'do')} not answer, and may have more than the others ({known})"
        )
        return Decision(
            REFUSE, (), f"{why}: start it. It is enough that its data are there. Else, {remedy}."
        )
    safe = [name for name, one in cluster.items() if one["safe"] and one["seqno"] >= 0]
    highest = cluster[furthest]["seqno"]
    if safe and highest <= max(cluster[name]["seqno"] for name in safe):
        first = max(safe, key=lambda name: cluster[name]["seqno"])
        return Decision(FORM, (first,), f"{first} was the last to leave ({known}).")
    was = {name for one in cluster.values() for name in one["recorded"]}
    if lost := [name for name, one in there.items() if one["data"] == FRESH and name in was]:
        why = (
            f"{_say(lost, 'was a member and has', 'were members and have')} lost the data, "
            f"which may have been more than the others have ({known})"
        )
        return Decision(REFUSE, (), f"{why}: bring them back, or, {remedy}.")
    if unknown := [name for name, one in cluster.items() if one["seqno"] < 0]:
        why = (
            f"How far {_and(unknown)} was is not known ({known}): "
            f"start mariadb there, which finds out"
        )
        return Decision(
            REFUSE,
            (),
            f"{why}; 'journalctl -u mariadb' says what keeps it from that. Else, {remedy}.",
        )
    return Decision(FORM, (furthest,), f"{furthest} has all that any member has ({known}).")


def not_alone(members, me):
    """Return why the server of ``me`` may not go on without a cluster, a sentence; empty if it may:
    no other one has more, or takes writes.

    ``members``: ``{name: what it says}``, None of one that does not answer.
    """
    mine = members.get(me)
    others = [
        name
        for name, one in members.items()
        if name != me and one and one["running"] and one["status"] == PRIMARY
    ]
    if mine is None:
        return (
            f"{me} does not say how its database server is: "
            f"'systemctl status mysql-agent mariadb' there says why."
        )
    if mine["running"] and mine["status"] != PRIMARY:
        return (
            f"{me} has no majority, and the others may have more: "
            f"start mariadb on them, so that it gets what it lacks."
        )
    if others := others or [name for name in mine["view"] if name != me]:
        return (
            f"{_say(others, 'runs', 'run')} in the cluster, and would go on to take writes: run "
            f"`systemctl disable --now mariadb` there first."
        )
    if mine["running"] or mine["data"] == CLUSTER and mine["safe"] and mine["seqno"] >= 0:
        return ""
    return (
        f"{me} is stopped, and was not the last one to leave the cluster: start mariadb there and "
        f"on another one, so that it gets all."
    )


def _place(one):
    return f"{one['uuid'][:8]} up to {one['seqno'] if one['seqno'] >= 0 else 'an unknown place'}"


def _and(names):
    return " and ".join(names)


def _say(names, one, several):
    """Return the names with the verb for so many."""
    return f"{_and(names)} {several if len(names) > 1 else one}"
