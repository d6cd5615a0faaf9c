"""What a host needs to know of an application, and what identifies a release."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import failures
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model

APP = {
    "name": "www.foobar.com",
    "source": "/app",
    "wsgi": "shop:application",
    "environment": {"SECRET_KEY": "hush"},
}


def release(**change):
    return model.release("content", model.plan({**APP, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"wsgi": "shop:other"},
        {"migrate": ["x"]},
        {"collect": ["x"]},
        {"static_dir": "s"},
        {"requirements": ["r"]},
        {"extras": ["e"]},
        {"memory_limit": 9},
        {"python": "3.12"},
    ],
)
def test_release_is_also_how_it_is_made(change):
    assert release(**change) != release()


@pytest.mark.parametrize(
    "change",
    [
        {"after": ["x"]},
        {"timeouts": {"start": 3}},
        {"environment": {"A": "b"}},
        {"backup_before_migrate": True},
    ],
)
def test_release_is_not_what_it_is_not_made_of(change):
    assert release(**change) == release()


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({}, 2**30),
        ({"max_body": ""}, 2**30),
        ({"max_body": 0}, 0),
        ({"max_body": 1000}, 1000),
        ({"max_body": "20m"}, 20 * 2**20),
    ],
)
def test_size_of_a_body(given, most):
    assert model.plan({**APP, **given})["server"]["max_body"] == model.max_body(given) == most


@pytest.mark.parametrize("given", ["20 MB", "1.5G", "-1", "M"])
def test_size_that_is_none_is_refused(given):
    assert any(
        f"max_body {given!r}: give bytes" in problem
        for problem in model.problems([{**APP, "max_body": given}])
    )


def test_plan_holds_no_secret():
    assert "hush" not in repr(model.plan(APP))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "directory"),
        ({"version": "v1"}, "git"),
        ({"source": "https://example.com/shop.git"}, "git"),
        ({"source": "git+https://example.com/shop"}, "git"),
        ({"source": "git@example.com:shop"}, "git"),
        ({"source": "gitea@example.com:acme/shop.git"}, "git"),
        ({"source": "gitea@example.com:acme/shop"}, "git"),
        ({"source": "shop@2/app"}, "directory"),
        ({"source": "https://example.com/shop-{version}.tar.gz", "version": "1"}, "archive"),
        ({"source": "dist/shop-1-py3-none-any.whl"}, "wheel"),
        ({"source": "", "requirement": "shop"}, "requirement"),
    ],
)
def test_kind(change, kind):
    assert model.kind({**APP, **change}) == kind


def test_requirement_with_the_version_apart():
    assert (
        model.plan({"name": "x", "wsgi": "a:b", "requirement": "shop[x]", "version": "2.1"})[
            "requirement"
        ]
        == "shop[x]==2.1"
    )


def test_words_hold_no_credentials():
    assert model.described(
        {**APP, "source": "https://me:hush@example.com/shop.git"}, "0" * 40
    ).startswith("https://example.com/shop.git at")


def test_files_beyond_the_source_lie_beside_it_and_tell_nothing_of_this_computer():
    app = {**APP, "requirements": ["r.txt"], "constraints": ["/home/me/c.txt"]}
    assert model.beyond(app) == {"../beside/c.txt": "/home/me/c.txt"}
    assert model.plan(app)["requirements"] == ["r.txt"]
    assert model.plan(app)["constraints"] == ["../beside/c.txt"]
    assert "/home/me" not in repr(model.plan(app))


@pytest.mark.parametrize(
    ("before", "link", "unverified"),
    [
        ("1", "", False),
        ("1", "releases/1", False),
        ("2", "releases/2", True),
        ("2", "releases/1", False),
        ("2", "", False),
    ],
)
@pytest.mark.parametrize("name", ["unverified", "unproven"])
def test_release_is_unverified_while_pending_and_after_a_run_that_died(
    before, link, unverified, name
):
    """Also where the run that died was an earlier version's, which called the link unproven."""
    plan = {"name": "a", "release": "2", "before": before}
    paths = {f"/srv/a/{name}": {"link": link, "changed": 1.0}} if link else {}
    assert model.unverified([plan], paths) == ([plan] if unverified or before == "1" else [])


