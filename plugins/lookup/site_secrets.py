# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: site_secrets
author: The foobar.lamp developers (@foobar)
short_description: The secrets of sites, made once
version_added: 0.1.0
description:
  - Returns a dictionary of sites, each with a dictionary of its secrets.
  - A secret that O(given) holds is taken from there. Another is read from the file
    O(directory)/SITE/SECRET, which is made with a strong random value when it is not there yet.
  - Files have mode 0600, their directories 0700, and a C(.gitignore) in O(directory) keeps all of
    it out of git.
options:
  _terms:
    description: The names of the secrets of each site.
    type: list
    elements: str
    required: true
  sites:
    description: The names of the sites.
    type: list
    elements: str
    required: true
  directory:
    description: The directory on the controller that keeps the secrets.
    type: path
    required: true
  given:
    description: Secrets that are given, for instance from a vault, under the same keys as in the
      result.
    type: dict
    default: {}
  make:
    description:
      - Whether a secret that is not there yet is made and kept.
      - Where it is V(false), and in a dry run, it is another one each time, and nobody keeps it.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Use the secrets of a site
  ansible.builtin.debug:
    msg: "{{ lookup('foobar.lamp.site_secrets', 'secret_key', sites=['www.foobar.com'],
      directory='/root/.secrets') | length }}"
"""

RETURN = r"""
_raw:
  description: One dictionary of sites, each a dictionary of secrets by name.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import secrets


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms, variables=None, **kwargs):
        """Return ``[{site: {secret: value}}]``."""
        self.set_options(var_options=variables, direct=kwargs)
        make = self.get_option("make") and not (variables or {}).get("ansible_check_mode")
        directory = self.get_option("directory")
        try:
            return [
                secrets.kept(
                    directory, self.get_option("sites"), terms, self.get_option("given"), make
                )
            ]
        except ValueError as error:
            raise AnsibleLookupError(str(error)) from error
        except OSError as error:
            raise AnsibleLookupError(
                f"The secrets in {directory} cannot be kept: {error.strerror} ({error.filename}). "
                "Correct it, or name another directory in lamp_secrets_dir."
            ) from error
