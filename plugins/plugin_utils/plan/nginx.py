# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role nginx in the plan. Private to the collection. Pure."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.web import WebServer

#: Of bcrypt: a check by it takes about 15 ms.
MOST_COST = 8


class Nginx(WebServer):
    """See Role."""

    LOGS = "/var/log/nginx"
    SITES = "/etc/nginx/sites-enabled"
    TEST = ("nginx", "-t", "-q")

    def packages(self, inputs):
        """The server, what sends files that are compressed by Brotli, and what hashes passwords."""
        vhosts = inputs["nginx_vhosts"]
        precompressed = any(
            static.get("precompressed") for vhost in vhosts for static in vhost.get("static") or []
        )
        return [
            "nginx",
            "logrotate",
            *(["libnginx-mod-http-brotli-static"] if precompressed else []),
            *(["apache2-utils"] if front.users(vhosts) else []),
        ]

    def problems(self, inputs, facts, search=()):
        """Those of each web server, and what is in another's language."""
        return super().problems(inputs, facts, search) + [
            problem for vhost in inputs["nginx_vhosts"] for problem in _language_problems(vhost)
        ]


def _language_problems(vhost):
    where = f"The site {vhost['name']}"
    if vhost.get("htaccess"):
        yield (
            f"{where} has htaccess, and nginx reads no .htaccess: write what these files say "
            f"into extra, or serve the site by Apache (lamp_web_server: apache)."
        )
    for user, password in ((vhost.get("access") or {}).get("users") or {}).items():
        if front.is_hash(password) and (cost := int(password.split("$")[2])) > MOST_COST:
            yield (
                f"{where} has a hash of cost {cost} for {user}, and while nginx checks one it "
                f"answers nobody: make one of cost {MOST_COST} at most ('htpasswd "
                f"-nBC {MOST_COST} {user}'), or serve the site by Apache (lamp_web_server: apache)."
            )
    lines = [line.strip() for line in (vhost.get("extra") or "").splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    if said and not any(line.endswith((";", "}")) for line in said):
        yield (
            f"{where} has an extra that begins with {said[0]!r} and has no directive of nginx, "
            f"which ends with a semicolon: it is in the server's own language, so write it anew "
            f"for nginx, or take it out."
        )


ROLE = Nginx("nginx")
