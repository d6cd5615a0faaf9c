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
    "builder": "build-app-www",
    "serve": [],
    "server": {"memory_limit": 0, "graceful_timeout": 15},
    "restrict": {},
}
RELEASE, INSTANCE = "0123456789ab", "0123456789ab-2"


def test_units_of_workers_and_timers():
    units = app_units.units(PLAN)
    assert sorted(units) == [
        "www.foobar.com-q.service",
        "www.foobar.com-t.service",
        "www.foobar.com-t.timer",
    ]
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
    assert sorted(app_units.started(app_units.units(PLAN))) == [
        "www.foobar.com-q.service",
        "www.foobar.com-t.timer",
    ]


@pytest.mark.parametrize(
    ("where", "enabled", "elsewhere"),
    [
        (None, [], []),
        ("here", [], []),
        (
            "elsewhere",
            ["www.foobar.com-t.timer"],
            ["www.foobar.com-t.timer", "www.foobar.com-o.timer"],
        ),
        ("unchanged", ["www.foobar.com-t.timer"], ["www.foobar.com-o.timer"]),
    ],
)
def test_timers_of_one_host_run_where_they_belong_and_those_of_each_everywhere(
    where, enabled, elsewhere
):
    jobs = [
        {"name": name, "command": ["x"], "schedule": "daily", **run_on}
        for name, run_on in (("t", {}), ("o", {"run_on": "one"}))
    ]
    plan = {
        **PLAN,
        "single_timers": where,
        "timers": [*jobs, {**jobs[0], "name": "e", "run_on": "each"}],
    }
    assert app_units.elsewhere(plan, enabled) == elsewhere
    units = app_units.units(plan)
    # They are there all the same, for whoever starts one by hand.
    assert set(elsewhere) < set(units)
    running = set(app_units.started(units, elsewhere))
    assert (
        not running & set(elsewhere)
        and {"www.foobar.com-e.timer", "www.foobar.com-q.service"} <= running
    )


@pytest.mark.parametrize(
    "schedule", ["daily", "*:0/15", "Mon *-*-* 03:00:00", "Mon..Fri *-*-* 03:00:00 Europe/Berlin"]
)
def test_form_of_systemd_is_taken(schedule):
    assert app_units.schedule_problem(schedule) == ""


@pytest.mark.parametrize(
    ("schedule", "words"),
    [("0 3 * * *", "cron's form"), ("", "is no time"), ("daily\nUser=root", "is no time")],
)
def test_other_forms_are_refused(schedule, words):
    assert words in app_units.schedule_problem(schedule)


def service(**change):
    return app_units.service({**PLAN, **change}, RELEASE, INSTANCE).splitlines()


def test_service_serves_its_own_release_on_a_socket_of_its_own():
    lines = service()
    assert (
        app_units.service_name("www.foobar.com", INSTANCE)
        == "app-www.foobar.com@0123456789ab-2.service"
    )
    assert (
        'ExecStart="/srv/www.foobar.com/releases/0123456789ab/run" "python" '
        '"/srv/www.foobar.com/releases/0123456789ab/serve.py"'
    ) in lines
    socket = "/run/python_app/www.foobar.com/0123456789ab-2/app.sock"
    assert f'Environment="SOCKET={socket}" "SOCKET_GROUP=build-app-www"' in lines
    assert (
        app_units.instance_of_socket(socket)
        == app_units.instance("app-www.foobar.com@0123456789ab-2.service")
        == INSTANCE
    )
    assert "WorkingDirectory=/srv/www.foobar.com/releases/0123456789ab/src" in lines
    assert "TimeoutStopSec=20" in lines
    assert not [line for line in lines if line.startswith("Memory")]
    assert app_units.owner("\n".join(lines)) == "www.foobar.com"


def test_no_worker_or_timer_is_an_instance():
    assert (
        app_units.instance("www.foobar.com-q.service")
        == app_units.instance("www.foobar.com-t.timer")
        == ""
    )
    assert (
        app_units.instance_of_socket("/run/mysqld/mysqld.sock")
        == app_units.instance_of_socket("")
        == ""
    )


def test_command_that_is_a_server_gets_the_socket():
    (line,) = [
        line
        for line in service(serve=["gunicorn", "--bind", "unix:$SOCKET", "a:b"])
        if line.startswith("ExecStart=")
    ]
    assert '"--bind" "unix:/run/python_app/www.foobar.com/0123456789ab-2/app.sock" "a:b"' in line


