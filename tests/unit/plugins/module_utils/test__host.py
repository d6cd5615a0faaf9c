"""What dpkg, systemd and passwd say, read."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils import _host


def test_only_wholly_installed_packages_count():
    listing = "ii  apache2\nhi  held\nrc  removed\niU  unpacked\niF  half\nun  unknown\niiR broken\n"
    assert _host.installed(listing) == ["apache2", "held"]
    assert _host.installed("") == []


def test_only_active_and_enabled_services_count():
    listing = (
        "Id=apache2.service\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=dead.service\nActiveState=inactive\nUnitFileState=enabled\n\n"
        "Id=once.service\nActiveState=active\nUnitFileState=static\n\n"
        "Id=failed.service\nActiveState=failed\nUnitFileState=enabled\n"
    )
    assert _host.running(_host.services(listing)) == ["apache2"]
    assert _host.running(_host.services("")) == []


def test_users():
    assert _host.users("root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n+\n") == ["root", "www-data"]


def test_system():
    assert _host.system('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n# x=y\n') == ("debian", "13")
    assert _host.system("ID=debian\n") == ("debian", "")
    assert _host.system("") == ("", "")


@pytest.mark.parametrize(("limit", "memory"), [("", 4000), ("max\n", 4000), ("1073741824\n", 1024), ("9223372036854771712", 4000)])
def test_memory_is_the_hosts_or_its_containers(limit, memory):
    assert _host.memory_mb("MemFree: 1 kB\nMemTotal:        4096000 kB\n", limit) == memory
