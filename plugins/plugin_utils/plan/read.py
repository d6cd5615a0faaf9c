# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan is made of, read from Ansible's variables. Private to the collection."""

from __future__ import annotations

import os

from ansible.errors import AnsibleError
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import (
    composed,
    inventory,
    keepalived,
    options,
    records,
    renamed,
    secrets,
    tls,
    values,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import site as of_site
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import Site


def values_of(known, variables, templar):
    """Return those of the variables that have options in ``known``,
    templated, and a sentence for each that cannot be.
    """
    found, problems = {}, []
    for name in known:
        if name in variables:
            try:
                found[name] = templar.template(variables[name])
            except AnsibleError as error:
                problems.append(f"{name} cannot be evaluated: {error}")
    return found, problems


def settled(of, variables, templar):
    """Return the variables of ``of``, as ``options.options`` knows it,
    with the types that are documented, and what is wrong with them.
    """
    known = options.options(of)
    found, problems = values_of(known, variables, templar)
    if "lamp_sites" in found:
        found["lamp_sites"], _notes, wrong = composed.sites(
            found["lamp_sites"], base_of(variables, found)
        )
        problems += wrong
    said = values.settle(known, found)
    return said.values, problems + said.problems


def notes(variables, templar):
    """Return what a user may not expect of how compose files are read."""
    found = values_of(("lamp_base_dir", "lamp_sites"), variables, templar)[0]
    return composed.sites(found.get("lamp_sites"), base_of(variables, found))[1]


def site_of(variables, templar=None):
    """Return the Site that an inventory describes, whose values are well.

    Where it may make secrets, it is told afterwards.
    """
    given = settled("lamp", variables, templar)[0] if templar else {}
    hostvars = variables["hostvars"]
    base, directory = base_of(variables, given), directory_of(variables, given)

    def kept(terms, names, own):
        try:
            return secrets.kept(
                directory,
                names,
                terms,
                own,
                site.makes_secrets and not variables.get("ansible_check_mode"),
            )
        except OSError as error:
            raise AnsibleError(
                f"The secrets in {directory} cannot be kept: {error.strerror} ({error.filename}). "
                "Correct it, or name another directory in lamp_secrets_dir."
            ) from error
        except ValueError as error:
            raise AnsibleError(str(error)) from error

    def of_sites():
        return kept(
            of_site.SECRETS, list(given.get("lamp_sites", {})), given.get("lamp_secrets") or {}
        )

    def of_transfers():
        return kept([secrets.TRANSFER_KEY], [given["lamp_domain"]], {})[given["lamp_domain"]][
            secrets.TRANSFER_KEY
        ]

    def of_account():
        term, own = secrets.ACME_ACCOUNT, (given.get("lamp_acme") or {}).get("account_secret")
        return kept([term], [given["lamp_domain"]], {given["lamp_domain"]: {term: own}})[
            given["lamp_domain"]
        ][term]

    def of_keys():
        found = kept(
            [secrets.ACME_KEY],
            of_site.entrances(variables["groups"], given),
            {},
        )
        return {name: one[secrets.ACME_KEY] for name, one in found.items()}

    site = Site(
        given,
        variables["groups"],
        lambda name: hostvars[name],
        of_sites,
        of_transfers,
        base,
        of_account,
        of_keys,
    )
    return site


def base_of(variables, given):
    """Return the directory on the controller that relative sources start from: the inventory's."""
    return given.get("lamp_base_dir") or variables.get("inventory_dir") or os.getcwd()


def directory_of(variables, given):
    """Return the directory on the controller that keeps secrets which nobody gave."""
    return given.get("lamp_secrets_dir") or os.path.join(base_of(variables, given), ".secrets")


def site_problems(variables, templar, warn):
    """Return what can be said to be wrong before a host is asked:
    of the inventory's groups and variables, the sites and the records.
    """
    groups, hosts = (
        variables["groups"],
        {name: variables["hostvars"][name] for name in variables["groups"]["all"]},
    )
    names = sorted(
        {name for one in hosts.values() for name in one}
        | {name for name in variables if name.startswith("lamp_")}
    )
    for doubt in [
        *inventory.group_doubts(groups),
        *inventory.balancer_doubts(groups),
        *inventory.variable_doubts(names, options.of_roles()),
    ]:
        warn(doubt)
    given, wrong = settled("lamp", variables, templar)
    for doubt in inventory.visited_doubts(groups, given):
        warn(doubt)
    problems = inventory.inventory_problems(groups, given) + inventory.variable_problems(names)
    # A host outside of lamp may have such a variable for something else.
    problems += renamed.renamed_problems(
        name for host in groups.get("lamp", ()) for name in hosts[host]
    )
    for name, one in hosts.items():
        wrong += [
            problem.replace(" is ", f" of {name} is ", 1)
            for problem in settled("hosts", one, templar)[1]
        ]
    if wrong:
        return problems + wrong
    sites, servers = given.get("lamp_sites", {}), len(groups.get("lamp_dns", ()))
    problems += of_site.domain_problems(given.get("lamp_domain", "")) + of_site.site_problems(
        sites
    ) or records.record_problems(
        given.get("lamp_dns_records", []),
        given["lamp_domain"],
        sites,
        servers,
        given.get("lamp_certificate_authorities", []),
    )
    if not problems:
        problems += inventory.choice_problems(
            given, {name for host in groups.get("lamp", ()) for name in hosts[host]}
        )
    entrance, names = of_site.entrance(groups), of_site.entrances(groups, given)
    if set(names) - set(groups.get(entrance, ())):
        entrance += " with lamp_still_visited"
    problems += tls.problems(given, len(names), servers, entrance)
    problems += keepalived.vip_problems(given, groups, hosts)
    problems += of_site.sharing_problems(sites, groups)
    problems += of_site.secret_problems(given.get("lamp_secrets", {}), sites)
    problems += records.server_problems(
        given.get("lamp_dns_server"), given.get("lamp_dns_key"), servers
    )
    return problems + inventory.address_problems(hosts)
