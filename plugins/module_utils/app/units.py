# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd units of an application: the service of a release,
workers and timers. Private to the collection.

Pure: no I/O, no Ansible import.

A *plan* is that of plan of plugin_utils/app/model.py.
"""

from __future__ import annotations

import re

#: When memory runs out, the kernel ends what belongs to an application before the database (0 or
#: less) and sshd (-1000).
OOM_SCORE = 500

#: What may be opened for one application: systemd's own names of it.
RESTRICTION = re.compile(
    r"(AmbientCapabilities|Bind(ReadOnly)?Paths|CapabilityBoundingSet|DeviceAllow|IPAddress(Allow|Deny)|Limit[A-Z]+|LockPersonality"
    r"|MemoryDenyWriteExecute|NoNewPrivileges|(Private|Protect|Restrict)[A-Za-z]+|Read(Only|Write)Paths|SupplementaryGroups"
    r"|SystemCall(Architectures|Filter)|TemporaryFileSystem|UMask)\Z"
)

_UNIT = """[Unit]
Description={description}
After=network-online.target mariadb.service
{mounts}{unit}
[Service]
Type={type}
User={user}
Group={user}
{service}OOMScoreAdjust={oom_score}
# Nothing of the system is for writing, or within reach. Of this directory all but the state
# belongs to others; it is whole, since a restore puts another state in its place.
ReadWritePaths={writable}
ProtectSystem=strict
ProtectHome=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
PrivateDevices=true
PrivateTmp=true
NoNewPrivileges=true
CapabilityBoundingSet=
LockPersonality=true
RemoveIPC=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
{restrict}"""
# The web server reaches the socket by the group of its directory, and nobody else does. The
# launcher sets it: systemd takes the user's.
_SERVICE = """UMask=0002
RuntimeDirectory=python_app/{name}/{instance}
RuntimeDirectoryMode=2750
Environment="SOCKET={socket}" "SOCKET_GROUP={builder}"
WorkingDirectory={release}/src
ExecStart={command}
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec={timeout}
# What is left of it goes on, when the kernel ends a process for want of memory.
OOMPolicy=continue
{memory}"""
# Where it may write; the launcher finds the source all the same.
_JOB = """WorkingDirectory={root}/state
Environment="RUN_IN={root}/state"
ExecStart={command}
{restart}"""
# A release that is an image: what confines it are the arguments of Podman, in the launcher. conmon
# stands for the container. All stay in the group of processes of the unit, so that its limits hold
# and nothing is left when it ends.
_IMAGE = """[Unit]
Description={description}
After=network-online.target mariadb.service
{mounts}StartLimitIntervalSec=0

[Service]
{service}Environment="CONTAINER={container}"
ExecStart={command}
ExecStopPost=-/usr/bin/podman --events-backend=none rm --force --ignore --time=0 {container}
KillMode=mixed
SuccessExitStatus=143
OOMScoreAdjust={oom_score}
OOMPolicy=continue
{limits}"""
# By the image's own signal for it. A socket that leads to a port is closed when all that was said
# has passed.
_RUNNING = """Type=notify
NotifyAccess=all
ExecStop=/usr/bin/podman --events-backend=none stop --ignore --time={graceful} {container}
{drain}TimeoutStopSec={timeout}
Restart=always
RestartSec=2
"""
_IN_IMAGE = """RuntimeDirectory=python_app/{name}/{instance}
RuntimeDirectoryMode=2750
Environment="SOCKET={socket}" "SOCKET_GROUP={builder}"
"""
_TIMER = """[Unit]
Description={description}

[Timer]
OnCalendar={schedule}
Persistent=true
"""
_INSTALL = "\n[Install]\nWantedBy={target}.target\n"
_HEADER = re.compile(
    r"# Of the application (\S+) and its current release; made by the role python_app of "
    r"foobar\.lamp\."
)


def header(name):
    """Return the first line of the units of the application ``name``."""
    return (
        f"# Of the application {name} and its current release; "
        f"made by the role python_app of foobar.lamp.\n"
    )


def owner(text):
    """Return the name of the application whose unit ``text`` is,
    empty where it is nobody's of ours.
    """
    found = _HEADER.match(text)
    return found[1] if found else ""


def _word(text):
    """Return a word of a command as systemd reads it."""
    for plain_text, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = str(text).replace(plain_text, escaped)
    return f'"{text}"'


def _command(words):
    return " ".join(map(_word, words))


def _restrict(plan):
    """Return the lines of a unit that open what ``plan`` asks for.

    The last one of a name counts, and a list is added to.
    """
    words = {True: "true", False: "false"}
    given = {
        name: value if isinstance(value, list) else [value]
        for name, value in (plan.get("restrict") or {}).items()
    }
    return "".join(
        f"{name}={words.get(one, one) if isinstance(one, bool) else one}\n"
        for name, values in given.items()
        for one in values
    )


def _unit(plan, **values):
    shared = plan.get("shared_media") or ""
    return header(plan["name"]) + _UNIT.format(
        **{
            # Without what the hosts share, files of visitors would go to a place that nobody else
            # sees.
            "mounts": f"RequiresMountsFor={shared}\n" if shared else "",
            "unit": "",
            "writable": f"{plan['root']} {shared}".strip(),
            "oom_score": OOM_SCORE,
            "restrict": _restrict(plan),
            **{key: plan[key] for key in ("user", "root")},
            **values,
        }
    )


def service_name(name, instance):
    """Return the unit of a service of the application ``name``;
    an ``instance`` is a release and a number, ``RELEASE-NUMBER``.
    """
    return f"app-{name}@{instance}.service"


def instance(unit):
    """Return the instance whose unit this is, empty if it is none."""
    return unit.partition("@")[2].removesuffix(".service")


def socket(name, instance):
    """Return the socket of a service."""
    return f"/run/python_app/{name}/{instance}/app.sock"


def instance_of_socket(path):
    """Return the instance that has this socket, empty if it is none's."""
    return path.split("/")[-2] if path.endswith("/app.sock") else ""


