"""A private file is nobody else's, whatever the umask is."""

from __future__ import annotations

import os

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import private


@pytest.fixture(autouse=True)
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_file_is_its_owners_alone(tmp_path):
    with open(tmp_path / "key", "w", encoding="ascii", opener=private.opener) as file:
        # While nothing is in it yet.
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600


def test_the_way_to_open_it_is_that_of_open(tmp_path):
    (tmp_path / "key").write_text("old")
    with pytest.raises(FileExistsError):
        open(tmp_path / "key", "x", encoding="ascii", opener=private.opener)  # noqa: SIM115
