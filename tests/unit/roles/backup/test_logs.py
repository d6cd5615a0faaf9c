"""Binary logs that are gone are noticed."""

from __future__ import annotations

import pytest
from lamp_backup import logs


def log(number, began):
    return {"name": f"binlog.{number:06}", "began": began}


@pytest.mark.parametrize(
    ("there", "before", "words"),
    [
        ([3, 4, 5], "binlog.000005", ""),
        ([4, 5], "binlog.000005", ""),
        ([3, 4], "", ""),
        ([3], "", ""),
        ([5], "binlog.000005", "4 to 4"),
        ([7], "binlog.000007", "4 to 6"),
        ([3, 5], "binlog.000005", "4 to 4"),
        ([3, 6], "", "4 to 5"),
        ([1], "binlog.000001", "after binlog.000003, as the server is back at binlog.000001,"),
        ([1, 2], "other.000002", "after binlog.000003, as the server writes other.000002 now,"),
        ([3], "binlog.000003", "after binlog.000003, as the server is back at binlog.000003,"),
        ([], "", "after binlog.000003"),
        ([1, 2], "", "after binlog.000003"),
    ],
)
def test_lost(there, before, words):
    files = {number: log(number, 1000 + number) for number in there}
    assert logs.lost(files, 3, "binlog.000003", 1003, before) == words


def test_lost_when_a_log_of_the_name_was_begun_anew():
    files = {number: log(number, 2000) for number in (1, 2, 3, 4)}
    assert "begun anew" in logs.lost(files, 3, "binlog.000003", 1003, "binlog.000004")
    assert logs.lost(files, 3, "binlog.000003", None, "binlog.000004") == ""


def test_nothing_is_lost_while_the_backups_own_log_is_active():
    assert logs.lost({3: log(3, 1003)}, 2, "binlog.000003", 1003, "binlog.000003") == ""
    assert logs.lost({4: log(4, 1004)}, 2, "binlog.000003", 1003, "binlog.000004") == "3 to 3"
