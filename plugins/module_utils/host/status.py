# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is like at this moment: the facts of status_info. It changes nothing. No Ansible.

Each part is a function of its own that returns what is so; what is wrong with that is judged on the
controller.
"""

from __future__ import annotations

import calendar
import concurrent.futures
import contextlib
import glob
import json
import os
import re
import time

from ansible_collections.foobar.lamp.plugins.module_utils.app import settings as app_settings
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.module_utils.common import listings, safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import ask, read
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import seal
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import stale
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.transaction import (
    JOURNALS,
    Transaction,
)
from ansible_collections.foobar.lamp.plugins.module_utils.host import (
    balancer,
    facts,
    http_health_info,
    member,
    soa,
)
from ansible_collections.foobar.lamp.plugins.module_utils.host import units as systemd_units
from ansible_collections.foobar.lamp.plugins.module_utils.mysql import cluster as database_cluster

_TEXTS = {"type": "list", "elements": "str", "default": []}
_PAGES = http_health_info.ARGUMENT_SPEC
ARGUMENT_SPEC = {
    "roles": {"type": "list", "elements": "str"},
    "services": _TEXTS,
    "applications": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": _PAGES["pages"]["options"],
    },
    "port": _PAGES["port"],
    "tls_port": _PAGES["tls_port"],
    "zones": _TEXTS,
    "servers": _TEXTS,
    "database_servers": _TEXTS,
    "addresses": _TEXTS,
}
#: Seconds that an application gets to say that it is well.
PATIENCE = 5
PROPERTIES = (
    "Type",
    "Names",
    "ConditionResult",
    "StateChangeTimestampMonotonic",
    "ExecMainStartTimestampMonotonic",
)
#: The packages whose versions matter to the sites.
PACKAGES = (
    "apache2", "bind9", "haproxy", "keepalived", "linux-image-amd64", "linux-image-arm64",
    "mariadb-server", "mysql-community-server", "mysql-server", "nginx", "openssh-server",
    "python3",
)  # fmt: skip
#: What closes sites to visitors, by the playbooks maintenance and restore.
CLOSED = ("/etc/apache2/conf-enabled/zz-foobar-lamp-{0}*.conf", "/etc/nginx/closed/{0}*.conf")
#: What is in force until a run confirms it.
TRIALS = {"sshd": "/var/lib/foobar.lamp/sshd.trial", "firewall": "/run/foobar-lamp-firewall.trial"}
#: What roles have systemd run, and start with the host; those of python_app are the applications'.
UNITS_OF_ROLES = {
    "apache": ["apache2.service"],
    "backup": ["lamp-backup.timer", "lamp-backup-log.timer", "lamp-backup-drill.timer"],
    "bind": ["named.service"],
    "certificates": ["site-certificates.timer"],
    "database_proxy": ["lamp-database-proxy.service"],
    "haproxy": ["haproxy.service"],
    "keepalived": ["keepalived.service"],
    "mysql": ["mariadb.service", "mysql.service", "mysql-agent.service", "mysql-certificate.timer"],
    "nginx": ["nginx.service"],
    "python_app": [],
}
BACKUP_SETTINGS = "/etc/lamp-backup/settings.json"
UNITS = "/etc/systemd/system"
#: By which a run comes to the host.
SSHD = "ssh.service"
DATABASE_CERTIFICATE = "/etc/mysql/tls/server.pem"
REBOOT = "/run/reboot-required"
_BACKUP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\Z")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) UTC")
_ISSUER = re.compile(r"CN ?= ?([^,]+)")
_OCTAL = re.compile(r"\\([0-7]{3})")
#: File systems that hold what somebody wrote; of those in memory, not the kernel's and systemd's
#: own.
_ON_DISK = {
    "bcachefs",
    "btrfs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "nfs4",
    "overlay",
    "tmpfs",
    "xfs",
    "zfs",
}
_OTHERS = ("/dev", "/proc", "/sys", "/run/credentials", "/run/lock", "/run/user", "/var/lib/docker")


def iso(seconds):
    """Return a moment in seconds since 1970 as a text such as 2026-11-27T12:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _seconds(*parts):
    """Return the seconds since 1970 of year, month, day, hour, minute and second in UTC."""
    return calendar.timegm((*map(int, parts), 0, 0, 0))


