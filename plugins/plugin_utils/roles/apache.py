# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role apache. Private to the collection. Pure."""

from __future__ import annotations

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
