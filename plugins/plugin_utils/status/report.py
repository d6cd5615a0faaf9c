# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a site, by what its hosts answered to status_info. Private to the collection.
Pure: no I/O, no Ansible import.

Another subject is another function in PARTS. It gets the answers of the hosts that gave one, and
yields what it finds.
"""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from ansible_collections.foobar.lamp.plugins.module_utils.mysql import cluster as _cluster

#: The states of a unit that runs, in systemd's words.
_RUNS = ("active", "activating", "reloading", "refreshing")
#: Of a certificate's life: renewed it is with a third left, or a half if that is short.
_LEFT = 4
#: Of memory, in percent: what programs have to be able to get.
_AVAILABLE = 5
_WEB_SERVERS = ("apache2", "nginx")
_DATABASE_PROXY = "lamp-database-proxy"
_TRIALS = {"firewall": "rules of the firewall", "sshd": "settings of sshd"}
_KINDS = {"backup": "backup", "copy": "copy of the backups", "drill": "drill"}
_UNITS = {"backup": "lamp-backup", "copy": "lamp-backup", "drill": "lamp-backup-drill"}


class Finding(NamedTuple):
    """Something to be known: on which hosts, what,
    and what to do. What is no problem is a remark.
    """

    hosts: tuple[str, ...]
    what: str
    remedy: str
    problem: bool = True

    def shown(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        where = f"{', '.join(self.hosts)}: " if self.hosts else ""
        return {
            "hosts": list(self.hosts),
            "what": self.what,
            "remedy": self.remedy,
            "text": f"{where}{self.what}: {self.remedy}.",
        }


def moment(text: str) -> datetime.datetime:
    """Return the moment that a text such as 2026-11-27T12:00:00Z says."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def by_value(values: dict[str, Any]) -> dict[Any, list[str]]:
    """Return which hosts have each value."""
    found: dict[Any, list[str]] = {}
    for host, value in values.items():
        found.setdefault(value, []).append(host)
    return found


def _each(values: dict[str, Any], name: str = "{}") -> str:
    """Return in words which hosts have which value."""
    return ", ".join(
        f"{name.format(value)} on {' and '.join(hosts)}"
        for value, hosts in by_value(values).items()
    )


def unset(hosts, _limits):
    """Hosts that no run has set up: what else they lack follows from that."""
    for host, said in hosts.items():
        if not said["last_change"]:
            yield Finding((host,), "the host is not set up yet", "run foobar.lamp.site")


def addresses(hosts, limits):
    """Addresses of all balancers that none of them holds, or more than one."""
    declared = {address: None for said in hosts.values() for address in said["addresses"]}
    for address in declared:
        able = {
            host: said
            for host, said in hosts.items()
            if said["last_change"] and address in said["addresses"]
        }
        holders = [host for host, said in able.items() if said["addresses"][address]]
        if able and not holders and limits["balancers"]:
            remedy = (
                "'journalctl -u keepalived' there says why; "
                "haproxy must work on the host that should hold the address"
            )
            yield Finding(tuple(able), f"no balancer that answers holds {address}", remedy)
        elif len(holders) > 1:
            remedy = (
                "make sure that they reach each other (VRRP, protocol 112); 'systemctl stop "
                "keepalived' on one of them ends it until then"
            )
            yield Finding(tuple(holders), f"{address} is held by more than one balancer", remedy)
    for host, said in hosts.items():
        works = said["services"].get("haproxy", "active") in _RUNS
        if said["vrrp"] == "FAULT" and works:
            remedy = "'systemctl status haproxy' and 'journalctl -u keepalived' there say why"
            yield Finding(
                (host,), "the balancer may not take the address of all balancers (FAULT)", remedy
            )
        elif (
            said["addresses"]
            and not said["vrrp"]
            and said["services"].get("keepalived") == "active"
        ):
            yield Finding(
                (host,),
                "keepalived does not report who holds the address of all balancers",
                "'journalctl -u keepalived' there says why",
            )


