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
  - Declares record sets of one zone on any name server that takes updates (RFC 2136), for instance BIND, Knot DNS or PowerDNS.
  - The zone is read by one transfer (AXFR), or by queries where the server refuses that and O(exclusive) is off. What differs is
    changed by one update, which holds only if nobody else changed the zone in between; otherwise the zone is read again.
  - What one DNS message does not hold is cut into several updates. Each holds only if what it changes is still as it was read.
  - A plan that is likely a mistake is refused, see O(max_change). In check mode that is a warning, so that one can look at it.
  - Values are compared as the DNS sees them, whatever their spelling or order.
  - SOA records and those of DNSSEC, but for DS, are never touched.
extends_documentation_fragment: [foobar.lamp.name_server]
attributes:
  check_mode:
    support: full
    description: >-
      Sends no update. Where nobody answers yet, or nobody for this zone, all records are reported as to be created, with a warning.
  diff_mode:
    support: full
    description: Shows the zone before and after in the format of a zone file.
options:
  records:
    description: >-
      The record sets. A set may be declared twice only if both say the same, or if both append; two that append are put together.
    type: list
    elements: dict
    default: []
    suboptions: &record
      name:
        description: >-
          The name, relative to the zone or, with a dot at the end, absolute. C(@) is the zone itself. International names can be
          written as they are read.
        type: str
        required: true
      type:
        description: The type, for instance C(A) or C(TXT); any that dnspython knows, others as C(TYPE65280).
        type: str
        required: true
      ttl:
        description: How many seconds the records may be kept. O(default_ttl) by default; a set that is appended to keeps its own.
        type: int
      values:
        description:
          - The values of the record set, in the format of a zone file. Relative names in them are relative to the zone.
          - A TXT value without quotes is one text, however long.
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
      Makes PTR records in this (reverse) zone from the A and AAAA records of another zone: those whose addresses lie in this one.
      Of several names for one address the first is taken. A PTR record in O(records) wins.
    type: dict
    suboptions:
      zone:
        description: The other zone's name.
        type: str
        required: true
      records:
        description: Its record sets, declared as in O(records); other types than A and AAAA are passed over.
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
      - The zone's own name servers, ACME challenges, and the marks by which DHCP servers, ExternalDNS and octoDNS know their records
        stay; so does what O(keep) matches.
    type: bool
    default: false
  keep:
    description: >-
      Patterns for names relative to the zone, such as C(*.dyn), and where wanted a type after a space, such as C(* SSHFP). What matches
      stays in an exclusive zone.
    type: list
    elements: str
    default: []
  max_change:
    description: How many percent of the zone's record sets may be changed or deleted in one run. What is created does not count.
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
      How many seconds to wait, at most, until all name servers of the zone answer with the new serial; 0 for not at all. They are
      asked over UDP.
    type: int
    default: 0
  wait_servers:
    description: >-
      The addresses of the servers to wait for, with C(@) and the port where it is not 53. By default those of the zone's NS records.
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
  description: What changed, or would change in check mode, in the order of the updates. After a failure, what was changed before it.
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

import os
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foobar.lamp.plugins.module_utils import _name_server, _rfc2136, _zone_converge, _zone_plan, _zone_records

DNSPYTHON_ERROR = None
try:
    import dns.exception
except ImportError:
    DNSPYTHON_ERROR = traceback.format_exc()

_RECORD = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True},
    "ttl": {"type": "int"},
    "values": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "append", "absent", "ignore"], "default": "present"},
}


def converge(params, check_mode=False):
    """Lead the zone to what the module's ``params`` declare; return the ``_zone_converge.Outcome``."""
    zone = _zone_records.zone_name(params["zone"])
    declared = _zone_records.parse(params["records"], zone, params["default_ttl"])
    if params["reverse_of"]:
        origin = _zone_records.zone_name(params["reverse_of"]["zone"])
        declared = {**_zone_records.pointers(params["reverse_of"]["records"], origin, zone, params["default_ttl"]), **declared}
    places = [_zone_converge.place(text) for text in params["wait_servers"] or ()]
    with _name_server.server(params, zone) as server:
        outcome = _zone_converge.converge(server, zone, declared, params, check_mode)
        if params["wait_seconds"] and not check_mode:
            _zone_converge.wait(zone, outcome, places or _zone_converge.name_servers(server, zone), params["wait_seconds"])
    return outcome


def _result(outcome, diff):
    """Return the module's result; ``diff``: whether to show the zone."""
    result = {
        "changed": bool(outcome.changes),
        "changes": [
            {
                "action": change.action,
                "name": str(change.name),
                "type": change.type,
                "before": _zone_records.lines(change.name, change.type, change.before),
                "after": _zone_records.lines(change.name, change.type, change.after),
            }
            for change in outcome.changes
        ],
        "serial_before": outcome.serial_before,
        "serial": outcome.serial,
    }
    if diff:
        after = _zone_plan.applied(outcome.before, outcome.changes)
        result["diff"] = {"before": _zone_records.zone_text(outcome.before), "after": _zone_records.zone_text(after)}
    return result


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **_name_server.ARGUMENT_SPEC,
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
        },
        **_name_server.CONSTRAINTS,
        supports_check_mode=True,
    )
    params = module.params

    def to_come(reason):
        """End a dry run on a host where the name server is still to come."""
        module.warn(f"{reason} In a dry run all records count as to be created.")
        changes = [
            {"action": "create", "name": record["name"], "type": record["type"], "before": [], "after": record["values"]}
            for record in params["records"]
            if record["state"] in ("present", "append")
        ]
        module.exit_json(changed=bool(changes), changes=changes)

    if DNSPYTHON_ERROR:
        if module.check_mode:
            to_come("dnspython is not installed yet.")
        module.fail_json(msg=missing_required_lib("dnspython"), exception=DNSPYTHON_ERROR)
    if missing := _name_server.missing_library(params):
        if module.check_mode:
            to_come(f"{missing[0]} is not installed yet.")
        module.fail_json(msg=missing_required_lib(missing[0]), exception=missing[1])
    for file in (params["key_file"], params["gss_keytab"]):
        if file and module.check_mode and not os.path.exists(file):
            to_come(f"The key file {file} is not there yet.")
    try:
        outcome = converge(params, module.check_mode)
    except _zone_converge.PartError as error:
        module.fail_json(msg=str(error), **_result(error.outcome, module._diff))
    except (_rfc2136.UnreachableError, _rfc2136.UnservedError) as error:
        if module.check_mode:
            to_come(str(error))
        module.fail_json(msg=str(error))
    except (_zone_records.DeclarationError, _zone_plan.UnsafeError, _rfc2136.ServerError, ValueError) as error:
        module.fail_json(msg=str(error))
    except (dns.exception.DNSException, OSError) as error:
        module.fail_json(msg=f"The zone {params['zone']} or its key cannot be used: {error}")
    if outcome.danger:
        module.warn(f"A run would refuse this plan. {outcome.danger}")
    module.exit_json(**_result(outcome, module._diff))


if __name__ == "__main__":
    main()
