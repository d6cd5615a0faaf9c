# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run that came by SSH could come that way again: what sshd and sudo say, judged.
Pure. Private to the collection.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import ipaddress
import re

SUDOERS = "/etc/sudoers.d/foobar-lamp"
_ACCEPTED = re.compile(r"^(Accepted|Partial) (\S+) for \S+ from \S+ port (\d+)(.*)$", re.MULTILINE)
_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})")
# Of all that sshd -T says.
_ASKED = {
    *(
        "allowgroups",
        "allowusers",
        "denygroups",
        "denyusers",
        "authenticationmethods",
        "permitrootlogin",
        "listenaddress",
        "port",
    ),
    *(
        "gssapiauthentication",
        "hostbasedauthentication",
        "kbdinteractiveauthentication",
        "passwordauthentication",
        "pubkeyauthentication",
    ),
    *("authorizedkeyscommand", "authorizedkeysfile", "trustedusercakeys"),
}
# sshd's settings that each kind of login needs, one of them, and what it is to people.
_NEEDS = {
    "publickey": (("PubkeyAuthentication",), "a key"),
    "password": (("PasswordAuthentication", "KbdInteractiveAuthentication"), "a password"),
    "hostbased": (("HostbasedAuthentication",), "its host's key"),
    "gssapi": (("GSSAPIAuthentication",), "Kerberos"),
    "several": ((), "several methods"),
}
# And that each step of a login by several methods needs.
_STEPS = {
    "publickey": "PubkeyAuthentication",
    "password": "PasswordAuthentication",
    "keyboard-interactive": "KbdInteractiveAuthentication",
    "hostbased": "HostbasedAuthentication",
    "gssapi-with-mic": "GSSAPIAuthentication",
}
_ADDRESSES = {"port", "listenaddress", "addressfamily"}
_SETTING = "linux_base_sshd_settings."


def accepted(log, port):
    """Return the kind of login and the fingerprints of its keys,
    by what sshd logged of the connection from ``port``.

    And the steps of one by several methods.
    """
    logged = [found for found in _ACCEPTED.findall(log) if found[2] == port]
    # Of a login by several methods, the last is accepted, and those before it are logged as
    # partial.
    if any(word == "Partial" for word, *_more in logged):
        more = " ".join(more for *_found, more in logged)
        steps = list(dict.fromkeys(method.partition("/")[0] for _word, method, *_more in logged))
        return {
            "method": "several",
            "steps": steps,
            "keys": _FINGERPRINT.findall(more),
            "certificate": "-CERT " in more,
        }
    for _word, method, _port, more in reversed(logged):
        kind = {
            "keyboard-interactive": "password",
            "gssapi-with-mic": "gssapi",
            "gssapi-keyex": "gssapi",
        }
        method = method.partition("/")[0]
        return {
            "method": kind.get(method, method),
            "keys": _FINGERPRINT.findall(more),
            "certificate": "-CERT " in more,
        }
    return {"method": "", "keys": [], "certificate": False}


def effective(listing):
    """Return the settings that matter, ``{small name: [values]}``, of what ``sshd -T`` prints."""
    found = {}
    for name, _space, value in (line.partition(" ") for line in listing.splitlines()):
        if name in _ASKED:
            found.setdefault(name, []).append(value)
    return found


def sudo_from(listing):
    """Return the files, or the roles of a directory,
    that let a user run all as root, of what ``sudo -ll -U USER`` prints.
    """
    entries = re.split(r"^\s*(?:Sudoers entry|LDAP Role):", listing, flags=re.MULTILINE)[1:]
    return [
        entry.partition("\n")[0].strip()
        for entry in entries
        if re.search(r"RunAsUsers:.*\b(ALL|root)\b", entry)
        and re.search(r"Commands:\s+ALL\b", entry)
    ]