def facts(
    live="0123456789ab-1", current="0123456789ab", units=("0123456789ab-1",), stale=(), running=()
):
    """Return what a host says of the application shop:
    which instance is live, the current release, and the units of which it has.
    """
    paths = {
        "/srv/shop/live.sock": {"link": f"/run/python_app/shop/{live}/app.sock"},
        "/srv/shop/current": {"link": f"releases/{current}"},
    }
    return {
        "paths": {
            path: said
            for path, said in paths.items()
            if "//" not in said["link"] and said["link"] != "releases/"
        },
        "app_units": {f"app-shop@{one}.service": "shop" for one in units}
        | {"shop-queue.service": "shop"},
        "apps_stale": list(stale),
        "running": list(running),
    }


@pytest.mark.parametrize(
    ("said", "stale"),
    [
        ({}, False),
        ({"stale": ["shop"]}, True),
        ({"stale": ["other"]}, False),
        ({"current": "ba9876543210"}, True),
        ({"units": ["0123456789ab-1", "0123456789ab-2"]}, True),
        ({"live": "", "units": ["0123456789ab-1"]}, True),
        # Of an earlier version, which ran applications within Apache: the pending release takes its
        # place.
        ({"live": "", "units": [], "stale": ["shop"]}, False),
        ({"live": "", "current": "", "units": []}, False),
    ],
)
def test_application_that_does_not_run_as_it_is_on_disk_is_found(said, stale):
    assert model.stale([{**APP, "name": "shop"}, APP], facts(**said)) == (["shop"] if stale else [])


@pytest.mark.parametrize(
    ("running", "found"),
    [
        (["shop-queue", "shop-clean.timer", "app-shop@0123456789ab-1"], False),
        (["shop-queue", "shop-clean.timer"], True),
        (["shop-queue", "app-shop@0123456789ab-1"], True),
        (["shop-clean", "shop-clean.timer", "app-shop@0123456789ab-1"], True),
    ],
)
def test_services_workers_and_timers_that_do_not_run_are_found(running, found):
    """What a timer starts waits for it, and need not run."""
    jobs = {
        "workers": [{"name": "queue", "command": ["x"]}],
        "timers": [{"name": "clean", "command": ["x"], "schedule": "daily"}],
    }
    app = {**APP, **jobs, "name": "shop"}
    assert model.idle([APP, app], facts(running=running)) == ([app] if found else [])


TIMERS = {"timers": [{"name": "clean", "command": ["x"], "schedule": "daily"}]}


@pytest.mark.parametrize(
    ("where", "running", "found"),
    [
        ("here", [], True),
        ("here", ["www.foobar.com-clean.timer"], False),
        ("elsewhere", [], False),
        ("elsewhere", ["www.foobar.com-clean.timer"], True),
        ("unchanged", [], False),
        ("unchanged", ["www.foobar.com-clean.timer"], False),
    ],
)
def test_timers_of_one_host_that_are_not_where_they_belong_are_found(where, running, found):
    app = {**APP, **TIMERS, "single_timers": where}
    assert model.idle([app], facts(running=running)) == ([app] if found else [])


def test_timers_are_taken_over_from_hosts_that_run_them():
    def host(name, *running):
        return {
            "inventory_hostname": name,
            "ansible_facts": {"foobar_lamp": facts(running=list(running))},
        }

    hosts = [
        host("one", "www.foobar.com-clean.timer"),
        host("two", "www.foobar.com-clean.timer"),
        host("three"),
        {"inventory_hostname": "unasked"},
    ]
    assert model.timers_to_take_over([{**APP, **TIMERS}], "one", hosts) == [
        {"host": "two", "unit": "www.foobar.com-clean.timer"}
    ]
    each = [{**TIMERS["timers"][0], "run_on": "each"}]
    for app in (
        {**APP, "timers": each},
        {**APP, **TIMERS, "single_timers": "elsewhere"},
        {**APP, **TIMERS, "single_timers": "unchanged"},
    ):
        assert model.timers_to_take_over([app], "one", hosts) == []


def test_timers_of_a_run_that_has_not_asked_all_hosts_are_named():
    assert model.timers_unsettled(
        [{**APP, **TIMERS, "single_timers": "unchanged"}, {**APP, **TIMERS}]
    ) == ["www.foobar.com-clean.timer"]


def test_which_host_runs_timers_makes_no_other_release():
    assert model.made_of(model.plan({**APP, **TIMERS})) == model.made_of(
        model.plan({**APP, **TIMERS, "single_timers": "elsewhere"})
    )


