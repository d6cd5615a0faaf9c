# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order members of a cluster are restarted. Private to the
collection. Pure: no I/O, no Ansible import.
"""

from __future__ import annotations

import json


def restart_order(hosts, hostvars):
    """Return the names of those of ``hosts`` whose servers are to be
    restarted, the one that writes last.

    By what tasks of the role mysql have registered on each: ``__mysql_config`` says whether the
    server has read its files, ``__mysql_restart_reasons`` whether that takes a restart,
    ``__mysql_decision`` who writes. What is left to do after a run that was killed, they say of the
    servers anew.
    """
    return sorted(
        (name for name in hosts if _due(hostvars[name])), key=lambda name: _writes(hostvars[name])
    )


def _due(variables):
    config, reasons = (
        variables.get("__mysql_config") or {},
        variables.get("__mysql_restart_reasons") or {},
    )
    behind = [*config.get("reload", ()), *config.get("restart", ())]
    return "mariadb" in behind and bool(reasons) and not reasons.get("skipped")


def _writes(variables):
    said = json.loads((variables.get("__mysql_decision") or {}).get("stdout") or "{}")
    return bool(said.get("writer")) and said["writer"] == said.get("me")
