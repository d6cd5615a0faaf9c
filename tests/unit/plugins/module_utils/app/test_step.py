"""How systemd is asked to run a command of a release. (molecule/python_app has it do so.)"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import step


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", 'A="plain"'),
        ('a "b" c', 'A="a \\"b\\" c"'),
        ("$HOME `id`", 'A="\\$HOME \\`id\\`"'),
        ("back\\slash", 'A="back\\\\slash"'),
        ("two\nlines", 'A="two\nlines"'),
        (1, 'A="1"'),
    ],
)
def test_environment_as_systemd_reads_it(value, line):
    assert step.environment_file({"A": value}) == f"{line}\n"


def test_command_is_confined_and_names_no_value_of_its_environment():
    words = step.words(
        "shop.example.com",
        ["sh", "-c", 'echo "$HOME"'],
        "build-shop",
        "/srv/x",
        10,
        "/proc/1/fd/3",
        "/srv/x",
    )
    assert words[0] == "systemd-run"
    assert "--unit=python_app:shop.example.com.service" in words
    assert "--description=A step of a release of shop.example.com" in words
    for one in (
        "User=build-shop",
        "UMask=0022",
        "KillSignal=SIGKILL",
        "RuntimeMaxSec=40",
        "EnvironmentFile=/proc/1/fd/3",
    ):
        assert f"--property={one}" in words
    assert {
        "--property=ProtectSystem=strict",
        "--property=ReadWritePaths=/srv/x",
        "--property=NoNewPrivileges=true",
    } <= set(words)
    assert words[-4:] == ["--", "sh", "-c", 'echo "$$HOME"']


def test_application_s_own_command_is_not_confined():
    assert not [word for word in step.words("x", ["y"], "app-x", "/srv/x", 10) if "Protect" in word]
