#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: dns_records
author: The foobar.lamp developers (@foobar)
short_description: Declare the records of a DNS zone
version_added: 0.1.0
description:
  - Declares record sets of one zone on any name server that takes updates (RFC 2136), for instance
    BIND, Knot DNS or PowerDNS.
  - The zone is read by one transfer (AXFR), or by queries where the server refuses that and
    O(exclusive) is off. What differs is changed by one update, which holds only if nobody else
    changed the zone in between; otherwise the zone is read again.
  - What one DNS message does not hold is cut into several updates. Each holds only
    if what it changes is still as it was read.
  - A plan that is likely a mistake is refused, see O(max_change). In check mode that is a warning,
    so that one can look at it.
  - Values are compared as the DNS sees them, whatever their spelling or order.
  - Where a text is wanted, a number or boolean is refused, since YAML reads C(10.20) and C(no) as
    something else than what is written. Put such a text in quotes, and end an expression that gives
    a number with C(| string).
  - A text where a list of texts is wanted is one of them, with its commas.
  - A warning names each record that is likely not meant as it is declared, such as a name or target
    that should have had a dot at its end, or a text that was copied with the backslashes of a zone
    file. It is made all the same.
  - SOA records and those of DNSSEC, but for DS, are never touched.
extends_documentation_fragment: [foobar.lamp.name_server]
attributes:
  check_mode:
    support: full
    description: >-
      Sends no update. Where nobody answers yet, or nobody for this zone, all records are reported
      as to be created, with a warning.
  diff_mode:
    support: full
    description: Shows the zone before and after in the format of a zone file.
options:
  records:
    description: >-
      The record sets. A set may be declared twice only if both say the same, or if both append; two
      that append are put together.
    type: list
    elements: dict
    default: []
    suboptions: &record
      name:
        description: >-
          The name, relative to the zone or, with a dot at the end, absolute. C(@) is the zone
          itself. International names can be written as they are read.
        type: str
        required: true
      type:
        description: The type, for instance C(A) or C(TXT); any that dnspython knows, others as
          C(TYPE65280).
        type: str
        required: true
      ttl:
        description: How many seconds the records may be kept. O(default_ttl) by default; a set that
          is appended to keeps its own.
        type: int
      values:
        description:
          - The values of the record set, in the format of a zone file. A name
            in them without a dot at its end is relative to the zone.
          - A TXT value without quotes is one text, however long, and served as it stands. One that
            begins with double quotes is read as in a zone file.
        type: list
        elements: str
      state:
        description:
          - V(present) makes these the values of the record set, and no others.
          - V(append) has these values be among those of the record set, and leaves the others.
          - V(absent) removes these values or, without any, the record set.
          - V(ignore) leaves the record set as it is, in an exclusive zone too.
        type: str
        choices: [present, append, absent, ignore]
        default: present
  reverse_of:
    description: >-
      Makes PTR records in this (reverse) zone from the A and AAAA records of another zone: those
      whose addresses lie in this one. Of several names for one address the first is taken. A PTR
      record in O(records) wins.
    type: dict
    suboptions:
      zone:
        description: The other zone's name.
        type: str
        required: true
      records:
        description: Its record sets, declared as in O(records); other types than A and AAAA are
          passed over.
        type: list
        elements: dict
        required: true
        suboptions: *record
  default_ttl:
    description: The TTL of record sets that name none, in seconds.
    type: int
    default: 3600
  exclusive:
    description:
      - Whether record sets that are not declared are removed.
      - The zone's own name servers, ACME challenges, and the marks by which DHCP servers,
        ExternalDNS and octoDNS know their records stay; so does what O(keep) matches.
    type: bool
    default: false
  keep:
    description: >-
      Patterns for names relative to the zone, such as C(*.dyn), and where wanted a type after a
      space, such as C(* SSHFP). What matches stays in an exclusive zone.
    type: list
    elements: str
    default: []
  max_change:
    description: How many percent of the zone's record sets may be changed or deleted in one run.
      What is created does not count.
    type: int
    default: 30
  small_zone:
    description: In a zone of fewer record sets than this O(max_change) does not count.
    type: int
    default: 10
  force:
    description: Whether to go past O(max_change), and to take away name servers of the zone itself.
    type: bool
    default: false
  wait_seconds:
    description: >-
      How many seconds to wait, at most, until all name servers of the zone answer with the new
      serial; 0 for not at all. They are asked over UDP.
    type: int
    default: 0
  wait_servers:
    description: >-
      The addresses of the servers to wait for, with C(@) and the port where it is not 53. By
      default those of the zone's NS records.
    type: list
    elements: str
