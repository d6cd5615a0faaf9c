# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of itself: the facts of host_facts, from dpkg, systemd and the files under
/etc and /proc. No Ansible.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import socket
import stat

from ansible_collections.foobar.lamp.plugins.module_utils.app import settings as app_settings
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.module_utils.common import listings, safe_paths
from ansible_collections.foobar.lamp.plugins.module_utils.common.ask import ask, read
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import seal
from ansible_collections.foobar.lamp.plugins.module_utils.host import (
    firewall,
    haproxy_runtime,
    login,
    member,
    others,
)
from ansible_collections.foobar.lamp.plugins.module_utils.host import units as systemd_units

ARGUMENT_SPEC = {
    "refresh": {"type": "bool", "default": False},
    "sshd_settings": {"type": "dict"},
    "_run": {"type": "str"},
}
PATHS = (
    "/etc/apache2/access/*",
    "/etc/nginx/access/*",
    "/etc/apache2/conf-enabled/zz-foobar-lamp-maintenance*",
    "/etc/nginx/closed/maintenance*",
    "/etc/mysql/tls/.reload",
    "/etc/mysql/tls/ca.key",
    "/etc/systemd/system/lamp-database-proxy.service",
    "/etc/foobar.lamp/acme_thumbprint",
    "/etc/foobar.lamp/certificates.json",
    "/var/lib/foobar.lamp/certificates/*/current",
    "/var/lib/foobar.lamp/certificates_placed",
    "/srv/*/current",
    "/srv/*/live.sock",
    "/srv/*/unverified",
    "/srv/*/unproven",  # the same, as earlier versions called it
    "/etc/python_app/*.env",
    "/usr/local/lib/python_app/*",
    "/etc/bind/keys/*.key",
    "/etc/mysql/tls/server.pem",
    "/var/lib/foobar.lamp/mysql_settings",
    "/var/lib/foobar.lamp/mysql_accepted",
    "/var/lib/bind/*.zone",
    "/var/lib/foobar.lamp/bind_keys/K*",
    "/var/lib/foobar.lamp/bind_copies/*",
    f"{haproxy_runtime.DRAINED}/*",
    haproxy_runtime.CLOSING,
)
# Each key of a signed zone that the role bind recorded in the one has its private part in the
# other, which is the name server's own.
RECORDED_KEYS = "/var/lib/foobar.lamp/bind_keys"
PRIVATE_KEYS = "/var/lib/bind/dnssec"
# What roles remember of the host, lists of texts, in NAME.json.
STATE = "/var/lib/foobar.lamp"
REMEMBERED = (
    "apache_access",
    "firewall",
    "nginx_access",
    "mysql_settings",
    "mysql_accepted",
    "mysql_cluster",
)
# The certificate of each name that is served, and what the command that had it issued says about
# it.
CERTIFICATES = "/var/lib/foobar.lamp/certificates"
AUTHORITIES = ("/etc/mysql/tls/ca.pem",)
# What keepalived says when it has become the one that has the addresses, or is it no longer.
HOLDER = "/run/lamp-keepalived/state"
# What a profile NAME lacks is added in local/NAME, whoever's it is.
APPARMOR = "/etc/apparmor.d"
PROFILES = ("mariadbd", "usr.sbin.mysqld")
PROPERTIES = ("UnitFileState", "StateChangeTimestampMonotonic", "ExecMainStartTimestampMonotonic")
# Addresses that are reserved for documentation: reached, if at all, by the default route. Nothing
# is sent.
ANYWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def addresses():
    """Return the addresses that connections to anywhere would come from."""
    found = []
    for family, anywhere in ANYWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((anywhere, 9))
                found.append(probe.getsockname()[0])
        except OSError:
            continue
    return [address for address in found if not address.lower().startswith("fe80:")]


def paths():
    """Return what stands at PATHS, and which private keys of signed zones are there."""
    found = {}
    keys = [
        f"{PRIVATE_KEYS}/{os.path.basename(path)}.private"
        for path in glob.glob(f"{RECORDED_KEYS}/K*")
    ]
    for path in [path for pattern in PATHS for path in glob.glob(pattern)] + keys:
        # What lies behind a link of somebody else's is none of ours, and what is gone again is not
        # there.
        with contextlib.suppress(OSError):
            status = safe_paths.status(path)
            link = safe_paths.link_target(path) if stat.S_ISLNK(status.st_mode) else ""
            found[path] = {"link": link, "changed": status.st_mtime}
    return found


