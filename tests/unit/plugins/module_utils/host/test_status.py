"""What a host says of itself, made of the texts of its programs and files."""

from __future__ import annotations

import json
import os
import struct

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units
from ansible_collections.foobar.lamp.plugins.module_utils.host import soa, status


def unit(state="active", **more):
    return {
        "ActiveState": state,
        "LoadState": "loaded",
        "ConditionTimestampMonotonic": "7",
        "ConditionResult": "yes",
        **more,
    }


def test_services_that_have_to_run():
    units = {
        "apache2": unit("inactive", ConditionResult="no"),
        "mariadb": unit("inactive", LoadState="not-found"),
        "ssh": unit(),
        "once": unit("inactive", Type="oneshot"),
        "elsewhere": unit("inactive", ConditionResult="no"),
        "untried": unit("inactive", ConditionResult="no", ConditionTimestampMonotonic="0"),
        "stopped": unit("inactive", Type="simple"),
        "broken": unit("failed", Type="oneshot"),
    }
    assert status.services({"apache2", "mariadb", "named"}, units) == {
        "apache2": "inactive",
        "broken": "failed",
        "mariadb": "not-found",
        "named": "unknown",
        "ssh": "active",
        "stopped": "inactive",
        "untried": "inactive",
    }


def test_service_that_is_named_by_an_alias():
    units = {"redis-server": unit(Names="redis-server.service redis.service"), "ssh": unit()}
    assert status.own_names({"redis", "ssh", "gone"}, units) == {"redis-server", "ssh", "gone"}


def test_units_that_were_made_on_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "UNITS", str(tmp_path))
    for target in ("multi-user", "timers"):
        (tmp_path / f"{target}.target.wants").mkdir()
    (tmp_path / "package.service").touch()
    for name in ("shop@1-1.service", "backup.timer", "off.service"):
        (tmp_path / name).touch()
    (tmp_path / "alias.service").symlink_to("off.service")
    (tmp_path / "multi-user.target.wants/shop@1-1.service").symlink_to("../shop@1-1.service")
    (tmp_path / "timers.target.wants/backup.timer").symlink_to("../backup.timer")
    (tmp_path / "multi-user.target.wants/ssh.service").symlink_to("/bin/sh")
    assert status.local() == {"shop@1-1.service", "backup.timer"}


def test_what_goes_on_without_its_group(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "JOURNALS", str(tmp_path / "trees"))
    monkeypatch.setattr(status, "UNITS", str(tmp_path / "units"))
    wants = tmp_path / "units/multi-user.target.wants"
    wants.mkdir(parents=True)
    for name, text in (
        ("shop-queue.service", app_units.header("shop")),
        ("other.service", "# Somebody else's.\n"),
    ):
        (tmp_path / "units" / name).write_text(text)
        (wants / name).symlink_to(f"../{name}")
    for role in ("apache", "linux_base", "mysql", "nginx", "python_app"):
        (tmp_path / "trees" / role).mkdir(parents=True)
    former = status.of_former_roles(["linux_base", "nginx"])
    assert former.keys() == {"apache", "mysql", "python_app"}
    units = {"apache2": unit("inactive"), "mariadb": unit(), "shop-queue": unit()}
    assert status.left(former, units, set()) == {"mysql": ["mariadb"], "python_app": ["shop-queue"]}
    # What was only stopped is back with the host.
    units = {"mariadb": unit("inactive")}
    assert status.left(former, units, {"apache2.service"}) == {"apache": ["apache2"]}
    assert status.of_former_roles(None) == {}


def test_failed_units():
    assert status.failed(
        "b.service loaded failed failed The b\na.service loaded failed failed The a\n\n"
    ) == ["a.service", "b.service"]


@pytest.mark.parametrize("label", ["Iter. #2", "Iteration #2"])
def test_longest_time_between_two_of_a_schedule(label):
    listing = (
        "  Original form: Mon..Fri\nNormalized form: Mon..Fri *-*-* 00:00:00\n    Next elapse: "
        "Fri 2026-11-27 00:00:00 UTC\n"
        f"       From now: 3h left\n   {label}: Mon 2026-11-30 00:00:00 UTC\n   Iteration #3: Tue "
        f"2026-12-01 00:00:00 UTC\n"
    )
    assert status.interval(listing) == 3 * 86400
    assert status.interval("") == 0


def test_certificates_of_both_programs():
    row = {
        "name": "www",
        "until": "2027-01-01T00:00:00Z",
        "issuer": "CA",
        "source": "acme",
        "state": "issued",
        "reason": "",
        "trusted": True,
    }
    dates = (
        "notBefore=Nov  7 12:00:00 2026 GMT\nnotAfter=Nov  6 12:00:00 2028 GMT\nissuer=CN = db1 "
        "authority, O = x\n"
    )
    found = status.certificates(json.dumps({"certificates": [row]}), dates)
    # One that an earlier version of the command tells of has no beginning.
    assert (found["www"]["since"], found["www"]["until"]) == (None, row["until"])
    own = found["the database server"]
    assert (own["since"], own["until"], own["issuer"]) == (
        "2026-11-07T12:00:00Z",
        "2028-11-06T12:00:00Z",
        "db1 authority",
    )
    assert status.certificates("not JSON", "") == {}


