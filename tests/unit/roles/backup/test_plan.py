"""Which backups go, and which lead to a moment."""

from __future__ import annotations

import datetime

import pytest
from lamp_backup import BackupError, plan

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)


def name(days):
    return plan.name_of(NOW - datetime.timedelta(days=days), set())


@pytest.mark.parametrize(
    ("ages", "keep_days", "keep_at_least", "gone"),
    [
        ([], 14, 3, []),
        ([1, 2, 3], 14, 3, []),
        ([15, 16, 17], 14, 3, []),
        ([1, 2, 15, 16], 14, 3, [16]),
        ([1, 2, 3, 15, 16], 14, 3, [16, 15]),
        ([40], 1, 0, []),
        ([13.9, 14.1], 14, 1, [14.1]),
    ],
)
def test_doomed(ages, keep_days, keep_at_least, gone):
    assert plan.doomed([name(age) for age in ages], NOW, keep_days, keep_at_least) == [
        name(age) for age in gone
    ]


def test_names_are_never_taken_twice():
    first = plan.name_of(NOW, set())
    assert first == "20261125T120000Z"
    assert plan.name_of(NOW, {first}) == "20261125T120001Z"
    assert plan.time_of(first) == NOW


@pytest.mark.parametrize(
    "text", ["2026-11-25T12:00:00Z", "2026-11-25T13:00:00+01:00", " 2026-11-25 12:00:00+00:00 "]
)
def test_moment(text):
    assert plan.moment(text) == NOW


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-25", "2026-11-25T12:00:00", "2026-11-25T12:00:00.5Z", ""]
)
def test_no_moment(text):
    with pytest.raises(BackupError, match="is no moment"):
        plan.moment(text)


def at(hour, minute=0):
    return plan.shown(NOW.replace(hour=hour, minute=minute))


def backup(hour, first, logs=(), covers=None, line="a"):
    """Return a backup taken at an hour whose data begin in log ``first``;
    ``logs``: ``{number: hour of its end}``.
    """
    return {
        "name": plan.name_of(NOW.replace(hour=hour), set()),
        "manifest": {
            "time": at(hour),
            "timeline": line,
            "position": first and {"file": f"binlog.{first:06}", "position": 4},
        },
        "logs": {
            "files": [
                {"name": f"binlog.{number:06}", "until": at(end)}
                for number, end in dict(logs).items()
            ],
            "covers": covers,
        },
    }


def way(backups, hour, minute=30):
    found, chain = plan.way(backups, plan.moment(at(hour, minute)))
    return found["name"][9:11], [(keeper[9:11], plan.number(log)) for keeper, log in chain]


def test_way_from_the_backup_before_the_moment():
    shelf = [backup(1, 1, {1: 2, 2: 3}, at(3)), backup(3, 3, {3: 4, 4: 5}, at(5))]
    assert way(shelf, 1) == ("01", [("01", 1)])
    assert way(shelf, 2) == ("01", [("01", 1), ("01", 2)])
    assert way(shelf, 3) == ("03", [("03", 3)])


def test_way_over_a_log_that_the_next_backup_keeps():
    """The moment is before a backup, but the log that it is in was closed after it."""
    shelf = [backup(1, 1, {1: 2}, at(2)), backup(3, 2, {2: 4}, at(4))]
    assert way(shelf, 2) == ("01", [("01", 1), ("03", 2)])


def test_way_without_any_log_when_nothing_was_written():
    assert way([backup(1, 1, {}, at(3))], 2) == ("01", [])


def test_way_within_its_own_history():
    """At five a restore ended history a; at six b was ended by going back to a."""
    shelf = [backup(1, 1, {1: 4, 2: 5}, at(5)), backup(6, 1, {1: 8}, at(8), line="b")]
    assert way(shelf, 4) == ("01", [("01", 1), ("01", 2)])
    assert way(shelf, 7) == ("06", [("06", 1)])
    with pytest.raises(BackupError, match="do not reach 2026-11-25T05:30:00Z"):
        way(shelf, 5)


