"""Modules as Ansible runs them on a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def run_module(module, arguments, prelude="", secret=None, python=sys.executable, environment=None):
    """Return the result of ``module`` for the ``arguments`` that are not None;
    ``prelude`` is Python code that runs before it.

    Nothing that it writes may hold ``secret``. ``environment``: variables that it has besides ours,
    or instead.
    """
    name = f"ansible_collections.foobar.lamp.plugins.modules.{module}"
    done = subprocess.run(
        [python, "-c", f"import runpy\n{prelude}\nrunpy.run_module({name!r}, run_name='__main__')"],
        input=json.dumps(
            {
                "ANSIBLE_MODULE_ARGS": {
                    key: value for key, value in arguments.items() if value is not None
                }
            }
        ),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})},
        check=False,
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    result.pop("invocation", None)
    if secret:
        assert secret not in done.stdout + done.stderr
    return result
