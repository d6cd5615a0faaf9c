"""Have Ansible find this checkout as a collection, before a test imports it: expressions may
then call its filters and lookups.
"""

from __future__ import annotations

import pathlib

from ansible.plugins.loader import init_plugin_loader
from hypothesis import HealthCheck, settings

# Where tests/conftest.py has put it.
init_plugin_loader([str(pathlib.Path(__file__).parents[2] / ".cache" / "collections")])

# How long it takes to think of examples says how busy the computer is, and nothing of what is
# tested.
settings.register_profile(
    "any computer", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any computer")