def _json(path):
    """Return what a JSON file of root's says, nothing if it cannot be read."""
    try:
        found = json.loads(safe_paths.read(path)[1])
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _changed(path):
    """Return when a file was changed last, 0 if it is not there."""
    try:
        return safe_paths.status(path).st_mtime
    except OSError:
        return 0


def _bare(unit):
    return unit.removesuffix(".service")


# Services


def local():
    """Return the enabled units that roles, or whoever else works on the host, have made:
    those of packages are elsewhere.
    """
    return {
        name
        for name in systemd_units.wanted(UNITS)
        if os.path.isfile(place := f"{UNITS}/{name}") and not os.path.islink(place)
    }


def of_former_roles(roles):
    """Return the units of each role that a run has set up on the host, and that is none of its
    ``roles`` now: ``{role: [unit]}``. None stands for all roles.

    Without its group a host is not asked to stop what it has, which may be all that there is of it.
    """
    if roles is None:
        return {}
    found = {
        role: list(units)
        for role, units in UNITS_OF_ROLES.items()
        if role not in roles and os.path.isdir(os.path.join(JOURNALS, role))
    }
    if "python_app" in found:
        found["python_app"] = sorted(
            name for name in local() if app_units.owner(read(f"{UNITS}/{name}"))
        )
    return found


def left(former, units, enabled):
    """Return those of the units ``of_former_roles`` that run, or start with the host."""
    found = {
        role: [
            _bare(name)
            for name in names
            if name in enabled
            or units.get(_bare(name), {}).get("ActiveState", "inactive")
            not in ("inactive", "failed")
        ]
        for role, names in former.items()
    }
    return {role: names for role, names in found.items() if names}


def own_names(names, units):
    """Return the ``names`` of units by which systemd knows them:
    a service may be named by an alias, such as redis for redis-server.
    """
    own = {
        _bare(alias): name
        for name, unit in units.items()
        for alias in unit.get("Names", "").split()
    }
    return {own.get(name, name) for name in names}


def services(wanted, units):
    """Return the state of each of the units that have to run, in systemd's word.

    ``wanted``: those whose absence is a fault, too.

    A unit that is done once it has run, and one whose conditions do not hold on this host, are left
    out.
    """
    found = dict.fromkeys(set(wanted) - units.keys(), "unknown")
    for name, unit in units.items():
        state, tried = unit.get("ActiveState", ""), unit.get("ConditionTimestampMonotonic") != "0"
        done = unit.get("Type") == "oneshot" or tried and unit.get("ConditionResult") == "no"
        if name in wanted or not (state == "inactive" and done):
            found[name] = state if unit.get("LoadState") == "loaded" else unit.get("LoadState", "")
    return dict(sorted(found.items()))


def failed(listing):
    """Return the units of which ``systemctl list-units --plain`` prints a line each."""
    return sorted(line.split()[0] for line in listing.splitlines() if line.strip())


# Applications


def _link(path):
    try:
        return os.path.basename(safe_paths.link_target(path))
    except OSError:
        return ""


def live(name):
    """Return the unit of the service that visitors of an application are led to, empty for none."""
    try:
        instance = app_units.instance_of_socket(safe_paths.link_target(f"/srv/{name}/live.sock"))
    except OSError:
        return ""
    return app_units.service_name(name, instance) if instance else ""


def applications(wrongs, units, others):
    """Return what there is of each application.

    ``wrongs``: what is wrong with the page of each that tells its health. ``others``: those that
    run with other settings than those that are on disk.
    """
    found = {}
    for name, wrong in wrongs.items():
        current, unit = _link(f"/srv/{name}/current"), live(name)
        made = _json(f"/srv/{name}/releases/{current}/made.json") if current else {}
        found[name] = {
            "release": current,
            "source": str(made.get("source", "")),
            "since": iso(_changed(f"/srv/{name}/current")) if current else "",
            "unverified": bool(current)
            and current in (_link(f"/srv/{name}/unverified"), _link(f"/srv/{name}/unproven")),
            "stale": name in others,
            "service": unit,
            "state": units.get(_bare(unit), {}).get("ActiveState", "inactive"),
            "unhealthy": wrong,
        }
    return found


