# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites' certificates: which there are, by whom they are issued and how their names are proved,
and what is wrong with what the inventory says of that. Private to the collection. Pure.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any, NamedTuple

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import is_address, is_domain

#: Where a host keeps them, each in a directory of its name.
DIRECTORY = "/var/lib/foobar.lamp/certificates"
#: The certificate for names that nobody has.
DEFAULT = "_default"
#: The values of ``lamp_tls``.
KINDS = ("auto", "private", "off")
CHALLENGES = ("auto", "dns-01", "http-01")
#: A CA issues no more than five certificates a week for the same names.
MOST_HOSTS = 4
#: Names that one certificate may have at Let's Encrypt.
MOST_NAMES = 100
MOST_NAMES_OF_PROFILE = 25

# Nobody owns a name in these, so no CA can issue a certificate for it (RFC 2606, 6761, 6762, 8375,
# 9476 and ICANN's internal).
_NOBODYS = (
    *("alt", "example", "home.arpa", "internal", "invalid", "local", "localhost", "onion", "test"),
    *("example.com", "example.net", "example.org"),
)
_URL = re.compile(r"https://[^\s\"<>]+\Z")
_MAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\Z")
_KID = re.compile(r"[!-~]+\Z")


class Ca(NamedTuple):
    """A CA that speaks ACME. ``caa``: its name in CAA records;
    ``terms``: where its terms of service are.
    """

    directory: str
    caa: str
    terms: str
    staging: str | None = None
    trusted: bool = True
    eab: bool = False


_LETSENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
_LETSENCRYPT_TERMS = "https://letsencrypt.org/repository/"
CAS = {
    "letsencrypt": Ca(
        "https://acme-v02.api.letsencrypt.org/directory",
        "letsencrypt.org",
        _LETSENCRYPT_TERMS,
        _LETSENCRYPT_STAGING,
    ),
    "letsencrypt-staging": Ca(
        _LETSENCRYPT_STAGING, "letsencrypt.org", _LETSENCRYPT_TERMS, trusted=False
    ),
    "zerossl": Ca(
        "https://acme.zerossl.com/v2/DV90", "sectigo.com", "https://zerossl.com/terms/", eab=True
    ),
    "google": Ca(
        "https://dv.acme-v02.api.pki.goog/directory",
        "pki.goog",
        "https://pki.goog/GTS-SA.pdf",
        eab=True,
    ),
}


class Certificate(NamedTuple):
    """A certificate that each host has where TLS ends. ``source``: acme, private or given.
    ``given``: its chain, key and trusted.
    """

    name: str
    names: list[str]
    source: str
    method: str = ""
    given: dict[str, Any] = {}


def kind(values):
    """Return which of KINDS the inventory's ``values`` choose. YAML reads ``off`` as false."""
    said = values.get("lamp_tls", "auto")
    return {True: "auto", False: "off"}.get(said, said)


def is_nobodys(name):
    """Return whether no CA issues certificates for a name: nobody owns it."""
    name = name.lower().removeprefix("*.")
    return (
        "." not in name
        or is_address(name)
        or any(name == one or name.endswith(f".{one}") for one in _NOBODYS)
    )


def source_of(values, name, site):
    """Return where the certificate of a site comes from: acme, private, given or none."""
    said = (site.get("tls") or {}).get("certificate")
    if kind(values) == "off":
        return "none"
    if isinstance(said, dict):
        return "given"
    if said:
        return said
    return (
        "private"
        if kind(values) == "private" or all(map(is_nobodys, names_of(name, site)))
        else "acme"
    )


def names_of(name, site):
    """Return the names that the certificate of a site has to have:
    those of the site, and wildcards that are asked for.
    """
    wildcards = [f"*.{domain}" for domain in (site.get("tls") or {}).get("wildcard") or []]
    names = [name, *site.get("aliases", []), *wildcards]
    return list(dict.fromkeys(one.lower() for one in names))


