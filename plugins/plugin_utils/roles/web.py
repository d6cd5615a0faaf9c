# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a web server does with a virtual host, whichever server
it is. Private to the collection. Pure.

The templates of the roles apache and nginx write this down, each in its server's language: which
paths, in which order, with which headers.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front

#: What visitors may not say to an application: it is the web server's word.
FORWARDED = (
    "Forwarded",
    "X-Forwarded-By",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Real-IP",
    "X-Remote-User",
)
#: What is a balancer's word where there are balancers.
OF_BALANCERS = ("X-Forwarded-By", "X-Forwarded-Proto")
#: What a balancer calls itself when it asks for the health of a web server.
CHECKER = "haproxy"
#: How long browsers keep a static file, and one with a digest in its name, which never changes its
#: content.
KEPT = "public, max-age=300"
KEPT_FOR_EVER = "public, max-age=31536000, immutable"
DIGEST = r"[.-][0-9a-f]{8,64}\."
#: What a file's compressed neighbour is called, by its coding. The first that a browser takes is
#: sent.
CODINGS = {"br": "br", "gz": "gzip"}
#: Suffixes of files that compression would not make smaller: these have no such neighbours.
PACKED = (
    *(
        "7z",
        "avif",
        "br",
        "bz2",
        "gif",
        "gz",
        "jpeg",
        "jpg",
        "mp3",
        "mp4",
        "ogg",
        "pdf",
        "png",
        "webm",
        "webp",
        "woff",
        "woff2",
    ),
    *("xz", "zip", "zst"),
)
#: What is compressed while the visitor waits.
COMPRESSED = (
    *("text/html", "text/plain", "text/css", "text/xml", "text/javascript"),
    *("application/javascript", "application/json", "application/xml", "image/svg+xml"),
)
#: Of TLS 1.2, those that Mozilla's guideline 6.0 has as intermediate: each with forward secrecy and
#: authenticated encryption.
CIPHERS = tuple(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
#: How a secret is agreed upon. The first, which a quantum computer would not find out, is known
#: from OpenSSL 3.5 on.
GROUPS = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")
#: How long a visitor may take up what was agreed upon, in seconds.
RESUMED = 86400
#: How many bytes a visitor may send to an application in one request, and for how many seconds a
#: WebSocket may be silent.
MAX_BODY = 1 << 30
SILENCE = 3600
#: What a browser may show of the files that visitors sent: it runs nothing of these.
SHOWN = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "flac": "audio/flac",
    "gif": "image/gif",
    "ico": "image/vnd.microsoft.icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/x-wav",
    "webm": "video/webm",
    "webp": "image/webp",
}
#: The headers of such files; that of those which are not shown; and how long they are kept.
OF_MEDIA = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
NOT_SHOWN = ("Content-Disposition", "attachment")
MEDIA_KEPT = "max-age=300"


def common():
    """Return what is the same for all virtual hosts."""
    return {
        "challenges": front.CHALLENGES,
        "checker": CHECKER,
        "codings": CODINGS,
        "compressed": list(COMPRESSED),
        "digest": DIGEST,
        "error_pages": front.ERROR_PAGES,
        "forwarded": list(FORWARDED),
        "kept": KEPT,
        "kept_for_ever": KEPT_FOR_EVER,
        "media_kept": MEDIA_KEPT,
        "not_shown": dict([NOT_SHOWN]),
        "of_balancers": list(OF_BALANCERS),
        "of_media": OF_MEDIA,
        "packed": list(PACKED),
        "shown": SHOWN,
        "silence": SILENCE,
    }


def tls(vhosts, default, listen, default_site, version):
    """Return how the server ends TLS, nothing if it does not.

    ``default``: the certificate for names that no virtual host has, if not the first one's.
    ``version``: of Debian; one that is not known is newer than those that are.
    """
    if not front.serves_tls(vhosts, default):
        return {}
    own = {vhost["name"]: vhost["tls"] for vhost in vhosts if vhost.get("tls")}
    newest = version != "12"
    return {
        "listen": listen,
        # As an address has it: without the port that is understood.
        "port": "" if 443 in listen else f":{listen[0]}",
        # Where the default site has a certificate, it answers them by that.
        "default": {}
        if default_site in own
        else default
        if default.get("chain")
        else next(iter(own.values())),
        "ciphers": ":".join(CIPHERS),
        "groups": ":".join(GROUPS if newest else GROUPS[1:]),
        "resumed": RESUMED,
        # nginx of Debian 13 changes the keys of its session tickets by itself, and has HTTP/2 by a
        # directive of its own.
        "newest": newest,
    }


