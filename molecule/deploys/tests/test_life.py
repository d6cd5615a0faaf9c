"""A site from its first run until nothing is left of it. The tests follow one another."""

from __future__ import annotations

import json
import socket

import pytest
from support import web
from support.applications import PROBE, declared, get, play, raw
from support.waiting import wait_for

NAME, ALIAS = "echo.example.com", "echo-too.example.com"
ENVIRONMENT = f"/etc/python_app/{NAME}.env"
USER, BUILDER = "app-echo-example-com", "build-app-echo-example-com"
LISTEN = {
    "name": "listen",
    "command": ["sh", "-c", 'echo "$SITE_NAMES" > ~/names; exec tail --follow /dev/null'],
}
COUNT = {"name": "count", "command": ["tail", "--follow", "/dev/null"]}
SWEEP = {"name": "sweep", "command": ["true"], "schedule": "daily"}


def sites(**app):
    """Return the scenario's sites, and the one with these keys of its application."""
    others = declared()
    own = {
        "source": "../molecule/python_app/apps/echo",
        "wsgi": "echo:application",
        "workers": [LISTEN],
        **app,
    }
    return {**others, NAME: {"aliases": [ALIAS], "app": own, "database": "echo"}}


def converge(wanted):
    """Run what the sites ``wanted`` need."""
    return play(
        "site", "--tags", "mysql,python_app,web_server", lamp_deploy_site="", lamp_sites=wanted
    )


def deploy(**app):
    """Deploy the site with these keys of its application."""
    return play("deploy", lamp_deploy_site=NAME, lamp_sites=sites(**app))


def told(path="/", name=NAME, **headers):
    """Return what the application is told of a visitor's request."""
    return json.loads(get(path, name, **headers).text)


def units(site):
    """Return its units and their links, with what they hold."""
    return site.check_output(f"find /etc/systemd/system -name '{NAME}-*' -print -exec cat {{}} +")


def names(site):
    """Return the names of its units, once for each place that knows them,
    and what of them is at work.
    """
    found = site.check_output(f"find /etc/systemd/system -name '{NAME}-*' -printf '%f\\n'").replace(
        f"{NAME}-", ""
    )
    shown = site.check_output(
        f"systemctl list-units --plain --no-legend --all '{NAME}-*' | cut -d ' ' -f 1"
    ).replace(f"{NAME}-", "")
    return sorted(found.split()), sorted(shown.split())


@pytest.fixture(scope="module", autouse=True)
def _site(site):
    done = converge(sites(workers=[LISTEN, COUNT], timers=[SWEEP]))
    assert done.returncode == 0, done.stdout[-3000:]
    wait_for(lambda: site.file(f"/srv/{NAME}/state/names").exists)


@pytest.mark.parametrize("credentials", ["Basic bWU6cHc=", "Bearer some.token"])
def test_credentials_of_a_visitor_reach_the_application(credentials):
    assert told(Authorization=credentials)["authorization"] == credentials


def test_encoded_slash_reaches_the_application():
    said = told("/a%2Fb/c?d=%20")
    assert (said["path"], said["uri"]) == ("/a/b/c", "/a%2Fb/c?d=%20")


def said(text, body=""):
    """Return what the application is told of a request that is written like this;
    ``body`` follows when the server asks for it.
    """
    with raw(text) as connection, connection.makefile("rb") as answer:
        if body:
            assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
            answer.readline()
            connection.sendall(body.encode())
        head, _empty, content = answer.read().partition(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0]
        return json.loads(content)


def test_body_in_chunks_has_its_length():
    head = (
        f"POST / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n"
        f"Transfer-Encoding: chunked\r\n\r\n"
    )
    told = said(f"{head}5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n")
    assert (told["length"], told["body"]) == ("9", 9)


def test_body_in_chunks_that_is_cut_short_reaches_no_application(probe, site):
    posts = f"/srv/{PROBE}/state/posts"
    for name, end in (("cut", "5\r\nhel"), ("whole", "5\r\nhello\r\n0\r\n\r\n")):
        head = f"POST /?{name} HTTP/1.1\r\nHost: {PROBE}\r\nTransfer-Encoding: chunked\r\n\r\n"
        with raw(f"{head}a000\r\n{'a' * 0xA000}\r\n{end}") as connection:
            # nginx takes a visitor who says no more for one who has gone.
            if name == "cut" or web.SERVER == "apache":
                connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) or name == "cut"
    wait_for(lambda: f"whole {0xA000 + 5}" in site.run(f"cat {posts}").stdout)
    assert "cut" not in site.check_output(f"cat {posts}")


