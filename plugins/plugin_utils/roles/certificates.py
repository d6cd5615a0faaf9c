# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role certificates. Private to the collection. Pure."""

from __future__ import annotations

import hashlib

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import tls

#: The settings of the command, and what is touched when it has followed them.
SETTINGS = "/etc/foobar.lamp/certificates.json"
MARK = "/var/lib/foobar.lamp/certificates_placed"
#: Where given certificates and CAs are, as far as they are not given by their paths.
GIVEN = "/etc/foobar.lamp/certificates"
#: Why a certificate is revoked, as CAs know it.
REASONS = (
    "keyCompromise",
    "superseded",
    "cessationOfOperation",
    "affiliationChanged",
    "unspecified",
)


def given(certificates, cas):
    """Return the files that hold what is given as text."""
    found = [
        {
            "path": f"{GIVEN}/{one['name']}.{key}.pem",
            "secret": key == "key",
            "content": _ended(one[key]),
        }
        for one in certificates
        for key in ("chain", "key")
        if tls.is_pem(one.get(key) or "")
    ]
    return found + [
        {"path": f"{GIVEN}/ca-{ca['name']}.pem", "secret": False, "content": _ended(ca["ca_file"])}
        for ca in cas
        if tls.is_pem(ca.get("ca_file") or "")
    ]


def _ended(text):
    return text.strip() + "\n"


def _path(text, name):
    return f"{GIVEN}/{name}.pem" if tls.is_pem(text or "") else text or None


def settings(
    certificates,
    cas,
    account_secret="",
    contact="",
    check=True,
    dns=None,
    own_ca=None,
    load=(),
    hostname="",
):
    """Return the settings of the command."""
    own_ca = own_ca or {}
    return {
        "directory": tls.DIRECTORY,
        "authorities": [_ca(one) for one in cas],
        "account_secret": account_secret,
        "contact": contact,
        "check": check,
        "dns": _dns(dns) if dns and dns.get("zone") else None,
        "authority": {
            "name": own_ca.get("name") or hostname,
            "domains": list(own_ca.get("domains") or []),
        },
        "certificates": [_certificate(one) for one in certificates],
        "load": [
            {"unit": one["unit"], "test": list(one.get("test") or []), "serves": one.get("serves")}
            for one in load
        ],
    }


def _ca(one):
    found = {
        "name": one["name"],
        "directory": one["directory"],
        "ca_file": _path(one.get("ca_file"), f"ca-{one['name']}"),
    }
    return (
        found
        | {key: one.get(key) for key in ("profile", "eab", "staging")}
        | {"trusted": one.get("trusted", True)}
    )


def _dns(given_dns):
    keys = ("key_name", "key_secret", "zone", "primary")
    found = {key: given_dns.get(key) for key in keys} | {
        "key_algorithm": given_dns.get("key_algorithm") or "hmac-sha256"
    }
    lists = {key: list(given_dns.get(key) or []) for key in ("servers", "addresses", "resolver")}
    return found | lists | {"resolver": lists["resolver"] or None}


def _certificate(one):
    source = one.get("source") or "acme"
    found = {"name": one["name"], "names": list(one["names"]), "source": source}
    if source == "acme":
        found["method"] = one.get("method") or "http-01"
    if source == "given":
        found |= {key: _path(one.get(key), f"{one['name']}.{key}") for key in ("chain", "key")} | {
            "trusted": one.get("trusted")
        }
        # By which the settings change with the texts: their times say whether the command has
        # followed them.
        texts = "".join(one[key] for key in ("chain", "key") if tls.is_pem(one.get(key) or ""))
        found["digest"] = hashlib.sha256(texts.encode()).hexdigest() if texts else None
    return found


def to_place(certificates, paths):
    """Return whether the command has to make something:
    a run was killed before it had followed the settings, or one is missing.

    ``paths``: those of host_facts.
    """
    if any(f"{tls.DIRECTORY}/{one['name']}/current" not in paths for one in certificates):
        return True
    return (
        MARK not in paths
        or SETTINGS not in paths
        or paths[MARK]["changed"] < paths[SETTINGS]["changed"]
    )


def due(certificates, there, placed, retry=False):
    """Return the names of the certificates that the command has to see to in this run;
    the others are the timer's.

    ``there``: what host_facts says of those on the host, by name. ``placed``: whether this run has
    changed what is wanted.
    """
    found = []
    for one in certificates:
        source = one.get("source", "acme")
        if source != "private" and (
            placed or retry or there.get(one["name"], {}).get("source") != source
        ):
            found.append(one["name"])
    return found


def terms(cas):
    """Return the sentence about the terms of service of ``cas``."""
    places = [f"{one['name']}: {one.get('terms') or one['directory']}" for one in cas]
    return (
        f"By asking a CA for a certificate, "
        f"you agree to its terms of service ({', '.join(places)})."
    )


def waiting(said):
    """Return a sentence for each certificate that cannot be had yet;
    ``said``: the result of the command.
    """
    rows = [one for one in said.get("certificates", []) if one.get("reason")]
    return [f"{one['name']} {_so_far(one)}: {one['reason']}" for one in rows]


def _so_far(row):
    return (
        "has no certificate yet"
        if row.get("source") == "placeholder"
        else f"keeps the certificate that it has until {row.get('until')}"
    )


def shown(said):
    """Return a line for each certificate, for people; ``said``:
    what the command says of their state.
    """
    return [_line(one) for one in said.get("certificates", [])]


def _line(row):
    known = {"placeholder": "a placeholder", "private": "of the host's own CA", "given": "given"}
    words = [
        f"{row['name']}: {row['state']}",
        known.get(row["source"]) or f"by {row['issuer']}",
        f"until {row['until']}",
        "trusted by browsers" if row["trusted"] else "not trusted by browsers",
        f"names: {' '.join(row['names'])}",
        *([f"account: {row['account']}"] if row.get("account") else []),
    ]
    after = f"; next: {row['next']}" if row.get("next") else ""
    return f"{', '.join(words)}{after}{'. ' + row['reason'] if row.get('reason') else ''}"


def wanted(certificates, renew, revoke, reason):
    """Return what is wrong with the variables of playbooks/certificates.yml:
    a list of sentences.
    """
    names = [one["name"] for one in certificates if one.get("source", "acme") == "acme"]
    problems = [
        (
            f"{variable} is {name!r}, and no CA issues that: give one of "
            f"{', '.join(names) or 'those that it issues, of which there are none'}."
        )
        for variable, name in (
            ("lamp_certificates_renew", renew),
            ("lamp_certificates_revoke", revoke),
        )
        if name and name not in names
    ]
    if renew and revoke:
        problems.append(
            "lamp_certificates_renew and lamp_certificates_revoke are both set: give one; a "
            "revoked one is renewed, too."
        )
    if revoke and reason not in REASONS:
        problems.append(
            f"lamp_certificates_reason is {repr(reason) if reason else 'missing'}: "
            f"say why, {', '.join(REASONS)}."
        )
    return problems
