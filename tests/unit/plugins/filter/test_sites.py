"""What the filters of the wiring do besides calling module_utils/_sites.py."""

from __future__ import annotations

import os
import subprocess
import sys

FRESH = """
import gc, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
from ansible_collections.foobar.lamp.plugins.filter.sites import ready_to_fork
known = lambda: (any("plugins.test.core" in name for name in sys.modules), gc.get_freeze_count() > 0)
print(known(), ready_to_fork("as it was"), known())
"""


def test_process_that_is_ready_to_fork_has_loaded_the_tests_and_frozen_what_it_has():
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", FRESH], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "(False, False) as it was (True, True)\n"
