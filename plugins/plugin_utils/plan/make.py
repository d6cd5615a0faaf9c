# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a host: the inputs of its roles, and all that is
wrong with them. Private to the collection.

Pure but for what the roles' own files read on the controller.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, roles, values, web
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import (
    BALANCERS,
    UnknownAddressError,
)

_SYSTEMS: dict[str, tuple[str, ...]] = {"debian": ("12", "13")}


class Plan(NamedTuple):
    """What a run is to do on a host.

    ``inputs``: of all its roles, by name, defaults among them. ``given``: what the inventory says
    of inputs that are late. ``roles``: the names of its roles, in their order. ``web``: what
    playbooks have to know of its web server; nothing where it has none. ``problems``: a sentence
    each; with any, the inputs are not to be used.
    """

    inputs: dict[str, Any]
    given: dict[str, Any]
    roles: list[str]
    web: dict[str, Any]
    problems: list[str]


def defaults(role):
    """Return the inputs of a role that have a default."""
    return {
        name: option["default"]
        for name, option in options.options(role).items()
        if "default" in option
    }


def plan(site, host, given, converges=True, search=(), extra=()):
    """Return the Plan of ``host``.

    ``given``: the inputs that the inventory gives, as YAML made them. ``converges``: whether the
    run makes what the roles describe; one that only asks, or goes back, is kept from it by wrong
    types, and by nothing else. ``extra``: the names that the command line gives.
    """
    own = roles.of(host.groups, site.values)
    settled = {role.name: values.settle(options.options(role.name), given) for role in own}
    problems = [problem for role in own for problem in settled[role.name].problems]
    host.given = {name: value for one in settled.values() for name, value in one.values.items()}
    inputs, offered, late = {}, {}, {}
    try:
        for role in own:
            inputs[role.name] = _inputs(role, site, host, offered, settled[role.name].values)
            if converges:
                problems += _extra_problems(settled[role.name].values, inputs[role.name], extra)
            _add(offered, _offered(role, inputs[role.name]))
            late |= {
                name: inputs[role.name].pop(name) for name in role.LATE if name in inputs[role.name]
            }
            problems += role.narrowed_problems(site, inputs[role.name])
            inputs[role.name] |= role.narrowed(site, inputs[role.name])
    except UnknownAddressError as error:
        problems.append(str(error))
    names = [name for name in roles.ROLES if name in {role.name for role in own}]
    if converges and not problems:
        # What the host will be is a fact, too.
        facts = {**host.facts, "roles": names}
        for name in names:
            problems += roles.ALL[name].problems(inputs[name], facts, search) + roles.ALL[
                name
            ].site_problems(site, host, inputs[name])
    if converges:
        problems = (
            system_problems(host, site.values)
            + unsaid_problems(host, site.values)
            + left_problems(host)
            + problems
        )
    servers = [
        role.said(inputs[role.name])
        for role in own
        if isinstance(role, web.WebServer) and role.name in inputs
    ]
    return Plan(
        {name: value for one in inputs.values() for name, value in one.items()},
        late,
        names,
        servers[0] if servers else {},
        problems,
    )


def _inputs(role, site, host, offered, given):
    following = {
        name: value for name, value in role.inputs(site, host, offered).items() if value is not None
    }
    return (
        defaults(role.name)
        | following
        | {name: merged(role, name, following, value) for name, value in given.items()}
    )


def _extra_problems(given, inputs, extra):
    """Ansible lets a variable of the command line win over all: a role would have that alone,
    without what follows from the site.
    """
    for name in sorted(set(given) & set(extra)):
        if isinstance(inputs[name], (list, dict)) and inputs[name] != given[name]:
            yield (
                f"{name} is given on the command line, where it would replace everything that "
                f"follows from the site: put it into the inventory, which adds it to that."
            )


def merged(role, name, following, given):
    """Return an input: what follows from the site, and what the inventory gives.

    Of a list, the inventory's entries are added, and take the place of those of the same name. Of a
    dictionary, its values take the place of those of the same key. Any other value takes the place
    of what follows.
    """
    there = following.get(name)
    if isinstance(there, list):
        return with_given(there, given, *role.KEYS.get(name, ("name",)))
    return {**there, **given} if isinstance(there, dict) else given


