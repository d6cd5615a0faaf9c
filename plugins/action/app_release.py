# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of app_release: say what each application's
release is, and ship those that are pending.
"""

from __future__ import annotations

import getpass
import os
import shlex
import socket

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.app import failures, server, steps
from ansible_collections.foobar.lamp.plugins.module_utils.app.images import BUILD_TOOLS
from ansible_collections.foobar.lamp.plugins.plugin_utils import _direct
from ansible_collections.foobar.lamp.plugins.plugin_utils._run import run_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import images, model, sources

LAUNCHERS = os.path.join(os.path.dirname(__file__), "../../roles/python_app/files/release")
#: Those of a release that is an image.
IMAGE_LAUNCHERS = ("../image/run", "check.py", "compress.py")
#: What is no source, but an image.
IMAGES = ("image", "build")
#: What is said of a release whose commands of a step have run.
TOOK = {
    "make": "is made",
    "migrate": "has its database",
    "after": "has run what comes after the switch",
}
#: Where podman keeps images by itself.
STORAGE = "/var/lib/containers/storage"


class ActionModule(ActionBase):
    """Resolve and pack here; make and switch there."""

    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True
    _had = None

    def run(self, tmp=None, task_vars=None):
        """Ask nothing of the host when there is no application, or every release is current."""
        super().run(tmp, task_vars)
        args, step = self._task.args, self._task.args["step"]
        apps = args["apps"] or []
        # What was planned before is handed on.
        plans = [app if "root" in app else model.plan(app) for app in apps]
        if not plans and step != "make":
            return {
                "changed": False,
                "plans": [],
                "applications": [],
                "releases": {},
                "failures": [],
            }
        if step != "make":
            return self._told(
                step,
                self._warned({"plans": plans, **self._remote(args, plans, task_vars)}),
                task_vars,
            )
        try:
            return self._warned(
                self._make(
                    args,
                    dict(zip([plan["name"] for plan in plans], apps, strict=True)),
                    plans,
                    task_vars,
                )
            )
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _make(self, args, apps, plans, task_vars):
        """Resolve and ship the sources, and have the host make the releases.

        An application that fails does not hold up the others.
        """
        cache, found = sources.Cache(run_of(self._task)), []
        paths = task_vars["ansible_facts"]["foobar_lamp"]["paths"]

        def each(wanted, act):
            for plan in wanted:
                try:
                    act(plan)
                except sources.SourceError as error:
                    said = str(error)
                    found.append(
                        failures.failed_step(plan, "source", said)
                        if "\n" in said
                        else failures.failure(plan, said)
                    )

        architecture = (task_vars["ansible_facts"]["foobar_lamp"].get("system") or {}).get(
            "architecture"
        ) or ""

        def resolve(plan):
            app = apps[plan["name"]]
            of_image = model.kind(app) in IMAGES
            content, source = (
                images.resolve(app, cache, architecture)
                if of_image
                else sources.resolve(app, cache)
            )
            launchers = sources.digest_of_files(
                LAUNCHERS, IMAGE_LAUNCHERS if of_image else sorted(os.listdir(LAUNCHERS))
            )
            plan["release"] = model.release(content, plan, launchers, str(args.get("identity")))
            # Not sooner: what the plan has before is the release's identity.
            plan["source"], plan["before"] = source, model.current(plan["name"], paths)
            if of_image:
                plan["image"] = images.planned(app, cache, architecture)

        archives, wheels, shipped_images = {}, [], {}

        def ship(plan):
            app = apps[plan["name"]]
            if model.kind(app) in IMAGES:
                have = self._layers(args) if plan["image"]["kind"] != "registry" else ()
                tools = args.get("build_tools", BUILD_TOOLS)
                if image := images.pack_image(app, plan, cache, have, architecture, tools):
                    shipped_images[plan["name"]] = self._ship(image)
                if plan["image"]["kind"] == "context" and tools:
                    none = f"none of {', '.join(tools)} works on this computer"
                    self._display.display(
                        f"{model.name_of(app)}: {none}, so the host builds the image."
                    )
                archives[plan["name"]] = self._ship(
                    images.pack(plan, cache, [f"{LAUNCHERS}/{name}" for name in IMAGE_LAUNCHERS])
                )
                return
            self._tell_left_out(app)
            options = {
                "wheels_for": model.python_of(app, args.get("wheels_for") or ""),
                "pip_environment": args.get("pip_environment"),
            }
            archives[plan["name"]] = self._ship(
                sources.pack(app, plan, cache, LAUNCHERS, **options)
            )
            if (
                not wheels
                and (python := args.get("wheels_for"))
                and server.place(_pins(), python) not in paths
            ):
                pinned = sources.pinned_wheels(
                    f"{LAUNCHERS}/server.txt", python, cache, args.get("pip_environment") or {}
                )
                wheels.extend(self._ship(path) for path in pinned)

        each(plans, resolve)
        pending = [plan for plan in without(plans, found) if plan["release"] != plan["before"]]
        done = {}
        if pending and not self._task.check_mode:
            each(pending, ship)
            shipped = [plan for plan in pending if plan["name"] in archives]
            sent = {"archives": archives, "images": shipped_images, "server_wheels": wheels}
            sent["registries"] = {
                name: app["registry"] for name, app in apps.items() if app.get("registry")
            }
            done = self._remote({**args, **sent}, shipped, task_vars) if shipped else {}
            if done.get("failed"):
                return done
            found += done.get("failures", [])
            if shipped:
                self._tell(task_vars, took("make", {**done, "plans": without(shipped, found)}))
        plans, pending = without(plans, found), without(pending, found)
        result = {
            "changed": bool(pending),
            "plans": plans,
            "pending": pending,
            "diff": [_difference(plan) for plan in pending],
        }
        result |= {"unverified": model.unverified(plans, paths), "failures": found}
        if found and args.get("fail", True):
            result |= {"failed": True, "msg": failures.message(found)}
        return {**done, **result}

    def _layers(self, args):
        """Return the digests of the layers that the host has, asked once."""
        if self._had is None:
            path = shlex.quote(f"{args.get('storage') or STORAGE}/{images.LAYERS}")
            self._had = images.had(
                self._low_level_execute_command(f"cat {path} 2>/dev/null || true")["stdout"]
            )
        return self._had

    def _tell_left_out(self, app):
        if left := sources.left_out(app):
            more = f" and {len(left) - 5} more" if left[5:] else ""
            self._display.display(
                f"{model.name_of(app)}: left out, since git ignores them: "
                f"{', '.join(left[:5])}{more}. "
                f"What the application needs of that, give in include."
            )

    def _told(self, step, result, task_vars):
        """Say what the step took, and which releases visitors get from now on."""
        if not self._task.check_mode and not result.get("failed"):
            self._tell(task_vars, took(step, result) + switched(step, result))
        return result

    def _tell(self, task_vars, sentences):
        for words in sentences:
            self._display.display(f"{task_vars['inventory_hostname']}: {words}")

    def _warned(self, result):
        """Say at once what the run says again, with all its words, in the end."""
        if not result.get("failed"):
            for one in result.get("failures", []):
                self._display.warning(
                    f"{one['headline']}\nThe others are deployed, and the run fails at the end."
                )
        return result

    def _ship(self, path):
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        return self._transfer_file(
            str(path), self._connection._shell.join_path(self._connection._shell.tmpdir, path.name)
        )

    def _remote(self, args, plans, task_vars):
        by = f"{getpass.getuser()}@{socket.gethostname()}"
        # What a migration did is not done a second time.
        args = {**args, "apps": plans, "by": by}
        return _direct.once(self, "app.steps", steps.ARGUMENT_SPEC, task_vars, args)


def _pins():
    with open(f"{LAUNCHERS}/server.txt", encoding="utf-8") as file:
        return file.read()


def without(plans, found):
    """Return those of ``plans`` that none of the failures ``found`` is of."""
    names = {one["plan"]["name"] for one in found}
    return [plan for plan in plans if plan["name"] not in names]


def took(step, result):
    """Return a sentence for each application of which a ``step`` with this ``result`` ran commands
    before or after the switch: how long they took.
    """
    if step not in TOOK:
        return []
    return [
        (
            f"{plan['name']}: release {plan['release']} {TOOK[step]} "
            f"({', '.join(f'{name} {seconds} s' for name, seconds in spent.items())})."
        )
        for plan in without(result["plans"], result["failures"])
        if (spent := result["seconds"].get(plan["name"]))
    ]


def switched(step, result):
    """Return a sentence for each application that a ``step`` with this ``result`` has led
    visitors to another release of.
    """
    if step == "rollback":
        return [
            f"{name} is back at release {release}." for name, release in result["releases"].items()
        ]
    if step != "switch":
        return []
    return [
        (
            f"{plan['name']} is at release {plan['release']} of {plan['source']} (before: "
            f"{plan['before'] or 'none'}){_healthy(result, plan['name'])}."
        )
        for plan in without(result["plans"], result["failures"])
    ]


def _healthy(result, name):
    seconds = result["seconds"].get(name, {}).get("health")
    return "" if seconds is None else f", healthy after {seconds} s"


def _difference(plan):
    return {
        "before_header": f"{plan['root']}/current",
        "after_header": f"{plan['root']}/current",
        "before": f"{plan['before']}\n" if plan["before"] else "",
        "after": f"{plan['release']} of {plan['source']}\n",
    }