def test_body_is_asked_for():
    head = (
        f"POST / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nContent-Length: 8\r\nExpect: "
        f"100-continue\r\n\r\n"
    )
    assert said(head, "12345678")["body"] == 8


def test_visitor_of_long_ago():
    assert said(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n")["url"] == ["http", NAME, "80"]


def test_visitor_does_not_wait_for_what_an_application_does_after_its_answer(probe):
    with probe.gate("close"):
        assert get("/?late").text == probe.current()


def test_pages_of_errors_hold_up_no_page_after_them():
    """What an exception holds is let go of in the middle of a later request."""
    for _page in range(300):
        assert get("/nowhere", "www.example.com").status == 404
        assert get("/", "www.example.com").status == 200


def test_application_is_told_of_its_visitor_by_the_web_server_alone(site):
    forged = {f"X-Forwarded-{name}": "6.6.6.6" for name in ("For", "Proto", "Host", "Prefix")}
    said = told(**forged, **{"X-Remote-User": "root", "X-Request-Line": "GET /forged HTTP/1.1"})
    visitor = said["client"]
    assert visitor == site.check_output("ip route show default").split()[2]
    assert said["forwarded"] == [visitor, "http", NAME, None]
    assert (said["user"], said["uri"], said["url"]) == (None, "/", ["http", NAME, "80"])


def test_service_steps_and_workers_have_one_environment(site):
    """Where they find programs and files: also by names that are relative to the source."""
    release = site.check_output(f"readlink -f /srv/{NAME}/current")
    said = told()
    assert (said["directory"], said["program"]) == (f"{release}/src", f"{release}/venv/bin/python")
    script = "import os, shutil; print(os.getcwd(), shutil.which('python'))"
    assert (
        site.check_output(f"/srv/{NAME}/current/run python -c %s", script)
        == f"{release}/src {release}/venv/bin/python"
    )


def test_application_and_its_worker_are_told_all_their_names(site):
    assert told(name=NAME)["names"] == told(name=ALIAS)["names"] == [NAME, ALIAS]
    assert site.check_output(f"cat /srv/{NAME}/state/names") == f"{NAME},{ALIAS}"


def test_worker_and_timer_that_leave_the_inventory_are_stopped_and_removed(site):
    services = ["count.service", "listen.service", "sweep.service"]
    assert names(site) == (
        sorted([*services, "count.service", "listen.service", "sweep.timer", "sweep.timer"]),
        [*services, "sweep.timer"],
    )
    assert deploy().returncode == 0
    assert names(site) == (["listen.service", "listen.service"], ["listen.service"])
    assert site.check_output(f"ps -o comm= -u {USER} | grep -c tail") == "1"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"timers": [{**SWEEP, "schedule": "0 3 * * *"}]},
            [
                "the timer sweep with the schedule '0 3 * * *'",
                "is cron's form: give systemd's, for instance *-*-* 03:00:00",
            ],
        ),
        (
            {"workers": [{**LISTEN, "command": "sleep 100"}]},
            [
                f"lamp_sites['{NAME}'].app.workers[0].command is 'sleep 100'",
                'make it a list, [sleep, "100"]',
            ],
        ),
    ],
    ids=["cron", "text"],
)
def test_worker_or_timer_of_a_wrong_form_is_refused_before_the_first_change(site, wrong, words):
    before = units(site)
    done = converge(sites(**wrong))
    said = " ".join(done.stdout.replace('\\"', '"').replace("''", "'").split())
    assert done.returncode != 0
    for word in words:
        assert word in said
    assert " changed=0 " in done.stdout
    assert "PLAY [Base system]" not in done.stdout
    assert units(site) == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {
                "workers": [
                    {**LISTEN, "command": ["sh", "-c", "echo no broker answers >&2; exit 3"]},
                    COUNT,
                ],
                "timers": [SWEEP],
            },
            [
                "failed (workers and timers)",
                f"{NAME}-listen.service does not stay up",
                "no broker answers",
            ],
        ),
        (
            {"timers": [{**SWEEP, "schedule": "every day"}]},
            [
                "failed (workers and timers)",
                "the schedule 'every day', which systemd does not take",
            ],
        ),
    ],
    ids=["worker", "timer"],
)
def test_release_whose_worker_or_timer_does_not_work_leaves_the_old_one_with_its_own(
    site, wrong, words
):
    def state():
        return (
            site.check_output(f"readlink /srv/{NAME}/current; ls /srv/{NAME}/releases"),
            units(site),
            names(site),
        )

    before = state()
    done = deploy(**wrong)
    said = " ".join(done.stdout.replace("''", "'").split())
    assert done.returncode != 0
    for word in [*words, f"its release {before[0].split()[0].removeprefix('releases/')} of"]:
        assert word in said
    assert state() == before
    assert site.check_output(f"systemctl is-active {NAME}-listen.service") == "active"
    assert get("/", NAME).headers["X-Release"] == before[0].split()[0].removeprefix("releases/")


