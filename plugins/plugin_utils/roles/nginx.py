# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role nginx. Private to the collection. Pure."""

from __future__ import annotations

import hashlib
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import web

#: Of what is said on worker processes, what stands in the block ``events``.
EVENTS = ("accept_mutex", "accept_mutex_delay", "multi_accept", "use", "worker_connections")


def quoted(text):
    """Return a text as nginx takes it where it looks for variables.

    A dollar is none of them: nothing but a variable can say it.
    """
    return '"' + re.sub(r"([\\\"])", r"\\\1", text).replace("$", "${lamp_dollar}") + '"'


def pattern(text):
    """Return a text that stands for itself, within a regular expression in quotes."""
    return re.escape(text).replace("\\", "\\\\").replace('"', '\\"')


def names(names):
    """Return a pattern, in quotes, of the names of a virtual host."""
    return f'"^({"|".join(pattern(name.lower()).replace(pattern("*"), ".*") for name in names)})$"'


def tls(of):
    """Return how TLS is ended (see web.tls), with ``words``, those of a socket for it."""
    # nginx of Debian 13 has HTTP/2 by a directive of its own.
    return {**of, "words": " ssl" if of["newest"] else " ssl http2"} if of else {}


def headers(vhost):
    """Return the headers of a virtual host: ``name``; ``said``, a variable;
    and ``own``, what answers of nginx's own have in its place.

    The variable is ``value`` where ``of`` is ``when``, and otherwise empty: where the application
    says the header itself, and, of HSTS, where a visitor cannot rely on HTTPS.
    """
    found = []
    for name, value in web.headers(vhost).items():
        found.append(
            {
                "name": name,
                "of": f'"{_theirs(name)}"',
                "when": '""',
                "value": quoted(value),
                "own": quoted(value),
            }
        )
    if hsts := web.of_tls(vhost).get("hsts"):
        name = "Strict-Transport-Security"
        found.append(
            {
                "name": name,
                "of": f'"$lamp_way:{_theirs(name)}"',
                "when": '"on1:"',
                "value": f'"max-age={hsts}"',
                "own": "",
            }
        )
    for header in found:
        digest = hashlib.sha256(header["value"].encode()).hexdigest()[:12]
        header["said"] = f"$lamp_{_variable(header['name'])}_{digest}"
        header["own"] = header["own"] or header["said"]
    return found


def _theirs(header):
    return f"$upstream_http_{_variable(header)}"


def _variable(header):
    return header.lower().replace("-", "_")


def header_maps(vhosts):
    """Return what the headers of all virtual hosts are, each once: what ``http`` says of them."""
    found = {header["said"]: header for vhost in vhosts for header in headers(vhost)}
    return [found[name] for name in sorted(found)]


def redirects(vhost):
    """Return the redirects of a virtual host as nginx takes them:
    ``name`` of the alias, or the ``path`` that is looked for, and ``to``.

    Where what comes behind the path is appended (``below``), ``path`` is a pattern and ``to`` has
    $1 in it.
    """
    found = []
    for one in front.redirects(vhost):
        # A path is one of the name and the port that the visitor knows: whoever stands before this
        # server may have another.
        place = ("" if "://" in one["to"] else "$scheme://$host$lamp_port") + quoted(one["to"])[
            1:-1
        ]
        rule = {"name": one["name"].lower(), "below": one["below"], "status": one["status"]}
        if one["below"]:
            found.append({**rule, "path": f'"^{pattern(one["path"])}(.*)$"', "to": f'"{place}$1"'})
        else:
            found.append(
                {
                    **rule,
                    "path": quoted(one["path"]),
                    "to": f'"{place}{"" if "?" in one["to"] else "$is_args$args"}"',
                }
            )
    return found


def closed(vhosts, names):
    """Return nginx's pattern of the virtual hosts that are closed, by their first names;
    empty for all that there are.
    """
    return "|".join(pattern(vhost["name"]) for vhost in vhosts if vhost["name"] in names)


def events(settings):
    """Return those of the settings of worker processes that stand in the block ``events``."""
    return {name: value for name, value in settings.items() if name in EVENTS}
