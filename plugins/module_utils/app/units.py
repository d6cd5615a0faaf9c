# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd units of an application's workers and timers. Private to the collection. Pure: no I/O, no Ansible import.

A *plan* is that of plan of plugin_utils/app/model.py.
"""

from __future__ import annotations

import re

#: When memory runs out, the kernel ends what belongs to an application before the database (0 or less) and sshd (-1000).
OOM_SCORE = 500

_UNIT = """[Unit]
Description={job} of {name}
After=network-online.target mariadb.service

[Service]
Type={type}
User={user}
Group={user}
# Where it may write; the launcher finds the source all the same.
WorkingDirectory={root}/state
Environment="RUN_IN={root}/state"
ExecStart={command}
{restart}OOMScoreAdjust={oom_score}
# Nothing but its state is for writing, and nothing of the system is within reach.
ReadWritePaths={root}/state -{root}/media
ProtectSystem=strict
ProtectHome=true
ProtectControlGroups=true
ProtectKernelModules=true
ProtectKernelTunables=true
PrivateDevices=true
PrivateTmp=true
NoNewPrivileges=true
CapabilityBoundingSet=
LockPersonality=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""
_TIMER = """[Unit]
Description={job} of {name}

[Timer]
OnCalendar={schedule}
Persistent=true
"""
_INSTALL = "\n[Install]\nWantedBy={target}.target\n"
_HEADER = re.compile(r"# Of the application (\S+) and its current release; made by the role python_app of foobar\.lamp\.")


def header(name):
    """Return the first line of the units of the application ``name``."""
    return f"# Of the application {name} and its current release; made by the role python_app of foobar.lamp.\n"


def owner(text):
    """Return the name of the application whose unit ``text`` is, empty where it is nobody's of ours."""
    found = _HEADER.match(text)
    return found[1] if found else ""


def _word(text):
    """Return a word of a command as systemd reads it."""
    for plain_text, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = str(text).replace(plain_text, escaped)
    return f'"{text}"'


def units(plan):
    """Return the systemd units of the workers and timers of ``plan``: ``{file name: text}``."""
    found = {}
    for kind in ("workers", "timers"):
        for job in plan.get(kind) or []:
            unit = f"{plan['name']}-{job['name']}"
            values = {
                **{key: plan[key] for key in ("name", "user", "root")},
                "job": job["name"],
                "command": " ".join(map(_word, [f"{plan['root']}/current/run", *job["command"]])),
                "schedule": job.get("schedule"),
                "oom_score": OOM_SCORE,
            }
            if kind == "workers":
                service = _UNIT.format(**values, type="exec", restart="Restart=always\nRestartSec=2\n")
                found[f"{unit}.service"] = service + _INSTALL.format(target="multi-user")
            else:
                found[f"{unit}.service"] = _UNIT.format(**values, type="oneshot", restart="")
                found[f"{unit}.timer"] = _TIMER.format(**values) + _INSTALL.format(target="timers")
    return {name: header(plan["name"]) + text for name, text in found.items()}


def started(names):
    """Return those of an application's units ``names`` that run all the time: a service that a timer starts waits for it."""
    return [name for name in names if name.endswith(".timer") or name.replace(".service", ".timer") not in names]


def schedule_problem(schedule):
    """Return what is wrong with the ``schedule`` of a timer as far as its form tells, empty if nothing is: systemd reads it on the host."""
    words = str(schedule).split()
    # systemd's form has four words at most: the day of the week, a date, a time and a time zone.
    if len(words) > 4:
        return "is cron's form: give systemd's, for instance *-*-* 03:00:00, see 'man systemd.time'."
    return "" if words and "\n" not in str(schedule) else "is no time: give one as systemd takes it, for instance daily."
