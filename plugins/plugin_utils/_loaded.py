# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What most tasks need, loaded once a run.

Ansible forks a process for each task of each host. Such a process has what the run's own process
has loaded, and loads all else itself; files of a collection are compiled each time. The run's own
process loads the action plugin of a task before it forks. So the action plugins of first tasks call
load(): that of the plan, and that with which each role begins.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil

from ansible.plugins.loader import test_loader
from ansible_collections.foobar.lamp.plugins import filter as filters


def load() -> None:
    """Load this collection's filters and Ansible's own tests. A second call costs next to
    nothing.
    """
    for found in pkgutil.iter_modules(filters.__path__, f"{filters.__name__}."):
        importlib.import_module(found.name)
    # One of them brings all.
    test_loader.get("defined")
    # Garbage collectors leave all that alone from here on. A full collection of it takes 50 ms, and
    # the processes of several tasks began one.
    gc.freeze()