def balancers(hosts, _limits):
    """Web hosts that a balancer sends no visitors to."""
    for host, said in hosts.items():
        if said["services"].get("haproxy") not in _RUNS:
            # That is told already.
            continue
        for name, one in said["servers"].items():
            if one is None:
                yield Finding(
                    (host,),
                    f"haproxy does not know {name}",
                    "run foobar.lamp.site, which reloads it",
                )
            elif one["state"] in ("DRAIN", "MAINT"):
                what = (
                    f"{name} was drained by hand or by a killed run ({one['state']}), "
                    f"and gets no visitors from there"
                )
                yield Finding((host,), what, "run foobar.lamp.site again, which gives it visitors")
            elif one["state"] != "UP":
                why = f" ({one['why']})" if one["why"] else ""
                remedy = f"see what is wrong with {name}; it gets visitors again once it answers"
                yield Finding(
                    (host,),
                    f"{name} is {one['state']} and gets no visitors from there{why}",
                    remedy,
                )


def services(hosts, _limits):
    """What has to run and does not, what failed, and what runs with older files."""
    for host, said in hosts.items():
        for name, state in said["services"].items():
            if state not in _RUNS and said["last_change"]:
                remedy = f"'systemctl status {name}' there says why, and foobar.lamp.site starts it"
                yield Finding((host,), f"{name} should run, but is {state}", remedy)
        told = {
            *said["services"],
            *(app["service"].removesuffix(".service") for app in said["applications"].values()),
        }
        for unit in said["failed"]:
            if unit.removesuffix(".service") not in told:
                yield Finding(
                    (host,),
                    f"{unit} failed",
                    (
                        f"'journalctl -u {unit}' there says why, "
                        f"'systemctl reset-failed {unit}' forgets it"
                    ),
                )
        for unit in said["unread"]:
            yield Finding(
                (host,),
                f"{unit} runs with older files than those on disk",
                "run foobar.lamp.site, which loads them",
            )


def applications(hosts, _limits):
    """Applications that do not run, or not as they should,
    and releases that are not the same on all hosts.
    """
    releases: dict[str, dict[str, str]] = {}
    for host, said in hosts.items():
        for name, app in said["applications"].items() if said["last_change"] else ():
            if not app["release"]:
                yield Finding((host,), f"{name} is not deployed", "run foobar.lamp.deploy")
                continue
            releases.setdefault(name, {})[host] = app["release"]
            if app["state"] not in _RUNS:
                remedy = "run foobar.lamp.site, which starts it; foobar.lamp.logs shows its output"
                yield Finding((host,), f"{name} is stopped ({app['state']})", remedy)
            # What a site that is closed answers, and a web server that does not run, is told
            # already.
            elif (
                app["unhealthy"]
                and not said["closed"]
                and all(said["services"].get(name, "active") in _RUNS for name in _WEB_SERVERS)
            ):
                remedy = (
                    f"foobar.lamp.logs shows its output, "
                    f"'systemctl restart {app['service']}' there restarts it"
                )
                yield Finding((host,), f"{name} is unhealthy, it {app['unhealthy']}", remedy)
            if app["unverified"]:
                what = (
                    f"the release {app['release']} of {name} is unverified, because the run that "
                    f"made it current did not finish"
                )
                yield Finding((host,), what, "run foobar.lamp.deploy, which finishes it")
            if app["stale"]:
                yield Finding(
                    (host,),
                    f"{name} runs with other settings than those on disk",
                    "run foobar.lamp.site, which restarts it",
                )
    for name, found in releases.items():
        if len(set(found.values())) > 1:
            what = f"the releases of {name} differ ({_each(found)})"
            yield Finding(
                tuple(found),
                what,
                "run foobar.lamp.deploy, or foobar.lamp.rollback to roll back on all hosts",
            )


def versions(hosts, _limits):
    """Versions that differ from host to host."""
    systems = {
        host: f"{said['system']['name'].capitalize()} {said['system']['version']}"
        for host, said in hosts.items()
    }
    if len(set(systems.values())) > 1:
        yield Finding(
            tuple(systems),
            f"the systems differ ({_each(systems)})",
            "upgrade those that are behind",
            False,
        )
    for package in sorted({name for said in hosts.values() for name in said["packages"]}):
        found = {
            host: said["packages"][package]
            for host, said in hosts.items()
            if package in said["packages"]
        }
        # Another release of Debian has other packages.
        for system in sorted({systems[host].partition(".")[0] for host in found}):
            same = {
                host: version
                for host, version in found.items()
                if systems[host].partition(".")[0] == system
            }
            if len(set(same.values())) > 1:
                what = f"the versions of {package} differ ({_each(same)})"
                yield Finding(tuple(same), what, "upgrade those that are behind", False)


