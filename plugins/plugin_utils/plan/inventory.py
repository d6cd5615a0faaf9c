# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory: its groups, and the names of its variables. Private to
the collection. Pure: no I/O, no Ansible import.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.common.near import nearest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, roles
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import (
    BALANCERS,
    NAME_SERVERS,
    entrances,
    is_address,
)


def layers():
    """Return the groups of which hosts do something: those that roles are for."""
    return sorted({role.GROUP for role in roles.ALL.values()} - {"lamp"})


def variable_problems(names):
    """Return a sentence for each of the variables ``names`` that begins with ``lamp_`` and is
    none of ours: it would count for nothing.
    """
    problems, known = [], [*options.options("lamp"), *options.options("hosts")]
    for name in sorted(name for name in names if name.startswith("lamp_") and name not in known):
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near else "correct or remove it, see docs/sites.md."
        problems.append(f"{name} is not a known variable: {hint}")
    return problems


def group_doubts(groups):
    """Return a sentence for each of the ``groups`` that is nearly one of ours,
    and has hosts which that one has not.
    """
    known = ["lamp", *layers()]
    return [
        (
            f"Group {name} is not a group of this collection, "
            f"so no role runs on its hosts: did you mean {near}?"
        )
        for name in sorted(name for name in groups if name.startswith("lamp") and name not in known)
        if (near := nearest(name, known, cutoff=0.7))
        and not set(groups[name]) <= set(groups.get(near, ()))
    ]


def balancer_doubts(groups):
    """Return a sentence where all visitors come by one host that only passes them on."""
    balancers = groups.get(BALANCERS, ())
    if len(balancers) != 1:
        return []
    return [
        f"Group {BALANCERS} has one host, {balancers[0]}, through which all visitors come: when "
        f"it is down, so are the sites. Add a second one."
    ]


def visited_doubts(groups, values):
    """Return a sentence where web hosts take visitors although there are balancers."""
    still = [name for name in entrances(groups, values) if name in groups.get("lamp_web", ())]
    if not still or not groups.get(BALANCERS):
        return []
    return [
        f"lamp_still_visited lets visitors come to {', '.join(still)} without a balancer. Take it "
        f"out as soon as nobody has the records any more that lead there."
    ]


def variable_doubts(names, inputs):
    """Return a sentence for each of the variables ``names`` that is nearly an input of a role
    (``inputs``), and may be the user's own.
    """
    prefixes = tuple({name.partition("_")[0] + "_" for name in inputs})
    return [
        f"{name} is not a variable of any role and has no effect: did you mean {near}?"
        for name in sorted(
            name for name in names if name.startswith(prefixes) and name not in inputs
        )
        if (near := nearest(name, inputs, cutoff=0.9))
    ]


def inventory_summary(groups):
    """Return in a few words which hosts do what: ``"lamp_web: web1, web2;
    lamp_db: db1"``; long lists as their count.
    """
    there = {layer: groups[layer] for layer in layers() if groups.get(layer)}
    return "; ".join(
        f"{layer}: {', '.join(hosts) if len(hosts) <= 4 else f'{len(hosts)} hosts'}"
        for layer, hosts in there.items()
    )