def test_current():
    assert (
        model.current("a", {"/srv/a/current": {"link": "releases/0123456789ab", "changed": 1.0}})
        == "0123456789ab"
    )
    assert model.current("a", {}) == ""


def test_page_has_its_site_and_release():
    plan = {
        **model.plan(
            {
                **APP,
                "name": "www.foobar.com_x",
                "host": "www.foobar.com",
                "path": "/x",
                "health_path": "/h",
            }
        ),
        "release": "1",
    }
    page = {
        "name": "www.foobar.com_x",
        "host": "www.foobar.com",
        "path": "/x/h",
        "headers": {"X-Release": "1"},
        "tls": False,
    }
    assert model.pages([plan]) == [page]
    assert model.pages([{**plan, "tls": True}]) == [{**page, "tls": True}]
    assert model.pages([plan], {"www.foobar.com_x": "2"})[0]["headers"] == {"X-Release": "2"}


def test_first_host_that_has_an_application_migrates_it():
    plans = [
        {"name": "a", "steps": {"migrate": ["x"]}},
        {"name": "b", "steps": {"migrate": ["x"]}},
        {"name": "c", "steps": {}},
    ]
    hosts = [
        {"inventory_hostname": "one", "__python_app_made": {"plans": plans[1:]}},
        {"inventory_hostname": "two", "__python_app_made": {"plans": plans}},
        {"inventory_hostname": "three", "__python_app_made": {"plans": plans}},
        {"inventory_hostname": "of a later batch"},
    ]
    names = {
        host: [plan["name"] for plan in model.migrations(plans, host, hosts)]
        for host in ("one", "two", "three")
    }
    assert names == {"one": ["b"], "two": ["a"], "three": []}


def test_backup_is_taken_once_for_all_that_have_it_taken_in_the_same_way():
    apps = [
        {
            **APP,
            "name": name,
            "migrate": ["x"],
            "backup_before_migrate": name != "c",
            "backup_host": "db",
        }
        for name in "abc"
    ]
    plans = [{**model.plan(app), "before": "1"} for app in apps]
    (one,) = model.backups(plans, "web")
    assert one == {"command": ["lamp-backup", "take"], "host": "db", "names": ["a", "b"]}
    assert (
        model.backups([{**model.plan({**apps[0], "backup_host": ""}), "before": "1"}], "web")[0][
            "host"
        ]
        == "web"
    )
    assert model.backups([{**plans[0], "before": ""}], "web") == []


@pytest.mark.parametrize(
    ("user", "builder"),
    [
        ("app-shop", "build-app-shop"),
        ("a" * 26, "build-" + "a" * 26),
        ("a" * 32, "build-aaaaaaaaaaaaaaaaa-"),
    ],
)
def test_builder_s_name_is_no_longer_than_linux_takes(user, builder):
    found = model.builder({**APP, "user": user})
    assert found.startswith(builder)
    assert len(found) <= 32
    assert found != model.builder({**APP, "user": user[:-1] + "b"})


def test_accounts_are_made_in_this_order():
    found = [(one["name"], one["groups"]) for one in model.accounts([APP, {**APP, "name": "b"}])]
    assert found == [
        ("build-app-www-foobar-com", []),
        ("build-app-b", []),
        ("app-www-foobar-com", ["build-app-www-foobar-com"]),
        ("app-b", ["build-app-b"]),
    ]


@pytest.mark.parametrize(
    ("users", "members", "missing"),
    [
        (
            ["app-www-foobar-com", "build-app-www-foobar-com"],
            ["www-data", "app-www-foobar-com"],
            False,
        ),
        (["app-www-foobar-com", "build-app-www-foobar-com"], ["app-www-foobar-com"], True),
        (["app-www-foobar-com", "build-app-www-foobar-com"], ["www-data"], True),
        (["app-www-foobar-com"], ["www-data", "app-www-foobar-com"], True),
        ([], [], True),
    ],
)
def test_accounts_that_are_missing(users, members, missing):
    found = model.accounts_missing([APP], "www-data", users, {"build-app-www-foobar-com": members})
    assert found == ([APP] if missing else [])


def test_nobody_but_the_builder_s_group_may_read_releases():
    found = {one["path"]: one for one in model.directories([APP])}
    assert found["/srv/www.foobar.com/releases"] == {
        "path": "/srv/www.foobar.com/releases",
        "owner": "root",
        "group": "build-app-www-foobar-com",
        "mode": "0750",
    }
    # Its group is not the one that reads releases: the web server is in that.
    assert (
        found["/srv/www.foobar.com/state"]["group"],
        found["/srv/www.foobar.com/state"]["mode"],
    ) == ("app-www-foobar-com", "0750")
    assert found["/var/log/python_app"]["mode"] == "0750"


