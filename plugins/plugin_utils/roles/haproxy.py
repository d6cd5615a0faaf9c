# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role haproxy. Private to the collection. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import posixpath

from ansible_collections.foobar.lamp.plugins.module_utils.host.haproxy_runtime import (
    CLOSING,
    DRAINED,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front, tls
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import web


def common(servers):
    """Return what the configuration has besides settings and sites."""
    # A prefix that all but these have is removed as a whole.
    others = [name for name in web.FORWARDED if not name.startswith("X-Forwarded-")]
    return {
        "challenges": front.CHALLENGES,
        "checker": web.CHECKER,
        "forwarded": others,
        "servers": [_server(one) for one in servers],
    }


def _server(one):
    address = ipaddress.ip_address(one["address"])
    place = f"[{address}]" if address.version == 6 else str(address)
    # What visitors keep tells them no name of a host.
    cookie = hashlib.sha256(one["name"].encode()).hexdigest()[:8]
    return {"name": one["name"], "place": f"{place}:{one.get('port') or 80}", "cookie": cookie}


def certificates(sites, default, default_site):
    """Return the certificates, each with the ``name`` of its files.

    The first one is for names that no site has: ``default``, if ``default_site`` has none.
    """
    own = [{"name": one["name"].lower(), **_files(one["tls"])} for one in sites if one.get("tls")]
    first = [one for one in own if one["name"] == default_site.lower()]
    if not first and default.get("chain"):
        first = [{"name": tls.DEFAULT, **_files(default)}]
    return [*first, *(one for one in own if one not in first)]


def _files(given):
    return {"chain": given["chain"], "key": given["key"]}


def sticky(sites):
    """Return the names of the sites of which a visitor stays with one server."""
    return [
        name.lower()
        for one in sites
        if one.get("sticky")
        for name in [one["name"], *(one.get("aliases") or [])]
    ]


def ways(sites):
    """Return of each site with a certificate its names, and its TLS (see web.of_tls)."""
    return [
        {
            "name": one["name"],
            "names": [name.lower() for name in [one["name"], *(one.get("aliases") or [])]],
            **web.of_tls(one),
        }
        for one in sites
        if one.get("tls")
    ]


def drained(variables):
    """Return the servers that this collection has drained on a host and not put back,
    by its ``variables``, as far as they say.
    """
    return sorted(
        posixpath.basename(path)
        for path in facts_of(variables).get("paths", ())
        if posixpath.dirname(path) == DRAINED
    )


def left_over(hosts, hostvars):
    """Return those of ``hosts`` on which a run has begun what none has ended:
    servers are drained, or connections closed.
    """
    known = {name: hostvars.get(name, {}) for name in hosts}
    return [
        name
        for name, variables in known.items()
        if drained(variables) or CLOSING in facts_of(variables).get("paths", ())
    ]
