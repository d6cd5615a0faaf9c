# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role python_app. Private to the
collection. Pure: no I/O, no Ansible import.

An *app* is an item of ``python_app_apps``. A *plan* is what a host needs to know of it: never its
environment, which holds secrets.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import posixpath
import re

from ansible_collections.foobar.lamp.plugins.module_utils.app import failures, mask
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.plugin_utils.common.facts import facts_of

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")
#: Seconds that the steps of a release may take, where the app does not say.
TIMEOUTS = {"install": 900, "step": 300, "start": 30}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(\))?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_JOB = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:-]*\Z")
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}\Z")
#: Which kinds of source a key is for.
_ONLY = {
    "deploy_key": ("git",),
    "include": ("directory",),
    "subdirectory": ("git", "directory", "archive"),
}
#: What a release has beside its static files.
_OWN = (
    "",
    ".",
    "beside",
    "check.py",
    "compress.py",
    "environment.json",
    "made.json",
    "release.json",
    "run",
    "serve.py",
    "server",
    "server.txt",
    "venv",
    "wheels",
)
#: What is for an application that is an image, and nobody else.
_OF_IMAGES = ("cpu_limit", "network", "port", "registry", "user_namespace", "volumes")
#: What has no place with an image, and why.
_NOT_OF_IMAGES = {
    **dict.fromkeys(
        ("wsgi", "asgi"),
        (
            "the image has its own server: "
            "give serve, or nothing for the image's own entry point and command"
        ),
    ),
    **dict.fromkeys(
        ("requirements", "constraints", "project", "extras"), "what it depends on is in the image"
    ),
    "python": "the image has its own",
    **dict.fromkeys(
        ("processes", "threads", "restart_interval"),
        "the image has its own server, which is told by serve or by environment",
    ),
    "restrict": (
        "what confines it are the arguments of Podman: "
        "see network, volumes, memory_limit and cpu_limit"
    ),
    **dict.fromkeys(
        ("checksum", "deploy_key", "include", "exclude", "subdirectory"), "it is for a source"
    ),
}
#: How the image of an application may be called on its host: the application's name is part of
#: that.
_IMAGE_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*\Z")
_INSIDE = re.compile(r"(/[\w.@+-]+)+\Z")
_BELOW = re.compile(r"\w[\w.@+-]*(/\w[\w.@+-]*)*\Z")
#: What of a plan makes no other release: what each host is told of its own, and what only a run
#: asks for.
_OF_HOSTS = ("aliases", "backup", "builder", "single_timers", "steps", "timeouts", "tls")
#: What the server of an application is told, and what it is where the app does not say: 0 is what
#: suits the host, or no limit.
SERVER = {
    "processes": 0,
    "threads": 0,
    "request_timeout": 60,
    "graceful_timeout": 15,
    "restart_interval": 0,
    "memory_limit": 0,
}
#: The database's socket where the environment does not say.
DATABASE_SOCKET = "/run/mysqld/mysqld.sock"
#: How much a visitor may send in one request where the app does not say: as much as web servers let
#: by themselves.
MAX_BODY = "1G"
#: What ssh takes for an address, and nobody for a path: user@host:path.
SCP = re.compile(r"[\w.+-]+@[\w.-]+:(?!//)\S")
_PYTHON = re.compile(r"3\.[0-9]+(\.[0-9]+)?\Z")
_SIZE = re.compile(r"([0-9]+)([KMG]?)\Z", re.IGNORECASE)
_SETTINGS = re.compile(r"/etc/python_app/[^/]+\.env\Z")


def user(app):
    """Return the system user that runs ``app``."""
    return app.get("user") or "app-" + re.sub(r"[^a-z0-9]+", "-", app["name"].lower())[:28].strip(
        "-"
    )


