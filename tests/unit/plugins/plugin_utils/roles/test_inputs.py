"""What follows from the inputs of the roles, beside what is wrong with them."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import (
    apache,
    backup,
    bind,
    linux_base,
)


@pytest.mark.parametrize(
    ("admin", "is_present", "is_sudoer"),
    [
        ({}, True, True),
        ({"state": "present"}, True, True),
        ({"state": "absent"}, False, False),
        ({"sudo": False}, True, False),
        ({"sudo": True}, True, True),
        ({"state": "absent", "sudo": True}, False, False),
    ],
)
def test_administrators_who_are_there_and_may_become_root(admin, is_present, is_sudoer):
    admin = {"name": "ada", **admin}
    assert linux_base.present([admin]) == [admin] * is_present
    assert linux_base.sudoers([admin]) == [admin] * is_sudoer


@pytest.mark.parametrize(
    ("hostname", "known_as", "names", "missing"),
    [
        ("", "old", [], []),
        ("db1.example.com", "db1.example.com", ["db1.example.com", "db1"], []),
        (
            "db1.example.com",
            "db1.example.com",
            ["db1", "db1.example.com"],
            ["db1.example.com", "db1"],
        ),
        ("db1.example.com", "db1.example.com", ["db1.example.com"], ["db1.example.com", "db1"]),
        ("db1.example.com", "old", ["db1.example.com", "db1"], ["db1.example.com", "db1"]),
        ("db1", "db1", [], ["db1"]),
        ("db1", "db1", ["db1", "more"], []),
    ],
)
def test_names_that_the_host_does_not_know_as_its_own(hostname, known_as, names, missing):
    assert linux_base.missing_names(hostname, known_as, names) == missing


KEYS = [{"name": "made"}, {"name": "given", "secret": "c2VjcmV0"}]
ZONES = [{"name": "own.example"}, {"name": "copied.example", "primaries": ["192.0.2.1"]}]


def test_keys_that_are_given_and_zones_that_are_copied_are_not_made():
    made = ["/etc/bind/keys/made.key", "/var/lib/bind/own.example.zone"]
    assert bind.made_once(KEYS, ZONES) == made


@pytest.mark.parametrize(
    ("path", "is_undeclared"),
    [
        ("/var/lib/bind/own.example.zone", False),
        ("/var/lib/bind/copied.example.zone", False),
        ("/var/lib/bind/old.example.zone", True),
        # A signed zone's key, which is there as long as the zone is.
        ("/var/lib/bind/dnssec/Kown.example.+013+12345.private", False),
        ("/etc/bind/keys/old.key", False),
    ],
)
def test_zones_that_are_no_longer_declared(path, is_undeclared):
    assert bind.undeclared({path: {}}, ZONES) == [path] * is_undeclared


@pytest.mark.parametrize(
    ("line", "zones"),
    [
        ("left: old.example", ["old.example"]),
        ("/var/lib/bind/own.example.zone", []),
        ("left: $(reboot)", []),
        ("left: a b", []),
        ("left: ", []),
    ],
)
def test_zones_that_are_left_have_plain_names(line, zones):
    assert bind.left([line]) == zones


@pytest.mark.parametrize(
    ("addresses", "four", "six"),
    [
        (["any"], "any;", "any;"),
        (["192.0.2.1"], "192.0.2.1;", "none;"),
        (["192.0.2.1", "2001:db8::1", "192.0.2.2"], "192.0.2.1; 192.0.2.2;", "2001:db8::1;"),
        ([], "none;", "none;"),
    ],
)
def test_addresses_by_family(addresses, four, six):
    assert (bind.listening(addresses, 4), bind.listening(addresses, 6)) == (four, six)


@pytest.mark.parametrize(
    ("modules", "proxy", "there", "missing"),
    [
        (
            [],
            False,
            ["mpm_event.load", "mpm_event.conf", "status.load", "setenvif.load"],
            ["proxy.load", "status.conf", "setenvif.conf"],
        ),
        ([], True, ["proxy.load", "proxy.conf", "proxy_http.load"], ["wsgi.load"]),
        (["dav"], False, ["dav.load", "setenvif.conf"], ["dav.conf"]),
        (["proxy", "alias"], False, ["proxy.load", "proxy.conf"], []),
    ],
)
def test_modules_of_apache_with_their_settings(modules, proxy, there, missing):
    names = [file["name"] for file in apache.module_files(modules, proxy)]
    assert len(names) == len(set(names))
    assert set(there) <= set(names)
    assert not set(missing) & set(names)


SYSTEMD = "/etc/systemd/system"
DATABASE = {"engine": "mariadb"}
DAILY = ["daily", "hourly", "weekly"]


@pytest.mark.parametrize(
    ("schedules", "enabled", "database", "files", "timers"),
    [
        (
            DAILY,
            True,
            DATABASE,
            [],
            ["lamp-backup.timer", "lamp-backup-log.timer", "lamp-backup-drill.timer"],
        ),
        (DAILY, True, {}, [{"name": "shop"}], ["lamp-backup.timer", "lamp-backup-drill.timer"]),
        (
            ["daily", "hourly", ""],
            True,
            DATABASE,
            [],
            ["lamp-backup.timer", "lamp-backup-log.timer"],
        ),
        (DAILY, True, {}, [], []),
        (DAILY, False, DATABASE, [{"name": "shop"}], []),
    ],
)
def test_timers_of_backups(schedules, enabled, database, files, timers):
    units = backup.units(schedules, enabled, database, files)
    assert backup.timers(units) == timers
    unwanted = {"lamp-backup.timer", "lamp-backup-log.timer", "lamp-backup-drill.timer"} - set(
        timers
    )
    assert set(backup.timers_unwanted(timers)) == unwanted
    gone = {path for path in backup.absent(units, "/backups") if path.endswith(".timer")}
    assert gone == {
        f"{place}/{timer}"
        for timer in unwanted
        for place in (SYSTEMD, f"{SYSTEMD}/timers.target.wants")
    }
    # A service without a timer is started by hand.
    assert len(units) == (3 if timers else 0)


def test_backups_stay_when_all_else_of_them_goes():
    gone = backup.absent([], "/backups")
    services = {
        f"{SYSTEMD}/{name}.service"
        for name in ("lamp-backup", "lamp-backup-drill", "lamp-backup-failed@")
    }
    assert services | {
        "/etc/lamp-backup",
        "/usr/local/sbin/lamp-backup",
        "/backups/.keeping",
    } < set(gone)
    assert "/backups" not in gone


def test_database_of_backups_has_what_goes_without_saying():
    assert backup.database({}) == {}
    assert backup.database({**DATABASE, "datadir": "/data"}) == {
        "datadir": "/data",
        "socket": "/run/mysqld/mysqld.sock",
        "service": "mariadb",
        "engine": "mariadb",
    }