def of_tls(vhost):
    """Return the TLS of a virtual host, completed; nothing where it has none.

    ``redirect``: whether who comes by HTTP is led to HTTPS, ``hsts``: the seconds that browsers
    remember it. Both hold while ``trusted_file`` is there, or always where there is none.
    """
    if not vhost.get("tls"):
        return {}
    given = {key: value for key, value in vhost["tls"].items() if value is not None}
    return {"trusted_file": "", "redirect": True, "hsts": front.HSTS, **given}


def headers(vhost):
    """Return the headers of all answers of a virtual host.

    What the server's own language (``extra``) names is left to that.
    """
    given = {name.lower() for name in vhost.get("headers") or {}}
    extra = (vhost.get("extra") or "").lower()
    found = {
        name: value
        for name, value in front.HEADERS.items()
        if name.lower() not in given and name.lower() not in extra
    }
    return {
        **found,
        **{
            name: str(value)
            for name, value in (vhost.get("headers") or {}).items()
            if value is not None
        },
    }


def site(vhost, pages):
    """Return a virtual host, completed. ``pages``: the directory of error pages on the host.

    Each list is in the order in which it is to be looked through. The lists themselves come in this
    order: error pages, redirects, media, static files, what the server's own language says
    (``extra``), applications, and the directory of the site.
    """
    name = vhost["name"]
    return {
        "name": name,
        "names": [name, *(vhost.get("aliases") or [])],
        "tls": of_tls(vhost),
        "headers": headers(vhost),
        "access": bool(vhost.get("access")),
        "error_pages": [
            {
                "status": int(page["status"]),
                "url": f"{front.ERROR_PAGES}{page['status']}.html",
                "path": page.get("path") or f"{pages}/{name}.{page['status']}.html",
            }
            for page in vhost.get("error_pages") or []
        ],
        "redirects": front.redirects(vhost),
        "media": vhost.get("media") or [],
        "static": [
            {"immutable": False, "precompressed": False, **static}
            for static in vhost.get("static") or []
        ],
        "extra": (vhost.get("extra") or "").strip(),
        "proxies": proxies(vhost),
        "root": vhost.get("document_root") or "",
        "htaccess": bool(vhost.get("htaccess")),
    }


def proxies(vhost):
    """Return the applications of a virtual host, deeper paths first."""
    found = []
    for proxy in vhost.get("proxy") or []:
        given = {key: value for key, value in proxy.items() if value is not None}
        found.append(
            {
                "name": vhost["name"],
                "path": "/",
                "socket": "",
                "url": "",
                "timeout": 60,
                "max_body": MAX_BODY,
                "reuse": True,
                **given,
            }
        )
    return sorted(found, key=lambda proxy: proxy["path"], reverse=True)


def passwords(vhosts, sites):
    """Return the passwords to hash of the virtual hosts that are among ``sites``."""
    return [
        {"site": site, "user": user, "password": password}
        for site, of in front.users(vhosts).items()
        for user, password in of.items()
        if site in sites and not front.is_hash(password)
    ]


def user_files(vhosts, sites, hashed):
    """Return the files of names and hashes of ``sites``.

    ``hashed``: results of htpasswd, with the passwords as items.
    """
    made = {
        (result["item"]["site"], result["item"]["user"]): result.get("stdout", "").strip()
        for result in hashed
    }
    return [
        {
            "site": site,
            "content": "".join(
                f"{made.get((site, user)) or f'{user}:{given}'}\n" for user, given in of.items()
            ),
        }
        for site, of in front.users(vhosts).items()
        if site in sites
    ]


def due(wanted, known, there):
    """Return the virtual hosts whose names and hashes are to be written:
    fingerprints, those that the host has, and which files it has.
    """
    return [
        one.split(" ")[0] for one in wanted if one not in known or one.split(" ")[0] not in there
    ]


def pages_of_controller(vhosts):
    """Return the error pages of all virtual hosts that lie on the controller."""
    return [
        {"site": vhost["name"], **page}
        for vhost in vhosts
        for page in vhost.get("error_pages") or []
        if page.get("src")
    ]


def closed(vhosts, names):
    """Return which virtual hosts are closed, all where there are no ``names``:
    those with a page of their own for that, and the others.
    """
    chosen = [vhost for vhost in vhosts if not names or vhost["name"] in names]
    with_page = [
        vhost
        for vhost in chosen
        if any(str(page["status"]) == "503" for page in vhost.get("error_pages") or [])
    ]
    return with_page, [vhost for vhost in chosen if vhost not in with_page]