def builder(app):
    """Return the system user that builds the releases of ``app``.
    Who is in its group, may read them.
    """
    name = f"build-{user(app)}"
    return (
        name if len(name) <= 32 else f"{name[:23]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    )


def accounts(apps):
    """Return the accounts of ``apps`` in the order in which they can be made:
    name, home and groups.
    """
    builders = [{"name": builder(app), "home": "/nonexistent", "groups": []} for app in apps]
    return builders + [
        {"name": user(app), "home": f"/srv/{app['name']}/state", "groups": [builder(app)]}
        for app in apps
    ]


def remains(looks, passwd):
    """Return what is left of applications, and what others made in a place of that name: ``apps``,
    ``users``, ``builders``, ``left``.

    ``looks``: results of ansible.builtin.stat for ``(directory, "releases" or "state")``.
    ``passwd``: what ansible.builtin.getent says. An account that was there before its application,
    a person's or a service's, has another home or a shell.
    """
    found = {}
    for look in looks:
        directory, part = look["item"][0]["path"], look["item"][1]
        found.setdefault(directory, {})[part] = look["stat"]
    whole = {
        path: parts
        for path, parts in found.items()
        if all(part.get("isdir") for part in parts.values())
    }
    gone = [
        {
            "path": path,
            "user": parts["state"].get("pw_name") or "",
            "group": parts["state"].get("gr_name") or "",
        }
        for path, parts in whole.items()
    ]
    owners = sorted({one["user"] for one in gone} - {""})

    def made(name, homes):
        home, shell = passwd.get(name, [""] * 6)[4:6]
        return home in homes and shell == "/usr/sbin/nologin"

    users = [name for name in owners if made(name, {f"{path}/state" for path in whole})]
    builders = [
        name
        for name in (builder({"user": owner}) for owner in owners)
        if made(name, {"/nonexistent"})
    ]
    left = sorted(found.keys() - whole.keys()) + [
        f"the user {name}" for name in owners if name not in users
    ]
    return {"apps": gone, "users": users, "builders": builders, "left": left}


def accounts_missing(apps, web_user, users, members):
    """Return those of ``apps`` of which the host does not have all accounts,
    by its ``users`` and the ``members`` of its groups.
    """
    return [
        app
        for app in apps
        if not {user(app), builder(app)} <= set(users)
        or not {user(app), web_user} <= set(members.get(builder(app), []))
    ]


def located(app):
    """Return ``app`` with ``{version}`` in its source or image filled in."""
    return app | {
        key: app[key].replace("{version}", str(app.get("version") or ""))
        for key in ("source", "image")
        if app.get(key)
    }


def chosen(apps, site="", version=""):
    """Return those of ``apps`` that are the site's, or the one of this name at ``version``;
    all where these are empty.
    """
    found = [
        app
        for app in apps
        if site in ("", app["name"]) or (site == app.get("host") and not version)
    ]
    return [{**app, "version": str(version)} if version else app for app in found]


def choice_problems(apps, site="", version=""):
    """Return what is wrong with a choice of ``apps``: a list of sentences."""
    if not site and version:
        return [
            f"lamp_deploy_version is {version!r}, but of which site? Give lamp_deploy_site, too."
        ]
    if site and not chosen(apps, site, version):
        names = ", ".join(app["name"] for app in apps)
        return [f"lamp_deploy_site is {site!r}, which has no application: give one of {names}."]
    return []


def kind(app):
    """Return what an app is made of: ``image`` or ``build``; else ``requirement``, ``wheel``,
    ``archive``, ``git`` or ``directory``.
    """
    for name in ("image", "build"):
        if app.get(name):
            return name
    source = located(app).get("source")
    if not source:
        return "requirement"
    if source.endswith(".whl"):
        return "wheel"
    if source.endswith(ARCHIVES):
        return "archive"
    return (
        "git" if is_remote(source) or source.endswith(".git") or app.get("version") else "directory"
    )


def is_image(app):
    """Return whether an app is an image, or built as one."""
    return kind(app) in ("image", "build")


def is_remote(source):
    """Return whether ``source`` is an address, and no path on the controller."""
    return "://" in source or source.startswith("git+") or bool(SCP.match(source))


def is_url(source):
    """Return whether ``source`` is fetched over the web."""
    return source.startswith(("https://", "http://"))


def requirement(app):
    """Return the requirement that pip gets: with the version, where that is given apart."""
    text, version = app["requirement"], app.get("version")
    return f"{text}=={version}" if version else text


def described(app, commit=""):
    """Return the app's source in words."""
    if kind(app) == "requirement":
        return mask.plain(requirement(app))
    at = f" at {app.get('version') or 'HEAD'} ({commit[:12]})" if commit else ""
    return mask.plain(located(app)["source"]) + at


def beyond(app):
    """Return the requirements and constraints files of ``app`` that lie on the controller, beyond
    its source: ``{place: path}``.

    The place is theirs in a release, seen from the source. It says nothing of the controller's
    directories.
    """
    names = [name for key in ("requirements", "constraints") for name in app.get(key) or []]
    return {_place(name): name for name in names if posixpath.isabs(name)}


def _place(name):
    return f"../beside/{posixpath.basename(name)}" if posixpath.isabs(name) else name


def plan(app):
    """Return the plan of ``app``, all but its release."""
    root = f"/srv/{app['name']}"
    return {
        "name": app["name"],
        "user": user(app),
        "builder": builder(app),
        "root": root,
        "environment_file": f"/etc/python_app/{app['name']}.env",
        "entry": app.get("asgi") or app.get("wsgi") or "",
        "interface": "asgi" if app.get("asgi") else "wsgi",
        "serve": list(app.get("serve") or []),
        "server": {
            **{name: app.get(name) or value for name, value in SERVER.items()},
            "max_body": max_body(app),
        },
        "restrict": app.get("restrict") or {},
        "host": app.get("host") or app["name"],
        "aliases": list(app.get("aliases") or []),
        "tls": bool(app.get("tls")),
        "path": (app.get("path") or "/").rstrip("/"),
        "health_path": app.get("health_path") or "/",
        "static_dir": static_place(app),
        "requirements": [_place(name) for name in app.get("requirements") or []],
        "constraints": [_place(name) for name in app.get("constraints") or []],
        "project": bool(app.get("project")),
        "extras": list(app.get("extras") or []),
        "requirement": requirement(app) if kind(app) == "requirement" else "",
        "python": app.get("python") or "",
        "media": (app["media"].get("dir") or "media") if app.get("media") is not None else "",
        **(
            {"shared_media": app["media"]["shared"]}
            if (app.get("media") or {}).get("shared")
            else {}
        ),
        "steps": {
            name: list(app[name]) for name in ("collect", "migrate", "after") if app.get(name)
        },
        **{
            kind: [{**job, "command": list(job["command"])} for job in app.get(kind) or []]
            for kind in ("workers", "timers")
        },
        "single_timers": app.get("single_timers") or "here",
        "backup": _backup(app) if app.get("backup_before_migrate") else {},
        "timeouts": {
            **TIMEOUTS,
            **{name: value for name, value in (app.get("timeouts") or {}).items() if value},
        },
        # What image that is, is known when it is resolved.
        **({"image": {"kind": kind(app)}, "container": _container(app)} if is_image(app) else {}),
    }


def _container(app):
    """Return how an app runs in its image. Where its database is, is no secret."""
    network, environment = app.get("network") or "database", app.get("environment") or {}
    host = str(environment.get("DB_HOST") or "")
    database: dict[str, str | int] = {}
    if host.startswith("/"):
        database = {"socket": host}
    elif host not in ("", "localhost"):
        database = {"address": host, "port": int(environment.get("DB_PORT") or 3306)}
    elif host or environment.get("DB_SOCKET"):
        database = {"socket": environment.get("DB_SOCKET") or DATABASE_SOCKET}
    return {
        "collected": bool(app.get("collect")),
        "cpu_limit": app.get("cpu_limit") or 0,
        "database": database,
        "network": network,
        "port": app.get("port") or 0,
        "static": app.get("static_dir") or ("/static" if app.get("collect") else ""),
        "user_namespace": app.get("user_namespace") is not False,
        "volumes": dict(app.get("volumes") or {}),
    }


def static_place(app):
    """Return the directory of a release of ``app`` that has its static
    files. Those of an image are copied there.
    """
    return "static" if is_image(app) else app.get("static_dir") or "static"


def media_place(name, media):
    """Return where the files of visitors of the application ``name`` are."""
    return media.get("shared") or f"/srv/{name}/media"


def max_body(app):
    """Return how many bytes a request's body of ``app`` may have, 0 for any number."""
    given = app.get("max_body")
    found = _SIZE.match(str(MAX_BODY if given in (None, "") else given))
    # What is no size is refused before anybody asks.
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()] if found else 0


