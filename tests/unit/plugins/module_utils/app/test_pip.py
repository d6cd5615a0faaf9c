"""The distribution's pip, from a wheel that answers for it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import pip


@pytest.fixture
def places(tmp_path):
    """Return the directory of the wheels, and the one that they are unpacked to."""
    (tmp_path / "wheels").mkdir()
    return tmp_path / "wheels", tmp_path / "unpacked"


def ship(wheels, version):
    with zipfile.ZipFile(wheels / f"pip-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pip/__init__.py", f"__version__ = '{version}'\n")
        wheel.writestr("pip/__main__.py", "import pip\nprint(pip.__version__)\n")
        wheel.writestr(f"pip-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: pip\nVersion: {version}\n")


def python(place, *words):
    environment = {**os.environ, "PYTHONPATH": place}
    return subprocess.run([sys.executable, "-S", *words], env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_runs_and_does_not_count_as_installed(places):
    ship(places[0], "25.1")
    place = pip.path(*places)
    assert python(place, "-m", "pip") == "25.1"
    assert python(place, "-c", "import importlib.metadata as m; print([d.name for d in m.distributions()])") == "[]"


def test_is_unpacked_once(places):
    ship(places[0], "25.1")
    place = pip.path(*places)
    (mark := places[1] / os.path.basename(place) / "mark").touch()
    assert pip.path(*places) == place
    assert mark.exists()


def test_update_takes_the_older_ones_place(places):
    ship(places[0], "25.1")
    older = pip.path(*places)
    (places[0] / "pip-25.1-py3-none-any.whl").unlink()
    ship(places[0], "25.2")
    newer = pip.path(*places)
    assert python(newer, "-m", "pip") == "25.2"
    assert not os.path.exists(older)
    assert os.listdir(places[1]) == [os.path.basename(newer)]


def test_none_is_shipped(places):
    assert pip.path(*places) == ""
    assert not places[1].exists()
