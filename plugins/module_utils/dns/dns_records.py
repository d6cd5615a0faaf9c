# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dns_records does, without Ansible: a zone is led to what is declared. Needs dnspython."""

from __future__ import annotations

import os
import traceback

from ansible_collections.foobar.lamp.plugins.module_utils.dns import converge as zone_converge
from ansible_collections.foobar.lamp.plugins.module_utils.dns import (
    name_server,
    plan,
    rfc2136,
    rrsets,
)
from ansible_collections.foobar.lamp.plugins.module_utils.dns.doubts import doubts

DNSPYTHON_ERROR = None
try:
    import dns.exception
except ImportError:
    DNSPYTHON_ERROR = traceback.format_exc()


def declared(params):
    """Return ``(zone, declarations)`` of the module's ``params``; raises DeclarationError."""
    zone = rrsets.zone_name(params["zone"])
    found = rrsets.parse(params["records"], zone, params["default_ttl"])
    if params["reverse_of"]:
        origin = rrsets.zone_name(params["reverse_of"]["zone"])
        found = {
            **rrsets.pointers(params["reverse_of"]["records"], origin, zone, params["default_ttl"]),
            **found,
        }
    return zone, found


def converge(params, zone, declarations, check_mode=False):
    """Lead the zone to what is declared; return the ``converge.Outcome``."""
    for pattern in params["keep"]:
        if "," in pattern:
            raise ValueError(
                f"keep has {pattern!r}, and no name has a comma: give a list of patterns."
            )
    places = [zone_converge.place(text) for text in params["wait_servers"] or ()]
    with name_server.server(params, zone) as server:
        outcome = zone_converge.converge(server, zone, declarations, params, check_mode)
        if params["wait_seconds"] and not check_mode:
            zone_converge.wait(
                zone,
                outcome,
                places or zone_converge.name_servers(server, zone),
                params["wait_seconds"],
            )
    return outcome


def _warnings(params, zone, there):
    """Return sentences about what is likely not meant as it is declared;
    ``there``: the names and types of the zone.
    """
    found = list(doubts(params["records"], zone, there))
    if params["reverse_of"]:
        origin = rrsets.zone_name(params["reverse_of"]["zone"])
        names = [{**record, "values": None} for record in params["reverse_of"]["records"]]
        found += doubts(names, origin, (), "reverse_of.records")
    return found


def missing_library(params):
    """Return ``(name, traceback)`` of a library that these
    parameters take and that is not there, or None.
    """
    return (
        ("dnspython", DNSPYTHON_ERROR) if DNSPYTHON_ERROR else name_server.missing_library(params)
    )


def to_come(params, reason):
    """Return the result of a dry run on a host where the name server is still to come."""
    changes = [
        {
            "action": "create",
            "name": record["name"],
            "type": record["type"],
            "before": [],
            "after": record["values"],
        }
        for record in params["records"]
        if record["state"] in ("present", "append")
    ]
    return {
        "changed": bool(changes),
        "changes": changes,
        "warnings": [f"{reason} In check mode, all records are shown as created."],
    }


def run(params, check_mode=False, diff=False):
    """Do what dns_records documents; return its result.

    Raises ImportError for a library that is not there.
    """
    for file in (params["key_file"], params["gss_keytab"]):
        if file and check_mode and not os.path.exists(file):
            return to_come(params, f"The key file {file} does not exist yet.")
    if missing := missing_library(params):
        raise ImportError(missing[0])
    warnings = []
    try:
        zone, declarations = declared(params)
        warnings = _warnings(params, zone, declarations.keys())
        try:
            outcome = converge(params, zone, declarations, check_mode)
        except zone_converge.PartError as error:
            return {
                "failed": True,
                "msg": str(error),
                **_result(error.outcome, diff),
                "warnings": warnings,
            }
    except (rfc2136.UnreachableError, rfc2136.UnservedError) as error:
        return to_come(params, str(error)) if check_mode else _failed(str(error), warnings)
    except (rrsets.DeclarationError, plan.UnsafeError, rfc2136.ServerError, ValueError) as error:
        return _failed(str(error), warnings)
    except (dns.exception.DNSException, OSError) as error:
        return _failed(f"The zone {params['zone']} or its key cannot be used: {error}", warnings)
    # Now that the zone is known, it may have what seemed to lead nowhere.
    warnings = warnings and _warnings(params, zone, {*declarations, *outcome.before})
    if outcome.danger:
        warnings.append(f"A run would refuse this plan. {outcome.danger}")
    return {**_result(outcome, diff), "warnings": warnings}


def _failed(message, warnings):
    return {"failed": True, "changed": False, "msg": message, "warnings": warnings}


def _result(outcome, diff):
    """Return the module's result; ``diff``: whether to show the zone."""
    result = {
        "changed": bool(outcome.changes),
        "changes": [
            {
                "action": change.action,
                "name": str(change.name),
                "type": change.type,
                "before": rrsets.lines(change.name, change.type, change.before),
                "after": rrsets.lines(change.name, change.type, change.after),
            }
            for change in outcome.changes
        ],
        "serial_before": outcome.serial_before,
        "serial": outcome.serial,
    }
    if diff:
        after = plan.applied(outcome.before, outcome.changes)
        result["diff"] = {
            "before": rrsets.zone_text(outcome.before),
            "after": rrsets.zone_text(after),
        }
    return result