def _backup(app):
    return {
        "host": app.get("backup_host") or "",
        "command": list(app.get("backup_command") or ["lamp-backup", "take"]),
    }


def made_of(plan):
    """Return what of ``plan`` the release is made of:
    what its launchers read, and what makes another release when it changes.
    """
    ways = {key: value for key, value in plan.items() if key not in _OF_HOSTS}
    return json.dumps(
        {**ways, "steps": {key: value for key, value in plan["steps"].items() if key != "after"}},
        indent=2,
        sort_keys=True,
    )


def release(content, plan, *more):
    """Return the identity of a release:
    12 hexadecimal digits of its content's identity, how it is made, and the texts ``more``.
    """
    return hashlib.sha256(
        "\0".join([content, made_of(plan), *more]).encode("utf-8", "surrogateescape")
    ).hexdigest()[:12]


def called(app):
    """Return the beginning of a sentence that says what ``app`` has,
    with what the inventory calls it.
    """
    return (
        f"{app['origin']} has" if app.get("origin") else f"python_app_apps has {app['name']} with"
    )


def python_of(app, python):
    """Return the version of Python that wheels for ``app`` are for; ``python``: the host's,
    empty where hosts resolve.
    """
    found = re.search(r"3\.[0-9]+", app.get("python") or "") if python else None
    return found[0] if found else python


def name_of(app):
    """Return what messages call ``app``."""
    return app.get("origin") or f"python_app_apps: {app['name']}"


def made_of_problem(app):
    """Return what is wrong with the keys of ``app`` that say what it is made of,
    empty if nothing is.
    """
    given = [key for key in ("source", "requirement", "image", "build") if app.get(key)]
    if len(given) == 1:
        return ""
    found = (
        f"{', '.join(given[:-1])} and {given[-1]}"
        if given
        else "none of source, requirement, image and build"
    )
    return (
        f"{found}: give one, a source to fetch, a requirement such as name==version for pip, an "
        f"image, or a build with the directory of a Containerfile."
    )


