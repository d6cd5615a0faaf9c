"""What an update leaves to be done, by what a host says of itself."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import host_update_info as info

MAPS = "7f0a-7f0b {} 00000000 fe:01 42                         {}\n"


@pytest.mark.parametrize(
    ("mode", "file", "found"),
    [
        ("r-xp", "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)", True),
        ("r-xp", "/usr/bin/python3.13 (deleted)", True),
        ("r-xp", "/usr/lib/x86_64-linux-gnu/libssl.so.3", False),
        # Data, what a program made for itself, and what is no package's.
        ("r--p", "/usr/lib/locale/C.utf8/LC_CTYPE (deleted)", False),
        ("r-xp", "/memfd:libffi (deleted)", False),
        ("r-xp", "/srv/www.foobar.com/releases/1/venv/lib/x.so (deleted)", False),
    ],
)
def test_code_of_a_file_that_was_replaced(mode, file, found):
    assert info.replaced(MAPS.format("r-xp", "/usr/sbin/cron") + MAPS.format(mode, file)) == found


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/cron.service\n", "cron.service"),
        (
            "0::/system.slice/system-app.slice/app-www.foobar.com@1-1.service/below\n",
            "app-www.foobar.com@1-1.service",
        ),
        ("2:cpu:/x.service\n1:name=systemd:/docker/1/system.slice/ssh.service\n", "ssh.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"),
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/x.service\n", "user@1.service"),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_unit_of_a_process(text, unit):
    assert info.unit_of(text) == unit


def test_what_only_a_reboot_renews_is_not_restarted_and_logins_go_on():
    units = {
        "cron.service",
        "apache2.service",
        "dbus.service",
        "systemd-logind.service",
        "user@0.service",
        "getty@tty1.service",
    }
    services, reasons = info.restarts(units | {"session-1.scope", "init.scope", ""})
    assert services == ["apache2.service", "cron.service"]
    assert reasons == [
        f"{name} runs with files that were replaced"
        for name in ("dbus.service", "systemd-logind.service")
    ]


@pytest.mark.parametrize(
    ("running", "there", "newer"),
    [
        ("6.12.48+deb13-amd64", ["6.12.48+deb13-amd64"], ""),
        (
            "6.12.48+deb13-amd64",
            ["6.12.48+deb13-amd64", "6.12.57+deb13-amd64", "6.12.9+deb13-amd64"],
            "6.12.57+deb13-amd64",
        ),
        ("6.1.0-9-amd64", ["6.1.0-9-amd64", "6.1.0-41-amd64"], "6.1.0-41-amd64"),
        # Of another kind, older, or one that nobody can compare.
        ("6.12.48+deb13-amd64", ["6.12.57+deb13-cloud-amd64", "6.12.9+deb13-amd64"], ""),
        ("own", ["6.12.57+deb13-amd64"], ""),
    ],
)
def test_newer_kernel(running, there, newer):
    assert info.newer_kernel(running, [f"/boot/vmlinuz-{one}" for one in there]) == newer


def test_services_that_run_and_start_with_the_host():
    blocks = [
        ("cron.service", "active", "running", "enabled"),
        ("x.service", "active", "running", "static"),
        ("y.service", "inactive", "dead", "enabled"),
    ]
    text = "\n\n".join(
        f"Id={name}\nActiveState={state}\nSubState={sub}\nUnitFileState={file}"
        for name, state, sub, file in blocks
    )
    assert info.running(info.units(text)) == ["cron.service"]