@pytest.mark.parametrize(
    "static",
    ["../x", "/etc", "a/../../b", "venv", "venv/lib", "run", "beside", ".", "a//b", "static/"],
)
def test_static_dir_lies_in_the_release(static):
    (said,) = model.problems([{**APP, "static_dir": static}])
    assert said.startswith(
        f"python_app_apps has www.foobar.com with static_dir {static!r}: "
        f"give a directory within the release"
    )


def test_builder_s_name_is_no_application_s():
    other = {**APP, "name": "other", "user": "build-app-www-foobar-com"}
    (said,) = model.problems([APP, other])
    assert said == (
        "python_app_apps has other with the user build-app-www-foobar-com, which builds "
        "www.foobar.com: give it another."
    )


def test_alias_is_asked_too_and_named_with_the_remedy():
    plan = {**model.plan({**APP, "aliases": ["foobar.com"], "health_path": "/h"}), "release": "1"}
    own, alias = model.pages([plan])
    assert (own["host"], own["headers"]) == ("www.foobar.com", {"X-Release": "1"})
    # Another may answer under an alias, such as a redirection of Apache's.
    assert (alias["host"], alias["path"], alias["headers"]) == ("foobar.com", "/h", {})
    assert own["name"] != alias["name"]
    wrong = model.unhealthy([plan], {alias["name"]: "answered 400 Bad Request"})
    for word in (
        "answered 400 Bad Request under the alias foobar.com",
        "SITE_NAMES",
        "ALLOWED_HOSTS",
        "remove the alias",
    ):
        assert word in wrong["www.foobar.com"]
    assert model.unhealthy([plan], {own["name"]: "does not answer", alias["name"]: "x"}) == {
        "www.foobar.com": "does not answer"
    }
    assert model.unhealthy([plan], {}) == {}


def test_alias_makes_no_other_release():
    assert release(aliases=["foobar.com"]) == release()


def test_what_is_no_longer_declared_is_left():
    units = {"gone-queue.service": "gone", "shop-queue.service": "shop"}
    paths = {
        "/etc/python_app/shop.env": {},
        "/etc/python_app/shop_api.env": {},
        "/srv/static/current": {},
    }
    left = model.left([{**APP, "name": "shop"}], units, paths)
    assert left == [
        {"name": "gone", "root": "/srv/gone"},
        {"name": "shop_api", "root": "/srv/shop_api"},
    ]
    assert (
        model.left([{**APP, "name": name} for name in ("shop", "shop_api", "gone")], units, paths)
        == []
    )


def test_schedule_of_cron_is_refused():
    timers = [{"name": "clean", "command": ["x"], "schedule": "0 3 * * *"}]
    (problem,) = model.problems([{**APP, "timers": timers}])
    for word in (
        "python_app_apps has www.foobar.com with the timer clean",
        "'0 3 * * *'",
        "cron's form",
        "*-*-* 03:00:00",
    ):
        assert word in problem


def look(path, part, user="app-shop", isdir=True):
    stat = (
        {"exists": True, "isdir": isdir, "pw_name": user, "gr_name": user}
        if isdir is not None
        else {"exists": False}
    )
    return {"item": [{"path": path}, part], "stat": stat}


PASSWD = {
    "app-shop": ["x", "990", "990", "", "/srv/shop/state", "/usr/sbin/nologin"],
    "build-app-shop": ["x", "991", "991", "", "/nonexistent", "/usr/sbin/nologin"],
    "alice": ["x", "1000", "1000", "", "/home/alice", "/bin/bash"],
    "build-alice": ["x", "992", "992", "", "/nonexistent", "/usr/sbin/nologin"],
    "cache": ["x", "110", "110", "", "/var/lib/cache", "/usr/sbin/nologin"],
    "mover": ["x", "1001", "1001", "", "/srv/shop/state", "/bin/bash"],
}


def test_what_remains_of_an_application_goes_with_its_accounts():
    found = model.remains(
        [look("/srv/shop", "releases", "root"), look("/srv/shop", "state")], PASSWD
    )
    assert found == {
        "apps": [{"path": "/srv/shop", "user": "app-shop", "group": "app-shop"}],
        "users": ["app-shop"],
        "builders": ["build-app-shop"],
        "left": [],
    }


