"""What dpkg, systemd and passwd say, read."""

from __future__ import annotations

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
    assert _host.running(listing) == ["apache2"]
    assert _host.running("") == []


def test_users():
    assert _host.users("root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n+\n") == ["root", "www-data"]
