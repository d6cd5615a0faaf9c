# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server in the plan: what follows for it from the sites,
whichever it is. Private to the collection. Pure.

The inputs of the roles that are one have the same names behind the role's own: ``apache_vhosts``,
``nginx_vhosts``.
"""

from __future__ import annotations

import ipaddress
import os
import posixpath
import re
from typing import Any

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model as python_app
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import account, front, tls
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import (
    VISITORS,
    Choice,
    Port,
    Role,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import apps
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.take_over import take_over_problems

CHOICE = Choice("lamp_web_server", "apache")
#: The systemd units of the servers, by role.
SERVICES = {"apache": "apache2", "nginx": "nginx"}
#: How the name of a file begins that closes sites, by role.
CLOSED = {"apache": "/etc/apache2/conf-enabled/zz-foobar-lamp-", "nginx": "/etc/nginx/closed/"}

_NAME = re.compile(r"(\*\.)?[A-Za-z0-9.-]+\Z")
_URL = re.compile(r"https?://[^\s\"|/]+\Z")


def chosen(values):
    """Return the role that the inventory's ``values`` choose."""
    return values.get(CHOICE.variable, CHOICE.default)


class WebServer(Role):
    """See Role."""

    GROUP = "lamp_web"
    HOSTS = (1, None)
    CHOICE = CHOICE
    EDGES = {
        "virtual hosts": "lamp_sites",
        "releases and their static files": "python_app",
        "the addresses of the balancers": "lamp_lb",
    }

    #: The directory of its logs, and that of the files of its virtual hosts.
    LOGS = ""
    SITES = ""
    #: What tests its configuration.
    TEST: tuple[str, ...] = ()

    def __init__(self, name):
        super().__init__(name)
        self.EXAMPLE = {f"{name}_default_tls": tls.files(tls.DEFAULT)}
        self.service = SERVICES[name]
        #: The roles that can do the same, with their units.
        self.others = {role: service for role, service in SERVICES.items() if role != name}

    def inputs(self, site, host, offered):
        """A virtual host for each site, and how it uses the site's certificate;
        and who ends TLS before it.
        """
        visited = host.name in site.entrances
        entrance = at_entrance(self.name, site) if visited else {}
        if site.balanced:
            entrance[f"{self.name}_trusted_proxies"] = site.balancers
        return entrance | {
            f"{self.name}_default_site": site.values.get("lamp_default_site", ""),
            f"{self.name}_replaces": list(self.others.values()),
            f"{self.name}_take_over": site.values.get("lamp_take_over", False),
            f"{self.name}_vhosts": [
                _vhost(name, one, site.base) | _encrypted(site, name, one, visited)
                for name, one in site.sites.items()
            ],
        }

    def offers(self, inputs):
        """Its service, and what loads certificates anew."""
        listen = inputs.get(f"{self.name}_tls_listen") or [443]
        load = {
            "unit": f"{self.service}.service",
            "test": list(self.TEST),
            "serves": f"127.0.0.1:{listen[0]}",
        }
        return {"services": [self.service], "loads_certificates": [load]}

    def ports(self, inputs):
        """Those of its virtual hosts."""
        served = front.serves_tls(inputs[f"{self.name}_vhosts"], inputs[f"{self.name}_default_tls"])
        return [
            Port(number, peers=VISITORS)
            for number in [
                *inputs[f"{self.name}_listen"],
                *(inputs[f"{self.name}_tls_listen"] if served else []),
            ]
        ]

    def said(self, inputs) -> dict[str, Any]:
        """Return what playbooks have to know of it."""
        found = {
            "role": self.name,
            "service": self.service,
            "logs": self.LOGS,
            "sites": self.SITES,
            "closed": CLOSED[self.name],
        }
        return {**found, "test": list(self.TEST), "vhosts": inputs[f"{self.name}_vhosts"]}

    def problems(self, inputs, facts, search=()):
        """Ports, names and paths, and what the host serves that nobody declares."""
        own = {
            name.removeprefix(f"{self.name}_"): value
            for name, value in inputs.items()
            if name.startswith(f"{self.name}_")
        }
        problems = [*port_problems(self.name, own["listen"], own["tls_listen"], own["status_port"])]
        if not own["tls_listen"] and front.serves_tls(own["vhosts"], own["default_tls"]):
            problems.append(
                f"{self.name}_tls_listen is empty, and there are certificates: "
                f"give a port, for instance 443."
            )
        problems += front.certificate_problems(
            f"{self.name}_default_tls", own["default_tls"], needed=False
        )
        thumbprint = f"{self.name}_acme_thumbprint"
        problems += front.thumbprint_problems(thumbprint, own["acme_thumbprint"])
        for vhost in own["vhosts"] if own["acme_thumbprint"] else []:
            problems += front.challenge_problems(
                f"{self.name}_vhosts['{vhost['name']}']", vhost, thumbprint
            )
        problems += _proxy_problems(f"{self.name}_trusted_proxies", own["trusted_proxies"])
        problems += _vhost_problems(f"{self.name}_vhosts", own["vhosts"])
        problems += _page_problems(f"{self.name}_vhosts", own["vhosts"], search)
        default, names = own["default_site"], [vhost["name"] for vhost in own["vhosts"]]
        if default and default not in names:
            problems.append(
                f"{self.name}_default_site is {default!r}, which {self.name}_vhosts does not "
                f"have: name one of them, or leave it empty."
            )
        problems += _closed_problems(self.name, facts)
        return problems + take_over_problems(
            facts.get("unmanaged") or {}, self.name, f"{self.name}_vhosts", own["take_over"]
        )


