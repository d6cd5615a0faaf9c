# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role apache. Private to the collection. Pure."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import web

# What the role's own configuration needs, and no more: nothing is reachable that nobody asked for.
_MODULES = """
mpm_event alias authz_core authz_host deflate dir env expires filter headers mime reqtimeout rewrite
setenvif status
"""
# Those of Debian's modules that come with settings of their own, which belong beside them. Not
# status: its own would show the status page under every site's name. Those of setenvif look for
# clients that died out, in each request: only WebDAV's still count.
_WITH_SETTINGS = """
alias autoindex brotli cache_disk cgid dav_fs deflate dir http2 info ldap mime mime_magic mpm_event
negotiation proxy proxy_balancer proxy_ftp proxy_html reqtimeout ssl userdir
"""


def module_files(modules, proxy=False):
    """Return the files of the modules that are enabled, as items with a name: ``modules`` besides the role's own."""
    enabled = list(dict.fromkeys([*_MODULES.split(), *(["proxy", "proxy_http"] if proxy else []), *modules]))
    configured = set(_WITH_SETTINGS.split()) | ({"setenvif"} if "dav" in enabled else set())
    names = [f"{name}.load" for name in enabled] + [f"{name}.conf" for name in enabled if name in configured]
    return [{"name": name} for name in names]


def redirects(vhost):
    """Return the redirects of a virtual host as Apache's rules take them."""
    found = []
    for one in front.redirects(vhost):
        to = re.sub(r"([%$\\])", r"\\\1", one["to"])
        # What is appended is encoded anew; an address that is given whole stays as it is.
        flags = f"R={one['status']},L" + ("" if one["below"] else ",NE")
        rule = {"name": re.escape(one["name"]), "pattern": re.escape(one["path"]) + ("(.*)" if one["below"] else "")}
        found.append({**rule, "to": to + ("$1" if one["below"] else ""), "flags": flags})
    return found


def closed(vhosts, names, local):
    """Return Apache's expressions of which requests are closed out, and of which of them have no page of their site's for that.

    ``names``: of virtual hosts; empty for all that there are. ``local``: whether requests from the host itself are let in.
    """
    with_page, without = web.closed(vhosts, names)
    inside = ["! %{REMOTE_ADDR} -ipmatch '127.0.0.0/8'", "! %{REMOTE_ADDR} -ipmatch '::1'"] if local else []
    condition = [*([_of([vhost for vhost in vhosts if vhost["name"] in names])] if names else []), *inside]
    page = [_of(without)] if names else [f"! {_of(with_page)}"] if with_page else []
    return {
        "condition": " && ".join(condition) or "true",
        "without_page": "" if names and not without else " && ".join([*page, *inside]) or "true",
    }


def _of(vhosts):
    names = "|".join(re.escape(name) for vhost in vhosts for name in [vhost["name"], *(vhost.get("aliases") or [])])
    return f"(%{{HTTP_HOST}} =~ m#^({names})[.]?(:[0-9]+)?$#i)"
