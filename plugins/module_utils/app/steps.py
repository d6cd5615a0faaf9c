# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does with the releases of its applications, step by step. No Ansible import."""

from __future__ import annotations

import contextlib
import os
import time

from ansible_collections.foobar.lamp.plugins.module_utils.app import failures, mask, services, units
from ansible_collections.foobar.lamp.plugins.module_utils.app.images import BUILD_TOOLS
from ansible_collections.foobar.lamp.plugins.module_utils.app.release import (
    Application,
    OvertakenError,
    ReleaseError,
)
from ansible_collections.foobar.lamp.plugins.module_utils.app.services import ServiceError
from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain

STEPS = (
    "make",
    "migrate",
    "switch",
    "after",
    "rollback",
    "restart",
    "pause",
    "resume",
    "retire",
    "list",
)
#: Those that remove the release when they fail.
REMOVING = ("make", "migrate", "switch")
ARGUMENT_SPEC = {
    "step": {"type": "str", "required": True, "choices": list(STEPS)},
    "apps": {"type": "list", "elements": "dict", "required": True},
    "release": {"type": "str"},
    "drop": {"type": "bool", "default": False},
    "fail": {"type": "bool", "default": True},
    "keep": {"type": "int", "default": 5},
    "python": {"type": "str", "default": "/usr/bin/python3"},
    "wheels_for": {"type": "str"},
    "identity": {"type": "str", "default": ""},
    "pip_environment": {"type": "dict", "default": {}, "no_log": True},
    "host_pip_environment": {"type": "dict", "default": {}},
    "backups": {"type": "dict", "default": {}},
    "archives": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "registries": {"type": "dict", "default": {}, "no_log": True},
    "build_tools": {
        "type": "list",
        "elements": "str",
        "choices": [*BUILD_TOOLS],
        "default": [*BUILD_TOOLS],
    },
    "build_isolation": {"type": "str", "default": ""},
    "storage": {"type": "path", "default": "/var/lib/containers/storage"},
    "server_wheels": {"type": "list", "elements": "str", "default": []},
    "by": {"type": "str", "default": ""},
}


def schema_of(name, backups):
    """Return what is to be said of the database when the migration
    of the application ``name`` fails.
    """
    if name not in backups:
        taken = "No backup was taken before it (backup_before_migrate)."
    elif (backup := backups[name])["name"]:
        taken = (
            f"The backup {backup['name']} on {backup['host']} is from just before it. To go back "
            f"to it: ansible-playbook … foobar.lamp.restore -e lamp_restore_backup="
            f"{backup['name']} -e lamp_restore_confirm={backup['host']}."
        )
    else:
        said = f", which said: {backup['said']}" if backup["said"] else "."
        taken = f"A backup was taken on {backup['host']} just before it{said}"
    return (
        f"What it had done by then stays in the database, "
        f"which takes back no change of a table by itself. {taken}"
    )


def listed(application):
    """Return what there is of an application."""
    current = application.link("current")
    live = application.live()
    able = {application.target(): "default"}

    def shown(one):
        found = application.target(one["release"])
        return {**one, "rollback": able.get(found, "named") if found else ""}

    return {
        "name": application.name,
        "current": current,
        "answers_as": application.answers_as(current),
        "since": application.since(),
        "unverified": bool(current) and application.link("unverified") == current,
        "previous": application.link("previous"),
        "releases": [shown(one) for one in application.releases()],
        "images": application.images(),
        "service": units.service_name(application.name, live) if live else "",
    }