def inventory_problems(groups, values):
    """Return what is wrong with the inventory's ``groups`` (``{group: [hosts]}``),
    by its ``values``: a list of sentences.
    """
    problems = []
    names = layers()
    placed = {host for layer in names for host in groups.get(layer, ())}
    for host in groups.get("lamp", ()):
        if host not in placed:
            problems.append(
                f"Host {host} is in no group that a role is for: "
                f"put it into {', '.join(names)}, or out of lamp."
            )
    for host in groups.get("ungrouped", ()):
        problems.append(
            f"Host {host} is in no group: "
            f"put it into one of {', '.join(names)}, or into another group of your own."
        )
    for role in roles.ALL.values():
        if role.CHOICE:
            problems += _choice_problems(role, values)
        if roles.chosen(role, values):
            problems += _count_problems(role, groups)
    for layer in names:
        for host in groups.get(layer, ()):
            if host not in groups.get("lamp", ()):
                problems.append(
                    f"Host {host} is in {layer} but not in lamp: "
                    f"make {layer} a child of the group lamp."
                )
    problems += [
        f"Host {host} is in {BALANCERS} and in lamp_web, which both listen on the same ports: "
        f"remove it from {BALANCERS}, or put the sites on other hosts."
        for host in groups.get(BALANCERS, ())
        if host in groups.get("lamp_web", ())
    ]
    problems += [
        f"lamp_still_visited has {name}, which is not in lamp_web: name hosts of that group."
        for name in values.get("lamp_still_visited") or ()
        if name not in groups.get("lamp_web", ())
    ]
    servers, primary = groups.get(NAME_SERVERS, ()), values.get("lamp_dns_primary")
    if primary and primary not in servers:
        those = (
            f"give one of them ({', '.join(servers)})" if servers else f"put it into {NAME_SERVERS}"
        )
        problems.append(
            f"lamp_dns_primary is {primary!r}, which is not a host of {NAME_SERVERS}: "
            f"{those}, or leave it out."
        )
    return list(dict.fromkeys(problems))


def _choice_problems(role, values):
    able = [
        one.name
        for one in roles.ALL.values()
        if one.CHOICE and one.CHOICE.variable == role.CHOICE.variable
    ]
    given = values.get(role.CHOICE.variable, role.CHOICE.default)
    if given not in able:
        yield f"{role.CHOICE.variable} is {given!r}: give {' or '.join(able)}."


def choice_problems(values, names):
    """Return a sentence for each input of a role that is not chosen, among the variables ``names``,
    which counts for nothing.

    One who goes from one role to the other and back keeps both: where there is one of the same name
    for the chosen role, all is well.
    """
    for role in roles.ALL.values():
        own = sorted(name for name in names if name.startswith(f"{role.name}_"))
        if not role.CHOICE or roles.chosen(role, values) or not own:
            continue
        (chosen,) = (
            one
            for one in roles.ALL.values()
            if one.CHOICE == role.CHOICE and roles.chosen(one, values)
        )
        able = options.options(chosen.name)
        for name in own:
            counterpart = chosen.name + name.removeprefix(role.name)
            if counterpart in able and counterpart not in names:
                yield (
                    f"{name} is set, and {role.CHOICE.variable} is {chosen.name}, so it has no "
                    f"effect: set {counterpart} (and keep it, "
                    f"if you will use {role.name} again), or remove it."
                )


def _count_problems(role, groups):
    hosts, (fewest, most) = groups.get(role.GROUP, ()), role.HOSTS
    if len(hosts) < fewest:
        wanted = "the host that does this part" if fewest == 1 else f"{fewest} hosts at least"
        there = f"has only {', '.join(hosts)}" if hosts else "is empty"
        yield f"Group {role.GROUP} {there}: put {wanted} into it."
    if len(hosts) in role.NOT_HOSTS:
        yield (
            f"Group {role.GROUP} has {len(hosts)} hosts ({', '.join(hosts)}): "
            f"{role.NOT_HOSTS[len(hosts)]}."
        )
    if most is not None and len(hosts) > most:
        yield (
            f"Group {role.GROUP} has {len(hosts)} hosts ({', '.join(hosts)}): this version takes "
            f"{'one' if most == 1 else most}, leave {'one' if most == 1 else most} in it."
        )


def address_problems(hosts):
    """Return a sentence for each address that ``hosts`` (``{name:
    variables}``) give themselves and that is none.
    """
    return [
        f"{variable} of {name} is {address!r}: give an IPv4 or IPv6 address."
        for variable in ("lamp_address", "lamp_peer_address")
        for name, variables in hosts.items()
        for address in _list(variables.get(variable))
        if not is_address(address)
    ]


def _list(value):
    return [value] if isinstance(value, str) else value or []
