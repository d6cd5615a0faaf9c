"""What the inputs of the role apache say."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.filter.apache import apache_applications


def test_deeper_path_comes_first():
    found = apache_applications({"name": "a.com", "wsgi": [{}, {"name": "x", "path": "/x"}]})
    assert [(wsgi["name"], wsgi["path"]) for wsgi in found] == [("x", "/x"), ("a.com", "/")]