def _image_unit(plan, description, container, command, runs=True, socket_lines="", release=""):
    """Return the text of a unit that runs a ``command`` of the launcher in an image."""
    shared, graceful, limit = (
        plan.get("shared_media") or "",
        plan["server"]["graceful_timeout"],
        plan["server"]["memory_limit"],
    )
    drain = (
        f"ExecStop=-{_command([f'{release}/run', '--drain', str(graceful)])}\n"
        if socket_lines and plan["container"]["port"]
        else ""
    )
    running = _RUNNING.format(
        graceful=graceful, container=container, drain=drain, timeout=2 * graceful + 15
    )
    percent = plan["container"]["cpu_limit"]
    return header(plan["name"]) + _IMAGE.format(
        description=description,
        mounts=f"RequiresMountsFor={shared}\n" if shared else "",
        service=(running if runs else "Type=oneshot\n") + socket_lines,
        container=container,
        command=_command(command),
        oom_score=OOM_SCORE,
        limits=_memory(limit) + (f"CPUQuota={percent}%\n" if percent else ""),
    )


def _memory(limit):
    # Close to the limit the kernel slows down what asks for more; at the limit it ends a process.
    return f"MemoryHigh={limit * 95 // 100}M\nMemoryMax={limit}M\n" if limit else ""


def service(plan, release, instance):
    """Return the text of the unit that serves the ``release`` of ``plan``, what release.json
    says and the name of its ``builder``.
    """
    name, place = plan["name"], socket(plan["name"], instance)
    directory = f"{plan['root']}/releases/{release}"
    if plan.get("image"):
        lines = _IN_IMAGE.format(
            name=name, instance=instance, socket=place, builder=plan["builder"]
        )
        command = [f"{directory}/run", "--service", *plan["serve"]]
        text = _image_unit(
            plan,
            f"{name}, release {release}",
            f"app-{name}-{instance}",
            command,
            socket_lines=lines,
            release=directory,
        )
        return text + _INSTALL.format(target="multi-user")
    words = [word.replace("$SOCKET", place) for word in plan["serve"]] or [
        "python",
        f"{directory}/serve.py",
    ]
    values = {
        "name": name,
        "instance": instance,
        "builder": plan["builder"],
        "directory": place.rpartition("/")[0],
        "socket": place,
        "release": directory,
        "command": _command([f"{directory}/run", *words]),
        "memory": _memory(plan["server"]["memory_limit"]),
        "timeout": plan["server"]["graceful_timeout"] + 5,
    }
    # However often it ends: what it needs may come up later.
    more = {
        "type": "exec",
        "unit": "StartLimitIntervalSec=0\n",
        "service": _SERVICE.format(**values),
    }
    return _unit(plan, description=f"{name}, release {release}", **more) + _INSTALL.format(
        target="multi-user"
    )


def units(plan):
    """Return the systemd units of the workers and timers of ``plan``: ``{file name: text}``."""
    found = {}
    for kind in ("workers", "timers"):
        for job in plan.get(kind) or []:
            unit, description = f"{plan['name']}-{job['name']}", f"{job['name']} of {plan['name']}"
            words = [f"{plan['root']}/current/run", *job["command"]]
            restart = "Restart=always\nRestartSec=2\n" if kind == "workers" else ""
            service = _JOB.format(root=plan["root"], command=_command(words), restart=restart)
            if plan.get("image"):
                text = _image_unit(plan, description, f"app-{unit}", words, runs=kind == "workers")
            else:
                text = _unit(
                    plan,
                    description=description,
                    type="exec" if kind == "workers" else "oneshot",
                    service=service,
                )
            if kind == "workers":
                found[f"{unit}.service"] = text + _INSTALL.format(target="multi-user")
            else:
                found[f"{unit}.service"] = text
                timer = _TIMER.format(
                    description=description, schedule=job["schedule"]
                ) + _INSTALL.format(target="timers")
                found[f"{unit}.timer"] = header(plan["name"]) + timer
    return found


def started(names, elsewhere=()):
    """Return those of an application's units ``names`` that run all the time:
    a service that a timer starts waits for it.

    ``elsewhere``: timers that another host runs.
    """
    return [
        name
        for name in names
        if (name.endswith(".timer") or name.replace(".service", ".timer") not in names)
        and name not in elsewhere
    ]


def elsewhere(plan, enabled=()):
    """Return the timers of ``plan`` that do not run on its host, since one host runs them for all;
    ``enabled``: what its start starts.
    """
    single = [
        f"{plan['name']}-{job['name']}.timer"
        for job in plan.get("timers") or []
        if (job.get("run_on") or "one") == "one"
    ]
    where = plan.get("single_timers") or "here"
    return (
        []
        if where == "here"
        else [name for name in single if where == "elsewhere" or name not in enabled]
    )


def schedule_problem(schedule):
    """Return what is wrong with the ``schedule`` of a timer as far as its form tells,
    empty if nothing is: systemd reads it on the host.
    """
    words = str(schedule).split()
    # systemd's form has four words at most: the day of the week, a date, a time and a time zone.
    if len(words) > 4:
        return (
            "is cron's form: give systemd's, for instance *-*-* 03:00:00, see 'man systemd.time'."
        )
    return (
        ""
        if words and "\n" not in str(schedule)
        else "is no time: give one as systemd takes it, for instance daily."
    )
