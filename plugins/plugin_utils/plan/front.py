# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server does before a site's content: TLS, headers, who may come in, redirects, error
pages, files of visitors.

Private to the collection. Pure. A site and a virtual host have ``access``, ``headers`` and
``redirects`` in the same form.
"""

from __future__ import annotations

import hashlib
import json
import re

#: What a page can be given for: what the web server itself answers where there is no file, or no
#: application.
STATUSES = ("404", "502", "503", "504")
#: Where they are on each site.
ERROR_PAGES = "/.error-pages/"
REDIRECTS = (301, 302, 307, 308)
#: Below it a CA that speaks ACME asks whose a name is.
CHALLENGES = "/.well-known/acme-challenge/"
#: How long browsers remember to come by HTTPS alone, in seconds: 180 days.
HSTS = 15552000
#: Headers of all answers of a site, as far as its application says nothing of them. They change
#: nothing that a site is likely to do.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "SAMEORIGIN",
}
#: Those that follow from an answer itself, or from another option.
_FOLLOWS = {
    "strict-transport-security": "the option hsts of tls sets it",
    "set-cookie": "only applications set cookies",
    **dict.fromkeys(
        (
            *(
                "cache-control",
                "connection",
                "content-disposition",
                "content-encoding",
                "content-length",
                "content-range",
            ),
            *(
                "content-type",
                "date",
                "etag",
                "expires",
                "keep-alive",
                "last-modified",
                "location",
                "retry-after",
                "server",
                "trailer",
            ),
            *("transfer-encoding", "upgrade", "vary", "www-authenticate"),
        ),
        "it follows from the answer",
    ),
}

_USER = re.compile(r"[^\s:\x00-\x1f]{1,64}\Z")
_HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}\Z")
_OTHER_HASH = re.compile(r"(\$(apr1|[1567y])\$|\{SHA\})")
_FROM = re.compile(r"/([A-Za-z0-9._~+@,=-]+(/|\Z))*\Z")
_TO = re.compile(r"(https?://[A-Za-z0-9.-]+(:[0-9]+)?(?=/|\Z)|(?=/))(/(?!/)[!-~]*)?\Z")
_BELOW = re.compile(r"[A-Za-z0-9._~:/+@,=-]*/\Z")
_URL = re.compile(r"(/[A-Za-z0-9._~-]+)+/\Z")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_FILE = re.compile(r"/[A-Za-z0-9._/@+~,=*-]+\Z")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}\Z")
#: A directive of either server that serves what is below CHALLENGES; not one that takes it out of
#: something (ProxyPass … !).
_SERVES_CHALLENGES = re.compile(
    r"(^|[;{}])[ \t]*(location|alias(match)?|proxypass(match)?)\b"
    r"[^;{}\n]*/\\?\.well-known/acme-challenge(?!.*[ \t]!\s*$)",
    re.IGNORECASE | re.MULTILINE,
)
_DIRECTORY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z")


def is_hash(text):
    """Return whether a password is given as bcrypt's hash."""
    return bool(_HASH.match(text))


def users(vhosts):
    """Return the users of each virtual host that asks for a name and a password:
    ``{name: {user: password or hash}}``.
    """
    return {vhost["name"]: vhost["access"]["users"] for vhost in vhosts if vhost.get("access")}


def fingerprints(vhosts):
    """Return of each virtual host with users one text that changes with them.

    It is as hard to guess a password by as by bcrypt's hash.
    """
    return [f"{name} {_fingerprint(name, of)}" for name, of in sorted(users(vhosts).items())]


def _fingerprint(name, of):
    text = json.dumps(of, sort_keys=True).encode()
    return hashlib.scrypt(
        text, salt=f"foobar.lamp {name}".encode(), n=2**14, r=8, p=1, dklen=24
    ).hex()


def redirects(vhost):
    """Return the redirects of a virtual host, the deepest path first.

    Each has the ``name`` of an alias, or a ``path``, and where ``to`` it leads, by which
    ``status``. ``below``: what comes behind the path is appended.
    """
    found = []
    for source, said in (vhost.get("redirects") or {}).items():
        target = said if isinstance(said, dict) else {"to": said}
        path, name = (source, "") if source.startswith("/") else ("/", source)
        found.append(
            {
                "name": name,
                "path": path,
                "below": path.endswith("/"),
                "to": target["to"],
                "status": target.get("status") or 301,
            }
        )
    return sorted(found, key=lambda one: (one["name"], one["path"]), reverse=True)


