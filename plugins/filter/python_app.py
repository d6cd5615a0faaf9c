# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role python_app: what its inputs say, and what the sources on the controller hold.

An *app* is an item of ``python_app_apps``. Private to the role.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import subprocess
import tempfile

# What is never part of an application, where no git says what is.
_LEFT_OUT = (".git", ".hg", ".svn", ".venv", "venv", "__pycache__", "*.pyc", ".*_cache", ".tox", "node_modules")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_WSGI = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def _user(app):
    return app.get("user") or "app-" + re.sub(r"[^a-z0-9]+", "-", app["name"].lower())[:28].strip("-")


def _sources(directory):
    """Return the files of the application in ``directory``, sorted, relative to it."""
    listing = ["git", "-C", directory, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
    try:
        names = subprocess.run(listing, check=True, capture_output=True).stdout.decode("utf-8", "surrogateescape").split("\0")
        # A file that git knows and that is gone from the disk is gone.
        found = [name for name in names if name and os.path.lexists(os.path.join(directory, name))]
    except (OSError, subprocess.CalledProcessError):
        found = []
    if not found:
        for folder, folders, names in os.walk(directory):
            folders[:] = [name for name in folders if not any(fnmatch.fnmatch(name, pattern) for pattern in _LEFT_OUT)]
            found += [
                os.path.relpath(os.path.join(folder, name), directory)
                for name in names
                if not any(fnmatch.fnmatch(name, pattern) for pattern in _LEFT_OUT)
            ]
    return sorted(found)


def _digest(directory, names, *more):
    """Return what identifies the content: names, executable bits and bytes of the files, and the texts ``more``."""
    digest = hashlib.sha256()
    for text in more:
        digest.update(f"{text}\0".encode())
    for name in names:
        path = os.path.join(directory, name)
        if os.path.islink(path):
            content = os.readlink(path).encode("utf-8", "surrogateescape")
        else:
            with open(path, "rb") as file:
                content = file.read()
        kind = "link" if os.path.islink(path) else "program" if os.access(path, os.X_OK) else "file"
        digest.update(f"{name}\0{kind}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()[:12]


def python_app_plan(apps, environment=False):
    """Return ``apps`` with user, root, release, directory, files, archive and steps of each.

    Their environments, which hold secrets, only if ``environment`` is true: what tasks loop over is shown in verbose runs.
    """
    plans = []
    for app in apps:
        static_dir, health_path = app.get("static_dir") or "static", app.get("health_path") or "/"
        plan = {
            **{key: value for key, value in app.items() if value is not None and (environment or key != "environment")},
            "user": _user(app),
            "root": f"/srv/{app['name']}",
            "static_dir": static_dir,
            "health_path": health_path,
        }
        plan["files"] = _sources(app["source"])
        plan["release"] = _digest(
            app["source"], plan["files"], app["wsgi"], app.get("requirements"), app.get("collect"), app.get("migrate"), static_dir
        )
        plan["directory"] = f"{plan['root']}/releases/{plan['release']}"
        plan["archive"] = os.path.join(tempfile.gettempdir(), f"python_app-{os.getuid()}-{os.getppid()}-{plan['release']}.tar.gz")
        plan["steps"] = [
            {"name": name, "argv": list(argv)}
            for name, argv in (
                ("collect", app.get("collect")),
                ("check", ["python", f"{plan['directory']}/check.py"]),
                ("migrate", app.get("migrate")),
            )
            if argv
        ]
        plans.append(plan)
    return plans


def python_app_problems(apps, keep_releases=2, port=80):
    """Return what is wrong with the role's inputs: a list of sentences. Environments are named, their values never shown."""
    problems, seen = [], set()
    if keep_releases < 2:
        problems.append(f"python_app_keep_releases is {keep_releases}: give at least 2, the current release and the one before.")
    if not 0 < port < 65536:
        problems.append(f"python_app_port is {port}: give a port from 1 to 65535.")
    for app in apps:
        where = f"python_app_apps has {app['name']}"
        if not _NAME.match(app["name"]):
            problems.append(f"python_app_apps has the name {app['name']!r}: use letters, digits, dots, hyphens and underscores.")
        if app["name"] in seen:
            problems.append(f"{where} twice: remove one.")
        seen.add(app["name"])
        if not os.path.isdir(app["source"]):
            problems.append(f"{where} with the source {app['source']}, which is no directory on this computer: correct the path.")
        elif app.get("requirements") and not os.path.isfile(os.path.join(app["source"], app["requirements"])):
            problems.append(f"{where} with the requirements {app['requirements']}, which is no file in {app['source']}: add or correct it.")
        if not _WSGI.match(app["wsgi"]):
            problems.append(f"{where} with wsgi {app['wsgi']!r}: give the module and the callable, for instance myapp.wsgi:application.")
        if not _USER.match(_user(app)):
            problems.append(f"{where} with the user {_user(app)!r}: use up to 32 small letters, digits, underscores and hyphens.")
        if app.get("health_path") and not app["health_path"].startswith("/"):
            problems.append(f"{where} with health_path {app['health_path']!r}: begin it with a slash.")
        for name, value in (app.get("environment") or {}).items():
            if not _VARIABLE.match(str(name)):
                problems.append(f"{where} with the environment variable {name!r}: use letters, digits and underscores, no digit first.")
            elif "\n" in str(value) or "\0" in str(value):
                problems.append(f"{where} with a value of {name} that has a line break: write it in one line.")
    return problems


def python_app_directories(plans):
    """Return the directories of ``plans`` as config_tree takes them."""
    directories = [{"path": "/etc/python_app", "owner": "root", "group": "root", "mode": "0755"}] if plans else []
    for plan in plans:
        for path in (plan["root"], f"{plan['root']}/releases"):
            directories.append({"path": path, "owner": "root", "group": "root", "mode": "0755"})
        directories.append({"path": f"{plan['root']}/state", "owner": plan["user"], "group": plan["user"], "mode": "0750"})
    return directories


def python_app_pending(plans, paths):
    """Return those of ``plans`` whose release is not current, by the ``paths`` of host_facts."""
    return [plan for plan in plans if paths.get(f"{plan['root']}/current", {}).get("link") != f"releases/{plan['release']}"]


def python_app_stale(apps, paths):
    """Return the names of those of ``apps`` whose settings are younger than the script that was touched to take them up."""
    stale = []
    for app in apps:
        settings, script = paths.get(f"/etc/python_app/{app['name']}.env"), paths.get(f"/srv/{app['name']}/current/wsgi.py")
        if settings and script and settings["changed"] > script["changed"]:
            stale.append(app["name"])
    return stale


def python_app_pages(plans):
    """Return the pages that tell the health of ``plans``, as http_health takes them."""
    return [{"name": plan["name"], "path": plan["health_path"]} for plan in plans]


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "python_app_directories": python_app_directories,
            "python_app_pages": python_app_pages,
            "python_app_pending": python_app_pending,
            "python_app_plan": python_app_plan,
            "python_app_problems": python_app_problems,
            "python_app_stale": python_app_stale,
        }
