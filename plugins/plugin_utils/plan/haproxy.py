# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role haproxy in the plan: balancers before the web hosts. Private to the collection. Pure."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front, tls, web
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Port, Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import (
    BALANCERS,
    apps,
    is_address,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.take_over import take_over_problems

CONFIG = "/etc/haproxy/haproxy.cfg"
#: The statuses of a web host that works: of an application's page, which has no error; and of any
#: other, which has an answer.
WELL, ANSWERS = "200-399", "200-499"
_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")
_HOST = re.compile(r"[A-Za-z0-9.-]+\Z")
_PATH = re.compile(r"/[!-~]*\Z")
_STATUS = re.compile(r"[1-5][0-9][0-9](-[1-5][0-9][0-9])?(,[1-5][0-9][0-9](-[1-5][0-9][0-9])?)*\Z")


class Haproxy(Role):
    """See Role."""

    GROUP = BALANCERS
    EDGES = {
        "names, certificates and how to check health": "lamp_sites",
        "the addresses of the web hosts": "lamp_web",
        "the ports that they listen on": "apache, nginx",
    }
    EXAMPLE = {"haproxy_default_tls": tls.files(tls.DEFAULT)}

    def inputs(self, site, host, offered):
        """Where the web hosts are, and for each site how it uses its certificate."""
        return web.at_entrance(self.name, site) | {
            "haproxy_check": check(site),
            "haproxy_default_site": site.values.get("lamp_default_site", ""),
            "haproxy_replaces": list(web.SERVICES.values()),
            "haproxy_servers": [
                _server(one, web.chosen(site.values)) for one in site.hosts("lamp_web")
            ],
            "haproxy_sites": [_site(site.values, name, one) for name, one in site.sites.items()],
            "haproxy_take_over": site.values.get("lamp_take_over", False),
            # What a web host says of an application that takes too long is to arrive.
            "haproxy_timeout": max(
                (app.get("request_timeout", 60) for *_of, app in site.apps()), default=60
            )
            + 5,
        }

    def packages(self, inputs):
        """The server."""
        return ["haproxy"]

    def offers(self, inputs):
        """Its service, and what loads certificates anew."""
        listen = inputs["haproxy_tls_listen"] or [443]
        test = ["haproxy", "-c", "-f", CONFIG]
        return {
            "services": ["haproxy"],
            "loads_certificates": [
                {"unit": "haproxy.service", "test": test, "serves": f"127.0.0.1:{listen[0]}"}
            ],
        }

    def ports(self, inputs):
        """Those of the sites."""
        served = front.serves_tls(inputs["haproxy_sites"], inputs["haproxy_default_tls"])
        tls_listen = inputs["haproxy_tls_listen"] if served else []
        udp = tls_listen if inputs["haproxy_http3"] else []
        return [
            *(Port(number) for number in [*inputs["haproxy_listen"], *tls_listen]),
            *(Port(number, "udp") for number in udp),
        ]

    def problems(self, inputs, facts, search=()):
        """Ports, names, addresses and paths, and what the host serves that nobody declares."""
        own = {name.removeprefix("haproxy_"): value for name, value in inputs.items()}
        problems = [
            *web.port_problems(self.name, own["listen"], own["tls_listen"], own["status_port"])
        ]
        if not own["tls_listen"] and front.serves_tls(own["sites"], own["default_tls"]):
            problems.append(
                "haproxy_tls_listen is empty, and there are certificates: "
                "give a port, for instance 443."
            )
        if own["http3"] and (facts.get("system") or {}).get("version") == "12":
            problems.append(
                "haproxy_http3 is true, and the haproxy of Debian 12 has no HTTP/3: "
                "set it to false for this host."
            )
        problems += front.certificate_problems(
            "haproxy_default_tls", own["default_tls"], needed=False
        )
        problems += front.thumbprint_problems("haproxy_acme_thumbprint", own["acme_thumbprint"])
        problems += [
            *_server_problems(own["servers"]),
            *_site_problems(own["sites"]),
            *_check_problems(own["check"]),
        ]
        if own["default_site"] and own["default_site"] not in [one["name"] for one in own["sites"]]:
            problems.append(
                f"haproxy_default_site is {own['default_site']!r}, which haproxy_sites does not "
                f"have: name one of them, or leave it empty."
            )
        if own["timeout"] < 1:
            problems.append(
                f"haproxy_timeout is {own['timeout']}: "
                f"give the seconds that a server may be silent, 1 or more."
            )
        return problems + take_over_problems(
            facts.get("unmanaged") or {}, self.name, "haproxy_sites", own["take_over"]
        )


def check(site):
    """Return the page by which a web host is asked for its health: of an application, if it can be.

    A site that asks for a password does not let the question come so far.
    """
    if not site.sites:
        return {"host": site.domain, "path": "/", "status": ANSWERS}
    default = site.values.get("lamp_default_site", "")
    # One whose application is there to be seen, before others; the default site, before others.
    name, one = min(site.sites.items(), key=lambda item: (not _shown(*item), item[0] != default))
    path = "/"
    for base, _name, app in apps(name, one)[:1]:
        path = base.rstrip("/") + (app.get("health_path") or "/")
    return {"host": name, "path": path, "status": WELL if _shown(name, one) else ANSWERS}


def _shown(name, one):
    return bool(apps(name, one)) and not one.get("access")


def _server(host, role):
    listen = host.given.get(f"{role}_listen") or [80]
    return {"name": host.name, "address": host.peer_addresses[0], "port": int(listen[0])}


def _site(values, name, one):
    found = tls.vhost(values, name, one)
    site = {"name": name, "aliases": list(one.get("aliases", []))}
    return (
        site | ({"sticky": True} if one.get("sticky") else {}) | ({"tls": found} if found else {})
    )


def _server_problems(servers):
    seen = set()
    for one in servers:
        if not _NAME.match(one["name"]):
            yield (
                f"haproxy_servers has the name {one['name']!r}: use letters, digits, dots, "
                f"hyphens and underscores."
            )
        if one["name"] in seen:
            yield f"haproxy_servers has {one['name']} twice: remove one."
        seen.add(one["name"])
        if not is_address(one["address"]):
            yield (
                f"haproxy_servers gives {one['name']} the address {one['address']!r}: "
                f"give an IPv4 or IPv6 address."
            )
        port = 80 if one.get("port") is None else one["port"]
        if not 0 < port < 65536:
            yield f"haproxy_servers gives {one['name']} the port {port}: give one from 1 to 65535."


def _site_problems(sites):
    owners = {}
    for number, one in enumerate(sites):
        for name in [one["name"], *(one.get("aliases") or [])]:
            if not _HOST.match(name):
                yield f"haproxy_sites has the name {name!r}: use letters, digits, hyphens and dots."
            elif owners.setdefault(name.lower(), number) != number:
                yield f"haproxy_sites gives the name {name} to two sites: leave it to one."
        if one.get("tls"):
            yield from front.tls_problems(f"haproxy_sites['{one['name']}'].tls", one["tls"])


def _check_problems(check):
    for key, pattern, remedy in (
        ("host", _HOST, "give the host name that the check asks for"),
        ("path", _PATH, "begin it with a slash, without spaces"),
        ("status", _STATUS, "give statuses and ranges of them, such as 200-399,401"),
    ):
        if check.get(key) and not pattern.match(check[key]):
            yield f"haproxy_check.{key} is {check[key]!r}: {remedy}."
    if not check.get("host"):
        yield "haproxy_check.host is missing: give the host name that the check asks for."


ROLE = Haproxy("haproxy")
