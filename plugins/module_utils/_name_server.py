# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that dns_records and dns_records_info share, and the server that they name.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.module_utils import _rfc2136

ARGUMENT_SPEC = {
    "zone": {"type": "str", "required": True},
    "server": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 53},
    "timeout": {"type": "int", "default": 10},
    "key_file": {"type": "path", "no_log": False},
    "key_name": {"type": "str", "no_log": False},
    "key_algorithm": {
        "type": "str",
        "choices": ["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"],
        "default": "hmac-sha256",
        "no_log": False,
    },
    "key_secret": {"type": "str", "no_log": True},
    "tls": {"type": "bool", "default": False},
    "tls_ca": {"type": "path"},
    "tls_name": {"type": "str"},
}
CONSTRAINTS = {"mutually_exclusive": [("key_file", "key_name")], "required_together": [("key_name", "key_secret")]}


def server(params, zone):
    """Return the ``_rfc2136.Server`` that the module's parameters name; raises ValueError or OSError for a key or file."""
    if params["key_file"]:
        key = _rfc2136.read_key_file(params["key_file"])
    else:
        key = params["key_name"] and (params["key_name"], params["key_algorithm"], params["key_secret"])
    tls = (params["tls_ca"], params["tls_name"]) if params["tls"] else None
    return _rfc2136.Server(params["server"], params["port"], zone, key, params["timeout"], tls)