seealso:
  - module: foobar.lamp.dns_records_info
"""

EXAMPLES = r"""
- name: Lead browsers to the site
  foobar.lamp.dns_records:
    zone: foobar.com
    key_file: /etc/bind/keys/lamp.key
    records:
      - {name: www, type: A, values: [192.0.2.10, 192.0.2.11]}
      - {name: "@", type: MX, values: [10 mail.foobar.com.]}
      - {name: "@", type: TXT, values: [v=spf1 mx -all]}
      - {name: old, type: CNAME, state: absent}

- name: Let the zone hold this and nothing else, but for what the DHCP server enters
  foobar.lamp.dns_records:
    zone: foobar.com
    server: 192.0.2.53
    key_name: admin
    key_secret: "{{ vault_dns_secret }}"
    records: "{{ foobar_records }}"
    exclusive: true
    keep: ["*.lan", "* SSHFP"]
    wait_seconds: 30
  delegate_to: localhost

- name: Add this host to those that share a service
  foobar.lamp.dns_records:
    zone: foobar.com
    server: 192.0.2.53
    key_file: /etc/lamp.key
    records:
      - {name: _ldap._tcp, type: SRV, values: ["0 5 389 {{ inventory_hostname }}."], state: append}

- name: Change a zone of Active Directory or FreeIPA, with a ticket got by a keytab
  foobar.lamp.dns_records:
    zone: ad.example.com
    server: dc1.ad.example.com
    key_algorithm: gss-tsig
    gss_keytab: /etc/dnsadmin.keytab
    records:
      - {name: www, type: A, values: [192.0.2.10]}

- name: Let addresses lead back to names
  foobar.lamp.dns_records:
    zone: 2.0.192.in-addr.arpa
    key_file: /etc/bind/keys/lamp.key
    reverse_of: {zone: foobar.com, records: "{{ foobar_records }}"}
"""

RETURN = r"""
changes:
  description: What changed, or would change in check mode, in the order of the updates. After a
    failure, what was changed before it.
  returned: always, but for bad input
  type: list
  elements: dict
  contains:
    action:
      description: C(create), C(update) or C(delete).
      type: str
      returned: always
    name:
      description: The absolute name.
      type: str
      returned: always
    type:
      description: The type.
      type: str
      returned: always
    before:
      description: The records before, as lines of a zone file.
      type: list
      elements: str
      returned: always
    after:
      description: The records after.
      type: list
      elements: str
      returned: always
serial_before:
  description: The zone's serial before the change.
  returned: when the zone could be read
  type: int
serial:
  description: The zone's serial after it.
  returned: when the zone could be read
  type: int
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foobar.lamp.plugins.module_utils.dns import arguments, dns_records


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=arguments.RECORDS,
        **arguments.CONSTRAINTS,
        supports_check_mode=True,
    )
    result, missing = None, dns_records.missing_library(module.params)
    if missing:
        if not module.check_mode:
            module.fail_json(msg=missing_required_lib(missing[0]), exception=missing[1])
        result = dns_records.to_come(module.params, f"{missing[0]} is not installed yet.")
    result = result or dns_records.run(module.params, module.check_mode, module._diff)
    for text in result.pop("warnings", ()):
        module.warn(text)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