def test_alias_that_the_application_does_not_take_fails_the_run(site):
    done = converge(sites(environment={"STRICT": "1"}))
    said = " ".join(done.stdout.replace("''", "'").split())
    assert done.returncode != 0
    assert f"under the alias {ALIAS} (have the application take every name in SITE_NAMES" in said, (
        done.stdout[-3000:]
    )
    assert "or remove the alias)" in said


@pytest.mark.parametrize(
    ("declared", "confirm", "words"),
    [
        (True, NAME, "which lamp_sites has: remove it there and run foobar.lamp.site first"),
        (False, "", f"To confirm, add -e lamp_remove_confirm={NAME}"),
        (False, NAME, f"still serves {NAME}: run foobar.lamp.site first"),
    ],
    ids=["declared", "without a word", "served"],
)
def test_removal_is_refused(declared, confirm, words):
    wanted = sites()
    if not declared:
        del wanted[NAME]
    done = remove(wanted, confirm)
    assert done.returncode != 0
    assert words in " ".join(done.stdout.split())
    assert " changed=0 " in done.stdout
    assert get("/", NAME).headers["X-Release"]


def remove(wanted, confirm=NAME):
    """Remove the site and its database."""
    given = {
        "lamp_remove_site": NAME,
        "lamp_remove_confirm": confirm,
        "lamp_remove_database": "echo",
    }
    return play("remove", lamp_deploy_site="", lamp_sites=wanted, **given)


def test_site_that_leaves_the_inventory_is_stopped_and_keeps_its_files(site):
    wanted = sites()
    del wanted[NAME]
    done = converge(wanted)
    assert done.returncode == 0, done.stdout[-3000:]
    assert names(site) == ([], [])
    assert site.run(f"pgrep -u {USER}").stdout == ""
    assert not site.file(ENVIRONMENT).exists
    assert site.file(f"/srv/{NAME}/state/names").exists
    assert get("/", NAME).headers["X-Release"] is None


def test_removal_leaves_nothing_but_a_backup_and_an_archive(site):
    wanted = sites()
    del wanted[NAME]
    backups = site.check_output("lamp-backup list")
    # As where nothing is removed but on request (python_app_exclusive).
    site.check_output(f"install -m 0640 /dev/null {ENVIRONMENT}")
    done = remove(wanted)
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(site.check_output("lamp-backup list").splitlines()) == len(backups.splitlines()) + 1
    assert site.check_output(f"find /etc /srv /var/log -name '*{NAME}*'") == ""
    assert (
        site.check_output(f"getent passwd {USER} {BUILDER}; getent group {USER} {BUILDER}; true")
        == ""
    )
    assert (
        site.check_output(
            "mariadb -N -e \"SELECT User FROM mysql.user WHERE User = 'echo'; "
            "SHOW DATABASES LIKE 'echo'\""
        )
        == ""
    )
    assert (
        site.check_output(
            f"tar --extract --to-stdout --file $(ls "
            f"-t /var/backups/python_app/{NAME}-* | head -n 1) ./names"
        )
        == f"{NAME},{ALIAS}"
    )
    assert get("/").status == 200

    done = remove(wanted)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"Nothing was left of {NAME}" in " ".join(done.stdout.split())
