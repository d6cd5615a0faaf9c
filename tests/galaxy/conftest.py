"""The collection as a user gets it: built, installed into an empty
directory, and run from there against a bare host.
"""

from __future__ import annotations

import pytest
from support.containers import remove, run, start
from support.plays import ROOT

from .users import HOST, IMAGE, User


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """Build the collection from what git knows or would add."""
    place = tmp_path_factory.mktemp("build")
    built = run("ansible-galaxy", "collection", "build", "--output-path", place, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return next(place.glob("foobar-lamp-*.tar.gz"))


@pytest.fixture(scope="session")
def host():
    """Start a bare host; returns its name."""
    start(HOST, "server1", IMAGE)
    yield HOST
    remove(HOST)


@pytest.fixture(scope="session")
def user(tmp_path_factory, archive):
    """Return a user who has installed the collection into an empty directory."""
    return User(tmp_path_factory.mktemp("user"), archive)