def with_given(following, given, *names):
    """Return the entries of ``following`` with those of ``given`` in the place of those of the same
    name, and the others behind.

    Entries that are dictionaries are known by the values of the keys ``names``.
    """

    def name_of(entry):
        if not isinstance(entry, dict):
            return entry
        # An account without a host is one of the socket's, and a port without a protocol one of
        # TCP; no other name has a default.
        return tuple(
            str(entry.get(name) or {"host": "localhost", "protocol": "tcp"}.get(name)).lower()
            for name in names
        )

    own = {name_of(entry): entry for entry in given}
    there = {name_of(entry) for entry in following}
    return [own.get(name_of(entry), entry) for entry in following] + [
        entry for entry in given if name_of(entry) not in there
    ]


def late(name, site, host, given):
    """Return an input that is known only during the run, by what is known now.

    ``given``: what the plan kept of the inventory's.
    """
    (role,) = (role for role in roles.ALL.values() if name in role.LATE)
    return merged(role, name, role.late(site, host), given)


def _offered(role, inputs):
    return {
        "packages": role.packages(inputs),
        "ports": {role.name: role.ports(inputs)},
    } | role.offers(inputs)


def _add(offered, more):
    for name, value in more.items():
        if isinstance(value, dict):
            offered[name] = {**offered.get(name, {}), **value}
        else:
            offered[name] = [
                *offered.get(name, []),
                *(one for one in value if one not in offered.get(name, [])),
            ]


def system_problems(host, given):
    """Return a sentence if the host runs what nobody has tried."""
    system = host.facts.get("system") or {}
    if system.get("version") in _SYSTEMS.get(system.get("name", ""), ()) or given.get(
        "lamp_untested_os"
    ):
        return []
    return [
        f"Host {host.name} runs {str(system.get('name')).capitalize()} {system.get('version')}: "
        "use Debian 12 or 13, or set lamp_untested_os to true to try it all the same."
    ]


def unsaid_problems(host, given):
    """Return a sentence if nobody says what sites there are, and the host runs some:
    a file of variables was not read.
    """
    there = sorted(set((host.facts.get("app_units") or {}).values()))
    if (
        not there
        or "lamp_web" not in host.groups
        or "lamp_sites" in given
        or "python_app_apps" in host.given
    ):
        return []
    return [
        f"lamp_sites is not defined, and host {host.name} runs {', '.join(there)}, which would "
        f"all be removed: check that the inventory's variables are read, "
        f"or set lamp_sites to {{}} if you want that."
    ]


def closing_doubts(site, host):
    """Return a sentence if visitors come to the web host until a run puts the first balancers
    before it, and closes it to them.
    """
    known = [one.facts for one in site.hosts(BALANCERS)]
    if (
        "lamp_web" not in host.groups
        or host.name in site.entrances
        or not {"apache", "nginx"} & set(host.facts.get("made", []))
        # One that this run did not ask may be at work.
        or not all(known)
        or any("haproxy" in facts.get("made", []) for facts in known)
    ):
        return []
    return [
        f"Visitors come to {host.name}, and no balancer is there yet: foobar.lamp.site closes "
        f"{host.name} to them, and the records lead to the balancers at its end. In between, and "
        f"as long as the old records are kept, they get no answer. Add {host.name} to "
        f"lamp_still_visited to lose nobody; docs/balancers.md has the steps."
    ]


def left_problems(host):
    """Return a sentence if the host is a balancer no more, and does not know:
    it would hold an address that others hold, or keep ports.
    """
    there = [
        name
        for name in ("keepalived", "haproxy")
        if name in host.facts.get("running", []) and name in host.facts.get("made", [])
    ]
    if not there or BALANCERS in host.groups:
        return []
    return [
        f"Host {host.name} is not in the group {BALANCERS}, but still runs {' and '.join(there)} "
        f"as a balancer: put it into the group, or stop that on the host by `systemctl disable "
        f"--now {' '.join(there)}`."
    ]
