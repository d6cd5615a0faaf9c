# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simple compose file as an application of a site: the image, how it is served, its workers, its
database. Private to the collection.

Pure: the file is given as what YAML makes of it. What has no place here is refused with what to do
instead. What the site says of the application itself wins, and nothing in the file is read or
refused that it takes the place of.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import interpolation

#: Engines by their images' names: what the site has in their place, or what to do.
_DATABASES = ("mariadb", "mysql", "percona")
_PROXIES = ("nginx", "traefik", "caddy", "haproxy", "httpd", "nginx-proxy", "swag", "certbot")
_ELSEWHERE = "run it elsewhere, give what leads to it in app.environment, and app.network: open"
_INSTEAD = {
    "postgres": f"the database here is MariaDB or MySQL: move to that, or {_ELSEWHERE}",
    "postgis": f"the database here is MariaDB or MySQL: move to that, or {_ELSEWHERE}",
    "redis": (
        f"nothing here runs it: {_ELSEWHERE}. Debian has it as redis-server, for "
        f"python_app_packages and app.services"
    ),
    "valkey": (
        f"nothing here runs it: {_ELSEWHERE}. Debian has it as valkey-server, for "
        f"python_app_packages and app.services"
    ),
    "memcached": (
        f"nothing here runs it: {_ELSEWHERE}. Debian has it as memcached, for "
        f"python_app_packages and app.services"
    ),
    "rabbitmq": (
        f"nothing here runs it: {_ELSEWHERE}. Debian has it as rabbitmq-server, for "
        f"python_app_packages and app.services"
    ),
}
#: What of a service says nothing that matters here.
_IGNORED = (
    *(
        "annotations",
        "attach",
        "cap_drop",
        "container_name",
        "cpus",
        "deploy",
        "develop",
        "healthcheck",
        "hostname",
        "init",
        "labels",
    ),
    *(
        "logging",
        "mem_limit",
        "mem_reservation",
        "memswap_limit",
        "networks",
        "platform",
        "profiles",
        "pull_policy",
        "read_only",
    ),
    *("restart", "scale", "stdin_open", "stop_grace_period", "stop_signal", "tty"),
)
_READ = (
    "build",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "expose",
    "image",
    "links",
    "ports",
    "volumes",
)
#: What has no place here, and what to do instead.
_REFUSED = {
    "cap_add": "an application has no capabilities: have it do without",
    "devices": "an application reaches no devices: have it do without",
    "env_file": (
        "what is in such a file is the user's to keep: "
        "give it in app.environment, secrets from a vault"
    ),
    "extends": "only one file is read: write it out, as 'docker compose config' does",
    "network_mode": (
        "an application reaches its database alone: remove it, or give app.network: open"
    ),
    "pid": "an application sees its own processes alone: remove it",
    "ipc": "an application has its own memory alone: remove it",
    "privileged": "an application has no rights on the host: have it do without",
    "secrets": "give what it holds in app.environment, from a vault",
    "configs": "put the file into the image, or give what it holds in app.environment",
    "tmpfs": (
        "only /tmp, /run and /var/tmp can be written to: give app.volumes for other directories"
    ),
    "user": "an image is run as its own user: set USER in the Containerfile",
    "working_dir": "an image is run in its own directory: set WORKDIR in the Containerfile",
    "extra_hosts": "give the address itself in app.environment",
}
_OF_BUILD = ("context", "dockerfile", "target", "args")
_IGNORED_OF_BUILD = ("cache_from", "cache_to", "labels", "no_cache", "platforms", "pull", "tags")
#: What the site sets itself, with and without a database.
_OURS = ("SECRET_KEY", "SITE_NAME", "SITE_NAMES")
_OF_DATABASE = (
    "DATABASE_URL",
    "DB_HOST",
    "DB_NAME",
    "DB_PASSWORD",
    "DB_PORT",
    "DB_SOCKET",
    "DB_SSL_CA",
    "DB_USER",
)
_SECRET = re.compile(
    r"(PASSWORD|PASSWD|_PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY)(_|$|S$)", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_OPENS = re.compile(r"(MYSQL|MARIADB)_(DATABASE|USER|PASSWORD|ROOT_PASSWORD)\Z")
_ABOUT = re.compile(r"DB|DATABASE|SQL|MARIA")
_DEVELOPMENT = re.compile(r"manage\.py runserver|\bflask\b.*\brun\b|--reload\b|\bfastapi dev\b")
_MIGRATES = re.compile(
    r"manage\.py migrate|\balembic\b.* upgrade|\bflask\b.*\bdb upgrade|\baerich upgrade"
)
_CHAINED = re.compile(r"&&|;|\|\|")
_HEALTH = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?(/[^\s'\"?#|;&)]*)")
_SCRATCH = ("/tmp", "/run", "/var/tmp")  # noqa: S108 # nothing is written there


class Composed(NamedTuple):
    """What follows from a compose file: keys of ``app``, the site's database (empty for none),
    what to tell, and what is wrong.
    """

    app: dict
    database: str
    notes: list
    problems: list


def read(content, path, given, database=""):
    """Return the Composed of a file with this ``content``, as YAML has it, at ``path``.

    ``given``: the site's ``app``, with ``service`` where the file has several that could be it.
    ``database``: that of the site.
    """
    reader = _Reader(content, path, given, database)
    try:
        reader.read()
    except _RefusedError as error:
        reader.problems.append(f"{path}: {error}")
    return Composed({**reader.app, **reader.own}, reader.database, reader.notes, reader.problems)


class _RefusedError(Exception):
    """What cannot be read on."""


class _Reader:
    def __init__(self, content, path, given, database):
        self.path, self.database = path, database
        self.content = content
        self.own = {key: value for key, value in given.items() if key not in ("compose", "service")}
        self.wanted = given.get("service") or ""
        self.app, self.notes, self.problems = {}, [], []

    def refuse(self, place, why):
        """Say that what is at a place of the file has no place here."""
        self.problems.append(f"{self.path}: {place} {why}.")

    def note(self, text):
        """Say what a user may not expect."""
        self.notes.append(f"{self.path}: {text}.")

    def read(self):
        """Fill in ``app`` and the others."""
        services = self.content.get("services") if isinstance(self.content, dict) else None
        if not isinstance(services, dict) or not all(
            isinstance(one, dict) for one in services.values()
        ):
            raise _RefusedError(
                "services is missing, or is no list of services by name: give a compose file."
            )
        if "include" in self.content:
            raise _RefusedError(
                "include names other files, and only one is read: "
                "write it out, as 'docker compose config' does."
            )
        self.services = {
            name: one
            for name, one in services.items()
            if not one.get("profiles") or name == self.wanted
        }
        name = self._chosen()
        service = self.services[name]
        same = [
            one
            for one in self.services
            if one != name and self._made_of(one) == self._made_of(name)
        ]
        self._keys(name, service)
        self._image(name, service)
        self._serve(name, service)
        self._environment([name, *same], self._needs([name, *same]))
        self._volumes([name, *same])
        self._health(service)
        for one in same:
            self._job(one, self.services[one])

    def _chosen(self):
        """Return the name of the service that visitors see."""
        if self.wanted:
            if self.wanted not in self.services:
                raise _RefusedError(
                    f"it has no service {self.wanted}: give app.service one of "
                    f"{', '.join(sorted(self.services))}."
                )
            return self.wanted
        own = [
            name
            for name, one in self.services.items()
            if _engine(one) not in (*_DATABASES, *_PROXIES, *_INSTEAD)
        ]
        open_ones = [
            name
            for name in own
            if self.services[name].get("ports") or self.services[name].get("expose")
        ] or own
        if len(open_ones) != 1:
            raise _RefusedError(
                f"which service is the application? Give app.service, one of "
                f"{', '.join(sorted(open_ones or self.services))}."
            )
        return open_ones[0]

    def _made_of(self, name):
        one = self.services[name]
        return repr(_build(one["build"])) if one.get("build") else one.get("image")

    def _keys(self, name, service):
        for key, value in service.items():
            place = f"services.{name}.{key}"
            if key == "security_opt" and all(
                str(one).startswith("no-new-privileges") for one in value
            ):
                continue
            if key == "tmpfs" and all(
                str(one).partition(":")[0] in _SCRATCH for one in _listed(value)
            ):
                continue
            if key in _REFUSED and value not in (None, False, [], {}, ""):
                self.refuse(place, f"has no place here: {_REFUSED[key]}")
            elif key not in (*_IGNORED, *_READ, *_REFUSED) and not key.startswith("x-"):
                self.refuse(place, "has no place here: remove it")
        if service.get("deploy") or service.get("mem_limit") or service.get("cpus"):
            self.note(
                f"services.{name} has limits, which are left out: "
                f"give app.memory_limit and app.cpu_limit"
            )

    def _text(self, place, value, instead):
        """Return a value with the defaults of its variables."""
        text, lacking = interpolation.filled(str(value))
        for name in lacking:
            self.refuse(
                place,
                f"has ${{{name}}} without a default: give it one, ${{{name}:-…}}, or {instead}",
            )
        return text

    def _image(self, name, service):
        if "image" in self.own or "build" in self.own:
            return
        place = f"services.{name}"
        if not service.get("build"):
            if not service.get("image"):
                self.refuse(place, "has neither image nor build: add one")
            else:
                self.app["image"] = self._text(f"{place}.image", service["image"], "app.image")
            return
        build = _build(service["build"])
        for key in build:
            if key not in (*_OF_BUILD, *_IGNORED_OF_BUILD):
                self.refuse(
                    f"{place}.build.{key}",
                    "has no place here: give app.build, or an image that is built already",
                )
        context = self._text(f"{place}.build.context", build.get("context") or ".", "app.build")
        if "://" in context or context.startswith("git@"):
            self.refuse(
                f"{place}.build.context",
                "is an address: give app.build with a directory on this computer",
            )
        args = {
            key: self._text(f"{place}.build.args.{key}", value, "app.build")
            for key, value in _pairs(build.get("args")).items()
        }
        found = {"file": build.get("dockerfile"), "target": build.get("target"), "args": args}
        found = {key: value for key, value in found.items() if value}
        self.app["build"] = {
            "directory": posixpath.normpath(posixpath.join(posixpath.dirname(self.path), context)),
            **found,
        }

    def _command(self, name, service):
        """Return the words of the entry point and the command of a service."""
        words = []
        for key in ("entrypoint", "command"):
            value = service.get(key)
            if isinstance(value, str):
                value = shlex.split(value)
            words += [
                self._text(f"services.{name}.{key}", word, "write it out") for word in value or []
            ]
        return words

    def _serve(self, name, service):
        place = f"services.{name}"
        if "serve" not in self.own and (words := self._command(name, service)):
            line = " ".join(words)
            if _DEVELOPMENT.search(line):
                self.refuse(
                    f"{place}.command",
                    (
                        f"is a server for development ({line}): give app.serve, such as [gunicorn, "
                        f"--bind, 'unix:$SOCKET', 'shop.wsgi']"
                    ),
                )
            else:
                self.app["serve"] = words
                if _MIGRATES.search(line):
                    self.note(
                        f"{place}.command migrates the database with each start: give "
                        f"app.migrate, and app.serve without that"
                    )
                if service.get("command") and not service.get("entrypoint"):
                    self.note(
                        f"{place}.command is run without the image's entry point: if that "
                        f"matters, give app.serve with it in front"
                    )
        if "port" in self.own or any("$SOCKET" in word for word in self.own.get("serve", ())):
            return
        ports = sorted(
            {
                self._port(f"{place}.ports", one)
                for one in [*(service.get("ports") or []), *(service.get("expose") or [])]
            }
            - {0}
        )
        if len(ports) == 1:
            self.app["port"] = ports[0]
        elif ports:
            self.refuse(
                f"{place}.ports",
                f"has {', '.join(map(str, ports))}: give app.port, the one that visitors are for",
            )
        elif not service.get("ports") and not service.get("expose"):
            self.refuse(place, "has neither ports nor expose: give app.port, on which it listens")

    def _port(self, place, one):
        """Return the port in the container that an entry of ``ports`` or ``expose`` names;
        0 if it cannot be told.
        """
        if isinstance(one, dict):
            one = one.get("target")
        text = self._text(place, one, "app.port").partition("/")[0].rpartition(":")[2]
        if text.isdecimal() and 0 < int(text) < 65536:
            return int(text)
        self.refuse(
            place,
            f"has {one}, which is no port: write it in quotes, one by one, such as '8000:8000'",
        )
        return 0

    def _needs(self, names):
        """Return the names of the services that those of ``names`` depend on,
        in the file's words or by a link.
        """
        found, due = [], list(names)
        while due:
            one = self.services.get(due.pop(), {})
            wanted = [
                *(one.get("depends_on") or []),
                *(str(link).partition(":")[0] for link in one.get("links") or []),
            ]
            for name in wanted:
                if name in self.services and name not in found and name not in names:
                    found.append(name)
                    due.append(name)
        return found

    def _environment(self, names, needed):
        own, raw = self.own.get("environment") or {}, self._variables(names)
        filled = {
            key: interpolation.filled("" if value is None else str(value))
            for key, value in raw.items()
        }
        leads = {
            name: [key for key in filled if _leads(filled[key][0], name)]
            for name in self.services
            if name not in names
        }
        needed = [*needed, *(name for name, keys in leads.items() if keys and name not in needed)]
        engine = next((name for name in needed if _engine(self.services[name]) in _DATABASES), None)
        if engine:
            self._database(engine)
            # What opens the database leads to it, too.
            opens = {
                value
                for key, value in _pairs(self.services[engine].get("environment")).items()
                if value and _OPENS.search(key)
            }
            leads[engine] += [
                key
                for key, value in raw.items()
                if value in opens and _ABOUT.search(key) and key not in leads[engine]
            ]
        ours = (*_OURS, *(_OF_DATABASE if self.database else ()))
        if dropped := sorted(key for key in raw if key in ours and key not in own):
            self.note(f"the site sets {', '.join(dropped)} itself")
        for name in needed:
            self._needed(name, engine, [key for key in leads[name] if key not in ours], own)
        found = {}
        for key in [
            key
            for key in raw
            if key not in own
            and key not in ours
            and not any(key in keys for keys in leads.values())
        ]:
            place, (text, lacking) = f"services.{names[0]}.environment.{key}", filled[key]
            if lacking or raw[key] is None:
                self.refuse(
                    place,
                    (
                        "has no value in the file: "
                        "give it in app.environment, from a vault if it is a secret"
                    ),
                )
            elif text and (_SECRET.search(key) or _CREDENTIALS.search(text)):
                self.refuse(
                    place,
                    (
                        "looks like a secret, which has no place in a file: give it in "
                        "app.environment, from a vault"
                    ),
                )
            else:
                found[key] = text
        if found or own:
            self.own["environment"] = {**found, **own}

    def _variables(self, names):
        """Return the variables of services as the file has them:
        all processes of an application have one environment.
        """
        found = {}
        for name in names:
            for key, value in _pairs(self.services[name].get("environment")).items():
                if found.setdefault(key, value) != value and key not in (
                    self.own.get("environment") or {}
                ):
                    self.refuse(
                        f"services.{name}.environment.{key}",
                        (
                            f"is another than of {names[0]}: "
                            f"all have one, so give it in app.environment"
                        ),
                    )
        return found

    def _database(self, engine):
        """Let the site have the database that a service stands for."""
        if self.database:
            return
        settings = _pairs(self.services[engine].get("environment"))
        value = next(
            (settings[key] for key in ("MARIADB_DATABASE", "MYSQL_DATABASE") if settings.get(key)),
            "",
        )
        name, lacking = interpolation.filled(str(value))
        if lacking or not name:
            self.refuse(
                f"services.{engine}.environment",
                "names no database: give the site's database, beside app",
            )
            return
        self.database = name
        self.note(
            f"the site's database {name} takes the place of the service {engine}: it starts "
            f"empty, with an account of its own"
        )

    def _needed(self, name, engine, keys, own):
        """Say what is to be done about another service that the application wants.

        ``keys``: the variables that lead to it.
        """
        kind, left = _engine(self.services[name]), [key for key in keys if key not in own]
        if kind in _PROXIES:
            return
        if name == engine:
            if left:
                self.refuse(
                    f"services: {', '.join(left)}",
                    f"leads to {name}, in whose place is the site's database: have the "
                    f"application read DATABASE_URL, or DB_HOST, DB_PORT, DB_NAME, DB_USER, "
                    f"DB_PASSWORD and DB_SOCKET, or give {', '.join(left)} in app.environment",
                )
        elif left or not keys:
            why = _INSTEAD.get(kind, f"nothing here runs it: {_ELSEWHERE}")
            by = f" by {', '.join(left)}" if left else ""
            self.refuse(
                f"services.{name}",
                (
                    f"({kind}) is what the application depends on{by}, and {why}. "
                    f"Then take it out of depends_on"
                ),
            )

    def _volumes(self, names):
        if "volumes" in self.own:
            return
        found = {}
        for name in names:
            for one in self.services[name].get("volumes") or []:
                place = f"services.{name}.volumes"
                source, target = self._volume(place, one)
                if target and found.setdefault(target, source) != source:
                    self.refuse(
                        place,
                        (
                            f"has another volume at {target} than {names[0]}, and all have one: "
                            f"give app.volumes"
                        ),
                    )
        if found:
            self.app["volumes"] = found
            self.note(
                f"volumes start empty, below the application's state directory: "
                f"{', '.join(sorted(found))}"
            )

    def _volume(self, place, one):
        """Return name and place in the container of a volume;
        nothing for what has no place here.
        """
        if isinstance(one, dict):
            kind, source, target = (
                one.get("type"),
                str(one.get("source") or ""),
                str(one.get("target") or ""),
            )
            if kind == "tmpfs" and target in _SCRATCH:
                return "", ""
        else:
            parts = self._text(place, one, "app.volumes").split(":")
            source, target = (parts[0], parts[1]) if parts[1:] else ("", parts[0])
            kind = "bind" if source.startswith(("/", ".", "~")) else "volume"
        if kind != "volume" or not target.startswith("/"):
            self.refuse(
                place,
                (
                    f"has {source or one}, a path of the host's: "
                    f"copy it into the image, and give app.volumes without it"
                ),
            )
            return "", ""
        return source or target.strip("/").replace("/", "-"), posixpath.normpath(target)

    def _health(self, service):
        test = (service.get("healthcheck") or {}).get("test") or ""
        found = _HEALTH.search(test if isinstance(test, str) else " ".join(map(str, test)))
        if found:
            self.app["health_path"] = found[1]

    def _job(self, name, service):
        """Take another service of the same image as a worker, or as the migration."""
        self._keys(name, service)
        words = self._command(name, service)
        line = " ".join(words)
        if _MIGRATES.search(line) and not _CHAINED.search(line):
            self.app["migrate"] = words
        elif service.get("ports"):
            self.note(
                f"services.{name} has ports, so it is no worker, and is left out: "
                f"it could be a site of its own"
            )
        elif not words:
            self.refuse(
                f"services.{name}",
                "has the image of the application and no command: give it one, as of a worker",
            )
        else:
            job = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
            self.app.setdefault("workers", []).append({"name": job, "command": words})


def _leads(text, name):
    """Return whether a value leads to the service ``name``."""
    return bool(re.search(rf"(^|//|[@,\s]){re.escape(name)}($|[:/,\s])", text))


def _engine(service):
    """Return the name of the image of a service, without registry and tag;
    empty for one that is built.
    """
    if service.get("build"):
        return ""
    return str(service.get("image") or "").partition("@")[0].rpartition("/")[2].partition(":")[0]


def _build(build):
    return {"context": build} if isinstance(build, str) else dict(build)


def _listed(value):
    return value if isinstance(value, list) else [value]


def _pairs(value):
    """Return variables that are given as a dictionary,
    or as a list of NAME=VALUE. NAME alone has no value.
    """
    if isinstance(value, dict):
        return {str(key): _lower(one) for key, one in value.items()}
    found = (str(one).partition("=") for one in value or [])
    return {key: one if equals else None for key, equals, one in found}


def _lower(value):
    """Return a value as compose writes it."""
    return str(value).lower() if isinstance(value, bool) else value
