# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role apache: what its inputs say, and what is wrong with them. Private to the role."""

from __future__ import annotations

import re

_NAME = re.compile(r"(\*\.)?[A-Za-z0-9.-]+\Z")
_MODULE = re.compile(r"[a-z0-9_]+\Z")


def apache_problems(vhosts, default_site, listen, status_port, modules):
    """Return what is wrong with the role's inputs, of the same names: a list of sentences."""
    problems = []
    for variable, port in [*(("apache_listen", port) for port in listen), ("apache_status_port", status_port)]:
        if not 0 < port < 65536:
            problems.append(f"{variable} has the port {port}: give one from 1 to 65535.")
    if status_port in listen:
        problems.append(f"apache_status_port is {status_port}, which apache_listen has too: give the status page a port of its own.")
    problems += [
        f"apache_modules has {module!r}: give a module's name as a2enmod takes it, for instance rewrite."
        for module in modules
        if not _MODULE.match(module)
    ]
    owners, paths, groups = {}, {}, {}
    for number, vhost in enumerate(vhosts):
        for name in [vhost["name"], *(vhost.get("aliases") or [])]:
            if not _NAME.match(name):
                problems.append(f"apache_vhosts has the name {name!r}: use letters, digits, hyphens and dots.")
            elif owners.setdefault(name.lower(), number) != number:
                problems.append(f"apache_vhosts gives the name {name} to two virtual hosts: leave it to one.")
        if not (vhost.get("document_root") or vhost.get("static") or vhost.get("wsgi")):
            problems.append(f"apache_vhosts gives {vhost['name']} nothing to serve: add document_root, static or wsgi.")
        for wsgi in vhost.get("wsgi") or []:
            group, path = wsgi.get("name") or vhost["name"], wsgi.get("path") or "/"
            if not path.startswith("/"):
                problems.append(f"apache_vhosts gives {vhost['name']} an application under the path {path!r}: begin it with a slash.")
            elif paths.setdefault((number, path.rstrip("/")), group) != group:
                problems.append(f"apache_vhosts gives {vhost['name']} two applications under the path {path}: give each a path of its own.")
            if groups.setdefault(group, (number, path)) != (number, path):
                problems.append(f"apache_vhosts names two applications {group}: give each a name of its own.")
    names = [vhost["name"] for vhost in vhosts]
    if default_site and default_site not in names:
        problems.append(f"apache_default_site is {default_site!r}, which apache_vhosts does not have: name one of them, or leave it empty.")
    return problems


def apache_applications(vhost):
    """Return the applications of a virtual host with name and path, deeper paths first: Apache takes the first that fits."""
    found = [{**wsgi, "name": wsgi.get("name") or vhost["name"], "path": wsgi.get("path") or "/"} for wsgi in vhost.get("wsgi") or []]
    return sorted(found, key=lambda wsgi: wsgi["path"], reverse=True)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {"apache_applications": apache_applications, "apache_problems": apache_problems}