def state():
    """Return what the roles remembered of the host, ``{name:
    [text]}``; what cannot be read is left out.
    """
    found = {}
    for name in REMEMBERED:
        with contextlib.suppress(OSError, ValueError):
            try:
                values = json.loads(safe_paths.read(f"{STATE}/{name}.json")[1])
            except FileNotFoundError:
                # An earlier version kept them as the target of a link.
                values = [
                    value for value in safe_paths.link_target(f"{STATE}/{name}").split(",") if value
                ]
            if isinstance(values, list) and all(isinstance(value, str) for value in values):
                found[name] = values
    return found


def certificates():
    """Return what is said about the certificates that the host serves, ``{name: {...}}``;
    nothing of what cannot be read.
    """
    found = {}
    for path in glob.glob(f"{CERTIFICATES}/*/current"):
        with contextlib.suppress(OSError, ValueError):
            about = json.loads(
                safe_paths.read(
                    f"{os.path.dirname(path)}/{safe_paths.link_target(path)}/about.json"
                )[1]
            )
            if isinstance(about, dict):
                found[os.path.basename(os.path.dirname(path))] = about
    return found


def units_of_apps():
    """Return the systemd units that the role python_app has made, ``{name: application}``."""
    found = {}
    for path in glob.glob("/etc/systemd/system/*.service") + glob.glob(
        "/etc/systemd/system/*.timer"
    ):
        # Links are those that systemctl makes of other units.
        if not os.path.islink(path) and (owner := app_units.owner(read(path))):
            found[os.path.basename(path)] = owner
    return found


def run(params, check_mode=False, diff=False):
    """Ask, and return the facts as host_facts documents them.
    ``check_mode`` and ``diff`` change nothing.
    """
    # At the same time: they take longer than all else. systemctl asks about one unit after the
    # other: so about none that nobody wants.
    wanted = systemd_units.wanted()
    asked = wanted | systemd_units.enabled() | seal.stamped() | set(firewall.OTHERS)
    said_units = ask("systemctl", *systemd_units.question(asked, PROPERTIES))
    said_packages = ask(
        "dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package} ${Version}\n"
    )
    said_container = ask("systemd-detect-virt", "--container")
    said_firewall = firewall.begin()
    said_login = (
        login.begin(params["sshd_settings"]) if params["sshd_settings"] is not None else None
    )
    name, version = listings.system(read("/etc/os-release"))
    container = said_container().strip()
    units = listings.services(said_units())
    packages = listings.installed(said_packages())
    made = seal.made()
    facts = {
        "addresses": addresses(),
        "app_units": units_of_apps(),
        "apps_stale": app_settings.stale(),
        "apparmor": {
            f"{APPARMOR}/{one}": read(f"{APPARMOR}/local/{one}")
            for one in PROFILES
            if os.path.exists(f"{APPARMOR}/{one}")
        },
        "asked_by": params["_run"] or "",
        "ca_certificates": {path: text for path in AUTHORITIES if (text := read(path))},
        "certificates": certificates(),
        "container": "" if container == "none" else container,
        "cores": len(os.sched_getaffinity(0)),
        "firewall": said_firewall(units),
        "holds": read(HOLDER).strip() == "MASTER",
        "hostname": os.uname().nodename,
        # A kernel may have none. Then nothing can listen on such an address.
        "ipv6": os.path.exists("/proc/net/if_inet6"),
        "made": made,
        "members": listings.members(read("/etc/group")),
        "memory_mb": listings.memory_mb(read("/proc/meminfo"), read("/sys/fs/cgroup/memory.max")),
        "mounts": listings.mounts(read("/proc/self/mountinfo")),
        "names": listings.names(read("/etc/hosts"), os.uname().nodename),
        "networks": listings.networks(read("/proc/net/route"), read("/proc/net/ipv6_route")),
        "openssh": listings.openssh(packages.get("openssh-server", "")),
        "packages": sorted(packages),
        "paths": paths(),
        "running": listings.running(units),
        "state": state(),
        "system": {"name": name, "version": version, "architecture": os.uname().machine},
        "trees": seal.holding(units),
        "unmanaged": others.served(made),
        "writes": member.writes(),
        "users": listings.users(read("/etc/passwd")),
        "waiting": listings.waiting(
            {name: unit for name, unit in units.items() if unit["Id"] in wanted}
        ),
        "zones": listings.zones(read(others.ZONES)),
    }
    if said_login:
        facts["login"] = said_login()
    return {"changed": False, "ansible_facts": {"foobar_lamp": facts}}
