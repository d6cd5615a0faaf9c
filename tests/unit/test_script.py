"""The scripts of the repository."""

import pathlib
import subprocess

import pytest

SCRIPTS = pathlib.Path(__file__).parents[2] / "script"


@pytest.mark.parametrize("script", ["site", "bench"])
def test_more_than_one_thing_is_refused(script):
    """A second word may not pass unread: beside it might stand one that removes the site."""
    done = subprocess.run([SCRIPTS / script, "--help", "--more"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not: --help --more" in done.stderr