def _closed_problems(role, facts):
    """A site that is closed by the one server would be open by the other."""
    for other, service in SERVICES.items():
        closed = [
            path
            for path in facts.get("paths") or {}
            if path.startswith(f"{CLOSED[other]}maintenance")
        ]
        if other != role and closed and service in (facts.get("running") or ()):
            yield (
                f"{', '.join(sorted(closed))} says that sites are closed for maintenance. "
                f"{service} obeys that, but {SERVICES[role]} would not: open them by "
                f"foobar.lamp.maintenance with lamp_web_server: "
                f"{other}, change the server, and close them again."
            )


def _vhost(name, site, base):
    vhost = {"name": name, "aliases": list(site.get("aliases", []))}
    for key in ("access", "document_root", "extra", "htaccess", "redirects"):
        if key in site:
            vhost[key] = site[key]
    if pages := site.get("error_pages"):
        vhost["error_pages"] = [
            _error_page(name, status, path, base) for status, path in pages.items()
        ]
    for path, app_name, app in apps(name, site):
        current = f"/srv/{app_name}/current"
        proxy = {
            "name": app_name,
            "path": path,
            "socket": f"/srv/{app_name}/live.sock",
            "timeout": app.get("request_timeout", 60),
        }
        proxy["max_body"] = python_app.max_body(app)
        # Another server than ours does not say which connections it will close after a switch.
        vhost.setdefault("proxy", []).append(
            {**proxy, "reuse": not ("serve" in app or python_app.is_image(app))}
        )
        if "media" in app:
            vhost.setdefault("media", []).append(
                {
                    "url": front.media_url(path, app["media"]),
                    "path": python_app.media_place(app_name, app["media"]),
                }
            )
        if "collect" in app or "static_dir" in app:
            url = app.get("static_url", f"{path.rstrip('/')}/static/")
            directory = f"{current}/{python_app.static_place(app)}"
            vhost.setdefault("static", []).append(
                {
                    "url": url,
                    "path": directory,
                    "immutable": "collect" in app,
                    "precompressed": True,
                }
            )
    return vhost


def _encrypted(site, name, one, visited):
    found = tls.vhost(site.values, name, one) if visited else {}
    return ({"tls": found} if found else {}) | (
        {"headers": one["headers"]} if "headers" in one else {}
    )


def at_entrance(role, site):
    """Return the inputs of a role that ends TLS for visitors:
    the certificate of names that nobody has, and the answer to a CA.
    """
    found = {}
    if any(one.name == tls.DEFAULT for one in tls.certificates(site)):
        found[f"{role}_default_tls"] = tls.files(tls.DEFAULT)
    if tls.uses(site, "acme", "http-01"):
        found[f"{role}_acme_thumbprint"] = account.thumbprint(site.acme_account)
    return found


