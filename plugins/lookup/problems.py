# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: problems
author: The foobar.lamp developers (@foobar)
short_description: What is wrong with the inputs of a role
version_added: 0.1.0
description:
  - Returns a sentence for each problem. It names the variable, the value (unless that is secret)
    and the remedy. First of all each value has to be of the type that is documented. What else is
    wrong is said once all of them are.
  - A role that is used alone calls it before anything else reads its inputs. The playbooks of this
    collection ask the module M(foobar.lamp.plan) for all roles together.
options:
  _terms:
    description: The names of the roles.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Check the inputs of a role
  ansible.builtin.assert:
    that: query('foobar.lamp.problems', 'apache') | length == 0
"""

RETURN = r"""
_raw:
  description: The sentences.
  type: list
  elements: str
"""

from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make, read, renamed, roles


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms, variables=None, **kwargs):
        """Return the sentences."""
        self.set_options(var_options=variables, direct=kwargs)
        facts = facts_of(variables)
        search = [*variables.get("ansible_search_path", []), variables.get("playbook_dir", ".")]
        problems = []
        for role in terms:
            inputs, wrong = read.settled(role, variables, self._templar)
            problems += renamed.renamed_problems(
                name for name in variables if name.startswith(f"{role}_")
            )
            problems += wrong or roles.ALL[role].problems(
                {**make.defaults(role), **inputs}, facts, search
            )
        return problems
