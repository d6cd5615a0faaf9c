# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are made once and kept on the controller: which are missing here although a host has them. Private to the collection."""

from __future__ import annotations

import os

from ansible_collections.foobar.lamp.plugins.module_utils import _sites

TRANSFER_KEY = "transfer_key"
_REMEDY = "set lamp_new_secrets to true to have new ones made in place of the hosts' own"


def missing(names, terms, directory, given):
    """Return ``[(name, [term, ...])]``: which secrets are neither ``given`` nor in ``directory``, for those of ``names`` that lack any."""
    found = []
    for name in names:
        own = given.get(name) or {}
        if lacking := [term for term in terms if not own.get(term) and not os.path.lexists(os.path.join(directory, name, term))]:
            found.append((name, lacking))
    return found


def used(name, site):
    """Return which secrets a site has a use for: one of directories only has none."""
    needs = {"database_password": site.get("database"), "secret_key": _sites.apps(name, site)}
    return [term for term in _sites.SECRETS if needs[term]]


def lost(sites, domain, web, name_servers, directory, given):
    """Return a sentence for the secrets that would be made here although a host has them, or may have them: they were lost.

    ``web`` and ``name_servers``: the variables of these hosts, with what host_facts says.
    """
    due = [
        (name, name, terms, web, _sites.site_files(name, site))
        for name, site in sites.items()
        for _name, terms in missing([name], used(name, site), directory, given)
    ]
    if len(name_servers) > 1:
        transfer = missing([domain], [TRANSFER_KEY], directory, {})
        due += [(f"the zone {name}", name, terms, name_servers, [_sites.TRANSFER_KEY]) for name, terms in transfer]
    problems = []
    for called, name, terms, hosts, files in due:
        asked = {host["inventory_hostname"]: (host.get("ansible_facts") or {}).get("foobar_lamp", {}).get("paths") for host in hosts}
        place = f"{' and '.join(terms)} of {called} {'are' if len(terms) > 1 else 'is'} not in {directory}/{name} on this computer"
        if holders := [host for host, paths in asked.items() if set(files) & set(paths or ())]:
            problems.append(
                f"{place}, but {', '.join(holders)} has them: copy {directory} here from the computer that ran this before, or {_REMEDY}."
            )
        elif unknown := [host for host, paths in asked.items() if paths is None]:
            problems.append(
                f"{place}, and {', '.join(unknown)}, which may have them, is not part of this run: run without --limit, copy {directory} "
                f"here from the computer that ran this before, or {_REMEDY}."
            )
    return problems
