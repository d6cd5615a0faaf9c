"""Logs of several makes in one order."""

from __future__ import annotations

import json

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import logs

ERROR = """[Fri Nov 27 07:00:01.500000 2026] [wsgi:error] [pid 7] first
  of two lines
[Fri Nov 27 07:00:03.000000 2026] [wsgi:error] [pid 7] third
"""
ACCESS = '192.0.2.1 - - [27/Nov/2026:08:00:02 +0100] "GET / HTTP/1.1" 200 5 "-" "x"\n'
JOURNAL = "\n".join(
    json.dumps({"__REALTIME_TIMESTAMP": str(when), "MESSAGE": words, **unit})
    for when, words, unit in (
        (
            1795762802500000,
            "Started",
            {"UNIT": "shop-queue.service", "_SYSTEMD_UNIT": "init.scope"},
        ),
        (1795762804000000, [0x61, 0xFF], {"_SYSTEMD_UNIT": "shop-queue.service"}),
    )
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    logs.time.tzset()
    yield
    monkeypatch.undo()
    logs.time.tzset()


def merged(since=0.0, pattern="", most=100):
    found = [logs.of_error_log(ERROR), logs.of_access_log(ACCESS), logs.of_journal(JOURNAL)]
    return [str(line) for line in logs.wanted(found, since, pattern, most)]


def test_lines_stand_in_the_order_of_time_with_who_said_them():
    assert merged() == [
        "2026-11-27T07:00:01.500Z error: [wsgi:error] [pid 7] first",
        "2026-11-27T07:00:01.500Z error:   of two lines",
        '2026-11-27T07:00:02.000Z access: 192.0.2.1 - - "GET / HTTP/1.1" 200 5 "-" "x"',
        "2026-11-27T07:00:02.500Z systemd on shop-queue: Started",
        "2026-11-27T07:00:03.000Z error: [wsgi:error] [pid 7] third",
        "2026-11-27T07:00:04.000Z shop-queue: a\N{REPLACEMENT CHARACTER}",
    ]


def test_lines_before_a_moment_and_without_the_pattern_are_left_out():
    assert merged(since=1795762803.0)[0].endswith("third")
    assert [line[-5:] for line in merged(pattern="third|FIRST".lower())] == ["first", "third"]
    assert merged(pattern="FIRST") == []
    assert len(merged(most=2)) == 2


def test_pattern_that_is_none_is_refused():
    with pytest.raises(
        logs.LogError, match=r"grep is '\(', which is no regular expression .* correct it"
    ):
        merged(pattern="(")


def test_end_of_a_log_begins_with_a_whole_line(tmp_path):
    (tmp_path / "log").write_text("one\ntwo\nthree\n")
    assert logs.end(tmp_path / "log", most=8) == "three\n"
    assert logs.end(tmp_path / "none") == ""


def test_moment_in_seconds_is_taken_as_it_is():
    assert logs.moment("1795762803.5") == 1795762803.5
    assert logs.moment("") == 0


def test_error_log_of_nginx_has_its_times():
    (line,) = logs.of_error_log('2026/11/27 07:00:01 [error] 7#7: *1 open() "/x" failed\n')
    assert str(line) == '2026-11-27T07:00:01.000Z error: [error] 7#7: *1 open() "/x" failed'
