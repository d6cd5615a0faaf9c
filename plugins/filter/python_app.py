# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role python_app: what its inputs say. Private to the role."""

from __future__ import annotations

import os

from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model as _python_app


def python_app_problems(apps, keep_releases=2, port=80):
    """Return what is wrong with the role's inputs, also by what is on the controller's disk: a list of sentences."""
    problems = _python_app.problems(apps, keep_releases, port)
    for app in apps:
        where, kind = _python_app.called(app), _python_app.kind(app)
        source = _python_app.located(app).get("source") or ""
        if kind == "directory" and not os.path.isdir(source):
            problems.append(f"{where} the source {source}, which is no directory on this computer: correct the path.")
        elif kind in ("archive", "wheel") and not _python_app.is_url(source) and not os.path.isfile(source):
            problems.append(f"{where} the source {source}, which is no file on this computer: correct the path.")
        for key in ("requirements", "constraints"):
            for name in app.get(key) or []:
                # What only a repository or an archive can tell is told when it is unpacked.
                known = os.path.isabs(name) or (kind == "directory" and os.path.isdir(source))
                if known and not os.path.isfile(os.path.join(source, name)):
                    place = "on this computer" if os.path.isabs(name) else f"in {source}"
                    problems.append(f"{where} the {key} {name}, which is no file {place}: add or correct it.")
    return problems


def chosen_apps(apps, site="", version=""):
    """Return those of ``apps`` that a deploy is about; what is wrong with the choice becomes an Ansible error."""
    for problem in _python_app.choice_problems(apps, site, version):
        raise AnsibleFilterError(problem)
    return _python_app.chosen(apps, site, version)


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "choice_problems": _python_app.choice_problems,
            "chosen_apps": chosen_apps,
            "python_app_accounts": _python_app.accounts,
            "python_app_accounts_missing": _python_app.accounts_missing,
            "python_app_directories": _python_app.directories,
            "python_app_files": _python_app.files,
            "python_app_idle": _python_app.idle,
            "python_app_ill": _python_app.ill,
            "python_app_left": _python_app.left,
            "python_app_migrations": _python_app.migrations,
            "python_app_named": _python_app.named,
            "python_app_pages": _python_app.pages,
            "python_app_problems": python_app_problems,
            "python_app_remains": _python_app.remains,
            "python_app_stale": _python_app.stale,
        }
