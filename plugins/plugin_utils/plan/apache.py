# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role apache in the plan. Private to the collection. Pure."""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.web import WebServer

_MODULE = re.compile(r"[a-z0-9_]+\Z")


class Apache(WebServer):
    """See Role."""

    LOGS = "/var/log/apache2"
    SITES = "/etc/apache2/sites-enabled"
    TEST = ("apache2ctl", "configtest")

    def packages(self, inputs):
        """The server."""
        return ["apache2", "logrotate"]

    def problems(self, inputs, facts, search=()):
        """Those of each web server, and modules."""
        problems = [
            (
                f"apache_modules has {module!r}: "
                f"give a module's name as a2enmod takes it, for instance rewrite."
            )
            for module in inputs["apache_modules"]
            if not _MODULE.match(module)
        ]
        problems += [
            (
                f"apache_vhosts gives {vhost['name']} htaccess without document_root: add the "
                f"directory, or take htaccess out."
            )
            for vhost in inputs["apache_vhosts"]
            if vhost.get("htaccess") and not vhost.get("document_root")
        ]
        return super().problems(inputs, facts, search) + problems


ROLE = Apache("apache")
