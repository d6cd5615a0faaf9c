"""The systemd units of workers and timers."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units

PLAN = {
    "name": "www.foobar.com",
    "user": "app-www",
    "root": "/srv/www.foobar.com",
    "workers": [{"name": "q", "command": ["sh", "-c", 'echo "$A" 5%']}],
    "timers": [{"name": "t", "command": ["x"], "schedule": "daily"}],
}


def test_units_of_workers_and_timers():
    units = app_units.units(PLAN)
    assert sorted(units) == ["www.foobar.com-q.service", "www.foobar.com-t.service", "www.foobar.com-t.timer"]
    worker = units["www.foobar.com-q.service"]
    assert 'ExecStart="/srv/www.foobar.com/current/run" "sh" "-c" "echo \\"$$A\\" 5%%"' in worker
    assert "WantedBy=multi-user.target" in worker
    assert "Restart" not in units["www.foobar.com-t.service"].replace("Restrict", "")
    assert "OnCalendar=daily" in units["www.foobar.com-t.timer"]
    assert app_units.units({**PLAN, "workers": [], "timers": []}) == {}


@pytest.mark.parametrize("unit", ["www.foobar.com-q.service", "www.foobar.com-t.service"])
def test_work_starts_in_the_state_and_goes_before_the_database(unit):
    lines = app_units.units(PLAN)[unit].splitlines()
    assert "WorkingDirectory=/srv/www.foobar.com/state" in lines
    assert "OOMScoreAdjust=500" in lines


def test_owner_is_the_application_and_nobody_of_what_others_made():
    assert {app_units.owner(text) for text in app_units.units(PLAN).values()} == {"www.foobar.com"}
    assert app_units.owner("[Unit]\nDescription=mine\n") == app_units.owner("") == ""


def test_all_but_the_service_of_a_timer_run_all_the_time():
    assert sorted(app_units.started(app_units.units(PLAN))) == ["www.foobar.com-q.service", "www.foobar.com-t.timer"]


@pytest.mark.parametrize("schedule", ["daily", "*:0/15", "Mon *-*-* 03:00:00", "Mon..Fri *-*-* 03:00:00 Europe/Berlin"])
def test_form_of_systemd_is_taken(schedule):
    assert app_units.schedule_problem(schedule) == ""


@pytest.mark.parametrize(("schedule", "words"), [("0 3 * * *", "cron's form"), ("", "is no time"), ("daily\nUser=root", "is no time")])
def test_other_forms_are_refused(schedule, words):
    assert words in app_units.schedule_problem(schedule)