@pytest.mark.parametrize("user", ["alice", "cache", "mover"])
def test_account_that_was_not_made_for_the_application_is_left(user):
    found = model.remains(
        [look("/srv/shop", "releases", "root"), look("/srv/shop", "state", user)], PASSWD
    )
    assert found["users"] == []
    assert found["builders"] == (["build-alice"] if user == "alice" else [])
    assert [one["path"] for one in found["apps"]] == ["/srv/shop"]
    assert found["left"] == [f"the user {user}"]


@pytest.mark.parametrize("state", [None, False])
def test_directory_that_is_no_application_is_left(state):
    found = model.remains(
        [look("/srv/shop", "releases", "root"), look("/srv/shop", "state", isdir=state)], PASSWD
    )
    assert found == {"apps": [], "users": [], "builders": [], "left": ["/srv/shop"]}


def failing(name, reason, words=""):
    return failures.failure({"name": name}, reason, words)


def test_failed_are_those_of_all_steps_each_once():
    variables = {
        "__python_app_made": {"failures": [failing("a", "first")]},
        "__python_app_migrated": {"skipped": True},
        "__python_app_restarted": {"failures": [failing("a", "second"), failing("b", "third")]},
    }
    assert [one["headline"] for one in model.failed(variables)] == ["a: first", "b: third"]


def test_application_that_failed_on_one_host_is_left_alone_on_the_others():
    hosts = [{}, {"__python_app_made": {"failures": [failing("a", "broken")]}}]
    assert model.without_failed([{"name": "a"}, {"name": "b"}], hosts) == [{"name": "b"}]


@pytest.mark.parametrize(
    ("there", "wrong", "words"),
    [
        ({"current": ""}, {}, "Nothing serves it on web1: no release of it was ever healthy."),
        ({"current": "0123"}, {}, "On web1 its release 0123 of ../shop serves it."),
        (
            {"current": "0123"},
            {"shop": "answered 500"},
            "On web1 its release 0123 of ../shop is current, and it answered 500.",
        ),
    ],
)
def test_report_begins_with_the_reason_and_says_what_is_served(there, wrong, words):
    one = {"name": "shop", "releases": [{"release": "0123", "source": "../shop"}], **there}
    plan = {"name": "shop", "release": "4567", "source": "../shop"}
    said = "Traceback\nValueError: no\n(exit status 1)"
    report = model.failure_report(
        [failures.failed_step(plan, "import", said)], [one], wrong, "web1"
    )
    assert report.splitlines()[:3] == [
        "shop: release 4567 of ../shop failed (import): ValueError: no",
        words,
        "Correct the application and run again. What it said:",
    ]
    assert report.endswith(said)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("a\nb\n(exit status 1)", "b"),
        (
            (
                "Started app-x@1.service - x.\n"
                "ValueError: no\napp-x@1.service: Failed with result 'exit-code'."
            ),
            "ValueError: no",
        ),
        (
            "app-x@1.service: Failed with result 'exit-code'.",
            "app-x@1.service: Failed with result 'exit-code'.",
        ),
        ("(exit status 3)", "(exit status 3)"),
        (
            (
                "KeyError: 'KEY'\nTraceback (most recent call last):\n"
                '  File "shop.py", line 3, in <module>\n'
            ),
            "KeyError: 'KEY'",
        ),
        ("", "it said nothing"),
        ("one", "one"),
    ],
)
def test_reason_is_the_last_line_that_tells_something(said, reason):
    assert failures.reason(said) == reason


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (
            "install",
            (
                "The host does not trust the certificate of the index or proxy: give it in "
                "linux_base_trusted_certificates."
            ),
        ),
        # Whatever it is that a migration does not trust, it is no index.
        ("migrate", "ERROR: No matching distribution found for django"),
    ],
)
def test_cause_that_is_known_of_pip_is_the_reason_where_pip_ran(step, reason):
    said = "SSLError: CERTIFICATE_VERIFY_FAILED\nERROR: No matching distribution found for django"
    assert (
        failures.failed_step({"name": "shop"}, step, said)["headline"]
        == f"shop: the release failed ({step}): {reason}"
    )