def _image_problems(where, app):
    given = [key for key in _OF_IMAGES if app.get(key) not in (None, "", {}, [])]
    if not is_image(app):
        for key in given:
            yield f"{where} {key}, which is for an application that is an image: remove it."
        return
    for key, why in _NOT_OF_IMAGES.items():
        if app.get(key):
            yield f"{where} {key} beside {kind(app)}, but {why}. Remove it."
    if not _IMAGE_NAME.match(app["name"]):
        yield (
            f"{where} a name that no image can have: use small letters and digits, with one dot, "
            f"hyphen or underscore between them."
        )
    port, network = app.get("port"), app.get("network") or "database"
    if port is not None and not 0 < port < 65536:
        yield f"{where} port {port}: give a port from 1 to 65535."
    if port and any("$SOCKET" in word for word in app.get("serve") or []):
        yield (
            f"{where} port beside a serve with $SOCKET: "
            f"give one, the port that it listens on or the socket."
        )
    if port and network == "open":
        yield (
            f"{where} port beside network open: without a network of its own, old and new "
            f"release cannot have the same port. Have it listen on the Unix socket $SOCKET, or "
            f"let it reach its database alone."
        )
    if network == "database" and (wrong := _database_problem(app.get("environment") or {})):
        yield f"{where} {wrong}"
    for inside, below in (app.get("volumes") or {}).items():
        if not _INSIDE.match(str(inside)) or posixpath.normpath(inside) != inside:
            yield (
                f"{where} volumes with {inside!r}: "
                f"give an absolute path in the image, such as /app/data."
            )
        if not _BELOW.match(str(below)):
            yield (
                f"{where} volumes with {below!r} for {inside}: give the name of a directory, "
                f"which is made in /srv/{app['name']}/state."
            )
    if app.get("cpu_limit") is not None and not 0 < app["cpu_limit"] <= 100000:
        yield (
            f"{where} cpu_limit {app['cpu_limit']}: give how much of a core it may take in "
            f"percent, such as 150 for one and a half."
        )
    if app.get("static_dir") and not (
        _INSIDE.match(app["static_dir"])
        and posixpath.normpath(app["static_dir"]) == app["static_dir"]
    ):
        yield (
            f"{where} static_dir {app['static_dir']!r}: "
            f"give an absolute path in the image, such as /app/static."
        )
    if app.get("backup_before_migrate") and not app.get("migrate"):
        yield f"{where} backup_before_migrate and no migrate: give migrate, or remove it."


def _database_problem(environment):
    host = str(environment.get("DB_HOST") or "")
    if host in ("", "localhost") or host.startswith("/"):
        return ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return (
            f"DB_HOST {host!r} in its environment, and network database, which lets it reach an "
            f"address: give that, or network open."
        )
    return (
        ""
        if str(environment.get("DB_PORT") or 3306).isdigit()
        else f"DB_PORT {environment['DB_PORT']!r}: give a number."
    )


def _source_problems(where, app):
    source, requirement = app.get("source"), app.get("requirement")
    if wrong := made_of_problem(app):
        yield f"{where} {wrong}"
        return
    if is_image(app):
        return
    if requirement and app.get("version") and re.search(r"[=<>~!@]", requirement):
        yield (
            f"{where} the requirement {mask.plain(requirement)} and the version {app['version']}: "
            f"give the version in one of them only."
        )
    if source and kind(app) in ("archive", "wheel") and is_url(source) and not app.get("checksum"):
        yield (
            f"{where} the source {mask.plain(source)} and no checksum: give checksum, sha256: and "
            f"the file's SHA-256 in hexadecimal."
        )
    if app.get("checksum") and not _CHECKSUM.match(app["checksum"]):
        yield f"{where} the checksum {app['checksum']!r}: give sha256: and 64 hexadecimal digits."
    names = {name for key in ("requirements", "constraints") for name in app.get(key) or []}
    if len(beyond(app)) < len([name for name in names if posixpath.isabs(name)]):
        yield (
            f"{where} two requirements or constraints files of the same name beyond its source: "
            f"give each its own name."
        )
    for name in sorted(names):
        if ".." in name.split("/") and not posixpath.isabs(name):
            yield (
                f"{where} the file {name}: "
                f"give one in the source, or an absolute path on this computer."
            )
    for key, kinds in _ONLY.items():
        if app.get(key) and kind(app) not in kinds:
            yield (
                f"{where} {key}, which is for a source that is {_or(kinds)}, not "
                f"{_or([kind(app)])}: remove it."
            )
    subdirectory = app.get("subdirectory") or "x"
    if (
        posixpath.isabs(subdirectory)
        or posixpath.normpath(subdirectory) != subdirectory
        or subdirectory.split("/")[0] == ".."
    ):
        yield (
            f"{where} the subdirectory {subdirectory!r}: "
            f"give a directory within the source, for instance backend."
        )
    python = app.get("python") or "/"
    if not posixpath.isabs(python) and not _PYTHON.match(python):
        yield (
            f"{where} the python {python!r}: give the path of one on the host, or a version in "
            f'quotes such as "3.12".'
        )
    if app.get("backup_before_migrate") and not app.get("migrate"):
        yield f"{where} backup_before_migrate and no migrate: give migrate, or remove it."
    if app.get("project") and kind(app) in ("requirement", "wheel"):
        yield f"{where} project, which a {kind(app)} is anyway: remove it."


