"""Ends a run as a controller does that is gone: behind the first result of a task, and before
Ansible begins with the next one. Who reads the run's output and kills it then comes too late.
"""

from __future__ import annotations

import os
import signal

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: killed_after
type: aggregate
short_description: Kill the run behind a task
description: The variable KILLED_AFTER of the environment has the end of the task's name.
requirements: [it has to be enabled]
"""


class CallbackModule(CallbackBase):
    """Kills the process that it is in."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "killed_after"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result):
        """Kill it, if it is the one."""
        if result._task.get_name().strip().endswith(os.environ["KILLED_AFTER"]):
            os.kill(os.getpid(), signal.SIGKILL)
