"""What an operator sets before a site: who comes in, redirects, error pages, maintenance, files
of visitors; logs, single commands.
"""

from __future__ import annotations

import base64
import json
import re
import shutil

import pytest
from support import plays, web
from support.applications import HOST, SOURCES, declared, get
from support.plays import ROOT, play

ALBUM, STAGING, APEX = "album.example.com", "staging.example.com", "example.com"
ALIAS = "pictures.example.com"
PASSWORD = "correct horse battery"
MEDIA = f"/srv/{ALBUM}/media"
SCRATCH = plays.ephemeral() / "scratch"
SOURCE = SCRATCH / "album"


def sites():
    """Return the scenario's sites, and those of these tests."""
    others = declared()
    album = {"source": str(SOURCE), "wsgi": "album:application", "media": {}, "services": ["cron"]}
    return {
        **others,
        ALBUM: {
            "aliases": [ALIAS],
            "app": album,
            "error_pages": {"404": "../molecule/python_app/404.html", "503": "503.html"},
            "redirects": {
                "/old": "/new?a=b%20c",
                "/blog/": "https://blog.example.com/posts/",
                "/sale": {"to": "/summer", "status": 302},
                ALIAS: f"http://{ALBUM}/",
            },
        },
        STAGING: {
            "app": {"source": str(SCRATCH / "staging"), "wsgi": "echo:application"},
            "access": {"users": {"alice": PASSWORD}},
        },
        APEX: {"redirects": {"/": "http://www.example.com/"}},
    }


def run(playbook, *options, **variables):
    """Run a playbook of the collection with these sites."""
    return play(
        playbook, *options, lamp_sites=sites(), python_app_packages=["bc", "cron"], **variables
    )


def converge(*options):
    """Run what the sites need."""
    return run("site", "--tags", "linux_base,mysql,python_app,web_server", *options)


@pytest.fixture(scope="module", autouse=True)
def _site(site):
    for source, name in (("album", "album"), ("echo", "staging")):
        shutil.rmtree(SCRATCH / name, ignore_errors=True)
        shutil.copytree(SOURCES / source, SCRATCH / name)
    # What the operator of the host has set: this package's service is neither started nor enabled
    # when it is installed.
    site.check_output(
        "mkdir -p /etc/systemd/system-preset; echo disable cron.service "
        "> /etc/systemd/system-preset/00-test.preset"
    )
    done = converge()
    assert done.returncode == 0, done.stdout[-3000:]
    assert PASSWORD not in done.stdout
    yield
    site.run(f"rm -f {web.CLOSED}maintenance*; systemctl reload {web.SERVICE}")


def test_second_run_changes_nothing():
    assert plays.recap(converge())["changed"] == 0


@pytest.mark.parametrize(
    ("name", "path", "status", "to"),
    [
        (ALBUM, "/old", 301, f"http://{ALBUM}/new?a=b%20c"),
        (ALBUM, "/blog/a%20b?c=d", 301, "https://blog.example.com/posts/a%20b?c=d"),
        (ALBUM, "/sale", 302, f"http://{ALBUM}/summer"),
        (ALIAS, "/any/path", 301, f"http://{ALBUM}/any/path"),
        (APEX, "/any/path?x", 301, "http://www.example.com/any/path?x"),
        (ALBUM, "/older", 200, None),
        (ALBUM, "/blog", 200, None),
    ],
)
def test_redirect_leads_where_it_is_said(name, path, status, to):
    answer = get(path, name)
    assert (answer.status, answer.headers["Location"]) == (status, to)


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("alice", "wrong"),
        basic("bob", PASSWORD),
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
)
def test_stranger_is_kept_out(headers):
    assert get("/", STAGING, **headers).status == 401


def test_who_knows_the_password_comes_in_and_the_application_does_not_see_it():
    answer = get("/", STAGING, **basic("alice", PASSWORD))
    assert answer.status == 200
    assert json.loads(answer.text)["authorization"] is None


def test_host_keeps_a_hash_only(site):
    file = site.file(f"{web.ACCESS}/{STAGING}")
    assert re.fullmatch(r"alice:\$2y\$(10|05)\$\S{53}\n", file.content_string)
    assert (file.user, file.group, file.mode) == ("root", "www-data", 0o640)
    assert not site.run(
        f"grep -rqF '{PASSWORD}' {web.ETC} /etc/python_app /var/lib/foobar.lamp /var/log"
    ).succeeded
    assert site.file(f"/var/lib/foobar.lamp/{web.SERVER}_access.json").mode == 0o600


