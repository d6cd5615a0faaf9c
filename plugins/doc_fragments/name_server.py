# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that dns_records and dns_records_info share: which zone, on which server, with which key."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
requirements:
  - dnspython 2.3 or later, on the host that the module runs on
  - the Python package idna, for international names with letters such as C(ß)
options:
  zone:
    description: The zone's name, for instance C(example.com) or C(2.0.192.in-addr.arpa).
    type: str
    required: true
  server:
    description: The address of the zone's primary name server.
    type: str
    default: 127.0.0.1
  port:
    description: Its port; 853 is usual with O(tls).
    type: int
    default: 53
  timeout:
    description: How many seconds to wait for an answer. What is lost is asked for three times; what is refused, once.
    type: int
    default: 10
  key_file:
    description: A file with the TSIG key as C(tsig-keygen) writes it, on the host that the module runs on.
    type: path
  key_name:
    description: The name of the TSIG key, instead of O(key_file). Without either nothing is signed.
    type: str
  key_algorithm:
    description: The algorithm of O(key_name).
    type: str
    choices: [hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512]
    default: hmac-sha256
  key_secret:
    description: The secret of O(key_name), in base64.
    type: str
  tls:
    description: Whether to talk over TLS (RFC 7858, RFC 9103).
    type: bool
    default: false
  tls_ca:
    description: A file with the certificates that the server's is trusted by; without it those that the system trusts.
    type: path
  tls_name:
    description: The name that the server's certificate has to bear, O(server) by default.
    type: str
"""
