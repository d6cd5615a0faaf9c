"""What the archive holds that Galaxy gives to users."""

from __future__ import annotations

import tarfile


def test_archive_holds_what_a_user_needs(archive):
    with tarfile.open(archive) as file:
        names = {name.split("/")[0] for name in file.getnames()}
    assert {"roles", "playbooks", "plugins", "files", "docs", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert not {".venv", ".cache", ".git", "molecule", "tests"} & names


def test_no_secret_is_in_the_archive(archive):
    with tarfile.open(archive) as file:
        assert not [name for name in file.getnames() if ".secrets" in name]
