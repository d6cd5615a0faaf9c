# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role certificates in the plan. Private to the collection. Pure but for reading given
certificates on the controller.
"""

from __future__ import annotations

import datetime
import os
import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import tls
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Role

_NAME = re.compile(r"(?!(authority|archive)\Z)[a-z0-9_][a-z0-9_.-]{0,252}\Z")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")
_UNIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.@:-]*\Z")
_URL = re.compile(r"https://[^\s\"<>]+\Z")


class Certificates(Role):
    """See Role."""

    GROUP = "lamp_web"
    ALSO = ("lamp_lb",)
    COLLECTS = True
    EDGES = {
        "certificates": "lamp_sites",
        "the CAs, and the account": "lamp_tls, lamp_acme",
        "what loads them": "apache, nginx, haproxy",
        "the key that proves the names of the sites": "bind",
    }

    def inputs(self, site, host, offered):
        """A certificate for each site, and what it takes to have it issued: where TLS ends.

        A web host behind balancers has none, unless visitors still come to it.
        """
        entrances = site.entrances
        found = tls.certificates(site, entrances.index(host.name)) if host.name in entrances else []
        if not found:
            return {}
        inputs = {
            "certificates_certificates": [_certificate(one, site.base) for one in found],
            "certificates_load": offered.get("loads_certificates", []),
            "certificates_own_ca": {"name": host.name, "domains": [site.domain, "localhost"]},
        }
        if not tls.uses(site, "acme"):
            return inputs
        said = site.values.get("lamp_acme") or {}
        inputs |= {
            "certificates_account_secret": site.acme_account,
            "certificates_check": said.get("check", True),
            "certificates_cas": [_with_file(ca, site.base) for ca in tls.cas(site.values)],
            "certificates_contact": said.get("contact", ""),
            "certificates_retry": site.values.get("lamp_acme_retry", False),
        }
        if tls.uses(site, "acme", "dns-01"):
            name_servers = site.hosts("lamp_dns")
            servers = [
                one.peer_addresses[0]
                for one in sorted(name_servers, key=lambda one: one.name != site.primary)
            ]
            inputs["certificates_dns"] = {
                "key_name": key_name(host.name),
                "key_secret": site.acme_keys[host.name],
                "zone": site.domain,
                "primary": servers[0],
                "servers": servers,
                "addresses": [address for one in name_servers for address in one.addresses],
            }
        return inputs

    def packages(self, inputs):
        """What makes keys and certificates, and what speaks with CAs."""
        found = inputs["certificates_certificates"]
        asks = any(one["source"] == "acme" for one in found)
        return [
            *(["python3-cryptography"] if found else []),
            *(["python3-acme", "python3-dnspython", "python3-josepy"] if asks else []),
        ]

    def problems(self, inputs, facts, search=()):
        """Names, and what is missing to have certificates issued;
        of given ones, whether chain and key fit.
        """
        return list(
            _problems({name.removeprefix("certificates_"): value for name, value in inputs.items()})
        )


def key_name(host):
    """Return what the key is called by which a host proves the names of its certificates."""
    return f"acme-{host}"


def _certificate(one, base):
    found = {"name": one.name, "names": one.names, "source": one.source}
    if one.method:
        found["method"] = one.method
    given = {key: _text(value, base) for key, value in one.given.items() if key in ("chain", "key")}
    return found | given | ({"trusted": one.given["trusted"]} if "trusted" in one.given else {})


def _with_file(ca, base):
    return ca | ({"ca_file": _text(ca["ca_file"], base)} if ca.get("ca_file") else {})


def _text(value, base):
    """Return a certificate or key as it is, read where it is a file on the controller;
    the path where it is one on the host.
    """
    if tls.is_pem(value) or tls.on_host(value):
        return value
    path = tls.located(value, base)
    if not os.path.isfile(path):
        return value
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _problems(inputs):
    where, seen = "certificates_certificates", set()
    for one in inputs["certificates"]:
        name = one["name"]
        if not _NAME.match(name):
            yield (
                f"{where} has the name {name!r}: use lower-case letters, digits, hyphens, "
                f"underscores and dots. The names authority and archive are reserved."
            )
        if name in seen:
            yield f"{where} has {name} twice: remove one."
        seen.add(name)
        yield from (
            (
                f"{where} gives {name} the name {host!r}: give host names, such as "
                f"www.foobar.com or *.foobar.com."
            )
            for host in one.get("names") or []
            if not _HOST.match(host)
        )
        if not one.get("names"):
            yield f"{where} gives {name} no names: give those that the certificate is for."
        if one.get("source") == "acme":
            yield from _acme_problems(where, one, inputs)
        elif one.get("source") == "given":
            yield from _given_problems(where, one)
    for number, ca in enumerate(inputs["cas"]):
        if not _URL.match(ca["directory"]):
            yield (
                f"certificates_cas[{number}].directory is {ca['directory']!r}: give the address "
                f"of the CA's directory, https://…."
            )
        if ca.get("ca_file") and not tls.is_pem(ca["ca_file"]) and not tls.on_host(ca["ca_file"]):
            yield (
                f"certificates_cas[{number}].ca_file is {ca['ca_file']!r}, which is not a file on "
                f"this computer: correct the path."
            )
    for one in inputs["load"]:
        if not _UNIT.match(one["unit"]):
            yield f"certificates_load has the unit {one['unit']!r}: name a unit of systemd."


def _acme_problems(where, one, inputs):
    if not inputs["cas"]:
        yield (
            f"{where} gives {one['name']} the source acme, "
            f"and certificates_cas is empty: add the CA to ask."
        )
    if len(inputs["account_secret"]) < 32:
        yield (
            "certificates_account_secret is missing or shorter than 32 characters: give the "
            "secret for the account's key."
        )
    if one.get("method") == "dns-01" and not inputs["dns"].get("key_secret"):
        yield (
            f"{where} proves {one['name']} by dns-01, but certificates_dns has no key: give zone, "
            f"servers and the key for updates."
        )
    if one.get("method") != "dns-01" and any(
        host.startswith("*.") for host in one.get("names") or []
    ):
        yield (
            f"{where} proves {one['name']} by http-01, which cannot prove a wildcard: "
            f"set its method to dns-01."
        )


def _given_problems(where, one):
    """Return what is wrong with a given certificate.

    The host looks itself at what is there already.
    """
    where, texts = f"{where} gives {one['name']}", {}
    for key in ("chain", "key"):
        value = one.get(key) or ""
        if tls.is_pem(value):
            texts[key] = value
        elif not value:
            yield f"{where} no {key}: give a path or the PEM text."
        elif value.startswith("$ANSIBLE_VAULT"):
            yield (
                f"{where} a {key} from a file that Ansible Vault has encrypted: give its text, "
                "\"{{ lookup('ansible.builtin.file', "
                "inventory_dir ~ '/../certs/FILE') }}\", which Ansible decrypts."
            )
        elif not tls.on_host(value):
            # A key that is no file and has no PEM header may be a secret all the same.
            shown = f"the chain {value!r}" if key == "chain" else "a key"
            yield (
                f"{where} {shown}, which is neither a file on this computer nor a PEM text: "
                f"correct the path."
            )
    if len(texts) == 2:
        yield from (
            f"{where} {problem}"
            for problem in pair_problems(texts["chain"], texts["key"], one.get("names") or [])
        )


def pair_problems(chain, key, names, now=None):
    """Return what is wrong with a chain and its key, both PEM texts, for the ``names``:
    sentences without their subject.
    """
    # Not sooner: it takes a while to load, and few sites bring their own.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        first = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError:
        yield "a chain without a certificate: give the PEM text, the site's own certificate first."
        return
    try:
        private = load_pem_private_key(key.encode(), None)
    except (TypeError, ValueError):
        yield "a key that cannot be read: give the PEM text of a private key without a passphrase."
        return
    if private.public_key() != first.public_key():
        yield (
            "a key that does not belong to the certificate: give a pair, with the site's own "
            "certificate first in the chain."
        )
    now = now or datetime.datetime.now(datetime.UTC)
    if _until(first) <= now:
        yield f"a certificate that expired on {_until(first):%Y-%m-%d}: give one that is valid."
    try:
        of_certificate = first.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        of_certificate = []
    own = {name.lower() for name in of_certificate}
    missing = [
        name
        for name in names
        if name.lower() not in own and f"*.{name.lower().partition('.')[2]}" not in own
    ]
    if missing:
        yield (
            f"a certificate without {', '.join(missing)}: "
            f"give one for all names of the site, or remove these."
        )


def _until(certificate):
    # cryptography 42 and later say it with the time zone.
    found = getattr(certificate, "not_valid_after_utc", None)
    return found or certificate.not_valid_after.replace(tzinfo=datetime.UTC)


ROLE = Certificates("certificates")