def fingerprints(keys):
    """Return the fingerprints of public keys;
    None if one of them is something else, such as an address.
    """
    found = set()
    for line in (line.strip() for key in keys for line in str(key).splitlines()):
        if not line or line.startswith("#"):
            continue
        word = re.search(r"(?:^|\s)(?:ssh-|ecdsa-|sk-)\S+\s+(AAAA[A-Za-z0-9+/=]+)", line)
        if not word:
            return None
        try:
            digest = hashlib.sha256(base64.b64decode(word[1], validate=True)).digest()
        except binascii.Error:
            return None
        found.add(base64.b64encode(digest).decode("ascii").rstrip("="))
    return found


def _fits_user(login, pattern):
    user, at, host = pattern.partition("@")
    if not fnmatch.fnmatchcase(login["user"], user):
        return False
    if not at or fnmatch.fnmatchcase(login["client"], host):
        return True
    try:
        return ipaddress.ip_address(login["client"]) in ipaddress.ip_network(host)
    except ValueError:
        return False


def _fits_group(login, pattern):
    return any(fnmatch.fnmatchcase(group, pattern) for group in login["groups"])


def closed(login, addresses=False, sudo=False):
    """Return why the way by which a run came would be closed to the next, a list of sentences.
    ``login`` is empty if it did not by SSH.

    ``addresses``: whether sshd listens where our settings say. Else systemd or an option may say
    it, which sshd's files do not know. ``sudo``: whether a rule that ``sudo_from`` knows let this
    run become root before the first change. Else none has to be there.
    """
    if not login.get("user"):
        return []
    return [
        *_sshd_closes(login),
        *(_address_closes(login) if addresses else ()),
        *(_sudo_closes(login) if sudo else ()),
    ]


def has_addresses(settings):
    """Return whether settings of sshd's say where it listens."""
    return not _ADDRESSES.isdisjoint(name.lower() for name in settings)


def _sudo_closes(login):
    if login["by_sudo"] and not login["root"] and not login["sudo"]:
        yield (
            f"linux_base_admins leaves {login['user']} without sudo, by which this run became "
            f"root: keep {login['user']} in the list, or run as another administrator."
        )


def _sshd_closes(login):
    sshd, user = login["sshd"], login["user"]
    if not sshd:
        return
    yield from _method_closes(login)
    for name, fits in (("Users", _fits_user), ("Groups", _fits_group)):
        allowed, denied = sshd.get(f"allow{name.lower()}", []), sshd.get(f"deny{name.lower()}", [])
        remedy = "or run as another administrator, whom it lets in (ansible_user)."
        if allowed and not any(fits(login, pattern) for pattern in allowed):
            yield (
                f"{_SETTING}Allow{name} is {' '.join(allowed)}, which locks out {user}, the user "
                f"of this run: allow {user}, {remedy}"
            )
        if any(fits(login, pattern) for pattern in denied):
            yield (
                f"{_SETTING}Deny{name} is {' '.join(denied)}, which locks out {user}, the user of "
                f"this run: allow {user}, {remedy}"
            )


def _method_closes(login):
    sshd = login["sshd"]
    method = login["method"] or ("password" if login.get("by_password") else "")
    needs, words = _NEEDS.get(method, ((), method))
    remedy = "give the host an SSH key and log in with that, or " if method == "password" else ""
    if method == "password" and not login.get("by_password"):
        remedy = (
            f"if it has a key meanwhile, wait until ssh ends the connection that it keeps "
            f"(ControlPersist); else {remedy}"
        )
    if needs and not any(sshd.get(name.lower(), ["yes"]) == ["yes"] for name in needs):
        yield (
            f"{_SETTING}{needs[0]} is no, but this run logs in with {words}: {remedy}set "
            f"{_SETTING}{needs[0]} to 'yes'."
        )
    for name in (_STEPS.get(step, "") for step in login.get("steps", [])):
        if sshd.get(name.lower(), ["yes"]) != ["yes"]:
            yield (
                f"{_SETTING}{name} is no, but this run logs in with {words} "
                f"({', '.join(login['steps'])}): set {_SETTING}{name} to 'yes'."
            )
    if login["root"]:
        permitted = " ".join(sshd.get("permitrootlogin", ["yes"]))
        keyless = method == "password" and permitted in ("without-password", "prohibit-password")
        if keyless or permitted in ("no", "forced-commands-only"):
            remedy = (
                "log in with an SSH key"
                if keyless
                else "make an administrator by linux_base_admins, and run as that (ansible_user)"
            )
            with_what = f" with {words}" if words else ""
            yield (
                f"{_SETTING}PermitRootLogin is {permitted}, but this run logs in as "
                f"root{with_what}: {remedy}, or allow it until then."
            )
    kinds = {"password": {"password", "keyboard-interactive"}, "gssapi": {"gssapi-with-mic"}}.get(
        method, {method}
    )
    lists = " ".join(sshd.get("authenticationmethods", ["any"])).split()
    if (
        method not in ("", "several")
        and lists != ["any"]
        and not any({one.partition(":")[0] for one in row.split(",")} <= kinds for row in lists)
    ):
        yield (
            f"{_SETTING}AuthenticationMethods is {' '.join(lists)}, but this run logs in with "
            f"{words} alone: add {method} to it."
        )


