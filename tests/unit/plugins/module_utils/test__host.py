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


def test_unit_that_nobody_has_tried_to_start_waits():
    listing = (
        "Id=logrotate.timer\nLoadState=loaded\nActiveState=inactive\nConditionTimestampMonotonic=0\n\n"
        "Id=apt-daily.timer\nLoadState=loaded\nActiveState=active\nConditionTimestampMonotonic=9\n\n"
        "Id=fstrim.timer\nLoadState=loaded\nActiveState=inactive\nConditionTimestampMonotonic=9\n\n"
        "Id=masked.service\nLoadState=masked\nActiveState=inactive\nConditionTimestampMonotonic=0\n\n"
        "Id=none.service\nLoadState=not-found\nActiveState=inactive\nConditionTimestampMonotonic=0\n"
    )
    assert _host.waiting(_host.services(listing)) == ["logrotate.timer"]
    assert _host.waiting(_host.services("")) == []


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        ("127.0.0.1 localhost\n127.0.1.1\tweb.example.com web # ours\n", ["web.example.com", "web"]),
        ("192.0.2.1 web\n127.0.1.1 web.example.com web\n", ["web"]),
        ("127.0.0.1 localhost\n# 127.0.1.1 web\n", []),
        ("", []),
    ],
)
def test_names_of_the_host(hosts, names):
    assert _host.names(hosts, "web") == names


def test_users():
    assert _host.users("root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n+\n") == ["root", "www-data"]


def test_members():
    assert _host.members("root:x:0:\nadm:x:4:a,b\n+\nshop:x:994:www-data\n") == {"adm": ["a", "b"], "shop": ["www-data"]}


def test_system():
    assert _host.system('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n# x=y\n') == ("debian", "13")
    assert _host.system("ID=debian\n") == ("debian", "")
    assert _host.system("") == ("", "")


@pytest.mark.parametrize(("limit", "memory"), [("", 4000), ("max\n", 4000), ("1073741824\n", 1024), ("9223372036854771712", 4000)])
def test_memory_is_the_hosts_or_its_containers(limit, memory):
    assert _host.memory_mb("MemFree: 1 kB\nMemTotal:        4096000 kB\n", limit) == memory
