# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This collection's filters, loaded before they are needed.

Ansible forks a process for each task of each host, and compiles a collection's files wherever they
are loaded. What the run's own process has loaded, each of these has; it loads the action plugin of
a task before it forks. So the first action plugin of a role brings the filters, and none of the
tasks after it compiles them anew.
"""

from __future__ import annotations

import importlib
import pkgutil

from ansible_collections.foobar.lamp.plugins import filter as filters


def load() -> None:
    """Load all of them; a second time costs nothing."""
    for found in pkgutil.iter_modules(filters.__path__, f"{filters.__name__}."):
        importlib.import_module(found.name)
