# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that dns_records and dns_records_info share: which
zone, on which server, with which key.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
requirements:
  - dnspython 2.3 or later, on the host that the module runs on
  - the Python package idna, for international names with letters such as C(ß)
  - the Python package gssapi, where O(key_algorithm=gss-tsig)
options:
  zone:
    description: The zone's name, for instance C(example.com) or C(2.0.192.in-addr.arpa).
    type: str
    required: true
  server:
    description: The address or the host name of the zone's primary name server.
    type: str
    default: 127.0.0.1
  port:
    description: The port of O(server). With O(tls), 853 is usual.
    type: int
    default: 53
  timeout:
    description: How many seconds to wait for an answer. A query without an answer is sent three
      times, one that is refused once.
    type: int
    default: 10
  key_file:
    description: A file with the TSIG key as C(tsig-keygen) writes it, on the host that the module
      runs on.
    type: path
  key_name:
    description: The name of the TSIG key, instead of O(key_file). Without either nothing is signed.
    type: str
  key_algorithm:
    description:
      - The algorithm of O(key_name).
      - With V(gss-tsig) there is no O(key_name); each run agrees with the server on a key, by
        Kerberos, as the name servers of Active Directory and FreeIPA want it. The ticket is that of
        the user that the module runs as (C(kinit), C(KRB5CCNAME)) or of the client keytab
        (C(KRB5_CLIENT_KTNAME)) unless O(gss_keytab) is set.
    type: str
    choices: [hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512, gss-tsig]
    default: hmac-sha256
  key_secret:
    description: The secret of O(key_name), in base64.
    type: str
  gss_server:
    description: >-
      The server's name in Kerberos, O(server) by default: the ticket is one for C(DNS/NAME).
      Kerberos knows no addresses.
    type: str
  gss_principal:
    description: Whose ticket is used, for instance C(dns-admin@EXAMPLE.COM); by default the first
      of the keytab or ticket cache.
    type: str
  gss_keytab:
    description: >-
      A keytab with the key of O(gss_principal), on the host that the module runs on. The ticket
      that is got by it is kept in memory, past all ticket caches.
    type: path
  tls:
    description: Whether to talk over TLS (RFC 7858, RFC 9103).
    type: bool
    default: false
  tls_ca:
    description: A file with the certificates that the server's is trusted by; without it those that
      the system trusts.
    type: path
  tls_name:
    description: The name that the server's certificate has to bear, O(server) by default.
    type: str
"""