def test_backups_of_a_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "UNITS", str(tmp_path))
    (tmp_path / "lamp-backup.timer").write_text("[Timer]\nOnCalendar=daily\n")
    assert status.schedule("lamp-backup") == "daily"
    assert status.schedule("lamp-backup-drill") == ""
    place = tmp_path / "backups"
    for name, drill in (
        ("20261125T010203Z", {"time": "2026-11-26T00:00:00Z", "ok": True}),
        ("20261126T010203Z", None),
    ):
        (place / name).mkdir(parents=True)
        (place / name / "manifest.json").write_text("{}")
        if drill:
            (place / name / "drill.json").write_text(json.dumps(drill))
    (place / "20261127T010203Z").mkdir()  # its manifest is not written yet
    every = {"lamp-backup": 86400, "lamp-backup-drill": 0}
    found = status.backups({"directory": str(place), "copy": {"to": "there:/b"}}, every)
    assert found["backup"] == {"last": "2026-11-26T01:02:03Z", "every": 86400}
    assert found["drill"] == {
        "last": "2026-11-26T00:00:00Z",
        "passed": True,
        "reason": "",
        "every": 0,
    }
    assert found["copy"] == {"to": "there:/b", "last": "", "every": 86400}
    (place / ".copied").touch()
    os.utime(place / ".copied", (0, 86400))
    assert (
        status.backups({"directory": str(place), "copy": {"to": "there:/b"}}, every)["copy"]["last"]
        == "1970-01-02T00:00:00Z"
    )
    assert status.backups({"directory": str(place / "none")}, every)["backup"]["last"] == ""


def test_disks_are_told_once(tmp_path):
    other = tmp_path / "with space"
    other.mkdir()
    listed = (
        "proc /proc proc",
        f"/dev/x {tmp_path}/with\\040space ext4",
        f"/dev/x {tmp_path} ext4",
        "tmpfs /dev/shm tmpfs",
    )
    mounts = "".join(f"{words} rw 0 0\n" for words in listed)
    (found,) = status.disks(mounts)
    assert found["path"] == str(other)
    assert 0 <= found["percent"] <= 100


def test_memory_within_a_limit():
    meminfo = "MemTotal: 4096000 kB\nMemAvailable: 2048000 kB\n"
    assert status.memory(meminfo) == {"total_mb": 4000, "available_mb": 2000}
    assert status.memory(meminfo, "max\n", "1048576\n")["available_mb"] == 2000
    assert status.memory(meminfo, f"{2**30}\n", f"{2**30 - 2**20}\n") == {
        "total_mb": 1024,
        "available_mb": 1,
    }


def test_journal_is_a_leftover_unless_a_run_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "JOURNALS", str(tmp_path))
    for name in ("apache", "bind", "mysql"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    for name in ("apache", "bind"):
        (tmp_path / name / "swapping").write_text("{}")
    held = f"1: FLOCK  ADVISORY  WRITE 7 08:01:{(tmp_path / 'bind/lock').stat().st_ino} 0 EOF\n"
    monkeypatch.setattr(status, "read", lambda path: held if path == "/proc/locks" else "")
    assert status.journals() == ["apache"]


def message(number, name=b"\x06foobar\x03com\x00", flags=0x8400, answers=1, kind=6):
    """Return an answer with a SOA record whose names are led to elsewhere."""
    rdata = (
        b"\x03ns1\xc0\x0c" + b"\x0ahostmaster\xc0\x0c" + struct.pack(">5I", 2026112701, 1, 2, 3, 4)
    )
    record = b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 300, len(rdata)) + rdata
    return (
        struct.pack(">6H", number, flags, 1, answers, 0, 0)
        + name
        + struct.pack(">2H", 6, 1)
        + record
    )


def test_serial_in_an_answer():
    assert soa.answer(message(7), 7) == 2026112701
    assert soa.question("foobar.com", 7)[12:] == b"\x06foobar\x03com\x00\x00\x06\x00\x01"


@pytest.mark.parametrize(
    "said",
    [
        message(8),
        message(7, flags=0x8405),
        message(7, flags=0x8000),
        message(7, answers=0),
        message(7, kind=5),
        message(7)[:40],
        b"",
    ],
    ids=["another's", "refused", "not its own", "empty", "another record", "cut off", "nothing"],
)
def test_answer_without_a_serial(said):
    assert soa.answer(said, 7) is None


def test_server_that_is_not_there():
    # Nobody listens on port 53 of an address of the loopback network that is nobody's.
    assert soa.serial("foobar.com", ["127.254.254.254"]) is None