def certificates(site, position=0):
    """Return the certificates of the host at ``position`` of those where TLS ends;
    none where nothing has TLS. ``site``: the domain object.

    The last is that of names which nobody has, unless a site answers for these by its own.
    """
    found = []
    for name, one in site.sites.items():
        source, names = source_of(site.values, name, one), names_of(name, one)
        if source == "none":
            continue
        if source == "private" and name == site.values.get("lamp_default_site"):
            # Under which the try-out is opened.
            names = list(dict.fromkeys([*names, "localhost"]))
        method = _method(site, one, names) if source == "acme" else ""
        if method == "dns-01" and position >= MOST_HOSTS:
            # Two labels deep, where no wildcard of the domain covers it.
            names = [*names, f"tls-{position + 1}.hosts.{site.domain.lower()}"]
        found.append(
            Certificate(
                name.lower(), names, source, method, _given(one) if source == "given" else {}
            )
        )
    answers = (site.values.get("lamp_default_site") or "").lower() in [one.name for one in found]
    return (
        [*found, Certificate(DEFAULT, ["localhost"], "private")] if found and not answers else found
    )


def _method(site, one, names):
    """DNS-01 where all names are in a zone of our own; no request has to reach the host then."""
    said = (
        (one.get("tls") or {}).get("challenge")
        or (site.values.get("lamp_acme") or {}).get("challenge")
        or "auto"
    )
    if said != "auto":
        return said
    own = has_zone(site) and all(within(name, site.domain) for name in names)
    return "dns-01" if own else "http-01"


def has_zone(site):
    """Return whether the domain is on name servers of our own."""
    return bool(site.groups.get("lamp_dns"))


def within(name, domain):
    """Return whether a name lies in a domain."""
    name, domain = name.lower().removeprefix("*."), domain.lower()
    return name == domain or name.endswith(f".{domain}")


def _given(one):
    said = one["tls"]["certificate"]
    return {key: said[key] for key in ("chain", "key", "trusted") if key in said}


def challenge_names(site, position=0):
    """Return the names at which the host at ``position`` proves by TXT
    records that it may have its certificates.

    For a name outside the domain that is to be proved so, its owner has made a CNAME record that
    leads to it.
    """
    found = []
    for one in certificates(site, position):
        for name in one.names if one.method == "dns-01" else []:
            plain = name.removeprefix("*.")
            found.append(
                f"_acme-challenge.{plain}"
                if within(plain, site.domain)
                else f"_acme-challenge.{plain}.{site.domain.lower()}"
            )
    return list(dict.fromkeys(found))


def uses(site, source, method=""):
    """Return whether a certificate of the sites comes from there."""
    return any(one.source == source and method in ("", one.method) for one in certificates(site))


def cas(values):
    """Return the CAs that are asked, in order: dictionaries of the form that the role takes."""
    said = values.get("lamp_acme") or {}
    first = said.get("directory") or "letsencrypt"
    shared = {key: said[key] for key in ("ca_file", "eab", "profile", "trusted") if key in said}
    listed = [first] if isinstance(first, str) else first
    found = []
    for number, one in enumerate(listed):
        one = (
            {"directory": one, **(shared if len(listed) == 1 else {})}
            if isinstance(one, str)
            else one
        )
        known = CAS.get(one["directory"])
        ca = {
            "name": one["directory"] if known else f"ca{number + 1}",
            "directory": known.directory if known else one["directory"],
            # A CA that the system does not know is none that browsers know.
            "trusted": one.get("trusted", known.trusted if known else "ca_file" not in one),
        }
        if known:
            ca |= {"terms": known.terms} | ({"staging": known.staging} if known.staging else {})
        found.append(ca | {key: one[key] for key in ("ca_file", "eab", "profile") if key in one})
    return found


def caa_names(values):
    """Return the names in CAA records of the CAs that are asked;
    None for one that nobody here knows.
    """
    return [CAS[one["name"]].caa if one["name"] in CAS else None for one in cas(values)]


def vhost(values, name, site):
    """Return how a virtual host of a web server is to use the certificate of its site;
    nothing where it has none.
    """
    source, said = source_of(values, name, site), site.get("tls") or {}
    if source == "none":
        return {}
    name = name.lower()
    found = {**files(name), "trusted_file": f"{DIRECTORY}/{name}/trusted"}
    if said.get("http"):
        return found | {"redirect": False, "hsts": 0}
    if source == "private":
        # Nobody but those who were told trusts it. Whoever says that all visitors do means it.
        redirect = said.get("redirect", False)
        return (
            found | {"redirect": redirect, "hsts": 0} | ({"trusted_file": ""} if redirect else {})
        )
    return found | {key: said[key] for key in ("redirect", "hsts") if key in said}


