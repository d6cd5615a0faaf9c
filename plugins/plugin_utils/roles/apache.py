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


def module_files(modules, proxy=False, tls=False, proxied=False):
    """Return the files of the modules that are enabled, as items with a name:
    ``modules`` besides the role's own.
    """
    own = [
        *_MODULES.split(),
        *(["proxy", "proxy_http"] if proxy else []),
        *(["http2", "socache_shmcb", "ssl"] if tls else []),
    ]
    own += ["remoteip"] if proxied else []
    enabled = list(dict.fromkeys([*own, *modules]))
    configured = set(_WITH_SETTINGS.split()) | ({"setenvif"} if "dav" in enabled else set())
    # Who asks for HTTP/2 may want it without TLS, as those of Debian have it.
    configured -= {"http2"} - set(modules)
    names = [f"{name}.load" for name in enabled] + [
        f"{name}.conf" for name in enabled if name in configured
    ]
    return [{"name": name} for name in names]


def quoted(text):
    """Return the value of a header as Apache's Header takes it."""
    return '"' + re.sub(r'([\\"])', r"\\\1", text).replace("%", "%%") + '"'


def names(names):
    """Return a pattern of the names of a virtual host."""
    return f"^({'|'.join(re.escape(name).replace(re.escape('*'), '.*') for name in names)})$"


def not_from(addresses):
    """Return Apache's expression of connections that come from none of
    ``addresses``, whoever the visitor is.
    """
    return " && ".join(f"! %{{CONN_REMOTE_ADDR}} -ipmatch '{address}'" for address in addresses)


def not_encrypted(addresses):
    """Return Apache's expression of requests of which none of ``addresses`` says that the visitor
    came by HTTPS.
    """
    own = " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{address}'" for address in addresses)
    return f"! (%{{HTTP:X-Forwarded-Proto}} == 'https' && ({own}))"


def not_checks(addresses):
    """Return Apache's expression of requests that are no balancer's own question for health.

    A visitor who comes by it is another.
    """
    own = " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{address}'" for address in addresses)
    return (
        f"! (%{{HTTP_USER_AGENT}} == '{web.CHECKER}' && "
        f"%{{REMOTE_ADDR}} == %{{CONN_REMOTE_ADDR}} && ({own}))"
    )


def redirects(vhost):
    """Return the redirects of a virtual host as Apache's rules take them."""
    found = []
    for one in front.redirects(vhost):
        to = re.sub(r"([%$\\])", r"\\\1", one["to"])
        # What is appended is encoded anew; an address that is given whole stays as it is.
        flags = f"R={one['status']},L" + ("" if one["below"] else ",NE")
        rule = {
            "name": re.escape(one["name"]),
            "pattern": re.escape(one["path"]) + ("(.*)" if one["below"] else ""),
        }
        found.append({**rule, "to": to + ("$1" if one["below"] else ""), "flags": flags})
    return found


def closed(vhosts, names, local):
    """Return Apache's expressions of which requests are closed out,
    and of which of them have no page of their site's for that.

    ``names``: of virtual hosts; empty for all that there are. ``local``: whether requests from the
    host itself are let in.
    """
    with_page, without = web.closed(vhosts, names)
    inside = (
        ["! %{REMOTE_ADDR} -ipmatch '127.0.0.0/8'", "! %{REMOTE_ADDR} -ipmatch '::1'"]
        if local
        else []
    )
    condition = [
        *([_of([vhost for vhost in vhosts if vhost["name"] in names])] if names else []),
        *inside,
    ]
    page = [_of(without)] if names else [f"! {_of(with_page)}"] if with_page else []
    return {
        "condition": " && ".join(condition) or "true",
        "without_page": "" if names and not without else " && ".join([*page, *inside]) or "true",
    }


def _of(vhosts):
    names = "|".join(
        re.escape(name)
        for vhost in vhosts
        for name in [vhost["name"], *(vhost.get("aliases") or [])]
    )
    return f"(%{{HTTP_HOST}} =~ m#^({names})[.]?(:[0-9]+)?$#i)"
