"""Have Ansible find this checkout as a collection, before a test imports it: expressions may
then call its filters and lookups.
"""

from __future__ import annotations

import pathlib

import pytest
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

#: The roles that tests of whole plans are about.
ROLES = {
    *("linux_base", "firewall", "backup"),
    *("mysql", "database_proxy", "certificates", "python_app", "apache", "nginx"),
    *("haproxy", "keepalived", "bind"),
}


@pytest.fixture
def no_more_roles(monkeypatch):
    """Have plans know these roles alone: one more has tests of its own, and changes none of those
    that compare what all roles of a host add up to.
    """
    from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import roles

    ours = {name: role for name, role in roles.ALL.items() if name in ROLES}
    monkeypatch.setattr(roles, "ALL", ours)
    monkeypatch.setattr(roles, "ROLES", tuple(ours))