# Certificates


def certificates(said, of_database):
    """Return what is to be known of each certificate:
    what ``site-certificates status --json`` says, and the database server's own.
    """
    found = {}
    with contextlib.suppress(ValueError):
        for row in json.loads(said or "{}").get("certificates", []):
            found[row["name"]] = {
                key: row.get(key)
                for key in ("since", "until", "issuer", "source", "state", "reason", "trusted")
            }
    dates = dict(line.split("=", 1) for line in of_database.splitlines() if "=" in line)
    if "notAfter" in dates:
        since, until = (iso(_of_openssl(dates.get(name, ""))) for name in ("notBefore", "notAfter"))
        issuer = _ISSUER.search(dates.get("issuer", ""))
        kept = {
            "issuer": issuer[1] if issuer else "",
            "source": "private",
            "state": "issued",
            "reason": "",
            "trusted": False,
        }
        found["the database server"] = {"since": since, "until": until, **kept}
    return found


def _of_openssl(text):
    """Return the seconds since 1970 of a moment as OpenSSL prints
    it, such as Nov 27 12:00:00 2026 GMT.
    """
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    word = re.match(r"(\w{3}) +(\d+) (\d\d):(\d\d):(\d\d) (\d{4}) GMT\Z", text)
    if not word or word[1] not in months:
        return 0
    return _seconds(word[6], months.index(word[1]) + 1, *word.group(2, 3, 4, 5))


# Backups


def schedule(name):
    """Return when a timer of the role backup is due, as systemd has it; empty where it has none."""
    found = re.search(r"^OnCalendar=(.+)$", read(f"{UNITS}/{name}.timer"), re.MULTILINE)
    return found[1].strip() if found else ""


def interval(listing):
    """Return the longest time in seconds between two of the moments that ``systemd-analyze
    calendar`` prints; 0 if it is not known.
    """
    moments = sorted({_seconds(*found) for found in _MOMENT.findall(listing)})
    return max(
        (later - earlier for earlier, later in zip(moments, moments[1:], strict=False)), default=0
    )


def backups(settings, every):
    """Return how old backups, their copies and drills are.

    ``every``: the times in seconds between two of each, by the timer.
    """
    place = settings["directory"]
    names = (
        sorted((name for name in os.listdir(place) if _BACKUP.match(name)), reverse=True)
        if os.path.isdir(place)
        else []
    )
    # The manifest is written last.
    whole = [name for name in names if os.path.exists(f"{place}/{name}/manifest.json")]
    drills = [drill for name in whole if (drill := _json(f"{place}/{name}/drill.json")).get("time")]
    last_drill: dict = max(drills, key=lambda one: one["time"], default={})
    copied, to = _changed(f"{place}/.copied"), (settings.get("copy") or {}).get("to", "")
    # What has never been done is late only when it could have been: a host may be new to it.
    able = max(
        _changed(f"{UNITS}/lamp-backup.timer"),
        _changed("/usr/local/lib/lamp-backup/lamp_backup/main.py"),
    )
    return {
        "able_since": iso(able),
        "backup": {
            "last": iso(_seconds(*_BACKUP.findall(whole[0])[0])) if whole else "",
            "every": every["lamp-backup"],
        },
        "copy": {
            "to": to,
            "last": iso(copied) if copied else "",
            "every": every["lamp-backup"] if to else 0,
        },
        "drill": {
            "last": last_drill.get("time", ""),
            "passed": last_drill.get("ok"),
            "reason": last_drill.get("why", ""),
            "every": every["lamp-backup-drill"],
        },
    }


# The database, where several hosts have it


def cluster(settings):
    """Return how the host's server is as a member of the cluster, by its agent;
    ``said`` is None where that says nothing.
    """
    try:
        answer = json.loads(member.ask(settings, "/state", PATIENCE)[1] or "{}") or {}
    except ValueError:
        answer = {}
    words = {
        name: answer.get(name) if isinstance(answer.get(name), str) else ""
        for name in ("state", "writer", "why")
    }
    return {
        "members": list(settings["members"]),
        "said": database_cluster.said(answer),
        "synced": answer.get("synced") is True,
        **words,
    }


