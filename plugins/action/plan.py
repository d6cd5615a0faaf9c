# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plan: what a run is to do, and what is wrong with that. See the module plan."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.foobar.lamp.plugins.plugin_utils import _loaded
from ansible_collections.foobar.lamp.plugins.plugin_utils._run import run_of
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import images, model, sources
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import (
    make,
    options,
    read,
    records,
    roles,
    secrets,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import UnknownAddressError

display = Display()

# Read once, for the processes of all tasks.
for _of in ("lamp", "hosts", *roles.ROLES):
    options.options(_of)
_loaded.load()


class ActionModule(ActionBase):
    """Plan a host, or check what is known before hosts are asked."""

    _supports_check_mode = True
    _requires_connection = False
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("of", "converges"))

    def run(self, tmp=None, task_vars=None):
        """Return the result that the module documents."""
        result = super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "of": {"choices": ["site", "host"], "default": "host"},
                "converges": {"type": "bool", "default": True},
            }
        )
        if arguments["of"] == "site":
            problems = read.site_problems(task_vars, self._templar, display.warning)
            for note in read.notes(task_vars, self._templar):
                display.display(note)
            failed = {"failed": True, "msg": "\n".join(problems)} if problems else {}
            return {**result, "changed": False, **failed}
        return {
            **result,
            "changed": False,
            **self._plan(task_vars, boolean(arguments["converges"])),
        }

    def _unreachable(self, apps, architecture):
        """Return what is wrong with the repositories and images of ``apps``:
        each is asked once a run, now rather than later.

        ``architecture``: the host's, which images are for.
        """
        apps = [app for app in apps if model.kind(app) == "git" or model.is_image(app)]
        cache = sources.Cache(run_of(self._task)) if apps else None
        problems = []
        for app in apps:
            try:
                if model.is_image(app):
                    images.resolve(app, cache, architecture)
                else:
                    sources.commit_of(app, cache)
            except sources.SourceError as error:
                problems.append(str(error))
        return problems

    def _plan(self, variables, converges):
        site = read.site_of(variables, self._templar)
        # A run that makes nothing of addresses goes with --limit, too.
        site.somewhere = [] if converges else ["unknown.invalid"]
        host, problems = site.host(variables["inventory_hostname"]), []
        if converges and not site.values.get("lamp_new_secrets"):
            problems += secrets.lost(site, read.directory_of(variables, site.values))
        site.makes_secrets = converges and not problems
        given = {}
        for role in roles.of(host.groups, site.values):
            own, wrong = read.values_of(options.options(role.name), variables, self._templar)
            given |= own
            problems += wrong
        search = [*variables.get("ansible_search_path", []), variables.get("playbook_dir", ".")]
        made = make.plan(site, host, given, converges, search, load_extra_vars(self._loader))
        problems += made.problems
        for doubt in make.closing_doubts(site, host) if converges else ():
            display.warning(doubt)
        tags = variables.get("ansible_run_tags") or ["all"]
        if converges and not problems and {"all", "python_app"} & set(tags):
            architecture = (host.facts.get("system") or {}).get("architecture") or ""
            problems += self._unreachable(made.inputs.get("python_app_apps", []), architecture)
        found = {
            "databases": {
                name: one["database"] for name, one in site.sites.items() if one.get("database")
            }
        }
        try:
            found["records"] = records.records_of(read.site_of(variables, self._templar))
        except UnknownAddressError as error:
            problems += [str(error)] if converges else []
        return {**made._asdict(), **found, "problems": list(dict.fromkeys(problems))}
