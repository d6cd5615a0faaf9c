# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role python_app in the plan. Private to the collection. Pure but for looking whether
sources on the controller are there.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import NamedTuple
from urllib.parse import quote

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import locks, references
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model as _python_app
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front, tls, web
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.mysql import (
    SOCKET,
    authorities,
    socket_of,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Role
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import (
    DATABASE_PROXY,
    app_user,
    database_user,
    origin,
)

#: The certificate of the database's authority on web hosts.
DATABASE_AUTHORITY = "/etc/python_app/database.pem"
#: The options of a client that trusts it.
DATABASE_OPTIONS = "/etc/python_app/database.cnf"
#: What a host needs to run images: a shell without libraries reads their settings in them, and a
#: program ends with their last process.
PODMAN = ["bash-static", "catatonit", "crun", "iproute2", "netavark", "podman"]
#: The scheme of an application's DATABASE_URL, and those that Django's readers of it know.
SCHEME = "mysql+pymysql"
#: Where a directory that hosts share may be, and what the services of web hosts do not see of a
#: host.
_DIRECTORY = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+\Z")
_HIDDEN = ("/dev", "/home", "/proc", "/root", "/run/user", "/sys", "/tmp", "/var/tmp")  # noqa: S108 # nothing is written there
_OF_DJANGO = ("mysql", "mysql2", "mysqlgis")


class _Database(NamedTuple):
    """Where the database is: an address, or ``localhost`` and the socket there."""

    host: str
    socket: str


class PythonApp(Role):
    """See Role."""

    GROUP = "lamp_web"
    HOSTS = (1, None)
    LATE = ("python_app_trusted_certificates",)
    EDGES = {
        "applications": "lamp_sites",
        "the database's address or socket": "mysql",
        "the CA of its certificate, once it is made": "mysql",
        "the connection to it, if several hosts have it": "database_proxy",
        "the port for health checks": "apache, nginx",
    }

    def inputs(self, site, host, offered):
        """The applications of all sites, with where their database is."""
        database = _Database("localhost", socket_of(host.given.get("mysql_settings")))
        if site.clustered:
            # The same on all hosts, whichever of the database's hosts writes.
            database = _Database(DATABASE_PROXY, "")
        elif "lamp_db" not in host.groups:
            database = _Database(site.hosts("lamp_db")[0].peer_addresses[0], "")
        inputs = {
            "python_app_apps": [
                _app(name, one, path, app_name, app, site, database, host)
                | _single_timers(site, host)
                for name, one, path, app_name, app in site.apps()
            ]
        }
        for port in ("listen", "tls_listen"):
            if listen := host.given.get(f"{web.chosen(site.values)}_{port}"):
                inputs[f"python_app_{port.replace('listen', 'port')}"] = listen[0]
        return inputs

    def late(self, site, host):
        """An application on another host than its database checks the database's certificate."""
        found = authorities(site) if site.clustered or "lamp_db" not in host.groups else []
        name = posixpath.basename(DATABASE_AUTHORITY).removesuffix(".pem")
        return {
            "python_app_trusted_certificates": [{"name": name, "content": "\n".join(found)}]
            if found
            else []
        }

    def narrowed(self, site, inputs):
        """A deploy of one site leaves the others alone."""
        chosen, version = (
            site.values.get("lamp_deploy_site", ""),
            site.values.get("lamp_deploy_version", ""),
        )
        if not chosen:
            return {}
        return {
            "python_app_apps": _python_app.chosen(inputs["python_app_apps"], chosen, version),
            "python_app_exclusive": False,
        }

    def narrowed_problems(self, site, inputs):
        """The choice of a deploy."""
        chosen, version = (
            site.values.get("lamp_deploy_site", ""),
            site.values.get("lamp_deploy_version", ""),
        )
        problems = _python_app.choice_problems(inputs["python_app_apps"], chosen, version)
        for app in _python_app.chosen(inputs["python_app_apps"], chosen) if version else []:
            source = app.get("source") or ""
            if _python_app.is_image(app) and "{version}" not in (app.get("image") or ""):
                problems.append(
                    f"lamp_deploy_version is {version!r}, and {app['name']} is an image whose "
                    f"name has no place for it: leave the version out, or write {{version}} in "
                    f"image, such as registry.foobar.com/shop:{{version}}."
                )
            if _python_app.kind(app) == "directory" and not os.path.exists(
                os.path.join(source, ".git")
            ):
                problems.append(
                    f"lamp_deploy_version is {version!r}, and {app['name']} comes from {source}, "
                    f"which is not a git repository: "
                    f"leave the version out, and the directory is deployed as it is."
                )
        return problems

    def packages(self, inputs):
        """Steps of a deploy are systemd units, which are asked for over D-Bus;
        a minimal Debian has none.
        """
        static = any("collect" in app or "static_dir" in app for app in inputs["python_app_apps"])
        images = any(map(_python_app.is_image, inputs["python_app_apps"]))
        more = (["brotli"] if static else []) + (PODMAN if images else [])
        return ["dbus", "logrotate", "python3-venv", *more, *inputs["python_app_packages"]]

    def offers(self, inputs):
        """What applications keep in files, for backups."""
        found = []
        for app in inputs["python_app_apps"]:
            found.append(
                {
                    "name": app["name"],
                    "path": f"/srv/{app['name']}/state",
                    "user": _python_app.user(app),
                }
            )
            # What hosts share, none of them puts back.
            if app.get("media") is not None and not app["media"].get("shared"):
                found.append(
                    {
                        "name": f"{app['name']}__media",
                        "path": f"/srv/{app['name']}/media",
                        "user": _python_app.user(app),
                    }
                )
        return {"backup_files": found}

    def problems(self, inputs, facts, search=()):
        """Also by what is on the controller's disk."""
        given = [
            inputs[f"python_app_{name}"] for name in ("apps", "keep_releases", "port", "tls_port")
        ]
        problems = _python_app.problems(*given)
        for app in inputs["python_app_apps"]:
            problems += [*_source_problems(app), *_media_problems(app, facts.get("mounts"))]
            python = app.get("python") or ""
            if (
                inputs["python_app_resolve_on"] == "controller"
                and os.path.isabs(python)
                and _python_app.python_of(app, "none") == "none"
            ):
                problems.append(
                    f"{_python_app.called(app)} the python {python}, whose version nobody here "
                    f"knows, and python_app_resolve_on is controller: give one with the version "
                    f"in its name, such as /opt/python/bin/python3.12."
                )
        return problems


def _source_problems(app):
    where, kind = _python_app.called(app), _python_app.kind(app)
    if kind in ("image", "build"):
        yield from _image_problems(where, app)
        return
    source = _python_app.located(app).get("source") or ""
    if kind == "directory" and not os.path.isdir(source):
        yield (
            f"{where} the source {source}, "
            f"which is not a directory on this computer: correct the path."
        )
    elif (
        kind in ("archive", "wheel")
        and not _python_app.is_url(source)
        and not os.path.isfile(source)
    ):
        yield (
            f"{where} the source {source}, which is not a file on this computer: correct the path."
        )
    key = (app.get("deploy_key") or "") if kind == "git" else ""
    if key and "-----BEGIN" not in key and not os.path.isfile(os.path.expanduser(key)):
        yield (
            f"{where} a deploy_key that is neither a private key nor a file on this computer: "
            f"correct it."
        )
    elif key.startswith("-----BEGIN") and "PRIVATE KEY-----" not in key.split("\n", 1)[0]:
        yield (
            f"{where} a deploy_key that is not a private key: "
            f"give the private one, whose public half the server has."
        )
    if kind == "directory" and os.path.isdir(source) and app.get("subdirectory"):
        source = os.path.join(source, app["subdirectory"])
        if not os.path.isdir(source) and ".." not in app["subdirectory"].split("/"):
            yield (
                f"{where} the subdirectory {app['subdirectory']}, which is not a directory in "
                f"{app['source']}: correct it."
            )
    yield from _lock_problems(where, app, kind, source)
    for key in ("requirements", "constraints"):
        for name in app.get(key) or []:
            # What only a repository or an archive can tell is told when it is unpacked.
            known = os.path.isabs(name) or (kind == "directory" and os.path.isdir(source))
            if known and not os.path.isfile(os.path.join(source, name)):
                place = "on this computer" if os.path.isabs(name) else f"in {source}"
                yield f"{where} the {key} {name}, which is not a file {place}: add or correct it."


def _image_problems(where, app):
    image, build = _python_app.located(app).get("image") or "", app.get("build") or {}
    if references.is_path(image) and not os.path.exists(image):
        yield f"{where} the image {image}, which is not a file on this computer: correct the path."
    directory = build.get("directory", "") if isinstance(build, dict) else build
    if directory and not os.path.isdir(directory):
        yield (
            f"{where} the build {directory}, "
            f"which is not a directory on this computer: correct the path."
        )


def _media_problems(app, mounts):
    shared = (app.get("media") or {}).get("shared")
    if not shared:
        return
    where, own = f"{_python_app.called(app)} media.shared, {shared!r},", f"/srv/{app['name']}"
    if not _DIRECTORY.match(shared):
        yield (
            f"{where} which is not a path: "
            f"give an absolute one of letters, digits and . _ -, such as /mnt/media."
        )
    elif hidden := [place for place in (*_HIDDEN, own) if f"{shared}/".startswith(f"{place}/")]:
        why = (
            "which is the role's own"
            if own in hidden
            else "of which services have their own or see nothing"
        )
        yield f"{where} in {hidden[0]}, {why}: give another directory, such as /mnt/media."
    elif mounts is not None and not any(f"{shared}/".startswith(f"{place}/") for place in mounts):
        yield (
            f"{where} on which nothing is mounted on this host: mount there what all web hosts "
            f"share, and see that it is after a start."
        )


def _lock_problems(where, app, kind, source):
    """Of a source that is on this computer; of another the lock is read when it is unpacked."""
    if kind != "directory" or not os.path.isdir(source):
        return
    requirements = app.get("requirements") or []
    there = [name for name in os.listdir(source) if name not in (app.get("exclude") or ())]
    try:
        top = _python_app.located(app)["source"]
        found = locks.above(app, lambda place: os.listdir(os.path.join(top, place)))
        locks.refuse_above(found, there, app.get("subdirectory"), requirements)
        chosen = locks.chosen(there, requirements)
        for name in [chosen] if chosen else filter(locks.is_lock, requirements):
            if os.path.isfile(path := os.path.join(source, name)):
                locks.read(path, app.get("extras") or ())
    except locks.LockError as error:
        yield f"{where} the source {source}. {error}"


def _app(name, one, path, app_name, app, site, database, host):
    """Return the role's description of an application of the
    site ``one`` that is called ``name``.
    """
    role_app = {
        key: value for key, value in app.items() if key not in ("database_scheme", "static_url")
    }
    role_app |= {
        "name": app_name,
        "host": name,
        "path": path,
        "user": app.get("user") or app_user(app_name),
    }
    role_app["origin"], role_app["aliases"] = origin(name, path), list(one.get("aliases", []))
    visited = host.name in site.entrances
    role_app["tls"] = visited and tls.source_of(site.values, name, one) != "none"

    def on_controller(file):
        return posixpath.normpath(posixpath.join(site.base, posixpath.expanduser(file)))

    for key in ("requirements", "constraints"):
        if key in app:
            files = [app[key]] if isinstance(app[key], str) else app[key]
            role_app[key] = [
                on_controller(file) if str(file).startswith(("/", "./", "../", "~")) else file
                for file in files
            ]
    source = app.get("source", "")
    if source and not _python_app.is_remote(source):
        role_app["source"] = on_controller(source)
    if references.is_path(app.get("image", "")):
        role_app["image"] = on_controller(app["image"])
    if build := app.get("build"):
        build = build if isinstance(build, dict) else {"directory": build}
        role_app["build"] = {**build, "directory": on_controller(build["directory"])}
    if (key := app.get("deploy_key", "")) and "-----BEGIN" not in key:
        role_app["deploy_key"] = on_controller(key)
    secret = site.secrets[name]
    environment = {
        "SECRET_KEY": secret["secret_key"],
        "SITE_NAME": name,
        "SITE_NAMES": ",".join([name, *role_app["aliases"]]),
    }
    if "media" in app:
        environment |= {
            "MEDIA_ROOT": _python_app.media_place(app_name, app["media"]),
            "MEDIA_URL": front.media_url(path, app["media"]),
        }
    if "database" in one:
        environment |= database_environment(
            one,
            secret["database_password"],
            database.host,
            database.socket,
            app.get("database_scheme", SCHEME),
        )
    role_app["environment"] = {**environment, **app.get("environment", {})}
    if app.get("backup_before_migrate") and "database" in one and (hosts := site.hosts("lamp_db")):
        role_app["backup_host"] = hosts[0].name
    return role_app


def _single_timers(site, host):
    """The first web host runs what one host runs for all.

    Nothing moves in a run that has not asked all of them what they run.
    """
    others = site.hosts("lamp_web")
    if len(others) == 1:
        return {}
    if any(one.facts.get("asked_by") != host.facts.get("asked_by") for one in others):
        return {"single_timers": "unchanged"}
    return {"single_timers": "elsewhere" if site.position("lamp_web", host) else "here"}


def database_environment(site, password, host, socket=SOCKET, scheme=SCHEME):
    """Return the variables that lead an application to its database."""
    name, user = site["database"], database_user(site)
    found = {
        "DB_HOST": host,
        "DB_PORT": "3306",
        "DB_NAME": name,
        "DB_USER": user,
        "DB_PASSWORD": password,
    }
    found |= {"DB_SOCKET": socket} if host == "localhost" else {"DB_SSL_CA": DATABASE_AUTHORITY}
    return found | {"DATABASE_URL": database_url(site, password, host, socket, scheme)}


def database_url(site, password, host, socket=SOCKET, scheme=SCHEME):
    """Return the address of a site's database.

    SQLAlchemy reads it with a driver in its scheme. dj-database-url and django-environ know
    ``mysql`` only, and hand all options on to a driver: what mysqlclient and PyMySQL both take for
    TLS is a file of options.
    """
    # A client that is told the authority checks the server's certificate, its names too.
    of_tls = (
        f"read_default_file={DATABASE_OPTIONS}"
        if scheme in _OF_DJANGO
        else f"ssl_ca={DATABASE_AUTHORITY}"
    )
    way = f"unix_socket={quote(socket)}" if host == "localhost" else of_tls
    place = f"[{host}]" if ":" in host else host
    account = f"{quote(database_user(site))}:{quote(password, safe='')}"
    return f"{scheme}://{account}@{place}/{quote(site['database'])}?{way}&charset=utf8mb4"


ROLE = PythonApp("python_app")