@pytest.mark.parametrize(
    ("shelf", "words"),
    [
        ([], "there is none at all"),
        ([backup(3, 1, {1: 4}, at(4))], "the oldest is of 2026-11-25T03:00:00Z"),
        ([backup(1, None)], "No backup with binary logs"),
        ([backup(1, 1, {1: 2}, at(2))], "do not reach"),
        (
            [backup(1, 1, {1: 2, 3: 4}, at(4))],
            "Binary log 2 after the backup 20261125T010000Z is not kept",
        ),
        ([backup(1, 1, {2: 4}, at(4))], "Binary log 1 after the backup"),
        # The later backup knows what came after it, and nothing of the log that is lost before.
        (
            [backup(1, 1, {1: 2}, at(2)), backup(3, 3, {3: 4}, at(4))],
            "Binary log 2 after the backup 20261125T010000Z is not kept",
        ),
        (
            [backup(1, 1, {1: 2}, at(2)), backup(3, 3, {}, at(4))],
            "Binary log 2 after the backup 20261125T010000Z is not kept",
        ),
    ],
)
def test_no_way(shelf, words):
    with pytest.raises(BackupError, match=words):
        way(shelf, 2)


def to_end(backups, line=None, name=None):
    found, chain = plan.way_to_end(backups, line, name)
    return found["name"][9:11], [(keeper[9:11], plan.number(log)) for keeper, log in chain]


def test_way_to_the_end():
    """The newest backup of the live data's history, and all logs of it;
    a backup that is named comes first.
    """
    shelf = [
        backup(1, 1, {1: 2, 2: 3}, at(3)),
        backup(3, 3, {3: 4}, at(5)),
        backup(6, 1, {1: 7}, at(8), line="b"),
        backup(9, None),
    ]
    assert to_end(shelf, "a") == ("03", [("03", 3)])
    assert to_end(shelf, "b") == ("06", [("06", 1)])
    assert to_end(shelf, "c") == to_end(shelf) == ("06", [("06", 1)])
    assert to_end(shelf, "b", shelf[0]["name"]) == ("01", [("01", 1), ("01", 2), ("03", 3)])
    for few, words in (
        ([backup(1, None)], "There is no backup with binary logs"),
        ([backup(1, 1, {1: 2, 3: 4}, at(4))], "Binary log 2 "),
    ):
        with pytest.raises(BackupError, match=words):
            to_end(few)


def test_differences():
    same, more, other = (
        {"rows": 1, "sha256": "a"},
        {"rows": 2, "sha256": "a"},
        {"rows": 1, "sha256": "b"},
    )
    wanted = {"shop.a": same, "shop.b": same, "shop.c": same, "shop.d": same, "mysql.e": same}
    found = {"shop.a": same, "shop.b": more, "shop.c": other, "shop.x": same, "mysql.e": other}
    assert plan.differences(wanted, found, skip=("mysql",)) == [
        "shop.b has 2 rows instead of 1",
        "shop.c has as many rows, but other contents",
        "shop.d is missing",
        "shop.x is not in the backup",
    ]
    assert plan.differences(wanted, wanted) == []


def of_files(*times):
    return [
        {
            "name": time,
            "manifest": {"time": f"2026-11-{time}T03:00:00.5Z", "position": None, "files": {}},
        }
        for time in times
    ]


@pytest.mark.parametrize(
    ("when", "wanted"), [("20", "20"), ("22", "20"), ("26", "25"), (None, "25"), ("10", "20")]
)
def test_way_of_files(when, wanted):
    moment = when and plan.moment(f"2026-11-{when}T12:00:00Z")
    no_files = {"name": "24", "manifest": {"time": "2026-11-24T03:00:00Z", "position": None}}
    assert plan.way_of_files([*of_files("25", "20"), no_files], moment)["name"] == wanted


@pytest.mark.parametrize(
    ("when", "wanted"), [("24T23:00", "25"), ("25T03:00", "25"), ("21T00:00", "20"), (None, "25")]
)
def test_way_of_files_that_go_with_data(when, wanted):
    """Those of the same night, though the database's backup was taken some minutes before."""
    moment = when and plan.moment(f"2026-11-{when}:00Z")
    assert plan.way_of_files(of_files("25", "20"), moment, nearest=True)["name"] == wanted


def test_no_way_of_files():
    with pytest.raises(BackupError, match="Take one with"):
        plan.way_of_files([], None)
    # Backups of files alone lead to no moment of a database.
    with pytest.raises(BackupError, match="No backup with binary logs is as old"):
        plan.way(of_files("20"), NOW)