def test_page_of_the_sites_own_says_that_nothing_is_there():
    answer = get("/media/nothing.png", ALBUM)
    assert answer.status == 404
    assert answer.text == (ROOT / "molecule/python_app/404.html").read_text()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.txt", "text/plain"),
        ("a.html.png", "image/png"),
        ("a.html", None),
        ("a.svg", None),
        ("a.shtml", None),
        ("a.py", None),
        ("a", None),
    ],
)
def test_file_of_a_visitor_does_nothing_in_a_browser(site, name, kind):
    site.check_output(f"echo '<script>alert(1)</script>' > {MEDIA}/{name}")
    answer = get(f"/media/{name}", ALBUM)
    assert answer.status == 200
    assert answer.text == "<script>alert(1)</script>\n"
    assert answer.headers["Content-Type"] == (kind or "application/octet-stream")
    assert answer.headers["Content-Disposition"] == (None if kind else "attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_application_writes_where_the_web_server_reads_and_nothing_else(site):
    assert get("/b.txt", ALBUM, method="PUT", body=b"a picture").status == 200
    assert get("/media/b.txt", ALBUM).text == "a picture"
    as_server = "setpriv --reuid=www-data --regid=www-data --init-groups"
    assert not site.run(f"{as_server} ls /srv/{ALBUM}/state").succeeded
    assert site.file(f"/srv/{ALBUM}/state").mode == 0o750
    assert not site.run(f"{as_server} touch {MEDIA}/x").succeeded


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../state/kept.txt", "b.txt", f"{web.ACCESS}/staging.example.com"]
)
def test_no_link_is_followed(site, target):
    site.check_output(
        f"echo kept > /srv/{ALBUM}/state/kept.txt; "
        f"ln -sfn {target} {MEDIA}/link.txt; ln -sfn / {MEDIA}/root"
    )
    assert get("/media/link.txt", ALBUM).status == 403
    # nginx does not look any further than the link.
    assert get("/media/root/etc/passwd", ALBUM).status == {"apache": 403, "nginx": 404}[web.SERVER]
    assert get("/media/", ALBUM).status in (403, 404)


def test_service_that_an_application_needs_runs_and_is_enabled(site):
    assert site.check_output("systemctl is-active cron; systemctl is-enabled cron").split() == [
        "active",
        "enabled",
    ]


def test_site_in_maintenance_says_so_and_is_deployed_all_the_same():
    try:
        assert (
            run("maintenance", lamp_maintenance="on", lamp_maintenance_site=ALBUM).returncode == 0
        )
        answer = get("/", ALBUM)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "300")
        assert answer.text == (SOURCE / "503.html").read_text()
        assert get("/", STAGING, **basic("alice", PASSWORD)).status == 200
        (SOURCE / "album.py").open("a").write("# another version\n")
        done = converge()
        assert done.returncode == 0, done.stdout[-3000:]
        assert get("/", ALBUM).status == 503
        assert f"Closed: {ALBUM}" in run("maintenance").stdout
    finally:
        assert run("maintenance", lamp_maintenance="off").returncode == 0
    assert get("/", ALBUM).status == 200


def test_all_sites_are_closed_at_once_and_opened():
    try:
        assert run("maintenance", lamp_maintenance=True).returncode == 0
        assert get("/", ALBUM).text == (SOURCE / "503.html").read_text()
        answer = get("/", "www.example.com")
        assert (answer.status, "back soon" in answer.text) == (503, True)
    finally:
        done = run("maintenance", lamp_maintenance=False)
    assert "All sites are open" in done.stdout
    assert get("/", "www.example.com").status == 200


@pytest.mark.parametrize(
    ("playbook", "variables", "words"),
    [
        (
            "maintenance",
            {"lamp_maintenance_site": "x"},
            "lamp_maintenance_site is x, which lamp_sites does not have: give one of",
        ),
        ("logs", {}, "lamp_logs_site is missing: give one of lamp_sites"),
        (
            "logs",
            {"lamp_logs_site": ALBUM, "lamp_logs_since": "soon"},
            "since is 'soon', which is no time: give one such as -1h",
        ),
        (
            "logs",
            {"lamp_logs_site": ALBUM, "lamp_logs_grep": "("},
            "grep is '(', which is no regular expression",
        ),
        ("run", {"lamp_run_app": "x"}, "lamp_run_app is x: give one of"),
        ("run", {"lamp_run_app": ALBUM}, "lamp_run_command is missing: give a command"),
        (
            "run",
            {"lamp_run_ap": ALBUM},
            "lamp_run_ap is not a known variable: did you mean lamp_run_app?",
        ),
    ],
)
def test_wrong_wish_is_refused_with_its_remedy(playbook, variables, words):
    done = run(playbook, **variables)
    assert done.returncode != 0
    assert words in " ".join(done.stdout.replace("''", "'").split())


