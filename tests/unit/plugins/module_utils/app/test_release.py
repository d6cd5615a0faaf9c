"""What a release does before it is whole."""

from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import release


@pytest.fixture
def prepare(tmp_path):
    """Have files of visitors kept in a place, as the application's user does."""

    def run(place):
        words = ["sh", "-euc", release.MEDIA, "sh", str(tmp_path), "up/media", str(place)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    (tmp_path / "up" / "media").mkdir(parents=True)
    (tmp_path / "up" / "media" / "old.jpg").write_text("x")
    return run


def test_files_of_before_move_along(prepare, tmp_path):
    (tmp_path / "shared").mkdir()
    assert prepare(tmp_path / "shared").returncode == 0
    assert os.readlink(tmp_path / "up" / "media") == str(tmp_path / "shared")
    assert (tmp_path / "shared" / "old.jpg").read_text() == "x"


def test_place_that_cannot_be_written_to_is_refused_before_anything_moves(prepare, tmp_path):
    done = prepare(tmp_path / "gone")
    assert done.returncode == 1
    assert (
        f"may not write to {tmp_path / 'gone'}: give it that right, on all hosts that share it."
        in done.stdout
    )
    assert (tmp_path / "up" / "media" / "old.jpg").exists()


def test_python_that_a_release_was_made_for_may_be_gone(tmp_path):
    (tmp_path / "venv/bin").mkdir(parents=True)
    old = tmp_path / "python3.11"
    assert not release.gone_python(tmp_path)  # of an image
    (tmp_path / "venv/bin/python3.11").symlink_to(old)
    (tmp_path / "venv/bin/python").symlink_to("python3.11")
    assert release.gone_python(tmp_path) == str(old)
    old.touch()
    assert not release.gone_python(tmp_path)
