# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of app_release: say what each application's release is, and ship those that are pending."""

from __future__ import annotations

import getpass
import os
import socket

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.lamp.plugins.module_utils.app import server
from ansible_collections.foobar.lamp.plugins.plugin_utils._run import run_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model, sources

LAUNCHERS = os.path.join(os.path.dirname(__file__), "../../roles/python_app/files/release")


class ActionModule(ActionBase):
    """Resolve and pack here; make and switch there."""

    _supports_async = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Ask nothing of the host when there is no application, or every release is current."""
        super().run(tmp, task_vars)
        args, step = self._task.args, self._task.args["step"]
        apps = args["apps"] or []
        # What was planned before is handed on.
        plans = [app if "root" in app else model.plan(app) for app in apps]
        if not plans and step != "make":
            return {"changed": False, "plans": [], "applications": [], "releases": {}}
        if step != "make":
            return {"plans": plans, **self._remote(args, plans, task_vars)}
        cache = sources.Cache(run_of(self._task))
        paths = task_vars["ansible_facts"]["foobar_lamp"]["paths"]
        try:
            for app, plan in zip(apps, plans, strict=True):
                content, source = sources.resolve(app, cache)
                plan["release"] = model.release(
                    content, plan, sources.digest_of_files(LAUNCHERS, sorted(os.listdir(LAUNCHERS))), str(args.get("identity"))
                )
                plan["source"], plan["before"] = source, model.current(plan["name"], paths)
            pending = [plan for plan in plans if plan["release"] != plan["before"]]
            result = {"changed": bool(pending), "plans": plans, "pending": pending, "diff": [_difference(plan) for plan in pending]}
            result["unverified"] = model.unverified(plans, paths)
            if not pending or self._task.check_mode:
                return result
            archives = {}
            for app, plan in zip(apps, plans, strict=True):
                if plan in pending:
                    if left := sources.left_out(app):
                        more = f" and {len(left) - 5} more" if left[5:] else ""
                        self._display.display(
                            f"{model.name_of(app)}: left out, since git ignores them: {', '.join(left[:5])}{more}. What the application "
                            "needs of that, give in include."
                        )
                    wheels_for = model.python_of(app, args.get("wheels_for") or "")
                    options = {"wheels_for": wheels_for, "pip_environment": args.get("pip_environment")}
                    archives[plan["name"]] = self._ship(sources.pack(app, plan, cache, LAUNCHERS, **options))
            wheels = []
            if (python := args.get("wheels_for")) and server.place(_pins(), python) not in paths:
                pinned = sources.pinned_wheels(f"{LAUNCHERS}/server.txt", python, cache, args.get("pip_environment") or {})
                wheels = [self._ship(path) for path in pinned]
            done = self._remote({**args, "archives": archives, "server_wheels": wheels}, pending, task_vars)
            return {**done, **result} if not done.get("failed") else done
        except sources.SourceError as error:
            raise AnsibleActionFail(str(error)) from None
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _ship(self, path):
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        return self._transfer_file(str(path), self._connection._shell.join_path(self._connection._shell.tmpdir, path.name))

    def _remote(self, args, plans, task_vars):
        by = f"{getpass.getuser()}@{socket.gethostname()}"
        return self._execute_module(module_args={**args, "apps": plans, "by": by}, task_vars=task_vars)


def _pins():
    with open(f"{LAUNCHERS}/server.txt", encoding="utf-8") as file:
        return file.read()


def _difference(plan):
    return {
        "before_header": f"{plan['root']}/current",
        "after_header": f"{plan['root']}/current",
        "before": f"{plan['before']}\n" if plan["before"] else "",
        "after": f"{plan['release']} of {plan['source']}\n",
    }