def certificates(hosts, _limits):
    """Certificates that end soon, or that no CA would issue."""
    for host, said in hosts.items():
        now = moment(said["time"])
        for name, one in said["certificates"].items():
            why = f" ({one['reason']})" if one["reason"] else ""
            remedy = "foobar.lamp.certificates shows what was tried and what comes next"
            if not one["until"]:
                yield Finding((host,), f"there is no certificate for {name}{why}", remedy)
                continue
            until = moment(one["until"])
            left, life = (
                until - now,
                until - moment(one["since"]) if one["since"] else datetime.timedelta(0),
            )
            if left < datetime.timedelta(0):
                yield Finding(
                    (host,), f"the certificate for {name} ended at {one['until']}{why}", remedy
                )
            elif left * _LEFT < life:
                what = (
                    f"the certificate for {name} ends at {one['until']}, "
                    f"with less than a quarter of its life left{why}"
                )
                yield Finding((host,), what, remedy)
            elif one["state"] != "issued":
                yield Finding(
                    (host,),
                    f"the certificate for {name} is {one['state']}{why}",
                    remedy,
                    one["state"] == "failed",
                )


def backups(hosts, _limits):
    """Backups, copies of them and drills that are older than twice their schedule,
    and drills that failed.

    Of a cluster one member does each for all.
    """
    together = [
        said["backups"] for said in hosts.values() if said["backups"] and said.get("cluster")
    ]
    for host, said in hosts.items():
        for kind, words in _KINDS.items() if said["backups"] else ():
            one, unit = said["backups"][kind], _UNITS[kind]
            last = (
                max(other[kind]["last"] for other in together)
                if said.get("cluster")
                else one["last"]
            )
            since = last or said["backups"]["able_since"]
            late = (
                one["every"]
                and (moment(said["time"]) - moment(since)).total_seconds() > 2 * one["every"]
            )
            remedy = (
                f"'journalctl -u {unit}' there says why, and 'systemctl start {unit}' tries again"
            )
            if late and last:
                yield Finding(
                    (host,), f"the last {words} is of {last}, older than twice its schedule", remedy
                )
            elif late:
                yield Finding(
                    (host,), f"no {words} is known, for longer than twice its schedule", remedy
                )
            if one.get("passed") is False:
                yield Finding(
                    (host,), f"the last drill failed at {one['last']} ({one['reason']})", remedy
                )


def cluster(hosts, _limits):
    """Members of the database's cluster that are not in it,
    or of which more than one is one by itself.
    """
    members = {name: said["cluster"] for name, said in hosts.items() if said.get("cluster")}
    for name, one in members.items():
        if one["said"] is None:
            yield Finding(
                (name,),
                "the host does not report the state of its database server",
                "'systemctl status mysql-agent mariadb' there says why",
            )
        elif not one["said"]["running"]:
            why = f" ({one['why']})" if one["why"] else ""
            remedy = (
                f"'journalctl -u mariadb' there says what it waits for. "
                f"{_cluster.decide(_told(members)).why.rstrip('.')}"
            )
            yield Finding((name,), f"the database server is no member of the cluster{why}", remedy)
        elif one["said"]["status"] != _cluster.PRIMARY:
            what = "the database server has no majority, and answers nobody"
            yield Finding((name,), what, _cluster.decide(_told(members)).why.rstrip("."))
        elif not one["synced"]:
            yield Finding(
                (name,),
                f"the database server does not have all data of the cluster ({one['state']})",
                "wait until it has them",
            )
    there = {
        name: one
        for name, one in members.items()
        if one["said"] and one["said"]["status"] == _cluster.PRIMARY
    }
    decision = _cluster.decide({name: one["said"] for name, one in there.items()} | _absent(there))
    if decision.action == _cluster.REFUSE:
        yield Finding(
            tuple(there), "the database's hosts are not one cluster", decision.why.rstrip(".")
        )
    for name in sorted(
        {name for one in there.values() for name in one["members"]}
        - {name for one in there.values() for name in one["said"]["view"]}
    ):
        yield Finding(
            tuple(there),
            f"the cluster of the database runs without {name}",
            f"make sure that {name} runs; it joins by itself",
        )
    writers = {name: one["writer"] for name, one in there.items()}
    if len(set(writers.values())) > 1 or "" in writers.values():
        yield Finding(
            tuple(there),
            f"the members name different writers ({_each(writers)})",
            "it settles within seconds: ask again",
        )


