# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of dns_records and dns_records_info. Private to the collection.

The controller needs them, and nothing of what does the work: that would load dnspython there.
"""

from __future__ import annotations

GSS = "gss-tsig"

NAME_SERVER = {
    "zone": {"type": "str", "required": True},
    "server": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 53},
    "timeout": {"type": "int", "default": 10},
    "key_file": {"type": "path", "no_log": False},
    "key_name": {"type": "str", "no_log": False},
    "key_algorithm": {
        "type": "str",
        "choices": ["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512", GSS],
        "default": "hmac-sha256",
        "no_log": False,
    },
    "key_secret": {"type": "str", "no_log": True},
    "gss_server": {"type": "str"},
    "gss_principal": {"type": "str"},
    "gss_keytab": {"type": "path", "no_log": False},
    "tls": {"type": "bool", "default": False},
    "tls_ca": {"type": "path"},
    "tls_name": {"type": "str"},
}
CONSTRAINTS = {
    "mutually_exclusive": [("key_file", "key_name")],
    "required_together": [("key_name", "key_secret")],
}

_RECORD = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True},
    "ttl": {"type": "int"},
    "values": {"type": "list", "elements": "str"},
    "state": {
        "type": "str",
        "choices": ["present", "append", "absent", "ignore"],
        "default": "present",
    },
}

RECORDS = {
    **NAME_SERVER,
    "records": {"type": "list", "elements": "dict", "default": [], "options": _RECORD},
    "reverse_of": {
        "type": "dict",
        "options": {
            "zone": {"type": "str", "required": True},
            "records": {"type": "list", "elements": "dict", "required": True, "options": _RECORD},
        },
    },
    "default_ttl": {"type": "int", "default": 3600},
    "exclusive": {"type": "bool", "default": False},
    "keep": {"type": "list", "elements": "str", "default": []},
    "max_change": {"type": "int", "default": 30},
    "small_zone": {"type": "int", "default": 10},
    "force": {"type": "bool", "default": False},
    "wait_seconds": {"type": "int", "default": 0},
    "wait_servers": {"type": "list", "elements": "str"},
}
