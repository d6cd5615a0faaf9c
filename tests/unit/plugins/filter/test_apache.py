"""What the inputs of the role apache say."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.filter.apache import apache_proxies


def test_deeper_path_comes_first():
    found = apache_proxies({"name": "a.com", "proxy": [{}, {"name": "x", "path": "/x"}]})
    assert [(proxy["name"], proxy["path"]) for proxy in found] == [("x", "/x"), ("a.com", "/")]
