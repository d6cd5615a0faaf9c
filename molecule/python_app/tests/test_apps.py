"""Applications of many kinds, as their visitors see them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import re
import time

import pytest
from support import load
from support.applications import PROBE, Visitors, WebSocket, gateway, get, play, raw
from support.waiting import wait_for
from support.web import ETC, SERVER, SERVICE

SHOP, KINDS = "shop.example.com", "kinds.example.com"


def test_django_reads_its_database_after_its_migrations(site):
    assert json.loads(get("/", SHOP).text) == {"lamps": ["Aurora"]}
    assert site.check_output("mariadb -N -e 'SELECT name FROM shop.shop_lamp'") == "Aurora"


def test_django_admin_with_its_static_files():
    page = get("/admin/login/", SHOP)
    assert page.status == 200
    path = re.search(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', page.text)[1]
    style = get(path, SHOP)
    assert style.status == 200
    assert "immutable" in style.headers["Cache-Control"]
    packed = get(path, SHOP, **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"] == style.headers["Content-Type"] == "text/css"
    assert gzip.decompress(packed.raw) == style.raw
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize(
    ("coding", "suffix", "unpack"), [("gzip", "gz", "gzip -dc"), ("br", "br", "brotli -dc")]
)
def test_precompressed_file_is_what_is_sent(site, coding, suffix, unpack):
    (path,) = re.findall(
        r"/static/(admin/css/base\.[0-9a-f]{12}\.css)", get("/admin/login/", SHOP).text
    )
    file = f"/srv/{SHOP}/current/static/{path}"
    packed = get(f"/static/{path}", SHOP, **{"Accept-Encoding": coding})
    assert packed.headers["Content-Encoding"] == coding
    assert (
        site.check_output(f"sha256sum < {file}.{suffix}").split()[0]
        == hashlib.sha256(packed.raw).hexdigest()
    )
    site.check_output(f"{unpack} {file}.{suffix} | cmp - {file}")


def test_static_file_without_a_digest_is_not_kept_for_long():
    answer = get("/static/admin/css/base.css", SHOP)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_flask_from_git_by_its_factory():
    assert get("/", "www.example.com").text == "hello, version 1\n"


def test_release_keeps_its_python_when_the_distribution_has_another(site):
    """As after an upgrade of Debian: python3 is one that has nothing of the environments."""
    python = site.check_output("readlink -f /usr/bin/python3")
    other = (
        "#!/bin/sh\n"
        'case "$0" in /srv/*) echo "no package is for me" >&2; exit 1 ;; esac\n'
        f'exec {python} "$@"\n'
    )
    try:
        site.check_output("printf '%%s' %s > /opt/other-python; chmod 755 /opt/other-python", other)
        site.check_output("ln -sfn /opt/other-python /usr/bin/python3")
        site.check_output(f"systemctl restart 'app-{SHOP}@*'")
        wait_for(lambda: get("/", SHOP).status == 200)
    finally:
        site.check_output(f"ln -sfn {python} /usr/bin/python3; rm -f /opt/other-python")
    assert json.loads(get("/", SHOP).text) == {"lamps": ["Aurora"]}


def test_celery_does_what_a_visitor_does_not_wait_for(site):
    job = get("/jobs/?words=hello", KINDS, method="POST")
    assert job.status == 202

    wait_for(lambda: get(f"/jobs/?job={job.text}", KINDS).status == 200)
    release = site.check_output("basename $(readlink /srv/kinds.example.com_jobs/current)")
    assert get(f"/jobs/?job={job.text}", KINDS).text == f"HELLO of {release}"
    assert site.service("redis-server").is_enabled


def test_package_from_the_index_under_a_path_of_the_same_name():
    page = get("/test/", "www.example.com")
    assert page.status == 200
    assert "WSGI Information" in page.text
    assert page.headers["X-Release"] != get("/", "www.example.com").headers["X-Release"]


def test_project_built_on_the_host_with_its_extra_and_constraints_from_elsewhere():
    assert get("/", KINDS).text == "board 1.0, flask 3.1.2, pyjwt 2.10.0, 42"


def test_wheel_with_its_extra():
    assert get("/greet/", KINDS).text == "greetings, markupsafe 3.0.2"


@pytest.mark.parametrize(
    ("path", "name", "user", "replaced"),
    [
        ("/leak/", KINDS, "app-kinds-example-com-leak", 6),  # by its memory
        ("/greet/", KINDS, "app-kinds-example-com-greet", 2),  # by its age
    ],
)
def test_process_at_its_limit_is_replaced_with_no_lost_request(site, path, name, user, replaced):
    def processes():
        return set(site.check_output(f"pgrep -u {user} -f serve.py || true").split())

    seen = processes()
    first = len(seen)

    def enough():
        seen.update(processes())
        return len(seen) >= first + replaced

    with Visitors(path, name) as visitors:
        wait_for(enough)
    assert visitors.failures == []
    assert visitors.asked > 50


def test_process_that_leaks_never_grows_much_beyond_its_limit(site):
    with Visitors("/leak/", KINDS) as visitors:
        wait_for(lambda: len(visitors.answers) > 300)
        sizes = site.check_output("ps -o rss= -u app-kinds-example-com-leak").split()
    # Its share of the 200 MiB is 90; it is looked at each second.
    assert max(map(int, sizes)) < 180 * 1024


def test_wheels_from_a_private_index_on_a_host_without_a_route(shut):
    assert (
        get("/", "vault.example.com", "lamp-app-shut").text
        == "private words markupsafe._speedups 3.0.2"
    )
    assert not shut.run("ip route get 192.0.2.1").succeeded


def test_password_of_the_index_is_not_on_the_host(shut):
    assert shut.run("grep -rlF private-password /etc /srv /var /tmp /root").stdout == ""
    assert "private-password" not in shut.check_output("journalctl --no-pager")


def test_each_application_runs_as_a_user_of_its_own(site):
    units = site.check_output(
        "systemctl list-units --plain --no-legend 'app-*@*' | cut -d ' ' -f 1"
    ).split()
    shown = {site.check_output("systemctl show --property=User --value %s", unit) for unit in units}
    pids = [
        site.check_output("systemctl show --property=MainPID --value %s", unit) for unit in units
    ]
    assert sorted(shown) == sorted(site.check_output(f"ps -o user:32= -p {','.join(pids)}").split())
    kinds = [
        f"app-kinds-example-com{path}"
        for path in (
            "",
            "-called",
            "-chat",
            "-fastapi",
            "-greet",
            "-jobs",
            "-leak",
            "-lock",
            "-rel",
            "-served",
        )
    ]
    assert sorted(shown) == [
        *kinds,
        "app-probe-example-com",
        "app-shop-example-com",
        "app-www-example-com",
        "app-www-example-com-test",
    ]


def test_service_is_confined(site):
    for unit in ("app-kinds.example.com@*", "app-kinds.example.com_chat@*", f"{SERVICE}.service"):
        (name,) = site.check_output(
            f"systemctl list-units --plain --no-legend '{unit}' | cut -d ' ' -f 1"
        ).split()
        score = re.search(
            r"exposure level for .*: ([\d.]+)",
            site.check_output("systemd-analyze security --no-pager %s", name),
        )[1]
        assert float(score) <= 3.0, name


def test_socket_is_for_the_web_server_and_the_application_alone(site):
    socket = site.check_output("readlink /srv/kinds.example.com/live.sock")
    script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for user, reached in (
        ("app-kinds-example-com", True),
        ("www-data", True),
        ("app-shop-example-com", False),
        ("nobody", False),
    ):
        group = user if user != "nobody" else "nogroup"
        said = site.run(
            f"setpriv --reuid {user} --regid {group} --init-groups python3 -c %s %s", script, socket
        )
        assert said.succeeded is reached, (user, said.stderr)
    assert (
        site.check_output(
            "stat -c '%U %a' /srv/kinds.example.com /run/python_app "
            "/run/python_app/kinds.example.com"
        ).split()
        == ["root", "755"] * 3
    )


@pytest.mark.parametrize("path", ["/chat", "/called"])
def test_asgi_application_by_either_name_is_told_of_its_request(path):
    said = json.loads(get(f"{path}/a%2Fb", KINDS).text)
    assert said["started"] == [True]
    assert (said["path"], said["raw_path"], said["root_path"]) == (
        f"{path}/a/b",
        f"{path}/a%2Fb",
        path,
    )
    assert (said["client"], said["scheme"]) == (gateway(), "http")


def test_answer_of_an_asgi_application_that_wants_no_body():
    assert get("/chat/deaf", KINDS, "lamp-app-site", "POST", bytes(1_000_000)).status == 403


def test_web_socket():
    with WebSocket("/chat/", KINDS) as talk:
        assert [talk.say(words) for words in ("one", "two")] == [
            f"{words} from {gateway()} by ws" for words in ("one", "two")
        ]


def test_web_socket_may_be_silent_for_longer_than_an_application(site):
    """For that, the web server and the application may be so for three seconds.

    The address reaches the application as it was sent.
    """
    impatient = {
        "apache": "sed -i 's/ timeout=60 / timeout=3 /' sites-enabled/*.conf; "
        "grep -q ' timeout=3 ' sites-enabled/*.conf; echo 'Timeout 3' > conf-enabled/zz-3.conf",
        "nginx": "sed -i 's/_read_timeout 60s;/_read_timeout 3s;/' sites-enabled/*.conf; "
        "grep -q '_read_timeout 3s;' sites-enabled/*.conf",
    }[SERVER]
    site.check_output(
        f"set -e; cp -a {ETC} /root/etc; cd {ETC}; {impatient}; systemctl reload {SERVICE}"
    )
    try:
        with WebSocket("/chat/a%2Fb?c=%20", KINDS) as talk:
            assert talk.say("one") == f"one from {gateway()} by ws"
            with pytest.raises(TimeoutError):
                talk.listen(6)
            assert talk.say("two") == f"two from {gateway()} by ws"
    finally:
        site.check_output(f"rm -r {ETC}; mv /root/etc {ETC}; systemctl reload {SERVICE}")


def test_request_does_not_carry_the_settings():
    # It shows all that a request has.
    text = get("/test/", "www.example.com").text
    assert "REQUEST_METHOD" in text
    assert "SECRET_KEY" not in text


def test_example_of_fastapi_hands_on_what_visitors_say():
    assert get("/fastapi/healthz", KINDS).text.startswith("well, release ")
    assert "<h1>Chat</h1>" in get("/fastapi/", KINDS).text
    with WebSocket("/fastapi/live", KINDS) as one, WebSocket("/fastapi/live", KINDS) as two:
        assert two.say("said by two") == "said by two"
        assert one.say("said by one") == "said by two"


def test_events_come_when_they_are_sent():
    with raw(
        f"GET /chat/events HTTP/1.1\r\nHost: {KINDS}\r\nConnection: close\r\n\r\n"
    ) as connection:
        seen = []
        while text := connection.recv(1000):
            seen += [(time.monotonic(), number) for number in re.findall(rb"data: (\d)", text)]
    assert [number for _when, number in seen] == [b"0", b"1", b"2"]
    assert seen[-1][0] - seen[0][0] > 0.8


def test_slow_senders_cost_no_thread_of_the_application():
    """Ours are more than all threads that run it.

    Apache takes 16 KiB of a body before it connects.
    """
    beginning = (
        f"POST /?slow HTTP/1.1\r\nHost: {PROBE}\r\nContent-Length: 100000\r\n\r\n{'a' * 20_000}"
    )
    with contextlib.ExitStack() as stack:
        for _sender in range(100):
            stack.enter_context(raw(beginning))
        waits = []
        for _visitor in range(50):
            began = time.monotonic()
            assert get("/").status == 200
            waits.append(time.monotonic() - began)
    assert max(waits) < 2


@pytest.mark.parametrize("path", ["/chat/", "/greet/"])
def test_body_that_is_too_large_is_refused(path):
    """One that says so before any of it is taken."""
    most = 1 << 20
    assert get(path, KINDS, "lamp-app-site", "POST", bytes(most)).status == 200
    head = f"POST {path} HTTP/1.1\r\nHost: {KINDS}\r\n"
    for more in ("", "Expect: 100-continue\r\n"):
        with raw(f"{head}{more}Content-Length: {most + 1}\r\n\r\n") as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    with raw(
        f"{head}Transfer-Encoding: chunked\r\n\r\n{most + 1:x}\r\n{'a' * (most + 1)}\r\n0\r\n\r\n"
    ) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_processes_have_their_shares_of_the_connections_that_are_kept(site):
    """One of them takes all connections while the other is stopped; then both answer."""
    (first, *others) = site.check_output("pgrep -u app-probe-example-com -f serve.py").split()[1:]
    site.check_output(f"kill -STOP {' '.join(others)}")
    with load.Load(lambda: get("/?nap").headers["X-Process"], threads=8) as visitors:
        try:
            wait_for(lambda: len(visitors.done) > 20)
            assert set(visitors.done) == {first}
        finally:
            site.check_output(f"kill -CONT {' '.join(others)}")
        wait_for(lambda: set(visitors.done[-40:]) == {first, *others})


def test_server_of_the_application_s_own(site):
    assert "Hello world!" in get("/served/", KINDS).text
    assert "gunicorn" in site.check_output("ps -o args= -u app-kinds-example-com-served")


@pytest.mark.parametrize(
    "name", ["shop.example.com", "www.example.com", "www.example.com_test", "probe.example.com"]
)
def test_application_cannot_write_its_code(site, name):
    places = (".", "../venv/bin", "../serve.py", "../server/granian", "../static", "../..")
    script = f"import os; print([p for p in {places} if os.access(p, os.W_OK)])"
    assert site.check_output(f"/srv/{name}/current/run python -c %s", script) == "[]"
    assert site.file(f"/etc/python_app/{name}.env").mode == 0o640


def test_version_by_variable_and_back(site):
    name = "www.example.com"
    assert play("deploy", lamp_deploy_site=name, lamp_deploy_version="v2").returncode == 0
    assert get("/", name).text == "hello, version 2\n"
    shown = " ".join(play("releases", lamp_deploy_site=name).stdout.split())
    assert re.search(r"hello\.git at v2 \([0-9a-f]{12}\)", shown)
    assert re.search(r"current since 20\d\d-", shown)
    assert play("rollback", lamp_deploy_site=name).returncode == 0
    assert get("/", name).text == "hello, version 1\n"
    # The same commit by another name: nothing is made anew, and it is called what it was asked for.
    assert play("deploy", lamp_deploy_site=name, lamp_deploy_version="main").returncode == 0
    assert get("/", name).text == "hello, version 2\n"
    assert "hello.git at main (" in site.check_output(
        f"tail -n 1 /var/log/python_app/deploys.log; cat /srv/{name}/current/made.json"
    )
    assert "hello.git at v2 (" not in site.check_output(f"cat /srv/{name}/current/made.json")
    assert play("rollback", lamp_deploy_site=name).returncode == 0


def test_unknown_site_and_version_are_refused_before_anything_happens():
    done = play("deploy", lamp_deploy_site="nobody.example.com")
    assert done.returncode != 0
    assert "which has no application: give one of" in done.stdout
    done = play("deploy", lamp_deploy_site="www.example.com", lamp_deploy_version="v9")
    assert done.returncode != 0
    assert "has no branch or tag v9" in done.stdout
