# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent of this host says, which is a member of a cluster of database servers. No
Ansible. Private to the collection.
"""

from __future__ import annotations

import http.client
import json

#: What the role mysql says of the cluster, where the host is a member of one.
SETTINGS = "/etc/mysql/cluster/settings.json"
_MOST = 1 << 16
_PATIENCE = 2


def settings():
    """Return what the role says of the cluster: ``me``, ``members`` ``{name: address}``,
    ``port`` and more; nothing where there is none.
    """
    try:
        with open(SETTINGS, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def ask(known, path, timeout=_PATIENCE):
    """Return status and text of the agent's answer, ``(0, "")`` where it says nothing;
    ``known``: the settings.
    """
    connection = http.client.HTTPConnection(
        known["members"][known["me"]], known["port"], timeout=timeout
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def writes():
    """Whether the host is the one of a cluster's that applications write to."""
    known = settings()
    return bool(known) and ask(known, "/write")[0] == 200