def problems(where, site, name=""):
    """Return what is wrong with the access, the headers and the redirects of ``where``:
    sentences. They never hold a password.
    """
    if "access" in site:
        yield from _access_problems(f"{where}.access", site["access"] or {})
    yield from _header_problems(f"{where}.headers", site.get("headers") or {})
    for source, said in (site.get("redirects") or {}).items():
        yield from _redirect_problems(f"{where}.redirects", site, source, said, name)


def certificate_problems(where, given, needed=True):
    """Return what is wrong with the files of a certificate on a host: ``chain`` and ``key``.
    ``needed``: whether both have to be there.
    """
    for one, other in (("chain", "key"), ("key", "chain")):
        if not given.get(one) and (needed or given.get(other)):
            yield f"{where}.{one} is missing or empty: give its path on the host."
    for name in ("chain", "key", "trusted_file"):
        if given.get(name) and not _FILE.match(given[name]):
            yield (
                f"{where}.{name} is {given[name]!r}: give an absolute path on the host, of "
                f"letters, digits and . _ - @ + ~ , = *."
            )


def serves_tls(vhosts, default):
    """Return whether a web server ends TLS:
    for one of its virtual hosts, or for names that nobody has, by the certificate ``default``.
    """
    return bool(default.get("chain")) or any(vhost.get("tls") for vhost in vhosts)


def tls_problems(where, given):
    """Return what is wrong with the ``tls`` of a virtual host."""
    yield from certificate_problems(where, given)
    if (given.get("hsts") or 0) < 0:
        yield f"{where}.hsts is {given['hsts']}: give seconds, or 0 for none."


def thumbprint_problems(variable, thumbprint):
    """Return what is wrong with the thumbprint of an ACME account."""
    if thumbprint and not _THUMBPRINT.match(thumbprint):
        yield (
            f"{variable} is {thumbprint!r}: give the 43 characters of an account key's SHA-256 "
            f"thumbprint in base64url, or leave it empty."
        )


def challenge_problems(where, vhost, variable):
    """Return what is wrong with a virtual host whose server answers
    challenges itself, since ``variable`` is set.
    """
    extra = "\n".join(
        line
        for line in (vhost.get("extra") or "").splitlines()
        if not line.lstrip().startswith("#")
    )
    found = ["extra"] if _SERVES_CHALLENGES.search(extra) else []
    for key, of in (("media", "url"), ("proxy", "path"), ("static", "url")):
        if any(
            f"{(one.get(of) or '').rstrip('/')}/".startswith(CHALLENGES)
            for one in vhost.get(key) or []
        ):
            found.append(key)
    for key in found:
        yield (
            f"{where}.{key} serves {CHALLENGES}, which the server answers itself because of "
            f"{variable}: remove it. If another program requests a certificate, let it prove the "
            f"name by records (dns-01)."
        )


def _header_problems(where, headers):
    known = set()
    for name, value in headers.items():
        if not _HEADER.match(name):
            yield f"{where} has the name {name!r}: use letters, digits and hyphens."
        elif name.lower() in known:
            yield f"{where} has {name} twice, in different capitals: remove one."
        elif why := _FOLLOWS.get(name.lower()):
            yield f"{where} has {name}: remove it, because {why}."
        elif isinstance(value, bool):
            yield (
                f"{where}['{name}'] is a boolean: put it in quotes as it should be sent, or give "
                f"null to remove the header."
            )
        elif value is not None and not _is_header_value(str(value)):
            yield (
                f"{where}['{name}'] is {str(value)!r}: give 1 to 2000 printable characters of "
                f"ASCII, without a space around them and without ${{."
            )
        known.add(name.lower())


def _is_header_value(text):
    # Apache reads ${ as the beginning of a variable of its own. nginx takes no longer word.
    return (
        0 < len(text) <= 2000
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
        and "${" not in text
    )


