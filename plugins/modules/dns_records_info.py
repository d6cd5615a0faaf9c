#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: dns_records_info
author: The foobar.lamp developers (@foobar)
short_description: Read the records of a DNS zone
version_added: 0.1.0
description:
  - Reads a zone by transfer (AXFR) and returns its records in the shape that
    M(foobar.lamp.dns_records) takes.
extends_documentation_fragment: [foobar.lamp.name_server]
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: N/A
    description: Reads only.
seealso:
  - module: foobar.lamp.dns_records
"""

EXAMPLES = r"""
- name: Read a zone
  foobar.lamp.dns_records_info:
    zone: foobar.com
    key_file: /etc/bind/keys/lamp.key
  register: zone

- name: Declare the same on another server
  foobar.lamp.dns_records:
    zone: foobar.com
    server: 192.0.2.53
    key_name: admin
    key_secret: "{{ vault_dns_secret }}"
    records: "{{ zone.records }}"

- name: Read a zone of FreeIPA, with the ticket of the user that the task runs as
  foobar.lamp.dns_records_info:
    zone: ipa.example.com
    server: ipa1.ipa.example.com
    key_algorithm: gss-tsig
"""

RETURN = r"""
records:
  description: The record sets, sorted, without SOA and the records of DNSSEC that the server itself
    keeps.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name relative to the zone, C(@) for the zone itself.
      type: str
      returned: always
    type:
      description: The type.
      type: str
      returned: always
    ttl:
      description: How many seconds the records may be kept.
      type: int
      returned: always
    values:
      description: The values in the format of a zone file, names in them absolute.
      type: list
      elements: str
      returned: always
serial:
  description: The zone's serial.
  returned: success
  type: int
soa:
  description: The zone's SOA, in the format of a zone file.
  returned: success
  type: str
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foobar.lamp.plugins.module_utils.dns import (
    arguments,
    name_server,
    rfc2136,
    rrsets,
)

DNSPYTHON_ERROR = None
try:
    import dns.exception
except ImportError:
    DNSPYTHON_ERROR = traceback.format_exc()


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=arguments.NAME_SERVER, **arguments.CONSTRAINTS, supports_check_mode=True
    )
    if DNSPYTHON_ERROR:
        module.fail_json(msg=missing_required_lib("dnspython"), exception=DNSPYTHON_ERROR)
    if missing := name_server.missing_library(module.params):
        module.fail_json(msg=missing_required_lib(missing[0]), exception=missing[1])
    try:
        zone = rrsets.zone_name(module.params["zone"])
        with name_server.server(module.params, zone) as server:
            soa, content = server.transfer()
    except (rrsets.DeclarationError, rfc2136.ServerError, ValueError) as error:
        module.fail_json(msg=str(error))
    except (dns.exception.DNSException, OSError) as error:
        module.fail_json(msg=f"The zone {module.params['zone']} or its key cannot be used: {error}")
    module.exit_json(
        changed=False,
        records=rrsets.declarations(content, zone),
        serial=soa.serial,
        soa=soa.to_text(),
    )


if __name__ == "__main__":
    main()
