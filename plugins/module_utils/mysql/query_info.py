# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a MySQL or MariaDB server through its socket, without Ansible. Needs PyMySQL.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import json
import os


def run(queries, login_unix_socket, session_vars):
    """Return as ``rows`` what the server answers to each of ``queries``, ``{name: statement}``:
    rows with columns by name. Raises whatever is wrong.

    The user's own ``.my.cnf`` may say who logs in, as for the modules; without, it is the system's
    user.
    """
    import pymysql.cursors  # the controller, which reads this file too, does not need it

    config_file = os.path.expanduser("~/.my.cnf")
    connection = pymysql.connect(
        unix_socket=login_unix_socket,
        read_default_file=config_file if os.path.exists(config_file) else None,
        connect_timeout=10,
        cursorclass=pymysql.cursors.DictCursor,
    )
    with connection, connection.cursor() as cursor:
        for name, value in session_vars.items():
            cursor.execute(f"SET SESSION {name} = %s", (value,))
        rows = {name: _rows(cursor, query) for name, query in queries.items()}
        return {"changed": False, "rows": rows}


def _rows(cursor, query):
    """Return the rows, with what JSON does not know as text,
    as the collections of Ansible for these servers do.
    """
    cursor.execute(query)
    return json.loads(json.dumps(cursor.fetchall(), default=str))