def _error_page(name, status, path, base):
    """Return where a page is: on the controller, or in the release of the site's application,
    which is called as the site is.
    """
    if front.on_controller(path):
        return {
            "status": status,
            "src": posixpath.normpath(posixpath.join(base, posixpath.expanduser(path))),
        }
    return {"status": status, "path": f"/srv/{name}/current/src/{path}"}


def port_problems(role, listen, tls_listen, status_port):
    for variable, ports in (
        (f"{role}_listen", listen),
        (f"{role}_tls_listen", tls_listen),
        (f"{role}_status_port", [status_port]),
    ):
        for port in ports:
            if not 0 < port < 65536:
                yield f"{variable} has the port {port}: give one from 1 to 65535."
    for variable, ports in ((f"{role}_listen", listen), (f"{role}_tls_listen", tls_listen)):
        if status_port in ports:
            yield (
                f"{role}_status_port is {status_port}, which is in {variable} too: give the "
                f"status page its own port."
            )
    for port in tls_listen:
        if port in listen:
            yield (
                f"{role}_tls_listen has the port {port}, which is in {role}_listen too: a port "
                f"is for HTTP or for HTTPS, so remove it from one."
            )


def _proxy_problems(variable, addresses):
    for address in addresses:
        try:
            ipaddress.ip_network(address)
        except ValueError:
            yield (
                f"{variable} has {address!r}, which is not an address or a network: give one such "
                f"as 192.0.2.7 or 192.0.2.0/24."
            )


def _page_problems(variable, vhosts, search):
    for vhost in vhosts:
        for page in vhost.get("error_pages") or []:
            src = page.get("src") or ""
            places = [
                os.path.join(place, inner, src)
                for place in search or [""]
                for inner in ("files", "")
            ]
            if bool(src) == bool(page.get("path")):
                found = "both" if src else "neither"
                yield (
                    f"{variable} gives {vhost['name']} a page for {page['status']} with {found} "
                    f"src and path: give one."
                )
            elif src and not any(map(os.path.isfile, places)):
                yield (
                    f"{vhost['name']} has the error page {src} for {page['status']}, which is not "
                    f"a file on this computer: correct it."
                )


def _vhost_problems(variable, vhosts):
    owners, paths, groups = {}, {}, {}
    for number, vhost in enumerate(vhosts):
        for name in [vhost["name"], *(vhost.get("aliases") or [])]:
            if not _NAME.match(name):
                yield f"{variable} has the name {name!r}: use letters, digits, hyphens and dots."
            elif owners.setdefault(name.lower(), number) != number:
                yield f"{variable} gives the name {name} to two virtual hosts: leave it to one."
        yield from front.problems(f"{variable}['{vhost['name']}']", vhost, vhost["name"])
        if vhost.get("tls"):
            yield from front.tls_problems(f"{variable}['{vhost['name']}'].tls", vhost["tls"])
        if not any(vhost.get(key) for key in ("document_root", "static", "proxy", "redirects")):
            yield (
                f"{variable} gives {vhost['name']} nothing to serve: "
                f"add document_root, static, proxy or redirects."
            )
        for proxy in vhost.get("proxy") or []:
            group, path = proxy.get("name") or vhost["name"], proxy.get("path") or "/"
            if bool(proxy.get("socket")) == bool(proxy.get("url")):
                found = "both" if proxy.get("url") else "neither"
                yield (
                    f"{variable} gives {vhost['name']} {found} socket "
                    f"and url under {path}: give one of them."
                )
            if proxy.get("url") and not _URL.match(proxy["url"]):
                yield (
                    f"{variable} passes {vhost['name']} on to {proxy['url']!r}: give an address "
                    f"such as http://127.0.0.1:8000."
                )
            if not path.startswith("/"):
                yield (
                    f"{variable} gives {vhost['name']} an application under the path {path!r}: "
                    f"begin it with a slash."
                )
            elif paths.setdefault((number, path.rstrip("/")), group) != group:
                yield (
                    f"{variable} gives {vhost['name']} two applications under the path {path}: "
                    f"give each its own path."
                )
            if groups.setdefault(group, (number, path)) != (number, path):
                yield f"{variable} names two applications {group}: give each its own name."