def files(name):
    """Return where chain and key of a certificate are on a host."""
    return {
        "chain": f"{DIRECTORY}/{name}/current/fullchain.pem",
        "key": f"{DIRECTORY}/{name}/current/key.pem",
    }


def on_host(text):
    """Return whether a chain or key is given by its path on the host."""
    return text.startswith("/")


def is_pem(text):
    """Return whether a chain or key is given as it is."""
    return "-----BEGIN" in text


def located(text, base):
    """Return the path on the controller of a chain or key that is
    neither given as it is nor on the host.
    """
    return posixpath.normpath(posixpath.join(base, posixpath.expanduser(text)))


def problems(values, hosts=1, dns=0, group="lamp_web"):
    """Return what is wrong with ``lamp_tls``, ``lamp_acme`` and what
    sites have of TLS, types being right.

    ``hosts``: how many there are in ``group``, where TLS ends. ``dns``: how many name servers.
    """
    if kind(values) not in KINDS:
        return [f"lamp_tls is {values['lamp_tls']!r}: give {' or '.join(KINDS)}."]
    found = list(_acme_problems(values, dns))
    for name, site in (values.get("lamp_sites") or {}).items():
        found += _site_problems(f"lamp_sites['{name}']", values, name, site, (group, hosts), dns)
    return found


def _acme_problems(values, dns):
    said = values.get("lamp_acme") or {}
    where, first = "lamp_acme.directory", said.get("directory", "letsencrypt")
    if not first:
        yield f"{where} is empty: give {', '.join(CAS)}, or the address of a CA's directory."
        return
    listed = [first] if isinstance(first, str) else first
    alone = {"eab": said["eab"]} if "eab" in said and len(listed) == 1 else {}
    for number, one in enumerate(listed):
        place = where if isinstance(first, str) else f"{where}[{number}]"
        own = {"directory": one, **alone} if isinstance(one, str) else one
        if own["directory"] not in CAS and not _URL.match(own["directory"]):
            yield (
                f"{place} is {own['directory']!r}: give {', '.join(CAS)}, or the address of a "
                f"CA's directory, https://…."
            )
        elif own["directory"] in CAS and CAS[own["directory"]].eab and "eab" not in own:
            wanted = (
                "lamp_acme.eab" if len(listed) == 1 else "eab beside it, {directory: …, eab: …}"
            )
            yield (
                f"{place} is {own['directory']}, which requires an account with that CA: give "
                f"kid and hmac in {wanted}."
            )
        if not _KID.match((own.get("eab") or {}).get("kid", "x")):
            yield f"{place}: the kid of eab is not one word: give it as the CA shows it."
    if len(listed) > 1 or isinstance(listed[0], dict):
        for key in ("eab", "ca_file", "profile", "trusted"):
            if key in said:
                yield (
                    f"lamp_acme.{key} does not go with a list of CAs: give it to the CA that it "
                    f"is for, {{directory: …, {key}: …}}."
                )
    if said.get("contact") and not _MAIL.match(said["contact"]):
        yield (
            f"lamp_acme.contact is {said['contact']!r}: give a mail address, or leave it out; "
            f"Let's Encrypt sends no mail."
        )
    if said.get("challenge", "auto") not in CHALLENGES:
        yield f"lamp_acme.challenge is {said['challenge']!r}: give {' or '.join(CHALLENGES)}."
    if len(said.get("account_secret", "x" * 48)) < 32:
        yield (
            "lamp_acme.account_secret is shorter than 32 characters: "
            "give a longer one, or remove it to have one made."
        )
    if said.get("account_caa") and not _URL.match(said["account_caa"]):
        yield (
            f"lamp_acme.account_caa is {said['account_caa']!r}: give the account's address, as "
            f"foobar.lamp.certificates shows it."
        )
    if dns and _asks(values):
        yield from _caa_problems(values)


def _asks(values):
    return any(
        source_of(values, name, site) == "acme"
        for name, site in (values.get("lamp_sites") or {}).items()
    )


