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
  - Asks through the server's socket, as the user that the task runs as or that C(~/.my.cnf) names, and in a third of the time that a
    module takes.
  - Where a host cannot be asked so, for instance without pipelining, where C(module_defaults) for O(module) say more of the way to log in,
    and where anything goes wrong, O(module) asks and its result is this module's.
options:
  queries:
    description: The questions, one statement each. That they change nothing is the task's to see to.
    type: list
    elements: str
    required: true
  login_unix_socket:
    description: The path of the server's socket.
    type: str
    required: true
  session_vars:
    description: Variables of the session in which they are asked, by name.
    type: dict
    default: {}
  module:
    description: The module of the server's own collection, such as M(ansible.mariadb.mariadb_query).
    type: str
    required: true
requirements: [PyMySQL on the host]
extends_documentation_fragment: [ansible.builtin.action_common_attributes]
attributes:
  check_mode:
    support: partial
    details: What O(module) would have to ask is skipped, unless the task has C(check_mode=false).
  diff_mode: {support: none}
  platform: {platforms: posix}
"""

EXAMPLES = r"""
- name: Ask which accounts and databases there are
  foobar.lamp.mysql_query_info:
    login_unix_socket: /run/mysqld/mysqld.sock
    module: ansible.mariadb.mariadb_query
    queries:
      - SELECT user, host FROM mysql.user
      - SELECT schema_name FROM information_schema.schemata
  become: true
  register: found
"""

RETURN = r"""
query_result:
  description: The rows that each question was answered with, by column.
  returned: success
  type: list
  elements: list
  sample: [[{user: root, host: localhost}], [{schema_name: shop}]]
"""