def _or(kinds):
    return " or ".join(
        {"git": "a git repository"}.get(kind, f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}")
        for kind in kinds
    )


def _server_problems(where, app):
    given = [key for key in ("wsgi", "asgi", "serve") if app.get(key)]
    if len(given) != 1 and not is_image(app):
        found = " and ".join(given) or "none of wsgi, asgi and serve"
        yield (
            f"{where} {found}: give one of them, "
            f"a callable for our server or a command that is a server."
        )
    for key in ("wsgi", "asgi"):
        if app.get(key) and not _CALLABLE.match(app[key]):
            yield (
                f"{where} {key} {app[key]!r}: give the module and the callable, for instance "
                f"myapp.{key}:application, or a factory, myapp:create_app()."
            )
    if (
        app.get("serve")
        and not is_image(app)
        and not any("$SOCKET" in word for word in app["serve"])
    ):
        yield (
            f"{where} serve without $SOCKET: give a command that listens on it, such as "
            f"[gunicorn, --bind, 'unix:$SOCKET', 'shop:app']."
        )
    for key in SERVER:
        most = 1000 if key in ("processes", "threads") else 10**9
        if app.get(key) is not None and not 1 <= app[key] <= most:
            yield f"{where} {key} {app[key]}: give a number from 1 to {most}."
    if not _SIZE.match(str(app.get("max_body") or "0")):
        yield (
            f"{where} max_body {app['max_body']!r}: give bytes, or a whole number with K, M or G, "
            f"such as 20M; 0 for no limit."
        )
    for name, value in (app.get("restrict") or {}).items():
        if not app_units.RESTRICTION.match(name):
            yield (
                f"{where} restrict with {name!r}: give what systemd.exec(5) lets a service do, "
                f"such as ReadWritePaths or PrivateDevices."
            )
        elif "\n" in str(value):
            yield f"{where} restrict with a line break in {name}: write it in one line."


def problems(apps, keep_releases=2, port=80, tls_port=443):
    """Return what is wrong with the role's inputs: a list of sentences.

    Environments are named, their values never shown.
    """
    problems, seen, users = [], set(), {}
    if keep_releases < 2:
        problems.append(
            f"python_app_keep_releases is {keep_releases}: "
            f"give at least 2, the current release and the one before."
        )
    problems += [
        f"python_app_{name} is {number}: give a port from 1 to 65535."
        for name, number in (("port", port), ("tls_port", tls_port))
        if not 0 < number < 65536
    ]
    for app in apps:
        where = called(app)
        if not _NAME.match(app["name"]):
            problems.append(
                f"python_app_apps has the name {app['name']!r}: use letters, digits, dots, "
                f"hyphens and underscores."
            )
        if app["name"] in seen:
            problems.append(f"python_app_apps has {app['name']} twice: remove one.")
        seen.add(app["name"])
        problems.extend(_source_problems(where, app))
        problems.extend(_server_problems(where, app))
        problems.extend(_image_problems(where, app))
        if user(app) == "root":
            problems.append(
                f"{where} the user root, as which no application runs: give a user of its own."
            )
        if not _USER.match(user(app)):
            problems.append(
                f"{where} the user {user(app)!r}: "
                f"use up to 32 small letters, digits, underscores and hyphens."
            )
        elif users.setdefault(user(app), app["name"]) != app["name"]:
            problems.append(
                f"{where} the user {user(app)}, "
                f"which runs {users[user(app)]} already: give each its own user."
            )
        problems += [
            (
                f"{where} the service {name!r}: "
                f"give the name of a unit of systemd, such as redis-server."
            )
            for name in app.get("services") or []
            if not _SERVICE.match(name)
        ]
        for job in app.get("timers") or []:
            if wrong := app_units.schedule_problem(job["schedule"]):
                problems.append(
                    f"{where} the timer {job['name']} with the schedule {job['schedule']!r}, "
                    f"which {wrong}"
                )
        jobs = [job["name"] for kind in ("workers", "timers") for job in app.get(kind) or []]
        for job in jobs:
            if not _JOB.match(job):
                problems.append(
                    f"{where} a worker or timer {job!r}: use small letters, digits and hyphens."
                )
            elif jobs.count(job) > 1:
                problems.append(f"{where} two workers or timers {job}: give each its own name.")
        static = app.get("static_dir") or "static"
        if not is_image(app) and (
            posixpath.normpath(static) != static or static.split("/")[0] in (*_OWN, "..")
        ):
            problems.append(
                f"{where} static_dir {static!r}: give a directory within the release, for "
                f"instance static or src/static."
            )
        for key in ("health_path", "path"):
            if app.get(key) and not app[key].startswith("/"):
                problems.append(f"{where} {key} {app[key]!r}: begin it with a slash.")
        for name, value in (app.get("environment") or {}).items():
            if not _VARIABLE.match(str(name)):
                problems.append(
                    f"{where} the environment variable {name!r}: use letters, digits and "
                    f"underscores, no digit first."
                )
            elif value is None:
                problems.append(f"{where} no value of {name}: give one, or leave it out.")
            elif "\0" in str(value):
                problems.append(
                    f"{where} a value of {name} that has a NUL character, "
                    f"which no environment can hold: remove it."
                )
    builders = {builder(app): app["name"] for app in apps}
    for name in sorted(users.keys() & builders.keys()):
        problems.append(
            f"python_app_apps has {users[name]} with the user {name}, which builds "
            f"{builders[name]}: give it another."
        )
    return problems


