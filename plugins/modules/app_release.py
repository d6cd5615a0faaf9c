#!/usr/bin/python
# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of app_release: make releases, switch to them, go back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_release
author: The foobar.lamp developers (@foobar)
short_description: Releases of Python applications, made and served beside the current ones and
  switched to
version_added: 0.1.0
description:
  - Makes, switches, rolls back and removes releases of Python applications on a host, for the role
    P(foobar.lamp.python_app#role). A release is identified by its content. One that is there
    already is not made again.
  - A step waits while another run works on the same application on the host. It can be killed at
    any time. The next run finds a complete release, or makes it again.
  - A step that fails removes the release, unless it is current, and keeps its log in
    C(/var/log/python_app). The other applications are not held up. At the end the task fails with
    the errors of all applications that failed. With O(fail=false) it returns them in RV(failures)
    instead.
options:
  step:
    description:
      - V(make) resolves the sources on the controller, says which applications are pending, ships
        them and makes their releases.
      - V(migrate) runs their migrations.
      - V(switch) starts a service of each beside the one that visitors see, asks it for its health,
        leads visitors to it, and stops the old one.
      - V(after) runs their commands for after the switch, and ends what their deploy has to do.
        Until then the link C(unverified) names the release, so that the run after one that was
        killed does the rest.
      - V(rollback) makes the releases before current again, or the one that O(release) names, in
        the same way.
      - V(restart) does so with the current releases of those applications whose settings changed
        since their services started, or of which a run that was killed left something undone.
      - V(pause) stops their services, workers and timers, and what timers have started, for a time
        in which nobody may write.
      - V(resume) starts those that do not run, and fails with the words of one that does not stay
        up. Timers that run on one host only are stopped where they are another host's.
      - V(retire) stops and removes the services, workers and timers of applications that are no
        longer declared. These need a name and a root only.
      - V(list) says what there is.
    type: str
    required: true
    choices: [make, migrate, switch, after, rollback, restart, pause, resume, retire, list]
  apps:
    description: The applications, as RV(pending) for V(migrate), V(switch) and V(after), as
      C(python_app_apps) for the others.
    type: list
    elements: dict
    required: true
  release:
    description: The release to go back to. The one before the current one by default.
    type: str
  drop:
    description: Whether O(step=rollback) removes the release that was current, since it is broken.
    type: bool
    default: false
  fail:
    description: Whether the task fails if an application does. V(false) returns RV(failures), for a
      run that goes on with the others.
    type: bool
    default: true
  keep:
    description: How many releases of an application are kept on the host.
    type: int
    default: 5
  python:
    description: The Python that virtual environments are made with.
    type: str
    default: /usr/bin/python3
  wheels_for:
    description: The version of that Python, such as V(3.13), where what the applications need is
      resolved on the controller and shipped.
    type: str
  identity:
    description: A text that is part of a release's identity, for instance the operating system's
      version. If it changes, a new release is made.
    type: str
    default: ""
  pip_environment:
    description: Environment variables for pip on the controller and on the host.
    type: dict
    default: {}
  host_pip_environment:
    description: Environment variables for pip on the host only.
    type: dict
    default: {}
  backups:
    description: For V(migrate), the backup that was taken before, by application, with its C(host),
      its C(name), empty if that is not known, and what its command C(said). Those that are missing
      have none.
    type: dict
    default: {}
  archives:
    description: Where the archives lie on the host, by name. Set by the action plugin; not an
      input.
    type: dict
    default: {}
  images:
    description:
      - Where what was sent of images lies on the host, by application. A layout, or what the host
        is to build from, as the application's plan says. Set by the action plugin; not an input.
    type: dict
    default: {}
  registries:
    description: How to log in to registries, C(username) and C(password) by application. Set by the
      action plugin; not an input.
    type: dict
    default: {}
  build_tools:
    description: What builds images on the controller, the first that works there. Where none does,
      the host builds.
    type: list
    elements: str
    choices: [podman, docker, buildah]
    default: [podman, docker, buildah]
  build_isolation:
    description: How Podman keeps a build apart from the host, as its option C(--isolation) calls
      it. Its own default if empty.
    type: str
    default: ""
  storage:
    description: Where the host's images are. Layers that are there already are not sent.
    type: path
    default: /var/lib/containers/storage
  server_wheels:
    description: Where the wheels of the server lie on the host, if they were shipped. Set by the
      action plugin; not an input.
    type: list
    elements: str
    default: []
  by:
    description: Who deploys, for the record in C(/var/log/python_app/deploys.log). Set by the
      action plugin; not an input.
    type: str
    default: ""
attributes:
  check_mode: {support: full, description: Says which releases would be made.}
  diff_mode: {support: full, description: Shows the releases before and after.}
"""

EXAMPLES = r"""
- name: Make the releases
  foobar.lamp.app_release:
    step: make
    apps: "{{ python_app_apps }}"
  register: made

- name: Switch to them
  foobar.lamp.app_release:
    step: switch
    apps: "{{ made.pending }}"
  when: made.pending | length > 0
"""

RETURN = r"""
plans:
  description: What a host needs to know of each application. Environments, which hold secrets, are
    not among it.
  returned: for the steps make and list
  type: list
  elements: dict
  sample: [{name: www.foobar.com, release: 0123456789ab, source: ../files/app,
            root: /srv/www.foobar.com}]
pending:
  description: Those of RV(plans) whose release was not current.
  returned: for the step make
  type: list
  elements: dict
unverified:
  description: Those of RV(pending), and those of RV(plans) whose release became current in a run
    that was killed before V(after) was done.
  returned: for the step make
  type: list
  elements: dict
failures:
  description:
    - What failed, an entry for each application. RV(plans), RV(pending) and RV(unverified) are
      without these.
  returned: unless the task fails
  type: list
  elements: dict
  contains:
    plan: {description: The plan of the application., type: dict}
    headline: {description: "A sentence: the application, the step, and why.", type: str}
    words: {description: The output of the command that failed., type: str}
began:
  description: When the host began with the step, in seconds since 1970.
  returned: for steps that change something
  type: float
applications:
  description:
    - What there is of each application on the host. An empty text where there is nothing of a kind.
  returned: for the step list
  type: list
  elements: dict
  contains:
    name: {description: The application's name., type: str}
    current: {description: The release that is current., type: str}
    since: {description: "When it became that, in ISO 8601.", type: str}
    unverified: {description: Whether its deploy was killed before V(after) was done., type: bool}
    answers_as:
      description: The release that its answers name, empty where another server than ours serves
        it.
      type: str
    previous: {description: The release that was current before., type: str}
    service: {description: The unit of the service that visitors see., type: str}
    images: {description: "The bytes of those releases that are images, by release.", type: dict}
    releases:
      description:
        - All releases, newest first, with C(release), the C(source) and when it was C(made), in ISO
          8601. C(healthy) is whether it ever was, and is missing of one that an earlier version
          made. C(rollback) is how V(rollback) returns to it, V(default) or V(named), and empty if
          it does not.
      type: list
      elements: dict
      sample: [{release: 0123456789ab, source: ../files/app, made: "2026-11-27T20:30:25+00:00",
                healthy: true, rollback: default}]
answers:
  description: The releases that answers name from now on, by application; empty where another
    server than ours serves one.
  returned: for the step rollback
  type: dict
releases:
  description: The releases that are current now, by application.
  returned: for the step rollback
  type: dict
  sample: {www.foobar.com: 0123456789ab}
"""

import contextlib
import os
import time

from ansible.module_utils.basic import AnsibleModule
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


def main():
    """Take the applications one after the other; one that fails does not hold up the others."""
    module = AnsibleModule(
        argument_spec={
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
        },
        supports_check_mode=True,
    )
    # Whatever the login's is: what root makes, other users read.
    os.umask(0o022)
    params, step = module.params, module.params["step"]
    applications = [
        Application({**plan, "keep": params["keep"]}, params["by"]) for plan in params["apps"]
    ]
    if step == "list":
        module.exit_json(
            changed=False,
            applications=[listed(application) for application in applications],
            failures=[],
        )
    changed, params["releases"], params["answers"], found, began = False, {}, {}, [], time.time()
    if module.check_mode:
        due = {
            "rollback": lambda one: True,
            "pause": lambda one: one.services.working(),
            "resume": lambda one: one.idle(),
            "retire": lambda one: one.services.there(),
        }.get(step, lambda one: False)
        module.exit_json(
            changed=any(map(due, applications)), releases={}, answers={}, failures=[], invocation={}
        )
    if step == "rollback":
        # An application that has nothing to go back to stays as it is, beside others that have.
        able = [
            application for application in applications if application.target(params["release"])
        ]
        if not able and params["fail"]:
            there = "\n".join(
                f"{application.name}: {application.others()}" for application in applications
            )
            module.fail_json(
                msg=(
                    f"There is no release {params['release'] or 'before the current one'} to go "
                    f"back to. Others on this host:\n{there}"
                ),
                invocation={},
            )
        applications = able
    for application in applications:
        did, failure = attempt(application, step, params)
        changed = changed or did
        found += [failure] if failure else []
    if found and params["fail"]:
        module.fail_json(msg=failures.message(found), failures=found, invocation={})
    module.exit_json(
        changed=changed,
        releases=params["releases"],
        answers=params["answers"],
        failures=found,
        began=began,
        invocation={},
    )


if __name__ == "__main__":
    main()