# Disks and memory


def disks(mounts):
    """Return how full each file system is, in percent of its bytes and of its inodes;
    ``mounts``: the kernel's list of them.
    """
    found, seen = [], set()
    for words in (line.split() for line in mounts.splitlines()):
        if (
            len(words) < 3
            or words[2] not in _ON_DISK
            or f"{words[1]}/".startswith(tuple(f"{other}/" for other in _OTHERS))
        ):
            continue
        path = _OCTAL.sub(lambda match: chr(int(match[1], 8)), words[1])
        try:
            # A file may be one, too, in a container.
            device, said = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        if device in seen or not said.f_blocks or not os.path.isdir(path):
            continue
        seen.add(device)
        used = said.f_blocks - said.f_bfree
        found.append({
            "path": path,
            "size_mb": said.f_blocks * said.f_frsize // 2**20,
            "percent": _percent(used, used + said.f_bavail),
            "inodes": _percent(said.f_files - said.f_ffree, said.f_files),
        })  # fmt: skip
    return sorted(found, key=lambda one: one["path"])


def images():
    """Return how many MiB the images of applications take together, each once,
    with what they share counted for each.
    """
    found = {}
    for path in glob.glob("/srv/*/releases/*/image.json"):
        with contextlib.suppress(ValueError, KeyError):
            image = json.loads(read(path))
            found[image["id"]] = image["size"]
    return sum(found.values()) // 2**20