def test_memory_limit_is_the_service_s():
    assert {"MemoryHigh=190M", "MemoryMax=200M"} <= set(
        service(server={"memory_limit": 200, "graceful_timeout": 15})
    )


@pytest.mark.parametrize(
    "unit", ["service", "www.foobar.com-q.service", "www.foobar.com-t.service"]
)
def test_what_an_application_needs_is_opened_after_all_that_shuts(unit):
    restrict = {"PrivateDevices": False, "ReadWritePaths": ["/mnt/a", "/mnt/b"], "UMask": "0027"}
    plan = {**PLAN, "restrict": restrict}
    text = (
        app_units.service(plan, RELEASE, INSTANCE)
        if unit == "service"
        else app_units.units(plan)[unit]
    )
    opened = text.index(
        "PrivateDevices=false\nReadWritePaths=/mnt/a\nReadWritePaths=/mnt/b\nUMask=0027\n"
    )
    assert opened > text.index("SystemCallFilter=") > text.index("PrivateDevices=true")


@pytest.mark.parametrize(
    "unit", ["service", "www.foobar.com-q.service", "www.foobar.com-t.service"]
)
def test_what_hosts_share_is_for_writing_and_nothing_runs_without_it(unit):
    def lines(**more):
        plan = {**PLAN, **more}
        return (
            app_units.service(plan, RELEASE, INSTANCE)
            if unit == "service"
            else app_units.units(plan)[unit]
        ).splitlines()

    found = lines(shared_media="/mnt/media")
    assert found.index("RequiresMountsFor=/mnt/media") < found.index("[Service]")
    assert "ReadWritePaths=/srv/www.foobar.com /mnt/media" in found
    assert "ReadWritePaths=/srv/www.foobar.com" in lines()
    assert not [line for line in lines() if line.startswith("RequiresMountsFor")]


CONTAINER = {"port": 0, "cpu_limit": 0}
OF_IMAGE = {**PLAN, "image": {"kind": "layout"}, "container": CONTAINER}


def test_image_is_run_by_its_launcher_in_a_unit_that_ends_all_of_it():
    text = app_units.service({**OF_IMAGE, "serve": ["serve", "$SOCKET"]}, RELEASE, INSTANCE)
    assert app_units.owner(text) == "www.foobar.com"
    assert (
        f'ExecStart="/srv/www.foobar.com/releases/{RELEASE}/run" "--service" "serve" "$$SOCKET"'
        in text
    )
    assert (
        f"ExecStop=/usr/bin/podman --events-backend=none stop --ignore --time=15 "
        f"app-www.foobar.com-{INSTANCE}"
    ) in text
    assert f"rm --force --ignore --time=0 app-www.foobar.com-{INSTANCE}" in text
    assert (
        f'"SOCKET=/run/python_app/www.foobar.com/{INSTANCE}/app.sock" "SOCKET_GROUP=build-app-www"'
        in text
    )
    assert "WantedBy=multi-user.target" in text
    assert "--drain" not in text
    assert "CPUQuota" not in text
    # The launcher is root's, who starts Podman.
    assert "User=" not in text


def test_image_with_a_port_and_limits():
    text = app_units.service(
        {
            **OF_IMAGE,
            "container": {"port": 80, "cpu_limit": 150},
            "server": {"memory_limit": 100, "graceful_timeout": 5},
        },
        RELEASE,
        INSTANCE,
    )
    assert text.index("podman --events-backend=none stop") < text.index(
        f'ExecStop=-"/srv/www.foobar.com/releases/{RELEASE}/run" "--drain" "5"'
    )
    assert "MemoryMax=100M\n" in text
    assert "CPUQuota=150%\n" in text


def test_workers_and_timers_run_in_the_image():
    units = app_units.units({**OF_IMAGE, "shared_media": "/mnt/media"})
    worker, timer = units["www.foobar.com-q.service"], units["www.foobar.com-t.service"]
    assert 'ExecStart="/srv/www.foobar.com/current/run" "sh" "-c" "echo \\"$$A\\" 5%%"' in worker
    assert "Type=notify" in worker
    assert 'Environment="CONTAINER=app-www.foobar.com-q"' in worker
    assert "RequiresMountsFor=/mnt/media" in worker
    assert "Type=oneshot" in timer
    # By that the launcher knows whether it is to wait for the end.
    assert "NotifyAccess" not in timer
    assert "SOCKET" not in worker + timer