def test_logs_tell_of_a_visitor_and_of_nothing_before():
    get("/a-visitor-was-here", ALBUM)
    done = run(
        "logs", lamp_logs_site=ALBUM, lamp_logs_grep="a-visitor-was-here", lamp_logs_since="-1h"
    )
    assert re.search(r"\d{4}-\d\d-\d\dT[\d:.]+Z access: .*GET /a-visitor-was-here", done.stdout)
    assert "tail --follow=name" in done.stdout
    assert (
        "There are no log lines"
        in run("logs", lamp_logs_site=ALBUM, lamp_logs_grep="visitor", lamp_logs_since="+1h").stdout
    )


@pytest.mark.parametrize(("status", "word"), [(0, "rc=0"), (3, "ended with the status 3")])
def test_single_command_runs_in_the_release_as_its_user(status, word):
    command = f"sh -c 'id -un; echo of $RELEASE_ID; exit {status}'"
    done = run("run", lamp_run_app=ALBUM, lamp_run_command=command)
    assert "app-album-example-com" in done.stdout
    assert f"of {get('/', ALBUM).text}" in done.stdout
    assert (done.returncode == 0) == (status == 0)
    assert status == 0 or word in done.stdout
    assert f"/srv/{ALBUM}/current/run sh -c" in done.stdout


def test_failure_of_one_application_is_its_own(site):
    def current(name):
        return site.check_output(f"readlink /srv/{name}/current").removeprefix("releases/")

    before, other = current(ALBUM), current(STAGING)
    text = (SOURCE / "album.py").read_text()
    (SOURCE / "album.py").write_text(text.replace('BREAK = ""', 'BREAK = "import"'))
    (SCRATCH / "staging/echo.py").open("a").write("# another version\n")
    fresh = {"fresh.example.com": {"redirects": {"/": "https://www.example.com/"}}}
    try:
        done = play("site", lamp_sites={**sites(), **fresh}, python_app_packages=["bc", "cron"])
    finally:
        (SOURCE / "album.py").write_text(text)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    first = next(line for line in said.splitlines() if line.startswith("[ERROR]"))
    assert re.search(
        rf"{ALBUM}: release \w+ of \S+ failed \(\w+\): ValueError: broken import on purpose", first
    )
    assert f"its release {before} of {SOURCE} serves it." in said
    assert get("/", ALBUM).text == current(ALBUM) == before
    # The other is deployed, the web server serves what is new, and what comes after that is done.
    assert current(STAGING) != other
    assert get("/", "fresh.example.com").status == 301
    trees = json.loads(site.check_output("cat /etc/lamp-backup/settings.json"))["files"]
    assert MEDIA in [tree["path"] for tree in trees]
    assert re.search(r"PLAY \[Records\].*PLAY \[Outcome\]", done.stdout, re.DOTALL)


def test_release_that_was_never_healthy_is_not_gone_back_to(site):
    place = site.check_output(f"readlink -f /srv/{ALBUM}/previous")
    made = json.loads(site.check_output(f"cat {place}/made.json"))
    assert made["healthy"]
    site.check_output(f"echo '{json.dumps({**made, 'healthy': False})}' > {place}/made.json")
    try:
        done = play("rollback", lamp_deploy_site=ALBUM, lamp_sites=sites())
    finally:
        site.check_output(f"echo '{json.dumps(made)}' > {place}/made.json")
    assert done.returncode != 0
    assert "There is no release before the current one to go back to" in done.stdout
    assert "never healthy" in done.stdout


def test_files_of_visitors_come_back_and_are_served(site):
    assert get("/kept.txt", ALBUM, method="PUT", body=b"kept").status == 200
    site.check_output("lamp-backup take")
    site.check_output(f"rm {MEDIA}/kept.txt")
    done = play(
        "restore",
        lamp_restore_backup="latest",
        lamp_restore_site=ALBUM,
        lamp_restore_confirm=HOST,
        lamp_sites=sites(),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert get("/media/kept.txt", ALBUM).text == "kept"
    assert site.file(MEDIA).group == "build-app-album-example-com"
