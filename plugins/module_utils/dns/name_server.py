# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that dns_records and dns_records_info are given.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.module_utils.dns import gss_tsig, rfc2136
from ansible_collections.foobar.lamp.plugins.module_utils.dns.arguments import GSS

_GSS_OPTIONS = ("gss_server", "gss_principal", "gss_keytab")


def missing_library(params):
    """Return ``(name, traceback)`` of a library that these parameters take besides dnspython and
    that is not there, or None.
    """
    if params["key_algorithm"] == GSS and gss_tsig.GSSAPI_ERROR:
        return "gssapi", gss_tsig.GSSAPI_ERROR
    return None


def server(params, zone):
    """Return the ``rfc2136.Server`` that the module's parameters name;
    raises ValueError or OSError for a key or file.
    """
    key = gss = None
    if params["key_algorithm"] == GSS:
        gss = _gss(params)
    else:
        for option in _GSS_OPTIONS:
            if params[option]:
                raise ValueError(
                    f"{option} is {params[option]}, which only applies with key_algorithm {GSS}: "
                    f"set that, or remove {option}."
                )
        if params["key_file"]:
            key = rfc2136.read_key_file(params["key_file"])
        elif params["key_name"]:
            key = params["key_name"], params["key_algorithm"], params["key_secret"]
    tls = (params["tls_ca"], params["tls_name"]) if params["tls"] else None
    return rfc2136.Server(params["server"], params["port"], zone, key, params["timeout"], tls, gss)


def _gss(params):
    for option in ("key_file", "key_name"):
        if params[option]:
            raise ValueError(
                f"{option} is {params[option]}, but with key_algorithm {GSS} the key is made by "
                f"Kerberos: leave one out."
            )
    if params["gss_keytab"]:
        with open(params["gss_keytab"], "rb"):  # Kerberos would say less
            pass
    return (
        gss_tsig.server_name(params["server"], params["gss_server"]),
        params["gss_principal"],
        params["gss_keytab"],
    )
