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
  - Declares record sets of one zone on any name server that takes signed updates (RFC 2136), for instance BIND, Knot or PowerDNS.
  - The zone is read by one transfer (AXFR). What differs is changed by one update, which holds only if nobody else changed the zone
    in between; otherwise the zone is read again.
  - Values are compared as the DNS sees them, whatever their spelling or order.
  - SOA records and those of DNSSEC are never touched.
requirements:
  - dnspython 2.3 or later, on the host that the module runs on
attributes:
  check_mode:
    support: full
    description: Sends no update. Where nobody answers yet, all records are reported as to be created, with a warning.
  diff_mode:
    support: full
    description: Shows the zone before and after in the format of a zone file.
options:
  zone:
    description: The zone's name.
    type: str
    required: true
  records:
    description: The record sets.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name, relative to the zone or, with a dot at the end, absolute. C(@) is the zone itself.
        type: str
        required: true
      type:
        description: The type, for instance C(A) or C(TXT).
        type: str
        required: true
      ttl:
        description: How many seconds the records may be kept. O(default_ttl) by default.
        type: int
      values:
        description:
          - All values of the record set, in the format of a zone file.
          - A TXT value without quotes is one text, however long.
        type: list
        elements: str
      state:
        description: Whether the record set is there with exactly these values, or is not.
        type: str
        choices: [present, absent]
        default: present
  default_ttl:
    description: The TTL of record sets that name none, in seconds.
    type: int
    default: 3600
  exclusive:
    description: Whether record sets that are not declared are removed. The zone's own name servers and ACME challenges stay.
    type: bool
    default: false
  server:
    description: The address of the zone's primary name server.
    type: str
    default: 127.0.0.1
  port:
    description: Its port.
    type: int
    default: 53
  timeout:
    description: How many seconds to wait for an answer.
    type: int
    default: 10
  key_file:
    description: A file with the TSIG key as tsig-keygen writes it, on the host that the module runs on.
    type: path
  key_name:
    description: The name of the TSIG key, instead of O(key_file).
    type: str
  key_algorithm:
    description: The algorithm of O(key_name).
    type: str
    choices: [hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512]
    default: hmac-sha256
  key_secret:
    description: The secret of O(key_name), in base64.
    type: str
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
"""

RETURN = r"""
changes:
  description: What changed, or would change in check mode.
  returned: success
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
serial:
  description: The zone's serial that the plan was made from, before the change.
  returned: when the zone could be read
  type: int
"""

import os
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.foobar.lamp.plugins.module_utils import _rfc2136, _zone_plan

DNSPYTHON_ERROR = None
try:
    import dns.exception
    import dns.name
except ImportError:
    DNSPYTHON_ERROR = traceback.format_exc()

# Each try reads the zone anew; a zone that changes faster than this is not ours to change.
_TRIES = 5


def _key(params):
    """Return the TSIG key as (name, algorithm, secret); raises ValueError or OSError."""
    if params["key_file"]:
        return _rfc2136.read_key_file(params["key_file"])
    return params["key_name"], params["key_algorithm"], params["key_secret"]


def _result(existing, changes):
    after = _zone_plan.applied(existing, changes)
    return {
        "changed": bool(changes),
        "changes": [
            {
                "action": change.action,
                "name": str(change.name),
                "type": change.type,
                "before": _zone_plan.lines(change.name, change.type, change.before) if change.before else [],
                "after": _zone_plan.lines(change.name, change.type, change.after) if change.after else [],
            }
            for change in changes
        ],
        "diff": {"before": _zone_plan.zone_text(existing), "after": _zone_plan.zone_text(after)},
    }


def _converge(server, zone, desired, absent, params, check_mode):
    """Read, plan and, unless in check mode, apply; return the module's result."""
    for _try in range(_TRIES):
        soa, existing = server.read()
        changes = _zone_plan.plan(existing, desired, absent, zone, params["exclusive"])
        if changes and not check_mode:
            try:
                server.apply(changes, soa)
            except _rfc2136.RacedError:
                continue
        return {**_result(existing, changes), "serial": soa.serial}
    raise _rfc2136.ServerError(f"The zone {zone} was changed by someone else {_TRIES} times in a row: see who, and run again.")


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "zone": {"type": "str", "required": True},
            "records": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "type": {"type": "str", "required": True},
                    "ttl": {"type": "int"},
                    "values": {"type": "list", "elements": "str"},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                },
            },
            "default_ttl": {"type": "int", "default": 3600},
            "exclusive": {"type": "bool", "default": False},
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
        },
        mutually_exclusive=[("key_file", "key_name")],
        required_one_of=[("key_file", "key_name")],
        required_together=[("key_name", "key_secret")],
        supports_check_mode=True,
    )
    params = module.params

    def to_come(reason):
        """End a dry run on a host where the name server is still to come."""
        module.warn(f"{reason} In a dry run all records count as to be created.")
        changes = [
            {"action": "create", "name": record["name"], "type": record["type"], "before": [], "after": record["values"]}
            for record in params["records"]
            if record["state"] == "present"
        ]
        module.exit_json(changed=bool(changes), changes=changes)

    if DNSPYTHON_ERROR:
        if module.check_mode:
            to_come("dnspython is not installed yet.")
        module.fail_json(msg=missing_required_lib("dnspython"), exception=DNSPYTHON_ERROR)
    if params["key_file"] and module.check_mode and not os.path.exists(params["key_file"]):
        to_come(f"The key file {params['key_file']} is not there yet.")
    try:
        zone = dns.name.from_text(params["zone"])
        desired, absent = _zone_plan.parse(params["records"], zone, params["default_ttl"])
        server = _rfc2136.Server(params["server"], params["port"], zone, _key(params), params["timeout"])
        result = _converge(server, zone, desired, absent, params, module.check_mode)
    except _rfc2136.UnreachableError as error:
        if module.check_mode:
            to_come(str(error))
        module.fail_json(msg=str(error))
    except (_zone_plan.PlanError, _rfc2136.ServerError, ValueError) as error:
        module.fail_json(msg=str(error))
    except (dns.exception.DNSException, OSError) as error:
        module.fail_json(msg=f"The zone {params['zone']} or its key cannot be used: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
