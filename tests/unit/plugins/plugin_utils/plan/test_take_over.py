"""A host that serves something already."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.take_over import take_over_problems


def test_host_that_serves_something_is_refused_until_agreed():
    others = {"bind": ["example.org", "example.net"]}
    (problem,) = take_over_problems(others, "bind", "bind_zones", False)
    assert problem.startswith(
        "This host serves example.org, example.net from files that this collection has not made. "
        "A run replaces them"
    )
    assert "only what bind_zones declares" in problem
    assert "lamp_take_over" in problem
    assert take_over_problems(others, "bind", "bind_zones", True) == []
    assert take_over_problems(others, "apache", "apache_vhosts", False) == []