def database_proxies(hosts, _limits):
    """Web hosts from which applications do not reach the database host that writes."""
    leads = {}
    for host, said in hosts.items():
        servers = said.get("database_servers") or {}
        if not servers or said["services"].get(_DATABASE_PROXY) not in _RUNS:
            # That is told already.
            continue
        for name in [name for name, one in servers.items() if one is None]:
            what = f"the way to the database does not know {name}"
            yield Finding(
                (host,), what, "run foobar.lamp.site, which has it read its configuration"
            )
        writers = [name for name, one in servers.items() if one and one["state"] == "UP"]
        if len(writers) > 1:
            what = (
                f"the way to the database lets nobody through, as {' and '.join(writers)} seem to "
                f"write"
            )
            yield Finding((host,), what, "it settles within seconds: ask again")
        elif writers:
            leads[host] = writers[0]
        elif None not in servers.values():
            whys = "; ".join(
                f"{name}: {one['why'] or one['state']}" for name, one in servers.items()
            )
            remedy = (
                "see how the database hosts are, and that this host reaches their ports; it leads "
                "to the one that writes by itself"
            )
            yield Finding(
                (host,),
                (
                    f"applications have no database, as none of its hosts writes, seen from there "
                    f"({whys})"
                ),
                remedy,
            )
    if len(set(leads.values())) > 1:
        what = f"where applications write is not the same for all ({_each(leads)})"
        yield Finding(tuple(leads), what, "it settles within seconds: ask again")


def _absent(members):
    """Return the members that nobody has asked, as ``decide`` has them."""
    return {
        name: None for one in members.values() for name in one["members"] if name not in members
    }


def _told(members):
    return _absent(members) | {name: one["said"] for name, one in members.items()}


def zones(hosts, _limits):
    """Name servers that do not have a zone, or have it older than others."""
    found: dict[str, dict[str, int]] = {}
    for host, said in hosts.items():
        for zone, serial in said["zones"].items() if said["last_change"] else ():
            if serial is None:
                remedy = "'systemctl status named' and 'rndc zonestatus' there say why"
                yield Finding((host,), f"the name server gives no serial of {zone}", remedy)
            else:
                found.setdefault(zone, {})[host] = serial
    for zone, serials in found.items():
        if len(set(serials.values())) > 1:
            what = f"the serials of {zone} differ ({_each(serials)})"
            yield Finding(
                tuple(serials),
                what,
                (
                    f"where it is behind, 'journalctl -u named' says why, "
                    f"and 'rndc refresh {zone}' asks again"
                ),
            )


def disks(hosts, limits):
    """File systems that are full, or nearly."""
    for host, said in hosts.items():
        for disk in said["disks"]:
            if disk["percent"] >= limits["full"]:
                images = (
                    f"; images of applications take up to {said['images_mb']} MiB"
                    if said.get("images_mb")
                    else ""
                )
                yield Finding(
                    (host,),
                    f"{disk['path']} is {disk['percent']} % full",
                    f"make room, or enlarge it{images}",
                )
            if disk["inodes"] >= limits["full"]:
                yield Finding(
                    (host,),
                    f"{disk['path']} has {disk['inodes']} % of its inodes used",
                    "remove files that are not needed",
                )


def memory(hosts, _limits):
    """Hosts with hardly any memory left."""
    for host, said in hosts.items():
        total, available = said["memory"]["total_mb"], said["memory"]["available_mb"]
        if available * 100 < total * _AVAILABLE:
            what = f"{available} of {total} MiB of memory are left to programs"
            yield Finding(
                (host,), what, "give the host more, or the database and the applications less"
            )


