# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role mysql: what its inputs say, and what differs from what the server says.

*databases* and *users* are the items of ``mysql_databases`` and ``mysql_users``. Private to the role.
"""

from __future__ import annotations

import hashlib
import re

_DATABASE = re.compile(r"[0-9A-Za-z_$-]{1,64}\Z")
_USER = re.compile(r"[0-9A-Za-z_.$-]{1,80}\Z")
_HOST = re.compile(r"[0-9A-Za-z_.:%/-]{1,255}\Z")
_SHORTEST = 12


def mysql_problems(databases, users, settings):
    """Return what is wrong with the role's inputs: a list of sentences. Passwords are never shown."""
    names = [database["name"] for database in databases]
    problems = [
        f"mysql_databases has the name {name!r}: use 1 to 64 letters, digits, underscores, hyphens or dollar signs."
        for name in names
        if not _DATABASE.match(name)
    ]
    problems += [f"mysql_databases has {name} twice: remove one." for name in sorted(set(names)) if names.count(name) > 1]
    for user in users:
        where = f"mysql_users gives {user['name']}"
        if not _USER.match(user["name"]):
            problems.append(
                f"mysql_users has the name {user['name']!r}: use 1 to 80 letters, digits, underscores, dots, hyphens or dollar signs."
            )
        if not _HOST.match(_host(user)):
            problems.append(f"{where} the host {_host(user)!r}: give a name, an address, or a pattern of them.")
        if len(user["password"]) < _SHORTEST:
            problems.append(f"{where} a password of fewer than {_SHORTEST} characters: give a longer one.")
        problems += [
            f"{where} the database {database}: add that to mysql_databases, or correct it."
            for database in user["databases"]
            if database not in names
        ]
    problems += [
        f"mysql_settings.{section} is {values!r}: put settings into a section, for instance mysql_settings.mysqld."
        for section, values in settings.items()
        if not isinstance(values, dict)
    ]
    return problems


def _host(user):
    return user.get("host") or "localhost"


def mysql_unlike_databases(databases, found):
    """Return those of ``databases`` that the server lacks or has otherwise, defaults filled in.

    ``found``: rows with name, encoding and collation.
    """
    there = {row["name"]: (row["encoding"], row["collation"]) for row in found}
    wanted = [{"encoding": "utf8mb4", "collation": "utf8mb4_unicode_ci", **database} for database in databases]
    return [database for database in wanted if there.get(database["name"]) != (database["encoding"], database["collation"])]


def mysql_grant_questions(users):
    """Return two statements for each of ``users``: the rows of the second are the account's grants, none if there is no account.

    Names and hosts are those that mysql_problems has let pass: they hold no quotes.
    """
    questions = []
    for user in users:
        account = f"'{user['name']}'@'{_host(user)}'"
        there = f"SELECT COUNT(*) FROM mysql.user WHERE CONCAT(QUOTE(user), '@', QUOTE(host)) = \"{account}\""  # noqa: S608 # see above
        questions.append(f"SET @question = IF(({there}), \"SHOW GRANTS FOR {account}\", 'SELECT 1 FROM mysql.user LIMIT 0')")  # noqa: S608
        questions.append("EXECUTE IMMEDIATE @question")
    return questions


def mysql_unlike_users(users, answers):
    """Return those of ``users`` whose grants or password differ from the ``answers`` to their questions, or that are not there.

    Compared is what MariaDB shows of an account that may log in with this password, do all in its databases and nothing else.
    """
    unlike = []
    for user, rows in zip(users, answers[1::2], strict=True):
        account = f"`{user['name']}`@`{_host(user)}`"
        hashed = hashlib.sha1(hashlib.sha1(user["password"].encode()).digest()).hexdigest().upper()  # noqa: S324 # the server's way
        wanted = {f"GRANT USAGE ON *.* TO {account} IDENTIFIED BY PASSWORD '*{hashed}'"}
        for database in user["databases"]:
            escaped = re.sub("([_%])", r"\\\1", database)
            wanted.add(f"GRANT ALL PRIVILEGES ON `{escaped}`.* TO {account}")
        if {grant for row in rows for grant in row.values()} != wanted:
            unlike.append(user)
    return unlike


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "mysql_grant_questions": mysql_grant_questions,
            "mysql_problems": mysql_problems,
            "mysql_unlike_databases": mysql_unlike_databases,
            "mysql_unlike_users": mysql_unlike_users,
        }
