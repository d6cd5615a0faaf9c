# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print what all members of this host's cluster say, as JSON: ``me`` and ``members``; nothing of
it where it has left it already.
"""

import json
import sys

sys.path.insert(0, "/usr/local/lib/mysql-cluster")

try:
    import members

    known = members.settings()
except (ImportError, OSError):
    print("{}")
else:
    print(json.dumps({"me": known["me"], "members": members.ask_all(known)}))
