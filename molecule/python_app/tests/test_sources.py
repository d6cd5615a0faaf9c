"""Where applications come from, what they are installed by, and the
environments that their releases share.
"""

from __future__ import annotations

import json
import re

import pytest
from support.applications import HOST, PROBE, declared, get, play

PARCEL = (
    'in common\nmarkupsafe 3.0.2\npyproject.toml\n-----BEGIN KEY-----\nit\'s "a" $key \\\n'
    "-----END KEY-----\n"
)


def environment(site, name, release="current"):
    """Return the environment of a release, as the host knows it."""
    return site.check_output(
        f"basename $(readlink -f /srv/{name}/{release.replace('current', 'current/')}/venv)"
    )


@pytest.mark.parametrize("path", ["/lock/", "/rel/"])
def test_lock_and_relative_requirements_with_a_library_beside(path):
    """By a lock, and by a submodule in a subdirectory of a repository;
    with a path of the release and a text of several lines.
    """
    assert get(path, "kinds.example.com").text == PARCEL


def test_lock_is_installed_with_its_hashes(site):
    said = json.loads(site.check_output("cat /srv/kinds.example.com_lock/environments/*.json"))
    assert said["calls"] == [
        ["--no-deps", "--require-hashes", "--requirement", "../beside/uv.lock.txt"],
        ["--no-deps", "./libs/common"],
    ]


def test_releases_share_an_environment_while_their_requirements_are_the_same(probe, site):
    before, shared = probe.current(), environment(site, PROBE)
    probe.change()
    assert play("deploy").returncode == 0
    assert probe.current() != before
    assert environment(site, PROBE) == shared
    release = probe.current()
    assert "== virtual environment" not in site.check_output(
        f"cat /var/log/python_app/{PROBE}.{release}.log"
    )
    assert play("rollback").returncode == 0
    assert get("/").text == probe.current() == before


def test_environment_that_no_release_has_is_removed(probe, site):
    place = f"/srv/{PROBE}/environments"
    site.check_output(f"mkdir {place}/0123456789ab; touch {place}/0123456789ab.json")
    probe.change()
    assert play("deploy").returncode == 0
    assert site.check_output(f"ls {place}").split() == [
        environment(site, PROBE),
        f"{environment(site, PROBE)}.json",
    ]


def test_environments_are_root_s_and_not_for_everybody(site):
    assert site.check_output("find /srv/*/environments ! -user root") == ""
    for place in site.check_output("ls -d /srv/*/environments").split():
        assert site.file(place).mode == 0o750
        assert not site.run(
            f"setpriv --reuid nobody --regid nogroup --clear-groups ls {place}"
        ).succeeded


def test_django_s_readers_of_addresses_take_the_given_one(site):
    script = (
        "import dj_database_url, environ, json; "
        "print(json.dumps([dj_database_url.config(), environ.Env().db()]))"
    )
    query = (
        "import django, os; django.setup(); from django.db import ConnectionHandler; import "
        "dj_database_url, environ\n"
        "for found in (dj_database_url.config(), environ.Env().db()):\n"
        "    with ConnectionHandler({'default': found})['default'].cursor() as cursor:\n"
        "        cursor.execute('SELECT name FROM shop_lamp'); print(cursor.fetchall())"
    )
    run = (
        "DJANGO_SETTINGS_MODULE=shop.settings /srv/shop.example.com/current/run python "
        "-W error::DeprecationWarning -c %s"
    )
    assert site.check_output(run, query).splitlines() == ["(('Aurora',),)"] * 2
    assert site.check_output(run, script).count("/run/mysqld/mysqld.sock") == 2


def test_database_is_also_in_variables_of_its_own(site):
    script = (
        "import os, pymysql; e = os.environ; found = pymysql.connect(unix_socket=e['DB_SOCKET'], "
        "user=e['DB_USER'], password=e['DB_PASSWORD'], database=e['DB_NAME']); "
        "print(found.host_info, e['DB_HOST'])"
    )
    assert (
        site.check_output("/srv/shop.example.com/current/run python -c %s", script)
        == "Localhost via UNIX socket localhost"
    )


def test_caller_s_variables_reach_a_command_and_its_login_s_do_not(site):
    run = f"/srv/{PROBE}/current/run"
    script = "import os; print(*map(os.environ.get, ('FOO', 'SITE_NAME', 'HOME', 'LANG')))"
    said = site.check_output(
        f"FOO=1 SITE_NAME=mine HOME=/root LANG=de_DE {run} python -c %s", script
    )
    assert said == f"1 mine /srv/{PROBE}/state C.UTF-8"


def test_run_without_a_command_says_how_it_is_used(site):
    done = site.run(f"/srv/{PROBE}/current/run")
    assert done.rc == 1
    assert "Usage: run COMMAND [ARGUMENT...]" in done.stderr
    assert "Traceback" not in done.stderr


def app_of(name, **change):
    """Return the variables of a deploy of the site's application with a change."""
    sites = declared()
    site = {**sites[name], "app": {**sites[name]["app"], **change}}
    return {"lamp_deploy_site": name, "lamp_sites": {**sites, name: site}}


def test_migration_that_fails_names_the_backup_from_before_it(site):
    def backups():
        return set(site.check_output("ls /var/backups/lamp").split())

    before = backups()
    done = play(
        "deploy",
        **app_of(
            "shop.example.com", migrate=["python", "-c", "raise SystemExit('broken half-way')"]
        ),
    )
    assert done.returncode != 0
    (taken,) = [name for name in backups() - before if re.match(r"\d{8}T\d{6}Z", name)]
    words = " ".join(done.stdout.split())
    assert "What it had done by then stays in the database" in words
    assert f"The backup {taken} on {HOST} is from just before it. To go back to it: " in words
    assert f"-e lamp_restore_backup={taken} -e lamp_restore_confirm={HOST}." in words
    assert "broken half-way" in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"exclude": [], "requirements": ["requirements/web.txt"]},
            "and beside it is uv.lock, which says other things",
        ),
        ({"extras": ["slow"]}, "uv.lock: the project has no extra slow"),
        (
            {"python": "/nowhere/python3"},
            "python is /nowhere/python3, which is no program on this host",
        ),
        ({"source": "{{ scratch }}/gone.git"}, "gone.git cannot be read: it is not there"),
    ],
)
def test_application_that_cannot_be_had_says_why(change, words):
    given = app_of("kinds.example.com")
    apps = given["lamp_sites"]["kinds.example.com"]["apps"]
    apps["/lock"] = {**apps["/lock"], **change}
    done = play("deploy", **{**given, "lamp_deploy_site": "kinds.example.com_lock"})
    assert done.returncode != 0
    assert words in " ".join(done.stdout.split())
    assert get("/lock/", "kinds.example.com").text == PARCEL
