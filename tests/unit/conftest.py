"""Have Ansible find this checkout as a collection, before a test imports it: expressions may then call its filters and lookups."""

from __future__ import annotations

import pathlib

from ansible.plugins.loader import init_plugin_loader

# Where tests/conftest.py has put it.
init_plugin_loader([str(pathlib.Path(__file__).parents[2] / ".cache" / "collections")])
