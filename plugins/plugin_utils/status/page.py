# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that shows a report to people. Private to the
collection. Pure: no I/O, no Ansible import.
"""

from __future__ import annotations

import json

from ansible_collections.foobar.lamp.plugins.plugin_utils.status.report import by_value, moment


def printed(found, wanted, page):
    """Return what is printed of ``found``, for ``wanted``: ``json``, one line for programs, or
    ``page``, what the function ``page`` makes of it for people.
    """
    if wanted == "json":
        return json.dumps(found, sort_keys=True)
    return "\n".join(["", *page(found), ""])


def table(rows):
    """Return lines with the cells of ``rows`` one below the other;
    of one with its head alone, none.
    """
    if len(rows) < 2:
        return []
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    return [
        "",
        *(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ),
    ]


def age(seconds):
    """Return a time as people say it, in its largest unit."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if abs(seconds) >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} seconds"


def _ago(said, when):
    return f"{age((moment(said['time']) - moment(when)).total_seconds())} ago" if when else "-"


def _full(disk):
    inodes = f" (inodes {disk['inodes']} %)" if disk["inodes"] > disk["percent"] else ""
    return f"{disk['path']} {disk['percent']} %{inodes}"


def _hosts(report):
    rows = [("HOST", "GROUPS", "SYSTEM", "UP", "MEMORY LEFT", "LAST CHANGE", "DISKS")]
    for name, said in report["hosts"].items():
        groups = " ".join(group.removeprefix("lamp_") for group in said["groups"])
        if not said["reached"]:
            rows.append((name, groups, "NO ANSWER", "", "", "", ""))
            continue
        # The fullest disks say enough.
        fullest = sorted(said["disks"], key=lambda disk: -max(disk["percent"], disk["inodes"]))[:3]
        rows.append((
            name,
            groups,
            f"{said['system']['name'].capitalize()} {said['system']['version']}",
            age(said["up_seconds"]),
            f"{said['memory']['available_mb']} of {said['memory']['total_mb']} MiB",
            _ago(said, said["last_change"]),
            ", ".join(map(_full, fullest)),
        ))  # fmt: skip
    return rows


def _services(reached):
    rows = [("HOST", "SERVICES")]
    for name, said in reached.items():
        shown = [
            unit if state == "active" else f"{unit} ({state.upper()})"
            for unit, state in said["services"].items()
        ]
        if shown:
            rows.append((name, ", ".join(shown)))
    return rows


def _addresses(reached):
    rows = [("ADDRESS", "HELD BY", "STATES")]
    for address in sorted({address for said in reached.values() for address in said["addresses"]}):
        able = {host: said for host, said in reached.items() if address in said["addresses"]}
        holders = ", ".join(host for host, said in able.items() if said["addresses"][address])
        rows.append(
            (
                address,
                holders or "NOBODY",
                ", ".join(f"{host} {said['vrrp'] or 'unknown'}" for host, said in able.items()),
            )
        )
    return rows


def _balancers(reached):
    rows = [("BALANCER", "WEB HOST", "STATE", "FOR", "WHY")]
    # haproxy does not count the time of one that is drained.
    rows += [
        (
            host,
            name,
            one["state"],
            age(one["seconds"]) if one["state"] in ("UP", "DOWN") else "",
            one["why"],
        )
        if one
        else (host, name, "UNKNOWN", "", "")
        for host, said in reached.items()
        for name, one in said["servers"].items()
    ]
    return rows


def _cluster(reached):
    rows = [("DATABASE", "STATE", "IN VIEW", "WRITES")]
    for host, said in reached.items():
        if one := said.get("cluster"):
            member = one["said"] or {}
            state = one["state"] if member.get("running") else "STOPPED" if member else "UNKNOWN"
            if member.get("running") and member["status"] != "Primary":
                state = "NO MAJORITY"
            rows.append(
                (host, state, ", ".join(member.get("view") or []) or "-", one["writer"] or "-")
            )
    return rows


def _database_proxies(reached):
    rows = [("WEB HOST", "WRITES TO")]
    for host, said in reached.items():
        if found := said.get("database_servers"):
            rows.append(
                (
                    host,
                    " and ".join(
                        name for name, one in found.items() if one and one["state"] == "UP"
                    )
                    or "NOBODY",
                )
            )
    return rows


def _state(app):
    if app["state"] != "active":
        return app["state"].upper()
    return ", ".join(
        [
            "UNHEALTHY" if app["unhealthy"] else "active",
            *(["unverified"] if app["unverified"] else []),
        ]
    )


def _applications(reached):
    rows = [("APPLICATION", "HOST", "RELEASE", "SINCE", "STATE", "SOURCE")]
    rows += [
        (
            name,
            host,
            app["release"] or "-",
            _ago(said, app["since"]),
            _state(app),
            app["source"],
        )
        for host, said in reached.items()
        for name, app in said["applications"].items()
    ]
    return [rows[0], *sorted(rows[1:])]


def _versions(reached):
    rows = [("PACKAGE", "VERSION", "HOSTS")]
    for package in sorted({name for said in reached.values() for name in said["packages"]}):
        found = by_value(
            {
                host: said["packages"][package]
                for host, said in reached.items()
                if package in said["packages"]
            }
        )
        rows += [(package, version, ", ".join(hosts)) for version, hosts in found.items()]
    return rows


def _certificates(reached):
    rows = [("CERTIFICATE", "HOST", "STATE", "UNTIL", "BY")]
    kinds = {
        "placeholder": "the host's own CA (placeholder)",
        "private": "a CA of the site's own",
        "given": "given",
    }
    rows += [
        (
            name,
            host,
            one["state"],
            one["until"] or "-",
            kinds.get(one["source"]) or one["issuer"] or "-",
        )
        for host, said in reached.items()
        for name, one in said["certificates"].items()
    ]
    return rows


def _backups(reached):
    rows = [("BACKUPS", "LAST", "LAST COPY", "LAST DRILL")]
    for host, said in reached.items():
        if found := said["backups"]:
            failed = ", FAILED" if found["drill"]["passed"] is False else ""
            copy = _ago(said, found["copy"]["last"]) if found["copy"]["to"] else "not wanted"
            rows.append(
                (
                    host,
                    _ago(said, found["backup"]["last"]),
                    copy,
                    _ago(said, found["drill"]["last"]) + failed,
                )
            )
    return rows


def _zones(reached):
    rows = [("ZONE", "HOST", "SERIAL")]
    rows += [
        (zone, host, "-" if serial is None else str(serial))
        for host, said in reached.items()
        for zone, serial in said["zones"].items()
    ]
    return rows


def page(report):
    """Return the lines of the page:
    what is wrong before all else, in sentences. In the tables it is capitals.
    """
    reached = {name: said for name, said in report["hosts"].items() if said["reached"]}
    count = len(report["problems"])
    verdict = "all is well" if report["healthy"] else f"{count} problem{'s' if count > 1 else ''}"
    lines = [f"{report['domain']} at {report['time'] or 'no known time'}: {verdict}"]
    lines += [f"  {problem['text']}" for problem in report["problems"]]
    lines += table(_hosts(report))
    for rows in (
        _addresses,
        _balancers,
        _services,
        _cluster,
        _database_proxies,
        _applications,
        _versions,
        _certificates,
        _backups,
        _zones,
    ):
        lines += table(rows(reached))
    if report["remarks"]:
        lines += ["", "REMARKS", *(remark["text"] for remark in report["remarks"])]
    return lines