def _address_closes(login):
    listening = [one.rpartition(":")[::2] for one in login["sshd"].get("listenaddress", [])]
    if not listening or not login["port"]:
        return
    ports = list(dict.fromkeys(port for _address, port in listening))
    if login["port"] not in ports:
        yield (
            f"{_SETTING}Port is {' '.join(ports)}, but this run came by port {login['port']}: "
            f"name both, [{', '.join(ports)}, {login['port']}], "
            f"until the inventory has the new one (ansible_port)."
        )
        return
    everywhere = str(ipaddress.ip_address(b"\0" * (16 if ":" in login["server"] else 4)))
    if not any(
        address.strip("[]") in (everywhere, login["server"]) and port == login["port"]
        for address, port in listening
    ):
        said = " ".join(login["sshd"]["listenaddress"])
        yield (
            f"{_SETTING}ListenAddress is {said}, but this run came by {login['server']}, port "
            f"{login['port']}: add that."
        )


def admins_close(login, admins, sshd=True):
    """Return how the administrators that are declared would close the way by which a run came.
    ``sshd``: whether it reads their keys.
    """
    user = login.get("user")
    if not user or login["root"]:
        return
    for admin in (admin for admin in admins if admin["name"] == user):
        if admin.get("state") == "absent":
            yield (
                f"linux_base_admins removes {user}, the user of this run: run as another "
                f"administrator (ansible_user)."
            )
            return
        if re.search(r"/(nologin|false)$", admin.get("shell") or ""):
            yield (
                f"linux_base_admins gives {user}, the user of this run, the shell "
                f"{admin['shell']}: give one that runs commands."
            )
        yield from _keys_close(login, admin) if sshd else ()
    sudoers = [
        admin["name"]
        for admin in admins
        if admin.get("sudo", True) and admin.get("state") != "absent"
    ]
    if login["by_sudo"] and set(login["sudo"]) == {SUDOERS} and user not in sudoers:
        yield from _sudo_closes({**login, "sudo": []})


def _keys_close(login, admin):
    sshd, keys = login["sshd"], admin.get("ssh_keys") or []
    known = fingerprints([keys] if isinstance(keys, str) else keys)
    files = " ".join(sshd.get("authorizedkeysfile", [".ssh/authorized_keys"])).split()
    # Keys may come from elsewhere than the file that the role writes.
    elsewhere = sshd.get("authorizedkeyscommand", ["none"]) != ["none"] or not all(
        file.startswith(".ssh/") for file in files
    )
    signed = login["certificate"] and sshd.get("trustedusercakeys", ["none"]) != ["none"]
    if (
        login["method"] in ("publickey", "several")
        and login["keys"]
        and known is not None
        and not (elsewhere or signed or known & set(login["keys"]))
    ):
        yield (
            f"linux_base_admins gives {login['user']} ssh_keys without the one by which this run "
            f"came (SHA256:{login['keys'][0]}), and others are removed: add that, or run with "
            f"one of them (ansible_ssh_private_key_file)."
        )
