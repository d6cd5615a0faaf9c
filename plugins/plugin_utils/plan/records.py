# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that a site is to have, and what is wrong with them before
anything changes. Private to the collection.

Types are judged before. No zone is read here: what only its name server can tell, the play of the
records says.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import tls
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import is_address

_HOSTNAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?\Z")
#: Who may issue certificates, by default.
AUTHORITIES = ["letsencrypt.org"]
#: What has browsers come by HTTPS from the first visit on.
HTTPS = '1 . alpn="h2"'
_ANYWHERE = "192.0.2.1"  # which addresses hosts have decides nothing here


def records_of(site):
    """Return the record sets of the site's domain."""
    return dns_records(
        site.sites,
        site.domain,
        site.visited,
        [host.addresses for host in site.hosts("lamp_dns")],
        authorities_of(site.values),
        site.values.get("lamp_dns_records", []),
    )


def authorities_of(values):
    """Return who may issue certificates for the domain, as CAA records say it:
    those that ``values`` name, or have asked.
    """
    asks = any(
        tls.source_of(values, name, site) == "acme"
        for name, site in (values.get("lamp_sites") or {}).items()
    )
    followed = (
        list(dict.fromkeys(name for name in tls.caa_names(values) if name)) if asks else AUTHORITIES
    )
    names = values.get("lamp_certificate_authorities", followed)
    account = (values.get("lamp_acme") or {}).get("account_caa") if asks else None
    # Whoever gets hold of a route or a resolver has no account with the CA.
    return [f"{names[0]}; accounturi={account}", *names[1:]] if account and names else names


def dns_records(sites, domain, web, name_servers=(), authorities=(), declared=()):
    """Return the record sets of ``domain``:
    those that follow from ``sites`` and the inventory, and those that the user ``declared``.

    Names of sites lead to the addresses ``web``; names outside the domain have their records
    elsewhere. What is declared takes the place of what follows under the same name and type.
    """
    records = []
    for site_name, site in sites.items():
        for name in [site_name, *site.get("aliases", [])]:
            if name.lower() == domain.lower() or name.lower().endswith("." + domain.lower()):
                records += _address_records(f"{name}.", web)
                if (site.get("tls") or {}).get("https_record"):
                    records.append(
                        {"name": f"{name}.", "type": "HTTPS", "ttl": 300, "values": [HTTPS]}
                    )
    own = {(_absolute(record["name"], domain), str(record["type"]).upper()) for record in declared}
    if name_servers:
        # On somebody else's name server the domain may have mail and more that nobody told us of.
        wildcard = any((site.get("tls") or {}).get("wildcard") for site in sites.values())
        records += _zone_records(
            domain, name_servers, _caa(authorities, wildcard), (_absolute("@", domain), "MX") in own
        )
    return [
        record
        for record in records
        if (_absolute(record["name"], domain), record["type"]) not in own
    ] + list(declared)


def _caa(authorities, wildcard):
    """Return the values of the CAA records.

    Certificates for all names at once nobody issues, unless a site has such a ``wildcard``.
    """
    if not authorities:
        return ['0 issue ";"']
    return [
        *(f'0 issue "{name}"' for name in authorities),
        *([] if wildcard else ['0 issuewild ";"']),
    ]


def _zone_records(domain, name_servers, caa, mail):
    """Return the record sets of a zone of our own.

    ``name_servers``: a list of addresses for each. ``caa``: the values of its CAA records.
    ``mail``: whether the domain has mail; if not, it says so.
    """
    names = [f"ns{number}.{domain}." for number in range(1, len(name_servers) + 1)]
    records = [{"name": "@", "type": "NS", "values": names}]
    for name, addresses_of_it in zip(names, name_servers, strict=True):
        records += _address_records(name, addresses_of_it)
    records.append({"name": "@", "type": "CAA", "values": caa})
    if not mail:
        records.append({"name": "@", "type": "MX", "values": ["0 ."]})
        records.append({"name": "@", "type": "TXT", "values": ["v=spf1 -all"]})
        records.append({"name": "_dmarc", "type": "TXT", "values": ["v=DMARC1; p=reject"]})
    return records