def directories(apps):
    """Return the directories of ``apps`` as config_tree takes them."""
    found = []
    if apps:
        found.append({"path": "/etc/python_app", "owner": "root", "group": "root", "mode": "0755"})
        # Logs hold what applications say of their settings, and where their sources come from.
        found.append(
            {"path": "/var/log/python_app", "owner": "root", "group": "adm", "mode": "0750"}
        )
    if any(map(is_image, apps)):
        found.append(
            {
                "path": "/etc/containers/containers.conf.d",
                "owner": "root",
                "group": "root",
                "mode": "0755",
            }
        )
    for app in apps:
        root = f"/srv/{app['name']}"
        found.append({"path": root, "owner": "root", "group": "root", "mode": "0755"})
        for name in ("releases", "environments"):
            found.append(
                {"path": f"{root}/{name}", "owner": "root", "group": builder(app), "mode": "0750"}
            )
        found.append(
            {"path": f"{root}/state", "owner": user(app), "group": user(app), "mode": "0750"}
        )
        if app.get("media") is not None and not app["media"].get("shared"):
            # The web server is in the group that reads releases. New files get that group, whatever
            # the umask is.
            found.append(
                {"path": f"{root}/media", "owner": user(app), "group": builder(app), "mode": "2750"}
            )
    return found


def files(apps):
    """Return ``apps`` as the template of their environment takes them:
    name, user and environment.
    """
    return [
        {"name": app["name"], "user": user(app), "environment": app.get("environment") or {}}
        for app in apps
    ]


def current(name, paths):
    """Return the release of the app ``name`` that is current, by the ``paths`` of host_facts;
    empty for none.
    """
    return _link(name, "current", paths)


def _link(name, link, paths):
    return paths.get(f"/srv/{name}/{link}", {}).get("link", "").removeprefix("releases/")


def unverified(plans, paths):
    """Return those of ``plans`` whose release is pending,
    or current since a run that died before it was done with it.
    """

    def died(plan):
        # The second is what earlier versions called the link.
        return plan["release"] in (
            _link(plan["name"], link, paths) for link in ("unverified", "unproven")
        )

    return [plan for plan in plans if plan["release"] != plan["before"] or died(plan)]


def serving(name, paths):
    """Return the instance of the service that visitors of the app ``name`` are led to,
    empty for none (see app/units.py).
    """
    return app_units.instance_of_socket(paths.get(f"/srv/{name}/live.sock", {}).get("link", ""))


def stale(apps, facts):
    """Return the names of those of ``apps`` of which not all runs as the last run on the host had
    it in mind: other settings, another release, or services that are left over. ``facts``: those of
    host_facts.
    """
    found, paths = [], facts["paths"]
    for app in apps:
        name, live = app["name"], serving(app["name"], paths)
        services = {
            unit
            for unit, owner in facts["app_units"].items()
            if owner == name and app_units.instance(unit)
        }
        release = current(name, paths)
        whole = live.startswith(f"{release}-") and services <= {app_units.service_name(name, live)}
        # What has run within Apache is replaced by the release that is pending.
        if release and (live or services) and (not whole or name in facts["apps_stale"]):
            found.append(name)
    return found