@pytest.mark.parametrize(
    ("path", "error", "end"),
    [
        ("/srv/shop/releases/1a/src/shop/a.py", "SyntaxError: bad", " (shop/a.py, line 15)"),
        ("/srv/shop/releases/.x/src/views.py", "TabError: bad", " (views.py, line 15)"),
        ("/usr/lib/python3/x.py", "IndentationError: bad", " (/usr/lib/python3/x.py, line 15)"),
        ("/srv/shop/releases/1a/src/views.py", "KeyError: 'x'", ""),
        ("/srv/shop/releases/1a/src/views.py", "SyntaxError: bad (views.py, line 15)", ""),
    ],
)
def test_error_of_syntax_says_where_it_is(path, error, end):
    said = (
        "Traceback (most recent call last):\n"
        '  File "/srv/shop/releases/1a/src/manage.py", line 3, in <module>\n'
        "    import gallery\n"
        f'  File "{path}", line 15\n'
        "    def x(:\n"
        "          ^\n"
        f"{error}\n(exit status 1)"
    )
    plan = {"name": "shop", "root": "/srv/shop"}
    headline = failures.failed_step(plan, "migrate", said)["headline"]
    assert headline == f"shop: the release failed (migrate): {error}{end}"


def test_failure_of_health_has_what_was_logged():
    plan = {"name": "shop", "host": "www.foobar.com"}
    (found,) = model.failures_of_health(
        [plan, {"name": "other"}], {"shop": "answered 500"}, {"shop": "one\ntwo"}
    )
    assert found["headline"] == "shop: answered 500 to the health check through the web server."
    assert found["words"] == "one\ntwo"


def test_rollback_goes_on_with_hosts_that_one_before_has_not_come_to():
    def host(current, previous):
        releases = [
            {"release": "old", "made": "2026-11-01T00:00:00Z"},
            {"release": "new", "made": "2026-11-02T00:00:00Z"},
        ]
        return [
            {
                "name": "www.foobar.com",
                "current": current,
                "previous": previous,
                "releases": releases,
            }
        ]

    apps, newer, back = [{"name": "www.foobar.com"}], host("new", "old"), host("old", "new")
    for found, turns in (
        ({"web1": newer, "web2": newer}, {"web1", "web2"}),
        ({"web1": back, "web2": newer}, {"web2"}),
        # All are back: this one leads to the newer release again.
        ({"web1": back, "web2": back}, {"web1", "web2"}),
        ({"web1": host("new", ""), "web2": newer}, {"web1", "web2"}),
    ):
        assert {name for name in found if model.going_back(apps, name, found)} == turns


@pytest.mark.parametrize(
    ("origin", "shown"),
    [("lamp_sites['shop'].app", "lamp_sites['shop'].app"), ("", "python_app_apps[]")],
)
def test_service_that_does_not_start_is_said_with_who_needs_it(origin, shown):
    apps = [
        {"name": "blog"},
        {"name": "shop", "origin": origin, "services": ["redis-server.service"]},
    ]
    assert model.failed_service("redis-server", apps, "web1") == (
        f"shop needs redis-server ({shown}.services), which does not start: "
        f"see 'journalctl -u redis-server' on web1."
    )


@pytest.mark.parametrize(
    ("stdout", "name"),
    [
        (
            "Took and checked 20261128T135845Z: 7.1 KiB, in /var/backups/lamp.\n"
            f"Removed, being too old: {', '.join(['20261101T000000Z'] * 40)}.",
            "20261128T135845Z",
        ),
        ("Snapshot 17 is made.", ""),
        ("", ""),
    ],
)
def test_backup_that_was_taken_before_a_migration(stdout, name):
    results = [{"item": {"host": "db1", "names": ["shop", "blog"]}, "stdout": stdout}]
    found = model.taken(results)
    assert list(found) == ["shop", "blog"]
    assert (found["blog"]["host"], found["blog"]["name"]) == ("db1", name)
    assert stdout.endswith(found["shop"]["said"])


def test_services_of_the_host_that_applications_need():
    apps = [{"services": ["redis-server.service", "memcached"]}, {"services": ["redis-server"]}, {}]
    assert model.services(apps) == ["redis-server", "memcached"]


def test_page_of_health_whichever_release_answers():
    app = {
        "name": "www.foobar.com",
        "wsgi": "x:y",
        "source": "x",
        "aliases": ["foobar.com"],
        "health_path": "/healthz",
    }
    (page,) = model.health_pages([app])
    assert (page["name"], page["host"], page["path"]) == (
        "www.foobar.com",
        "www.foobar.com",
        "/healthz",
    )
    assert "headers" not in page