def _access_problems(where, access):
    if not access.get("users"):
        yield f"{where}.users is missing or empty: give names with passwords, or leave access out."
    for user, password in (access.get("users") or {}).items():
        if not _USER.match(user):
            yield (
                f"{where}.users has the name {user!r}: "
                f"use up to 64 characters, no space and no colon."
            )
        if is_hash(password):
            continue
        if _OTHER_HASH.match(password):
            yield (
                f"{where}.users gives {user} a hash that is not bcrypt: give what 'htpasswd "
                f"-nB {user}' prints after the colon."
            )
        elif len(password) < 8 or len(password.encode()) > 72 or not password.isprintable():
            yield (
                f"{where}.users gives {user} a password that is not of 8 to 72 printable "
                f"characters: give one, or its bcrypt hash."
            )


def _redirect_problems(where, site, source, said, name):
    to, status = (
        (said.get("to", ""), said.get("status")) if isinstance(said, dict) else (said, None)
    )
    path = source if source.startswith("/") else "/"
    if not source.startswith("/") and source.lower() not in {
        alias.lower() for alias in site.get("aliases") or []
    }:
        yield (
            f"{where} has {source!r}, which is neither a path nor one of its aliases: begin a "
            f"path with a slash, or add the name to aliases."
        )
        return
    if not _FROM.match(path):
        yield f"{where} has the path {source!r}: use letters, digits, slashes and . _ ~ - + @ , =."
    if status and status not in REDIRECTS:
        yield (
            f"{where}['{source}'].status is {status}: give one of {', '.join(map(str, REDIRECTS))}."
        )
    if not _TO.match(to):
        yield (
            f"{where}['{source}'] leads to {to!r}: give an address that begins with http:// or "
            f"https://, or a path, /new."
        )
    elif path.endswith("/") and not _BELOW.match(to):
        yield (
            f"{where}['{source}'] leads everything below it to {to!r}, to which the rest of the "
            f"path cannot be appended: end it with a slash, without ? and #."
        )
    elif _comes_back(
        path, to, {name.lower(), *(alias.lower() for alias in site.get("aliases") or [])}, source
    ):
        yield f"{where}['{source}'] leads to {to!r}, which leads back to it: give another address."
    if source == "/" and (
        site.get("app") or site.get("apps") or site.get("document_root") or site.get("proxy")
    ):
        yield (
            f"{where} has '/', which redirects everything that the site serves: give single "
            f"paths, or remove what it serves."
        )


def _comes_back(path, to, names, source):
    host, _slash, rest = (
        to.partition("://")[2].partition("/") if "://" in to else ("", "", to.lstrip("/"))
    )
    host, target = host.partition(":")[0].lower(), f"/{rest}"
    if host and (host not in names or not source.startswith("/") and host != source.lower()):
        return False
    return target.startswith(path) if path.endswith("/") else target == path


def error_page_problems(where, pages, app):
    """Return what is wrong with the error pages of a site; ``app``:
    whether it has an application in whose release they can be.
    """
    for status, path in pages.items():
        if status not in STATUSES:
            yield f"{where} has {status!r}: give pages for {', '.join(STATUSES)}, in quotes."
        elif not on_controller(path):
            if not app:
                yield (
                    f"{where}['{status}'] is {path!r}, a file of a release, but the site has no "
                    f"app: give a file on this computer, for instance ./{path}."
                )
            elif not _DIRECTORY.match(path):
                yield (
                    f"{where}['{status}'] is {path!r}: "
                    f"give a path in the source, of letters, digits and . _ -."
                )


def on_controller(path):
    """Return whether a file lies on the controller, and not in a source: as for requirements."""
    return path.startswith(("/", "./", "../", "~"))


def media_problems(where, path, media):
    """Return what is wrong with the ``media`` of an application under ``path``."""
    url, directory = media_url(path, media), media.get("dir") or "media"
    if not _URL.match(url):
        yield f"{where}.media.url is {url!r}: begin and end it with a slash, for instance /media/."
    if not _DIRECTORY.match(directory):
        yield (
            f"{where}.media.dir is {directory!r}: "
            f"give a directory below the state directory, for instance media."
        )


def media_url(path, media):
    """Return the address of the media of an application under ``path``."""
    return media.get("url") or f"{path.rstrip('/')}/media/"
