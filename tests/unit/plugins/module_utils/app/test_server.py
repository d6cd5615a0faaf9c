"""The packages of the application server."""

from __future__ import annotations

import hashlib
import io
import pathlib
import zipfile

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import server

PINS = pathlib.Path(__file__).parents[5] / "roles/python_app/files/release/server.txt"


def wheel(name, content=b"x = 1\n"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}/__init__.py", content)
    return packed.getvalue()


@pytest.fixture
def fetched(tmp_path):
    """Return files that somebody fetched, and what pins them."""
    contents = {f"{name}-1-py3-none-any.whl": wheel(name) for name in ("one", "two")}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    pins = "".join(
        f"{name.split('-')[0]}==1 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
        for name, content in contents.items()
    )
    return [str(tmp_path / name) for name in contents], pins


def test_place_is_another_for_other_pins_and_pythons():
    pins = PINS.read_text()
    place = server.place(pins, "3.13")
    assert place.startswith("/usr/local/lib/python_app/granian-2.")
    assert len({place, server.place(pins, "3.11"), server.place(f"{pins}#", "3.13")}) == 3


def test_wheels_are_unpacked_side_by_side(fetched, tmp_path):
    wheels, pins = fetched
    target = tmp_path / "place" / "server-cp313"
    server.install(wheels, pins, str(target))
    assert sorted(path.name for path in target.iterdir()) == ["one", "two"]
    assert target.stat().st_mode & 0o777 == 0o755
    # Another may have been quicker.
    server.install(wheels, pins, str(target))
    assert [path.name for path in target.parent.iterdir()] == ["server-cp313"]


def test_wheel_that_somebody_changed_is_refused(fetched, tmp_path):
    wheels, pins = fetched
    pathlib.Path(wheels[1]).write_bytes(wheel("two", b"evil = 1\n"))
    with pytest.raises(ValueError, match=r"two-1-py3-none-any\.whl is not what its hash says"):
        server.install(wheels, pins, str(tmp_path / "place" / "server"))
    assert not (tmp_path / "place").exists()
