"""What dpkg, systemd and passwd say, read."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.common import listings


def test_only_wholly_installed_packages_count():
    listing = (
        "ii  apache2 2.4.1\nhi  held 1:1\nrc  removed 1\niU  unpacked 1\niF  half 1\nun  unknown "
        "\niiR broken 1\n"
    )
    assert listings.installed(listing) == {"apache2": "2.4.1", "held": "1:1"}
    assert listings.installed("") == {}


@pytest.mark.parametrize(
    ("version", "openssh"),
    [("1:9.2p1-2+deb12u6", "9.2"), ("1:10.0p1-7", "10.0"), ("9.8p1", "9.8"), ("", ""), ("x", "")],
)
def test_version_of_openssh(version, openssh):
    assert listings.openssh(version) == openssh


ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
eth1\t000010AC\t0100000A\t0003\t0\t0\t0\t0000F0FF\t0\t0\t0
"""
_ROUTE6 = (
    "{} {} 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 "
    "00000000 {} {}\n"
)
ROUTES6 = "".join(
    _ROUTE6.format(*route)
    for route in (
        ("20010db8000000000000000000000000", "40", "00000001", "    eth0"),
        ("20010db8000000000000000000000000", "40", "00000001", "    eth0"),
        ("20010db8000000000000000000000002", "80", "80200001", "    eth0"),
        ("fd000000000000000000000000000000", "30", "00000003", "    eth0"),
        ("fe800000000000000000000000000000", "40", "00000001", "    eth0"),
        ("ff000000000000000000000000000000", "08", "00000001", "    eth0"),
        ("00000000000000000000000000000000", "00", "00200200", "      lo"),
        ("00000000000000000000000000000001", "80", "00000001", "      lo"),
    )
)


@pytest.mark.skipif(sys.byteorder != "little", reason="as a little-endian kernel says it")
def test_networks_are_those_that_are_reached_without_a_gateway():
    assert listings.networks(ROUTE, ROUTES6) == {
        "eth0": ["192.0.2.0/24", "2001:db8::/64"],
        "eth1": ["10.0.0.0/8"],
    }
    assert listings.networks("", "") == {}


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
        "Id=logrotate.timer\nLoadState=loaded\nActiveState=inactive\n"
        "ConditionTimestampMonotonic=0\n\n"
        "Id=apt-daily.timer\nLoadState=loaded\nActiveState=active\n"
        "ConditionTimestampMonotonic=9\n\n"
        "Id=fstrim.timer\nLoadState=loaded\nActiveState=inactive\nConditionTimestampMonotonic=9\n\n"
        "Id=masked.service\nLoadState=masked\nActiveState=inactive\n"
        "ConditionTimestampMonotonic=0\n\n"
        "Id=none.service\nLoadState=not-found\nActiveState=inactive\n"
        "ConditionTimestampMonotonic=0\n"
    )
    assert listings.waiting(listings.services(listing)) == ["logrotate.timer"]
    assert listings.waiting(listings.services("")) == []


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (
            "127.0.0.1 localhost\n127.0.1.1\tweb.example.com web # ours\n",
            ["web.example.com", "web"],
        ),
        ("192.0.2.1 web\n127.0.1.1 web.example.com web\n", ["web"]),
        ("127.0.0.1 localhost\n# 127.0.1.1 web\n", []),
        ("", []),
    ],
)
def test_names_of_the_host(hosts, names):
    assert listings.names(hosts, "web") == names


def test_users():
    assert listings.users(
        "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n+\n"
    ) == ["root", "www-data"]


def test_members():
    assert listings.members("root:x:0:\nadm:x:4:a,b\n+\nshop:x:994:www-data\n") == {
        "adm": ["a", "b"],
        "shop": ["www-data"],
    }


def test_system():
    assert listings.system(
        'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n# x=y\n'
    ) == ("debian", "13")
    assert listings.system("ID=debian\n") == ("debian", "")
    assert listings.system("") == ("", "")


@pytest.mark.parametrize(
    ("limit", "memory"),
    [("", 4000), ("max\n", 4000), ("1073741824\n", 1024), ("9223372036854771712", 4000)],
)
def test_memory_is_the_hosts_or_its_containers(limit, memory):
    assert listings.memory_mb("MemFree: 1 kB\nMemTotal:        4096000 kB\n", limit) == memory


MOUNTED = """\
21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 0:20 / /proc rw - proc proc rw
23 21 0:21 / /tmp rw - tmpfs tmpfs rw
24 21 0:44 / /mnt/media rw,relatime shared:9 master:2 - autofs systemd-1 rw
25 24 0:45 / /mnt/media rw,relatime shared:10 - nfs4 nas:/media\\040files rw,vers=4.2
26 21 254:1 /x /mnt/with\\040space rw - xfs /dev/vdb rw
half a line
"""


def test_what_is_mounted_where():
    found = {"/": "/dev/vda1", "/mnt/media": "nas:/media files", "/mnt/with space": "/dev/vdb"}
    assert listings.mounts(MOUNTED) == found
    assert listings.mounts("") == {}


def test_zones_of_a_name_server():
    text = """
include "/etc/bind/keys/lamp.key";
zone "foobar.com" {
    file "/var/lib/bind/foobar.com.zone";
    allow-transfer { key "t"; };
    type secondary;
    primaries { 192.0.2.1 key "t"; 2001:db8::1 key "t"; };
};

zone "a.com" {
    type primary;
    update-policy { grant lamp zonesub any; };
};
"""
    assert listings.zones(text) == {
        "foobar.com": {"type": "secondary", "primaries": ["192.0.2.1", "2001:db8::1"]},
        "a.com": {"type": "primary", "primaries": []},
    }
    assert listings.zones("") == {}
