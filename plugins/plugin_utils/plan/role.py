# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan knows of a role: where it runs, what follows for it from the site, what it offers
to others, what is wrong. Private to the collection. Pure: no I/O.

Each role has a file beside this one, with a ``ROLE`` of a class that is derived from this one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: Who may reach a port: everybody; visitors, for whom balancers come where there are any; or the
#: hosts of a group.
WORLD = "the world"
VISITORS = "the balancers, or the world"
#: A protocol beside TCP and UDP, by which hosts agree on which of them has an address. It has no
#: ports.
VRRP = "vrrp"


class Port(NamedTuple):
    """A port that a role listens on, 0 for VRRP, and who has to reach it.

    ``sources``: addresses and networks besides the peers.
    """

    number: int
    protocol: str = "tcp"
    peers: str = WORLD
    sources: tuple[str, ...] = ()


class Choice(NamedTuple):
    """A role that is taken for its group where an inventory's variable has a value of this name."""

    variable: str
    default: str


class Role:
    """A role of the collection. What is not overridden says: of no consequence."""

    #: The group of the inventory whose hosts get the role, and further ones whose hosts get it too.
    GROUP = "lamp"
    ALSO: tuple[str, ...] = ()
    #: The fewest and the most hosts of the group; None: any number.
    HOSTS: tuple[int, int | None] = (0, None)
    #: Numbers of hosts between these with which it does not work, and why not: ``{number: what is
    #: said behind the hosts' names}``.
    NOT_HOSTS: dict[int, str] = {}
    #: Where several roles can do a group's work: by which variable one is chosen.
    CHOICE: Choice | None = None
    #: By which keys the entries of inputs that are lists are told apart, where it is not their
    #: name.
    KEYS: dict[str, tuple[str, ...]] = {}
    #: Whether inputs are made of what the other roles of a host offer.
    COLLECTS = False
    #: Inputs that are known only when the run has come as far as their role.
    LATE: tuple[str, ...] = ()
    #: Which other roles and values its inputs follow from, for the picture: {source: what}.
    EDGES: dict[str, str] = {}

    #: Inputs of a site on more than one host, by which the page on the wiring says which ports are
    #: listened on.
    EXAMPLE: dict[str, Any] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def inputs(self, site, host, offered: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs that follow from the site.

        The plan adds those that the inventory gives.

        ``offered``: for a role that COLLECTS, what the other roles of the host offer.
        """
        return {}

    def late(self, site, host) -> dict[str, Any]:
        """Return those of LATE by what is known now."""
        return {}

    def narrowed(self, site, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs that a run about less than the whole site
        changes, whatever the inventory says.
        """
        return {}

    def narrowed_problems(self, site, inputs: dict[str, Any]) -> list[str]:
        """Return what is wrong with the choice of such a run."""
        return []

    def site_problems(self, site, host, inputs: dict[str, Any]) -> list[str]:
        """Return what is wrong with what the host is to do beside the others,
        by the facts of all that the run has asked.
        """
        return []

    def packages(self, inputs: dict[str, Any]) -> list[str]:
        """Return the Debian packages that the role needs."""
        return []

    def offers(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return what other roles of the host may take up, by name:
        lists and dictionaries, which are added up.
        """
        return {}

    def ports(self, inputs: dict[str, Any]) -> list[Port]:
        """Return the ports that have to be reached from elsewhere."""
        return []

    def problems(self, inputs: dict[str, Any], facts: dict[str, Any], search=()) -> list[str]:
        """Return what is wrong with inputs of the right types on a host of these facts:
        a sentence each.

        ``facts``: what host_facts says, and in a plan the names of the host's roles as ``roles``.
        ``search``: the directories on the controller in which relative paths are looked for.
        """
        return []
