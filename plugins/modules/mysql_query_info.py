#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a MySQL or MariaDB server questions that change nothing. All of it is the action plugin's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_query_info
author: The foobar.lamp developers (@foobar)
short_description: Ask a MySQL or MariaDB server questions that change nothing
version_added: 0.1.0
description:
  - Runs queries through the server's socket, as the user of the task or the one that C(~/.my.cnf)
    names. It takes a third of the time of a module that is copied to the host.
  - The module of the engine's own collection, M(ansible.mariadb.mariadb_query) or
    M(ansible.mysql.mysql_query), is used where this one cannot run the queries, for instance
    without pipelining, if C(module_defaults) for that module have other options to log in, or after
    an error.
options:
  queries:
    description: The queries by name, one statement each. The caller must make sure they only read.
    type: dict
    required: true
  login_unix_socket:
    description: The path of the server's socket.
    type: str
    required: true
  session_vars:
    description: Variables of the session in which they are asked, by name.
    type: dict
    default: {}
  engine:
    description: What the server is.
    type: str
    choices: [mariadb, mysql]
    required: true
requirements: [PyMySQL on the host]
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode:
    support: partial
    details: What the engine's own module would have to ask is skipped, unless the task has
      C(check_mode=false).
  diff_mode: {support: none}
  platform: {platforms: posix}
"""

EXAMPLES = r"""
- name: Ask which accounts and databases there are
  foobar.lamp.mysql_query_info:
    login_unix_socket: /run/mysqld/mysqld.sock
    engine: mariadb
    queries:
      accounts: SELECT user, host FROM mysql.user
      databases: SELECT schema_name FROM information_schema.schemata
  become: true
  register: found

- name: Show the accounts
  ansible.builtin.debug:
    var: found.rows.accounts
"""

RETURN = r"""
rows:
  description: The rows of each query by its name, with columns by name.
  returned: success
  type: dict
  sample: {accounts: [{user: root, host: localhost}], databases: [{schema_name: shop}]}
"""
