# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role apache: what its inputs say. Private to the role."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import apache as _apache


def apache_proxies(vhost):
    """Return the proxies of a virtual host with name and path, deeper paths first: Apache takes the first that fits."""
    found = [{**proxy, "name": proxy.get("name") or vhost["name"], "path": proxy.get("path") or "/"} for proxy in vhost.get("proxy") or []]
    return sorted(found, key=lambda proxy: proxy["path"], reverse=True)


def apache_passwords(vhosts, sites):
    """Return the passwords to hash of the virtual hosts that are among ``sites``."""
    return [
        {"site": site, "user": user, "password": password}
        for site, of in front.users(vhosts).items()
        for user, password in of.items()
        if site in sites and not front.is_hash(password)
    ]


def apache_user_files(vhosts, sites, hashed):
    """Return the files of names and hashes of ``sites``. ``hashed``: results of htpasswd, with the passwords as items."""
    made = {(result["item"]["site"], result["item"]["user"]): result.get("stdout", "").strip() for result in hashed}
    return [
        {"site": site, "content": "".join(f"{made.get((site, user)) or f'{user}:{given}'}\n" for user, given in of.items())}
        for site, of in front.users(vhosts).items()
        if site in sites
    ]


def apache_error_pages(vhosts):
    """Return the error pages of all virtual hosts that lie on the controller."""
    return [{"site": vhost["name"], **page} for vhost in vhosts for page in vhost.get("error_pages") or [] if page.get("src")]


def apache_closed(vhosts, names, local):
    """Return Apache's expressions of which requests are closed out, and of which of them have no page of their site's for that.

    ``names``: of virtual hosts; empty for all that there are. ``local``: whether requests from the host itself are let in.
    """
    chosen = [vhost for vhost in vhosts if vhost["name"] in names]
    with_page = [vhost for vhost in chosen or vhosts if any(str(page["status"]) == "503" for page in vhost.get("error_pages") or [])]
    inside = ["! %{REMOTE_ADDR} -ipmatch '127.0.0.0/8'", "! %{REMOTE_ADDR} -ipmatch '::1'"] if local else []
    condition = [*([_of(chosen)] if names else []), *inside]
    without = [vhost for vhost in chosen if vhost not in with_page]
    page = [_of(without)] if names else [f"! {_of(with_page)}"] if with_page else []
    return {
        "condition": " && ".join(condition) or "true",
        "without_page": "" if names and not without else " && ".join([*page, *inside]) or "true",
    }


def _of(vhosts):
    names = "|".join(re.escape(name) for vhost in vhosts for name in [vhost["name"], *(vhost.get("aliases") or [])])
    return f"(%{{HTTP_HOST}} =~ m#^({names})[.]?(:[0-9]+)?$#i)"


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "apache_closed": apache_closed,
            "apache_access": front.fingerprints,
            "apache_error_pages": apache_error_pages,
            "apache_module_files": _apache.module_files,
            "apache_passwords": apache_passwords,
            "apache_proxies": apache_proxies,
            "apache_redirects": front.redirects,
            "apache_user_files": apache_user_files,
        }
