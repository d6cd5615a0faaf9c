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
        wheel.writestr(
            f"pip-{version}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: pip\nVersion: {version}\n",
        )


def python(place, *words):
    environment = {**os.environ, "PYTHONPATH": place}
    return subprocess.run(
        [sys.executable, "-S", *words], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_runs_and_does_not_count_as_installed(places):
    ship(places[0], "25.1")
    place = pip.path(*places)
    assert python(place, "-m", "pip") == "25.1"
    assert (
        python(
            place,
            "-c",
            "import importlib.metadata as m; print([d.name for d in m.distributions()])",
        )
        == "[]"
    )


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


NO_VERSION = """ERROR: {ignored}
ERROR: Could not find a version that satisfies the requirement django{wanted} (from versions: 5.2, 5.2.1)
ERROR: No matching distribution found for django{wanted}"""  # noqa: E501
TOO_OLD = (
    "Ignored the following versions that require a different python version: 6.0 Requires-Python "
    ">=3.12; 6.0.1 Requires-Python >=3.12"
)
BROKEN = """WARNING: Retrying (Retry(total=0)) after connection broken by '{}
ERROR: Could not find a version that satisfies the requirement django==5.1 (from versions: none)
ERROR: No matching distribution found for django==5.1"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            BROKEN.format(
                "ProxyError('Cannot connect to proxy.', NewConnectionError('x: Failed to "
                "establish a new connection"
            ),
            "The proxy does not",
        ),
        (
            BROKEN.format(
                "NewConnectionError('x: Failed to establish a new connection: [Errno -2]"
            ),
            "The host does not reach the index",
        ),
        (
            "(Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]",
            "The host does not trust the certificate",
        ),
        (
            "ERROR: HTTP error 401 while getting x\nERROR: 401 Client Error: Unauthorized",
            "The index refuses the password",
        ),
        (BROKEN.format("x"), "The index has nothing of that name, or does not answer"),
        (
            NO_VERSION.format(ignored="Ignored the following yanked versions: 6", wanted="==6.0"),
            "The index has no such version",
        ),
        (NO_VERSION.format(ignored=TOO_OLD, wanted="==6.0"), "It needs another Python"),
        (NO_VERSION.format(ignored=TOO_OLD, wanted=">=6"), "It needs another Python"),
        (NO_VERSION.format(ignored=TOO_OLD, wanted="==7.0"), "The index has no such version"),
        (
            "ERROR: Package 'old' requires a different Python: 3.11.7 not in '>=3.20'",
            "It needs another Python",
        ),
        ("ERROR: ResolutionImpossible: for help visit", "What is wanted excludes each other"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "What the index has is not what the hashes say",
        ),
        (
            "/bin/sh: 1: pkg-config: not found\nException: Can not find valid pkg-config name.",
            "It needs a compiler and the client library",
        ),
        (
            'raise Exception("you need a C compiler to build uWSGI")',
            "It needs a compiler, or the headers",
        ),
        (
            "error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'",
            "It needs a compiler, or the headers",
        ),
        (
            "error: command 'gcc' failed: No such file or directory",
            "It needs a compiler, or the headers",
        ),
        (
            "x.c:1:10: fatal error: Python.h: No such file or directory",
            "It needs a compiler, or the headers",
        ),
        (
            (
                "error: Request failed\n  "
                "Caused by: error sending request for url (https://example.com/x)"
            ),
            "The host does not get the interpreter",
        ),
        (
            "error: No download found for request: cpython-3.99-linux-x86_64-gnu",
            "uv knows no such version",
        ),
        ("error: [Errno 28] No space left on device", "The disk is full"),
        ("SyntaxError: Missing parentheses\nERROR: Failed building wheel for x", ""),
    ],
)
def test_cause_is_told_by_what_pip_says(said, cause):
    found = pip.cause(said)
    assert found.startswith(cause)
    assert bool(found) == bool(cause)
    assert "{" not in found


def test_cause_on_this_computer_has_its_own_remedy():
    assert pip.cause("No such file or directory: 'gcc'", here=True).endswith(
        "install the packages [build-essential, python3-dev], and the library's own package, "
        "whose name ends in -dev."
    )
    assert "This computer does not reach the index" in pip.cause("NewConnectionError", here=True)