def _caa_problems(values):
    """The records that we declare ourselves must not forbid what we ask for."""
    given = values.get("lamp_certificate_authorities")
    for one, name in zip(cas(values), caa_names(values), strict=True):
        if name is None and given is None and _URL.match(one["directory"]):
            yield (
                f"lamp_acme.directory is {one['directory']}, whose name in CAA records is not "
                f"known here: give it in lamp_certificate_authorities."
            )
        elif (
            name is not None
            and given is not None
            and name not in [text.partition(";")[0].strip() for text in given]
        ):
            yield (
                f"lamp_certificate_authorities does not have {name}, and lamp_acme.directory "
                f"asks {one['name']}: add it, or take another CA."
            )


def _site_problems(where, values, name, site, entrance, dns):
    said, source, names = site.get("tls") or {}, source_of(values, name, site), names_of(name, site)
    domain = values.get("lamp_domain", "")
    certificate = said.get("certificate")
    if isinstance(certificate, str) and certificate not in ("acme", "private", "none"):
        yield (
            f"{where}.tls.certificate is {certificate!r}: give acme, private or none, or a "
            f"dictionary with chain and key."
        )
        return
    for wildcard in said.get("wildcard") or []:
        if not is_domain(wildcard):
            yield (
                f"{where}.tls.wildcard has {wildcard!r}: give domains whose names the certificate "
                f"is for, such as foobar.com."
            )
    challenge = said.get("challenge") or (values.get("lamp_acme") or {}).get("challenge", "auto")
    if challenge not in CHALLENGES:
        if "challenge" in said:
            yield f"{where}.tls.challenge is {challenge!r}: give {' or '.join(CHALLENGES)}."
        return
    if said.get("hsts", 0) < 0:
        yield f"{where}.tls.hsts is {said['hsts']}: give seconds, or 0 for none."
    if source == "private" and said.get("hsts"):
        yield (
            f"{where}.tls.hsts is {said['hsts']}, and its certificate is private: browsers that "
            f"do not trust it would refuse the site for that long. "
            f"Leave hsts out, or give another certificate."
        )
    if source == "none" and kind(values) != "off" and (said.get("redirect") or said.get("hsts")):
        yield (
            f"{where}.tls has redirect or hsts, and its certificate is none: "
            f"leave them out, or give a certificate."
        )
    if source == "acme":
        yield from _acme_site_problems(where, values, names, challenge, domain, entrance, dns)


def _acme_site_problems(where, values, names, challenge, domain, entrance, dns):
    group, hosts = entrance
    nobodys = [one for one in names if is_nobodys(one)]
    if nobodys:
        yield (
            f"{where} has {', '.join(nobodys)}, for which no CA issues a certificate: nobody "
            f"owns the name. Make it a site of its own, "
            f"or set {where}.tls.certificate to private."
        )
        return
    own = bool(dns) and all(within(one, domain) for one in names)
    method = challenge if challenge != "auto" else "dns-01" if own else "http-01"
    wildcards = [one for one in names if one.startswith("*.")]
    if wildcards and method != "dns-01":
        yield (
            f"{where}.tls.wildcard has {wildcards[0][2:]}, which only records in the zone can "
            f"prove (dns-01): put the name servers of {domain} into lamp_dns, and keep the "
            f"site's names within it, or leave wildcard out."
        )
    if method == "dns-01" and not dns:
        yield (
            f"{where} should be proved by dns-01, but lamp_dns has no hosts: put the name "
            f"servers of {domain} into it, or leave challenge out."
        )
    if method == "http-01" and hosts > MOST_HOSTS:
        yield (
            f"{where} is proved by http-01, and {group} has {hosts} hosts: a CA issues no more "
            f"than five certificates a week for the same names, so {MOST_HOSTS} hosts at most. "
            f"Put the domain's name servers into lamp_dns (dns-01), "
            f"or give a certificate (chain and key)."
        )
    short = any(one.get("profile") in ("tlsserver", "shortlived") for one in cas(values))
    most = MOST_NAMES_OF_PROFILE if short else MOST_NAMES
    if len(names) > most:
        yield (
            f"{where} has {len(names)} names, "
            f"and a certificate has {most} at most: make two sites of it."
        )
