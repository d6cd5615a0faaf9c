"""What the archive holds that Galaxy gives to users."""

from __future__ import annotations

import tarfile

import yaml
from support.containers import run


def test_archive_holds_what_a_user_needs(archive):
    with tarfile.open(archive) as file:
        paths = [*file.getnames()]
    wanted = {
        "roles",
        "playbooks",
        "plugins",
        "meta",
        "files",
        "docs",
        "examples",
        "changelogs",
        "FILES.json",
        "MANIFEST.json",
    }
    wanted |= {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CODE_OF_CONDUCT.md",
        "CONTRIBUTING.md",
        "MAINTAINERS",
        "SECURITY.md",
    }
    # All of it, so that what is new has to be wanted here, or left out in galaxy.yml.
    assert {path.split("/")[0] for path in paths} == wanted
    assert not [
        path
        for path in paths
        if path.startswith(("docs/bench/", "changelogs/fragments")) or "__pycache__" in path
    ]


def test_no_secret_is_in_the_archive(archive):
    with tarfile.open(archive) as file:
        assert not [name for name in file.getnames() if ".secrets" in name]


def test_execution_environment_gets_what_the_collection_needs(user):
    """As ansible-builder reads it out of the installed collection."""
    done = run("ansible-builder", "introspect", user.place / "collections")
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)
    assert [line.split("#")[0].strip() for line in found["python"]] == ["dnspython"]
    assert {line.split()[0] for line in found["system"]} >= {"git", "openssh-client"}