def _percent(part, whole):
    """Return the percentage, rounded up as df does; 0 of nothing."""
    return -(-100 * part // whole) if whole else 0


def memory(meminfo, limit="", used=""):
    """Return the memory in MiB, and how much of it programs could get:
    of the host, or of its container's limit.
    """
    said = re.search(r"^MemAvailable:\s*(\d+) kB", meminfo, re.MULTILINE)
    total, available = listings.memory_mb(meminfo, limit), int(said[1]) // 1024 if said else 0
    if limit.strip().isdecimal() and used.strip().isdecimal():
        available = min(available, max(0, int(limit) - int(used)) // 2**20)
    return {"total_mb": total, "available_mb": available}


# What killed runs leave


def journals():
    """Return the trees of config_tree that a run left half-way;
    one that a run is at work on is none.
    """
    found, locks = [], read("/proc/locks")
    for place in sorted(glob.glob(os.path.join(JOURNALS, "*"))):
        lock = f"{place}/lock"
        held = os.path.exists(lock) and f":{os.stat(lock).st_ino} " in locks
        if Transaction(place).unfinished() and not held:
            found.append(os.path.basename(place))
    return found


def unread(units):
    """Return the services that run with older files than those that a run left on disk."""
    found = [
        stale(Transaction(os.path.dirname(path)).stamps(), units)
        for path in glob.glob(os.path.join(JOURNALS, "*", "stamps"))
    ]
    return sorted({unit for one in found for names in one.values() for unit in names})


def closed():
    """Return what closes sites to visitors:
    names such as maintenance and maintenance-www.foobar.com.
    """
    paths = [
        path
        for pattern in CLOSED
        for kind in ("maintenance", "restore")
        for path in glob.glob(pattern.format(kind))
    ]
    return sorted(
        os.path.basename(path).removeprefix("zz-foobar-lamp-").removesuffix(".conf")
        for path in paths
    )


def last_change():
    """Return when a run last changed the host's configuration, empty if nobody knows."""
    moments = [_changed(path) for path in glob.glob(os.path.join(JOURNALS, "*", "s*"))]
    return iso(max(moments)) if moments else ""


def run(params, check_mode=False, diff=False):
    """Ask, and return the facts as status_info documents them.
    ``check_mode`` and ``diff`` change nothing.
    """
    former = of_former_roles(params["roles"])
    gone = {name for names in former.values() for name in names}
    wanted = set(map(_bare, params["services"]))
    ours = wanted | set(map(_bare, local() - gone | {SSHD} & systemd_units.wanted()))
    serving = {_bare(unit) for page in params["applications"] if (unit := live(page["name"]))}
    names = [
        name if name.endswith(systemd_units.KINDS) else f"{name}.service"
        for name in ours | serving | seal.stamped() | gone
    ]
    timers = {name: schedule(name) for name in ("lamp-backup", "lamp-backup-drill")}
    # What is left of a role that the host no longer has is nobody's to renew, to copy or to join.
    backed_up = {} if "backup" in former else _json(BACKUP_SETTINGS)
    in_cluster = {} if "mysql" in former else member.settings()
    certificates_program = "/usr/local/sbin/site-certificates"
    # At the same time: they take longer than all else.
    said_certificates = (
        ask(certificates_program, "status", "--json")
        if "certificates" not in former and os.path.exists(certificates_program)
        else str
    )
    said_database = (
        ask(
            "openssl",
            "x509",
            "-in",
            DATABASE_CERTIFICATE,
            "-noout",
            "-startdate",
            "-enddate",
            "-issuer",
        )
        if "mysql" not in former and os.path.exists(DATABASE_CERTIFICATE)
        else str
    )
    said_units = ask("systemctl", *systemd_units.question(names, PROPERTIES))
    said_failed = ask(
        "systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full"
    )
    said_packages = ask(
        "dpkg-query",
        "--show",
        "--showformat",
        "${db:Status-Abbrev} ${Package} ${Version}\n",
        *PACKAGES,
    )
    said_every = {
        name: ask("env", "TZ=UTC", "systemd-analyze", "calendar", "--iterations=8", when)
        if when
        else str
        for name, when in timers.items()
    }
    ports, deadline = (params["port"], params["tls_port"]), time.monotonic() + PATIENCE
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        said_serials = pool.map(
            lambda zone: soa.serial(zone, ["127.0.0.1", *facts.addresses()]), params["zones"]
        )
        said_pages = pool.map(
            lambda page: http_health_info.ask(page, "127.0.0.1", ports, deadline),
            params["applications"],
        )
        said_servers = balancer.stat() if params["servers"] else ""
        said_database_servers = (
            balancer.stat(balancer.DATABASE_SOCKET) if params["database_servers"] else ""
        )
    wrongs = {
        page["name"]: wrong for page, wrong in zip(params["applications"], said_pages, strict=True)
    }
    units = listings.services(said_units())
    wanted = own_names(wanted, units)
    shown = ((ours | wanted) - serving) & units.keys()
    name, version = listings.system(read("/etc/os-release"))
    result = {
        "time": iso(time.time()),
        "system": {
            "name": name,
            "version": read("/etc/debian_version").strip() or version,
            "kernel": os.uname().release,
        },
        "up_seconds": int(float((read("/proc/uptime").split() or ["0"])[0])),
        "last_change": last_change(),
        "packages": listings.installed(said_packages()),
        "services": services(wanted, {name: units[name] for name in shown}),
        "left": left(former, units, systemd_units.wanted()),
        "failed": failed(said_failed()),
        "unread": unread(units),
        "applications": applications(wrongs, units, app_settings.stale()),
        "certificates": certificates(said_certificates(), said_database()),
        "backups": backups(backed_up, {name: interval(said()) for name, said in said_every.items()})
        if backed_up
        else {},
        "zones": dict(zip(params["zones"], said_serials, strict=True)),
        "servers": balancer.servers(params["servers"], said_servers),
        "database_servers": balancer.servers(params["database_servers"], said_database_servers),
        "addresses": {address: balancer.holds(address) for address in params["addresses"]},
        "vrrp": read(facts.HOLDER).strip() if params["addresses"] else "",
        "cluster": cluster(in_cluster) if in_cluster else {},
        "disks": disks(read("/proc/self/mounts")),
        "images_mb": images(),
        "memory": memory(
            read("/proc/meminfo"),
            read("/sys/fs/cgroup/memory.max"),
            read("/sys/fs/cgroup/memory.current"),
        ),
        "journals": journals(),
        # One that has left lamp_web may stay closed: nobody is led to it.
        "closed": [] if "python_app" in former else closed(),
        "trials": sorted(name for name, path in TRIALS.items() if os.path.exists(path)),
        "reboot": sorted(set(read(f"{REBOOT}.pkgs").split())) if os.path.exists(REBOOT) else None,
    }
    return {"changed": False, "status": result}