def _absolute(name, domain):
    name = str(name).lower()
    return (
        name
        if name.endswith(".")
        else f"{domain.lower()}."
        if name == "@"
        else f"{name}.{domain.lower()}."
    )


def _address_records(name, addresses):
    kinds = {
        "A": [address for address in addresses if ":" not in address],
        "AAAA": [address for address in addresses if ":" in address],
    }
    return [
        {"name": name, "type": kind, "values": values} for kind, values in kinds.items() if values
    ]


def record_problems(declared, domain, sites, servers=0, authorities=()):
    """Return what is wrong with ``lamp_dns_records``,
    with what follows from ``sites`` and from ``servers`` name servers of our own.

    ``authorities``: those of ``lamp_certificate_authorities``. Without dnspython, which the
    controller need not have, nothing is said.
    """
    if not (declared or authorities) or not importlib.util.find_spec("dns"):
        return []
    # Not sooner: it takes a while to load.
    from ansible_collections.foobar.lamp.plugins.module_utils.dns import plan as _zone_plan
    from ansible_collections.foobar.lamp.plugins.module_utils.dns import rrsets as _zone_records

    def parse(records, variable):
        try:
            return _zone_records.parse(records, zone, 0, variable)
        except _zone_records.DeclarationError as error:
            problems.extend(error.args)
            return {}

    zone, problems = _zone_records.zone_name(domain), []
    own = parse(
        [{**record, "values": _listed(record.get("values"))} for record in declared],
        "lamp_dns_records",
    )
    given = (sites, domain, [_ANYWHERE], [[_ANYWHERE]] * servers, authorities)
    # The names of sites are good ones.
    everything = parse(dns_records(*given), "lamp_certificate_authorities: record")
    replaced = dns_records(*given, declared)[: -len(declared) or None]
    follows = {key: everything[key] for key in parse(replaced, "")} if everything else {}
    if problems:
        return problems
    # What is there of a zone in any case: its name servers, and those of what it delegates
    # elsewhere.
    there = {
        (name, "NS"): _zone_records.RRset(0, frozenset()) for name, kind in own if kind == "DS"
    }
    there[zone, "NS"] = _zone_records.RRset(0, frozenset())
    there |= {key: _zone_records.RRset(one.ttl, one.values) for key, one in everything.items()}
    try:
        _zone_plan.plan(there, {**follows, **own}, zone)
    except _zone_records.DeclarationError as error:
        return [f"lamp_dns_records, with the records that follow from lamp_sites: {error}"]
    return []


def _listed(values):
    return [values] if isinstance(values, str) else values


def server_problems(server, key, servers=0):
    """Return what is wrong with ``lamp_dns_server`` and ``lamp_dns_key``,
    which count where there are no name ``servers`` of our own.

    None is what the inventory does not have. No sentence has the secret.
    """
    if servers or server is key is None:
        return []
    if server is None:
        return [
            (
                "lamp_dns_key is set, but lamp_dns_server is not: give the address of the name "
                "server that takes updates, or remove the key."
            )
        ]
    problems = []
    if not is_address(server) and not _HOSTNAME.match(server):
        problems.append(
            f"lamp_dns_server is {server!r}: "
            f"give the address or the host name of the domain's primary name server."
        )
    if key is None:
        problems.append(
            "lamp_dns_key is missing: "
            "give name and secret of the key by which lamp_dns_server takes updates."
        )
    elif not _is_base64(key["secret"]):
        problems.append("lamp_dns_key.secret is not base64: give it as tsig-keygen writes it.")
    if not importlib.util.find_spec("dns"):
        problems.append(
            "lamp_dns_server needs the Python package dnspython on this computer: install it "
            "where Ansible is installed."
        )
    return problems


def _is_base64(text):
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
