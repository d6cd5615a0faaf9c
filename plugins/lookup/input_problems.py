# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: input_problems
author: The foobar.lamp developers (@foobar)
short_description: Variables of this collection with values of wrong types
version_added: 0.1.0
description:
  - Returns a sentence for each value that has another type than is documented, for instance a number where a text is wanted. It names the
    variable, the value (unless that is secret) and the remedy.
  - The roles and playbooks of this collection call it before anything else reads those values.
options:
  _terms:
    description: >-
      Whose variables to look at. The name of a role; C(lamp) for those of an inventory that the playbooks read; C(hosts) for those of them
      that each host has; C(playbooks) for those that playbooks take from the command line.
    type: list
    elements: str
    required: true
  inventory:
    description: Whether to look at what the inventory says of the host, instead of what the play makes of that.
    type: bool
    default: false
  only:
    description: The names of the variables to look at, by default all.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Check the inputs of a role
  ansible.builtin.assert:
    that: query('foobar.lamp.input_problems', 'apache') | length == 0
"""

RETURN = r"""
_raw:
  description: The sentences.
  type: list
  elements: str
"""

from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.lamp.plugins.plugin_utils import _inputs, _values


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms, variables=None, **kwargs):
        """Return the sentences."""
        self.set_options(var_options=variables, direct=kwargs)
        problems = []
        for of in terms:
            if of == "hosts":
                problems += self._of_hosts(variables)
            else:
                options = _inputs.options(of)
                names = self.get_option("only") or options
                given = variables["hostvars"][variables["inventory_hostname"]] if self.get_option("inventory") else variables
                there = {name: given[name] for name in names if name in given}
                problems += _values.settle({name: options[name] for name in names}, self._templar.template(there)).problems
        return problems

    @staticmethod
    def _of_hosts(variables):
        problems = []
        for host in variables["groups"]["all"]:
            given = variables["hostvars"][host]
            for name, option in _inputs.options("hosts").items():
                if name in given:
                    called = f"{name} of {host}"
                    problems += _values.settle({called: option}, {called: given[name]}).problems
        return problems
