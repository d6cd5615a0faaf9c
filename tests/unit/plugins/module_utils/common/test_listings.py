"""What dpkg, systemd and passwd say, read."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import listings


def test_only_wholly_installed_packages_count():
    listing = "ii  apache2\nhi  held\nrc  removed\niU  unpacked\niF  half\nun  unknown\niiR broken\n"
    assert listings.installed(listing) == ["apache2", "held"]
    assert listings.installed("") == []


def test_only_active_and_enabled_services_count():
    listing = (
        "Id=apache2.service\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=dead.service\nActiveState=inactive\nUnitFileState=enabled\n\n"
        "Id=once.service\nActiveState=active\nUnitFileState=static\n\n"
        "Id=failed.service\nActiveState=failed\nUnitFileState=enabled\n"
    )
    assert listings.running(listings.services(listing)) == ["apache2"]
    assert listings.running(listings.services("")) == []


def test_unit_that_nobody_has_tried_to_start_waits():
    listing = (
        "Id=logrotate.timer\nLoadState=loaded\nActiveState=inactive\nConditionTimestampMonotonic=0\n\n"
        "Id=apt-daily.timer\nLoadState=loaded\nActiveState=active\nConditionTimestampMonotonic=9\n\n"
        "Id=fstrim.timer\nLoadState=loaded\nActiveState=inactive\nConditionTimestampMonotonic=9\n\n"
        "Id=masked.service\nLoadState=masked\nActiveState=inactive\nConditionTimestampMonotonic=0\n\n"
        "Id=none.service\nLoadState=not-found\nActiveState=inactive\nConditionTimestampMonotonic=0\n"
    )
    assert listings.waiting(listings.services(listing)) == ["logrotate.timer"]
    assert listings.waiting(listings.services("")) == []


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
    assert listings.names(hosts, "web") == names


def test_users():
    assert listings.users("root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n+\n") == ["root", "www-data"]


def test_members():
    assert listings.members("root:x:0:\nadm:x:4:a,b\n+\nshop:x:994:www-data\n") == {"adm": ["a", "b"], "shop": ["www-data"]}


def test_system():
    assert listings.system('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n# x=y\n') == ("debian", "13")
    assert listings.system("ID=debian\n") == ("debian", "")
    assert listings.system("") == ("", "")


@pytest.mark.parametrize(("limit", "memory"), [("", 4000), ("max\n", 4000), ("1073741824\n", 1024), ("9223372036854771712", 4000)])
def test_memory_is_the_hosts_or_its_containers(limit, memory):
    assert listings.memory_mb("MemFree: 1 kB\nMemTotal:        4096000 kB\n", limit) == memory
