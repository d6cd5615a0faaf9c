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
  - A secret that O(given) holds is taken from there. Another is read from the file O(directory)/SITE/SECRET, which is made with
    a strong random value when it is not there yet.
  - Files have mode 0600, their directories 0700, and a C(.gitignore) in O(directory) keeps all of it out of git.
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
    description: Secrets that are given, for instance from a vault, under the same keys as in the result.
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
    msg: "{{ lookup('foobar.lamp.site_secrets', 'secret_key', sites=['www.foobar.com'], directory='/root/.secrets') | length }}"
"""

RETURN = r"""
_raw:
  description: One dictionary of sites, each a dictionary of secrets by name.
  type: list
  elements: dict
"""

import contextlib
import os
import secrets
import string
import tempfile

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 48  # characters of 62: 285 bits


def _new():
    return "".join(secrets.choice(_ALPHABET) for _position in range(_LENGTH))


def _read_or_make(path):
    """Return the secret in the file ``path``, which is made when it is not there; of two makers at once the first wins."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    if not os.path.lexists(path):
        handle, temporary = tempfile.mkstemp(dir=directory)  # has mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(_new() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            os.unlink(temporary)
    if os.stat(path).st_mode & 0o077:
        os.chmod(path, 0o600)
    with open(path, encoding="utf-8") as file:
        value = file.read().strip()
    if not value:
        raise AnsibleLookupError(f"The file {path} is empty: write the secret into it, or remove it to have a new one made.")
    return value


def _keep_out_of_git(directory):
    os.makedirs(directory, mode=0o700, exist_ok=True)
    ignore = os.path.join(directory, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="ascii") as file:
            file.write("*\n")


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms, variables=None, **kwargs):
        """Return ``[{site: {secret: value}}]``."""
        self.set_options(var_options=variables, direct=kwargs)
        dry = not self.get_option("make") or bool((variables or {}).get("ansible_check_mode"))
        directory, given = self.get_option("directory"), self.get_option("given")
        found = {}
        try:
            if not dry:
                _keep_out_of_git(directory)
            for site in self.get_option("sites"):
                own = given.get(site) or {}
                found[site] = {name: own.get(name) or self._kept(os.path.join(directory, site, name), dry) for name in terms}
        except OSError as error:
            raise AnsibleLookupError(
                f"The secrets in {directory} cannot be kept: {error.strerror} ({error.filename}). "
                "Correct it, or name another directory in lamp_secrets_dir."
            ) from error
        return [found]

    @staticmethod
    def _kept(path, dry):
        return _new() if dry and not os.path.exists(path) else _read_or_make(path)