def idle(apps, facts):
    """Return those of ``apps`` of which the service, a worker or a timer does not run,
    or a timer does that is another host's.

    ``facts``: those of host_facts.
    """
    found, running = [], set(facts["running"])
    for app in apps:
        live, own = serving(app["name"], facts["paths"]), plan(app)
        elsewhere = app_units.elsewhere(own, running)
        names = [
            *app_units.started(app_units.units(own), elsewhere),
            *([app_units.service_name(app["name"], live)] if live else []),
        ]
        if not {name.removesuffix(".service") for name in names} <= running or running & set(
            elsewhere
        ):
            found.append(app)
    return found


def timers_to_take_over(apps, host, hosts):
    """Return the timers that this host runs for all from now on, and others still do:
    ``[{host, unit}]``.

    ``hosts``: the variables of the play's hosts, with what host_facts says of each.
    """
    single = [
        name
        for app in apps
        if (app.get("single_timers") or "here") == "here"
        for name in _single(app)
    ]
    return [
        {"host": one["inventory_hostname"], "unit": name}
        for one in hosts
        if one["inventory_hostname"] != host
        for name in single
        if name in facts_of(one).get("running", ())
    ]


def timers_unsettled(apps):
    """Return the timers that stay on the host that they are on, since not all hosts were asked."""
    return [
        name for app in apps if app.get("single_timers") == "unchanged" for name in _single(app)
    ]


def _single(app):
    return app_units.elsewhere({**plan(app), "single_timers": "elsewhere"})


def left(apps, units, paths):
    """Return the applications that a host still has something of at work,
    and that are none of ``apps``: ``[{name, root}]``.

    ``units`` and ``paths`` are those of host_facts.
    """
    names = {
        *units.values(),
        *(
            path.removeprefix("/etc/python_app/").removesuffix(".env")
            for path in paths
            if _SETTINGS.match(path)
        ),
    }
    return named(sorted(names - {app["name"] for app in apps}))


def named(names):
    """Return applications of which no more is known than their ``names``, or their directories,
    as the step retire takes them.
    """
    return [
        {"name": posixpath.basename(name), "root": f"/srv/{posixpath.basename(name)}"}
        for name in names
    ]


def migrations(plans, host, hosts):
    """Return those of ``plans`` whose migration is this host's to run, for all others.

    ``hosts``: the variables of the play's hosts, in order. The first of them that has the
    application migrates it.
    """
    first = {}
    for one in hosts:
        for plan in (one.get("__python_app_made") or {}).get("plans") or []:
            first.setdefault(plan["name"], one["inventory_hostname"])
    return [
        plan
        for plan in plans
        if "migrate" in plan["steps"] and first.get(plan["name"], host) == host
    ]


def backups(plans, host):
    """Return the backups to take before ``plans`` are migrated, each once:
    host, command, and the names of the applications.

    The first release of an application finds nothing of its own, and perhaps no host yet that takes
    backups.
    """
    found = []
    for plan in plans:
        if (wanted := plan.get("backup")) and plan["before"]:
            one = {"command": wanted["command"], "host": wanted["host"] or host}
            there = next((other for other in found if one.items() <= other.items()), None)
            if not there:
                found.append(there := {**one, "names": []})
            there["names"].append(plan["name"])
    return found


#: What lamp-backup says of a backup.
_TAKEN = re.compile(r"^Took and checked (\d{8}T\d{6}Z):", re.MULTILINE)


def taken(results):
    """Return the backup of each application: its ``host``, its ``name``, empty if the command is
    not lamp-backup's, and what that ``said``.

    ``results``: those of a command with ``backups`` as items.
    """
    found = {}
    for one in results:
        said = one.get("stdout", "")
        name = _TAKEN.search(said)
        backup = {
            "host": one["item"]["host"],
            "name": name[1] if name else "",
            "said": said[-500:].strip(),
        }
        found |= dict.fromkeys(one["item"]["names"], backup)
    return found


def pages(plans, releases=None):
    """Return the pages that tell the health of ``plans`` as http_health_info takes them;
    ``releases``: those that answer, if not theirs, empty for one that does not say which it is.

    Under its own name an application has to show its release; under an alias another may answer,
    such as a redirection of Apache's.
    """
    found = []
    for plan in plans:
        # With TLS, what comes by HTTP may be redirected, whatever the application says.
        page = {"path": plan["path"] + plan["health_path"], "tls": plan["tls"]}
        release = plan["release"] if releases is None else releases.get(plan["name"], "")
        # A server that is the application's own does not say it.
        headers = (
            {} if plan["serve"] or plan.get("image") or not release else {"X-Release": release}
        )
        found.append({**page, "name": plan["name"], "host": plan["host"], "headers": headers})
        found += [
            {**page, "name": _alias_page(plan, alias), "host": alias, "headers": {}}
            for alias in plan["aliases"]
        ]
    return found


def health_pages(apps):
    """Return the page of each application that tells its health, whichever release answers,
    as http_health_info takes it.
    """
    plans = map(plan, apps)
    return [
        {
            "name": one["name"],
            "host": one["host"],
            "path": one["path"] + one["health_path"],
            "tls": one["tls"],
        }
        for one in plans
    ]


