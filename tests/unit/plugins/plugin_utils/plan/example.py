"""An inventory to plan: what Ansible would say of its groups and hosts."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make, roles
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import Site

APP = {"source": "../app", "wsgi": "shop.wsgi:application"}
SITE = {"www.foobar.com": {"aliases": ["foobar.com"], "app": APP, "database": "shop"}}
SECRETS = {"database_password": "p/w:x-is-long", "secret_key": "k" * 40}


def site_of(sites=None, domain="foobar.com", hosts=None, base="/inv", **of):
    """Return the Site of an inventory.

    ``of``: the hosts of a group (``web="a b"``), and the other ``lamp_*`` by their names.
    ``hosts``: more variables of each host. Each runs Debian 12, and says an address by its place
    among all.
    """
    sites = SITE if sites is None else sites
    groups = {f"lamp_{name}": of.pop(name, "").split() for name in ("web", "db", "dns", "lb")}
    groups["lamp"] = list(dict.fromkeys(name for members in groups.values() for name in members))
    variables = {
        name: {
            "ansible_facts": {"foobar_lamp": facts(addresses=[f"192.0.2.{number}"])},
            **(hosts or {}).get(name, {}),
        }
        for number, name in enumerate(groups["lamp"], 1)
    }
    # Certificates are a subject of their own.
    values = {"lamp_domain": domain, "lamp_sites": sites, "lamp_tls": "off", **of}
    return Site(
        values,
        groups,
        variables.__getitem__,
        secrets=lambda: dict.fromkeys(sites, SECRETS),
        transfer_secret=lambda: "for transfers",
        base=base,
        acme_account=lambda: "a" * 48,
        acme_keys=lambda: dict.fromkeys([*groups["lamp_web"], *groups["lamp_lb"]], "k" * 48),
    )


def facts(**more):
    """Return what host_facts says of a host on which nothing is yet."""
    return {
        "system": {"name": "debian", "version": "12"},
        "memory_mb": 2048,
        "unmanaged": {},
        "packages": [],
        "paths": {},
        **more,
    }


def inputs_of(role, site, host):
    """Return the inputs of a role that follow from the site."""
    return roles.ALL[role].inputs(site, site.host(host), {})


def problems_of(role, inputs, known=None):
    """Return what is wrong with a role's inputs, the others being its defaults,
    on a host of the facts ``known``.
    """
    return roles.ALL[role].problems({**make.defaults(role), **inputs}, known or {})
