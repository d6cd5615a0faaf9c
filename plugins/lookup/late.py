# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: late
author: The foobar.lamp developers (@foobar)
short_description: Inputs of roles that are known only during the run
version_added: 0.1.0
description:
  - Returns an input that the module M(foobar.lamp.plan) could not settle, since it follows from
    what a role makes during the run. For instance, applications trust the certificate of the
    database's authority, which a first run makes.
  - The variable C(__plan) has to hold the result of the module.
options:
  _terms:
    description: The names of the inputs.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show which certificates applications trust
  ansible.builtin.debug:
    msg: "{{ lookup('foobar.lamp.late', 'python_app_trusted_certificates') }}"
"""

RETURN = r"""
_raw:
  description: The inputs.
  type: list
  elements: raw
"""

from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make, read


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms, variables=None, **kwargs):
        """Return the inputs."""
        self.set_options(var_options=variables, direct=kwargs)
        site = read.site_of(variables)
        host = site.host(variables["inventory_hostname"])
        given = self._templar.template(variables["__plan"])["given"]
        return [make.late(name, site, host, given[name]) for name in terms]