def leftovers(hosts, _limits):
    """What killed runs left behind, and sites that are closed."""
    for host, said in hosts.items():
        for tree in said["journals"]:
            what = f"a run was killed while it changed the files of {tree}"
            yield Finding(
                (host,), what, "run the same again, for instance foobar.lamp.site, which recovers"
            )
        for name in said["closed"]:
            site = (
                f" -e lamp_maintenance_site={name.removeprefix('maintenance-')}"
                if name.startswith("maintenance-")
                else ""
            )
            remedy = f"foobar.lamp.maintenance -e lamp_maintenance=false{site} opens it"
            if name.startswith("restore"):
                remedy = "run foobar.lamp.restore to its end, or foobar.lamp.site, which opens it"
            yield Finding((host,), f"visitors get 503 ({name} is on)", remedy)
        for name in said["trials"]:
            yield Finding(
                (host,),
                f"{_TRIALS.get(name, name)} are not confirmed",
                "run foobar.lamp.site again, which confirms them",
            )


def former(hosts, _limits):
    """What goes on where a host has left the group that it was for."""
    for host, said in hosts.items():
        for role, units in said.get("left", {}).items():
            yield Finding(
                (host,),
                f"the host no longer has the role {role}, but runs or starts {', '.join(units)}",
                f"'systemctl disable --now {' '.join(units)}' there ends that; data stay",
                False,
            )


def restarts(hosts, _limits):
    """Hosts that run with what an upgrade has replaced."""
    for host, said in hosts.items():
        if said["reboot"] is not None:
            why = f" ({', '.join(said['reboot'])})" if said["reboot"] else ""
            yield Finding((host,), f"the host needs a reboot{why}", "restart it", False)


PARTS = (
    unset,
    addresses,
    services,
    balancers,
    applications,
    cluster,
    database_proxies,
    certificates,
    backups,
    zones,
    disks,
    memory,
    leftovers,
    former,
    restarts,
    versions,
)


def _together(findings):
    """Return findings, each once: with all hosts of which the same is to be known."""
    found: dict[Finding, list[str]] = {}
    for one in findings:
        hosts = found.setdefault(one._replace(hosts=()), [])
        hosts += [host for host in one.hosts if host not in hosts]
    return [one._replace(hosts=tuple(hosts)) for one, hosts in found.items()]


def _silent(host, answer):
    """Return what is wrong with a host that gave no answer."""
    why = " ".join(str(answer.get("msg") or "no reason is known").split())
    if not answer.get("reached", not answer.get("unreachable")):
        return Finding(
            (host,),
            f"the host cannot be reached ({why})",
            "make sure that it runs, and that SSH lets you in",
        )
    return Finding(
        (host,),
        f"the host did not report its state ({why})",
        "make sure that it runs, and that the login may become root there",
    )


def report(domain, groups, answers, inventory=(), full=90):
    """Return what there is to know of the site, as JSON has it.

    ``groups``: those of the inventory, ``{name: [hosts]}``. ``answers``: what status_info returned,
    by host. ``inventory``: sentences about what is wrong with the inventory. ``full``: from how
    many percent on a disk is full.
    """
    hosts = {name: answer["status"] for name, answer in answers.items() if "status" in answer}
    found = [_silent(name, answer) for name, answer in answers.items() if name not in hosts]
    # One that nobody has asked may be the one that holds an address.
    limits = {"full": full, "balancers": answers.keys() >= set(groups.get("lamp_lb", ()))}
    found = _together([*found, *(finding for part in PARTS for finding in part(hosts, limits))])
    problems = [{"hosts": [], "what": text, "remedy": "", "text": text} for text in inventory]
    problems += [finding.shown() for finding in found if finding.problem]
    return {
        "domain": domain,
        "time": max((said["time"] for said in hosts.values()), default=""),
        "healthy": not problems,
        "problems": problems,
        "remarks": [finding.shown() for finding in found if not finding.problem],
        "hosts": {
            name: {
                "groups": sorted(group for group, members in groups.items() if name in members),
                "reached": name in hosts,
                **hosts.get(name, {}),
            }
            for name in answers
        },
    }
