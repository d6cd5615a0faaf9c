# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are made once and kept on the controller: making them, and which are missing here
although a host has them.

Private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import string
import tempfile

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import tls
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.certificates import key_name
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import SECRETS, apps

TRANSFER_KEY = "transfer_key"
#: Where name servers keep what transfers of the zone are signed with.
TRANSFER_KEY_FILE = "/etc/bind/keys/lamp-transfer.key"
#: What the key of the account with CAs follows from, the domain's; what web hosts say of it.
ACME_ACCOUNT = "acme_account"
ACME_ACCOUNT_FILE = "/etc/foobar.lamp/acme_thumbprint"
#: What a web host signs the records with by which it proves names, that host's.
ACME_KEY = "acme_key"
_REMEDY = "set lamp_new_secrets to true to replace the hosts' own by new ones"
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 48  # characters of 62: 285 bits


def kept(directory, names, terms, given, make):
    """Return ``{name: {term: secret}}``.

    One that is neither ``given`` nor in ``directory`` is made, and kept if ``make``.

    Raises OSError, and ValueError for a file that is empty.
    """
    if make:
        _keep_out_of_git(directory)
    return {
        name: {
            term: (given.get(name) or {}).get(term)
            or _kept(os.path.join(directory, name, term), make)
            for term in terms
        }
        for name in names
    }


def _kept(path, make):
    return _read_or_make(path) if make or os.path.exists(path) else _new()


def _new():
    return "".join(secrets.choice(_ALPHABET) for _position in range(_LENGTH))


def _read_or_make(path):
    """Return the secret in the file ``path``, which is made when it is not there;
    of two makers at once the first wins.
    """
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    if not os.path.lexists(path):
        handle, temporary = tempfile.mkstemp(dir=directory)  # has mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(_new() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            os.unlink(temporary)
    if os.stat(path).st_mode & 0o077:
        os.chmod(path, 0o600)
    with open(path, encoding="utf-8") as file:
        value = file.read().strip()
    if not value:
        raise ValueError(
            f"The file {path} is empty: "
            f"write the secret into it, or remove it to have a new one made."
        )
    return value


def _keep_out_of_git(directory):
    os.makedirs(directory, mode=0o700, exist_ok=True)
    ignore = os.path.join(directory, ".gitignore")
    if not os.path.exists(ignore):
        with open(ignore, "w", encoding="ascii") as file:
            file.write("*\n")


def missing(names, terms, directory, given):
    """Return ``[(name, [term, ...])]``:
    which secrets are neither ``given`` nor in ``directory``, for those of ``names`` that lack any.
    """
    found = []
    for name in names:
        own = given.get(name) or {}
        if lacking := [
            term
            for term in terms
            if not own.get(term) and not os.path.lexists(os.path.join(directory, name, term))
        ]:
            found.append((name, lacking))
    return found


def used(name, site):
    """Return which secrets a site has a use for: one of directories only has none."""
    needs = {"database_password": site.get("database"), "secret_key": apps(name, site)}
    return [term for term in SECRETS if needs[term]]


def site_files(name, site):
    """Return the paths of which a web host has one as soon as it has the site's secrets."""
    names = [app_name for _path, app_name, _app in apps(name, site)]
    return [
        path
        for app_name in names
        for path in (f"/etc/python_app/{app_name}.env", f"/srv/{app_name}/current")
    ]


def lost(site, directory):
    """Return a sentence for the secrets that would be made here although a host has them,
    or may have them: they were lost.
    """
    given, web, name_servers = (
        site.values.get("lamp_secrets") or {},
        site.hosts("lamp_web"),
        site.hosts("lamp_dns"),
    )
    due = [
        (name, name, terms, web, site_files(name, one))
        for name, one in site.sites.items()
        for _name, terms in missing([name], used(name, one), directory, given)
    ]
    if len(name_servers) > 1:
        transfer = missing([site.domain], [TRANSFER_KEY], directory, {})
        due += [
            (f"the zone {name}", name, terms, name_servers, [TRANSFER_KEY_FILE])
            for name, terms in transfer
        ]
    due += _lost_of_acme(site, directory, list(map(site.host, site.entrances)), name_servers)
    problems = []
    for called, name, terms, hosts, files in due:
        asked = {host.name: host.facts.get("paths") for host in hosts}
        place = (
            f"{' and '.join(terms)} of {called} {'are' if len(terms) > 1 else 'is'} not in "
            f"{directory}/{name} on this computer"
        )
        if holders := [host for host, paths in asked.items() if set(files) & set(paths or ())]:
            problems.append(
                f"{place}, but {', '.join(holders)} has them: copy {directory} here from the "
                f"computer that ran this before, or {_REMEDY}."
            )
        elif unknown := [host for host, paths in asked.items() if paths is None]:
            problems.append(
                f"{place}, and {', '.join(unknown)}, which may have them, is not part of this "
                f"run: run without --limit, copy {directory} here from the computer that ran "
                f"this before, or {_REMEDY}."
            )
    return problems


def _lost_of_acme(site, directory, hosts, name_servers):
    """Return likewise those by which ``hosts`` have certificates issued:
    of the account, and of each of them.
    """
    if tls.uses(site, "acme"):
        account = {
            site.domain: {ACME_ACCOUNT: (site.values.get("lamp_acme") or {}).get("account_secret")}
        }
        for name, terms in missing([site.domain], [ACME_ACCOUNT], directory, account):
            yield "the account with the CA", name, terms, hosts, [ACME_ACCOUNT_FILE]
    if tls.uses(site, "acme", "dns-01"):
        primary = [one for one in name_servers if one.name == site.primary]
        for name, terms in missing([host.name for host in hosts], [ACME_KEY], directory, {}):
            yield f"the host {name}", name, terms, primary, [f"/etc/bind/keys/{key_name(name)}.key"]