def going_back(apps, host, listed):
    """Return those of ``apps`` that a rollback to the release before takes back on ``host``.

    A run that came to some hosts alone has taken it back there: then it is the turn of the others.
    ``listed``: what the step list says of each host, ``{host: [application]}``.
    """

    def is_back(one):
        made = {release["release"]: release["made"] for release in one["releases"]}
        return made.get(one["previous"], "") > made.get(one["current"], "")

    back = {}
    for name, found in listed.items():
        for one in found:
            back.setdefault(one["name"], {})[name] = is_back(one)
    return [
        app
        for app in apps
        if not back.get(app["name"], {}).get(host) or all(back[app["name"]].values())
    ]


def _alias_page(plan, alias):
    return f"{plan['name']} as {alias}"


def services(apps):
    """Return the services of the host that ``apps`` need, each once, without ``.service``."""
    names = [name.removesuffix(".service") for app in apps for name in app.get("services") or []]
    return list(dict.fromkeys(names))


def _needing(service, apps):
    return next(app for app in apps if service in services([app]))


def failed_service(name, apps, host):
    """Return the sentence about the service ``name``, which does not start on ``host``."""
    app = _needing(name, apps)
    return (
        f"{app['name']} needs {name} ({app.get('origin') or 'python_app_apps[]'}.services), which "
        f"does not start: see 'journalctl -u {name}' on {host}."
    )


def missing_service(asked, apps):
    """Return the sentence about a service that cannot be started;
    ``asked``: the result of systemctl show, with the service as item.
    """
    name, state = asked["item"], asked["stdout"].strip()
    app = _needing(name, apps)
    remedy = (
        "allow it again with 'systemctl unmask'"
        if state == "masked"
        else "add its package to python_app_packages, or correct the name"
    )
    return f"{called(app)} the service {name}, which is {state} on this host: {remedy}."


def log_units(plan):
    """Return the units whose journal tells of the application of ``plan``, as patterns."""
    return [f"app-{plan['name']}@*.service", *app_units.units(plan)]


#: What steps register on a host, in the order in which they fail.
_REGISTERED = ("made", "migrated", "switched", "resumed", "restarted", "verified", "after")


def failed(variables):
    """Return the failures of a host's applications in this run, by its ``variables``;
    the first of each application.
    """
    found = {}
    for name in _REGISTERED:
        for failure in (variables.get(f"__python_app_{name}") or {}).get("failures") or []:
            found.setdefault(failure["plan"]["name"], failure)
    return list(found.values())


def without_failed(apps, hosts):
    """Return those of ``apps`` (or plans) that failed on none of
    ``hosts``, given by their variables.
    """
    names = {failure["plan"]["name"] for variables in hosts for failure in failed(variables)}
    return [app for app in apps if app["name"] not in names]


def failures_of_health(plans, wrong, logs):
    """Return the failures of those ``plans`` that are ``wrong``, as `unhealthy` returns it;
    ``logs``: what was logged, by name.
    """
    return [
        failures.failure(
            plan,
            f"{wrong[plan['name']]} to the health check through the web server.",
            logs.get(plan["name"], ""),
        )
        for plan in plans
        if plan["name"] in wrong
    ]


def failure_report(found, there, wrong, host):
    """Return the text that ends a run in which applications
    failed, ``found`` as `failed` returns it.

    ``there``: what the host has of them, as the step list returns it. ``wrong``: what `unhealthy`
    says of what is served now.
    """
    serving = {one["name"]: _serving(one, wrong.get(one["name"]), host) for one in there}
    return failures.message(found, serving)


def _serving(one, wrong, host):
    if not one["current"]:
        return f"Nothing serves it on {host}: no release of it was ever healthy."
    source = next(
        (
            f" of {release['source']}"
            for release in one["releases"]
            if release["release"] == one["current"]
        ),
        "",
    )
    if wrong:
        return f"On {host} its release {one['current']}{source} is current, and it {wrong}."
    return f"On {host} its release {one['current']}{source} serves it."


def unhealthy(plans, wrong):
    """Return what is wrong with each of ``plans`` that is unhealthy, by name;
    ``wrong``: what http_health_info says of their pages.
    """
    found = {}
    for plan in plans:
        if plan["name"] in wrong:
            found[plan["name"]] = wrong[plan["name"]]
            continue
        for alias in plan["aliases"]:
            if said := wrong.get(_alias_page(plan, alias)):
                found[plan["name"]] = (
                    f"{said} under the alias {alias} (have the application take every name in "
                    f"SITE_NAMES, as Django does with ALLOWED_HOSTS = "
                    f"os.environ['SITE_NAMES'].split(','), or remove the alias)"
                )
                break
    return found
