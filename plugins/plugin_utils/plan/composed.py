# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites whose application is described by a compose file: with what follows from that in its place.
Private to the collection.

Pure but for reading those files on the controller.
"""

from __future__ import annotations

import os

import yaml
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import compose


def sites(given, base):
    """Return ``(sites, notes, problems)``: ``lamp_sites`` with each ``compose`` read.

    ``base``: what relative paths start from.

    What is no dictionary where one is wanted is left as it is: whoever looks at types says it
    better.
    """
    if not isinstance(given, dict):
        return given, [], []
    found, notes, problems = {}, [], []
    for name, site in given.items():
        found[name] = site
        for where, app in _apps(site):
            said = _composed(
                f"lamp_sites[{name!r}].{where[0]}{''.join(f'[{key!r}]' for key in where[1:])}",
                app,
                base,
                found[name],
            )
            found[name] = _with(found[name], where, said.app)
            if said.database:
                found[name] = {**found[name], "database": said.database}
            notes += said.notes
            problems += said.problems
    return found, notes, problems


def _apps(site):
    """Yield the keys that lead to each application of a site with a compose file,
    and that application.
    """
    if not isinstance(site, dict):
        return
    several = site.get("apps")
    several = several if isinstance(several, dict) else {}
    for where, app in [
        (("app",), site.get("app")),
        *((("apps", path), app) for path, app in several.items()),
    ]:
        if isinstance(app, dict) and (isinstance(app.get("compose"), str) or "service" in app):
            yield where, app


def _with(site, where, app):
    return (
        {**site, "app": app}
        if where == ("app",)
        else {**site, "apps": {**site["apps"], where[1]: app}}
    )


def _composed(where, app, base, site):
    path = app.get("compose")
    if not isinstance(path, str):
        return _refused(
            app,
            (
                f"{where}.service is {app['service']!r}, and there is no compose file that has it: "
                f"give compose, or remove it."
            ),
        )
    try:
        with open(os.path.join(base, os.path.expanduser(path)), encoding="utf-8") as file:
            content = yaml.safe_load(file)
    except OSError as error:
        return _refused(
            app,
            (
                f"{where}.compose is {path!r}, "
                f"which cannot be read ({error.strerror}): correct the path."
            ),
        )
    except (yaml.YAMLError, ValueError) as error:
        at = getattr(error, "problem_mark", None)
        line = f" in line {at.line + 1}" if at else ""
        return _refused(
            app, f"{where}.compose is {path!r}, which is not valid YAML{line}: correct it there."
        )
    return compose.read(content, path, app, site.get("database") or "")


def _refused(app, problem):
    kept = {key: value for key, value in app.items() if key not in ("compose", "service")}
    return compose.Composed(kept, "", [], [problem])