def act(application, step, params):
    """Do one step with one application; returns whether something changed."""
    name = application.name
    if step == "make":
        # A run that was killed may have gone on, on this host.
        if application.link("current") not in (application.plan["before"], application.release):
            raise OvertakenError(
                "make",
                (
                    f"Another deploy made {application.link('current') or 'nothing'} current "
                    f"meanwhile: run again."
                ),
            )
        services.check_schedules(application.plan)
        pip_environment = {**params["host_pip_environment"], **params["pip_environment"]}
        image = (
            params["images"].get(name, ""),
            params["registries"].get(name) or {},
            params["build_isolation"],
        )
        application.make(
            params["archives"][name],
            params["python"],
            pip_environment,
            params["server_wheels"],
            image,
        )
    elif step == "switch":
        if application.link("current") == application.release:
            return application.restart()
        if application.link("current") != application.plan["before"]:
            raise OvertakenError(
                "switch",
                f"Another deploy made {application.link('current')} current meanwhile: run again.",
            )
        application.switch()
    elif step == "rollback":
        # A deploy takes back its own release only; what another has made current since is that
        # one's to judge.
        if params["drop"] and application.link("current") != application.release:
            raise ReleaseError(
                "rollback",
                (
                    f"Another deploy made {application.link('current')} current meanwhile, which "
                    f"stays: run again."
                ),
            )
        params["releases"][name] = application.back(application.target(params["release"]))
        params["answers"][name] = application.answers_as(params["releases"][name])
        if params["drop"]:
            application.drop()
    elif step == "restart":
        return application.restart()
    elif step == "pause":
        return application.services.pause()
    elif step == "resume":
        return application.resume()
    elif step == "retire":
        application.retire()
    elif step == "migrate":
        application.migrate()
    elif step == "after":
        application.after()
        return "after" in application.plan["steps"]
    return True


def attempt(application, step, params):
    """Do one step with one application;
    returns whether something changed, and what failed, if it did.
    """
    try:
        # What is retired may have no directory any more, and no deploy can be under way.
        with contextlib.nullcontext() if step == "retire" else application.turn():
            try:
                return act(application, step, params), None
            except OvertakenError:
                raise  # nothing is wrong with the release, which may be the one that is current now
            except (ReleaseError, ServiceError) as error:
                if step in REMOVING:
                    application.drop()
                application.note(f"failed: {error.step}", application.link("current"))
                raise
    except OvertakenError as error:
        return False, failures.failure(application.plan, str(error))
    except OSError as error:
        return False, failures.failure(application.plan, explain(error, application.root))
    except (ReleaseError, ServiceError) as error:
        note = schema_of(application.name, params["backups"]) if error.step == "migrate" else ""
        login = params["registries"].get(application.name) or {}
        secret = {**params["pip_environment"], "registry.password": login.get("password", "")}
        return False, failures.failed_step(
            application.plan, error.step, mask.mask(str(error), secret), note
        )


def run(params, check_mode=False, diff=False):
    """Take the applications one after the other; one that fails does not hold up the others.

    Return what app_release documents, with ``failed`` and ``msg`` where ``fail`` wants it.
    ``diff`` changes nothing.
    """
    # Whatever the login's is: what root makes, other users read.
    os.umask(0o022)
    step = params["step"]
    applications = [
        Application({**plan, "keep": params["keep"]}, params["by"]) for plan in params["apps"]
    ]
    if step == "list":
        return {
            "changed": False,
            "applications": [listed(application) for application in applications],
            "failures": [],
        }
    if check_mode:
        due = {
            "rollback": lambda one: True,
            "pause": lambda one: one.services.working(),
            "resume": lambda one: one.idle(),
            "retire": lambda one: one.services.there(),
        }.get(step, lambda one: False)
        changed = any(map(due, applications))
        return {"changed": changed, "releases": {}, "answers": {}, "failures": []}
    changed, found, began = False, [], time.time()
    params = {**params, "releases": {}, "answers": {}}
    if step == "rollback":
        # An application that has nothing to go back to stays as it is, beside others that have.
        able = [
            application for application in applications if application.target(params["release"])
        ]
        if not able and params["fail"]:
            return _failed(_no_way_back(applications, params["release"]))
        applications = able
    for application in applications:
        did, failure = attempt(application, step, params)
        changed = changed or did
        found += [failure] if failure else []
    if found and params["fail"]:
        return _failed(failures.message(found), failures=found)
    return {
        "changed": changed,
        "releases": params["releases"],
        "answers": params["answers"],
        "failures": found,
        "began": began,
        "seconds": {
            one.name: {name: round(seconds, 1) for name, seconds in one.seconds.items()}
            for one in applications
        },
    }


def _failed(message, **more):
    return {"failed": True, "changed": False, "msg": message, **more}


def _no_way_back(applications, release):
    there = "\n".join(f"{application.name}: {application.others()}" for application in applications)
    return (
        f"There is no release {release or 'before the current one'} to go back to. "
        f"Others on this host:\n{there}"
    )
