"""What visitors see of two balancers before two web hosts, whatever becomes of these."""

from __future__ import annotations

import errno
import re
import subprocess

import pytest
from support.containers import address_of, on_host, run
from support.plays import play, recap
from support.web import NAME, SERVICE

from .visitors import BALANCERS, SITE, VISITOR, WEB, Visitors, ask, get, states, wait_for_state

APP = f"systemctl list-units --plain --no-legend 'app-{SITE}@*.service' | cut -d ' ' -f 1"


@pytest.mark.parametrize("name", [SITE, "foobar.com", "static.foobar.com"])
def test_names_lead_to_the_balancers(name):
    found = on_host(
        VISITOR, f"dig +short @{address_of('lamp-balancers-db')} {name}", check=True
    ).split()
    assert sorted(found) == sorted(map(address_of, BALANCERS))


@pytest.mark.parametrize("balancer", BALANCERS)
def test_page_comes_by_https_and_http_2(balancer):
    status, headers, text = get(balancer, "/")
    assert (status, headers["server"]) == (200, NAME)
    assert "Aurora" in text
    assert (
        run("docker", "exec", balancer, "site-certificates", "status").stdout.count("issued") >= 2
    )
    done = on_host(
        VISITOR,
        f"curl --silent --cacert /etc/pebble/root.pem "
        f"--resolve {SITE}:443:{address_of(balancer)} --output /dev/null "
        f"--write-out '%{{http_version}}' https://{SITE}/",
    )
    assert done == "2"


def test_http_3_is_told_by_https_and_answers_through_reloads():
    with_it, without = BALANCERS
    assert get(with_it)[1]["alt-svc"] == 'h3=":443"; ma=86400'
    assert "alt-svc" not in get(with_it, scheme="http")[1]
    assert "alt-svc" not in get(without)[1]
    status, _headers, page = get(with_it, "/way", "--http3-only")
    assert status == 200
    assert address_of(VISITOR) in page
    where = (
        f"--resolve {SITE}:443:{address_of(with_it)} "
        f"--cacert /etc/pebble/root.pem --http3-only --rate 10/s"
    )
    # A connection that begins at the very moment may get lost, and browsers ask again.
    where += " --retry 2 --retry-all-errors --retry-delay 1"
    asked = (
        f"curl --silent {where} --output /dev/null --write-out '%{{http_version}}:%{{http_code}} "
        f"' 'https://{SITE}/healthz?[1-30]'"
    )
    visits = subprocess.Popen(
        ["docker", "exec", VISITOR, "sh", "-c", asked], stdout=subprocess.PIPE, text=True
    )
    while visits.poll() is None:
        on_host(with_it, "systemctl reload haproxy", check=True)
    assert visits.communicate()[0].split() == ["3:200"] * 30


@pytest.mark.parametrize("balancer", BALANCERS)
def test_each_web_host_answers(balancer):
    pages = [get(balancer, "/way")[2] for _number in range(8)]
    assert {host for host in WEB for page in pages if host in page} == set(WEB)


@pytest.mark.parametrize("balancer", BALANCERS)
def test_visitors_are_led_to_https_and_stay_there(balancer):
    status, headers, _text = get(balancer, "/x?y", scheme="http")
    assert (status, headers["location"]) == (308, f"https://{SITE}/x?y")
    status, headers, _text = get(balancer, "/guestbook")
    assert headers["strict-transport-security"] == "max-age=15552000"
    assert all(
        re.search(r";\s*secure", one, re.IGNORECASE) for one in headers["set-cookie"].splitlines()
    )
    # A web server that leads elsewhere knows nothing of HTTPS.
    status, headers, _text = get(balancer, "/old")
    assert (status, headers["location"]) == (301, f"https://{SITE}/way")


@pytest.mark.parametrize("balancer", BALANCERS)
def test_site_may_stay_on_http(balancer):
    for scheme in ("http", "https"):
        status, headers, text = get(balancer, "/", scheme=scheme, name="static.foobar.com")
        assert (status, text) == (200, "A page of the site.\n")
        assert "strict-transport-security" not in headers


OF_VISITORS = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Proto", "X-Forwarded-By")
FORGED = [word for name in OF_VISITORS for word in ("-H", f"{name}: 203.0.113.66")]


@pytest.mark.parametrize("balancer", BALANCERS)
def test_application_and_logs_have_the_visitor_s_address_whatever_he_says(balancer):
    for _number in range(4):
        page = get(balancer, "/way?who", *FORGED)[2]
        assert address_of(VISITOR) in page
        assert f"<dd>{balancer}</dd>" in page
        assert "203.0.113.66" not in page
    logged = [on_host(host, f"grep -h 'way?who' /var/log/{SERVICE}/*access.log") for host in WEB]
    assert all(
        line.startswith(f"{address_of(VISITOR)} ") for text in logged for line in text.splitlines()
    )
    assert any(logged)


def test_questions_of_balancers_for_health_are_not_logged_but_what_visitors_say_they_are():
    assert get(BALANCERS[0], "/way?agent", "-H", "User-Agent: haproxy")[0] == 200
    logged = "".join(
        on_host(host, f"cat /var/log/{SERVICE}/*access.log", check=True) for host in WEB
    )
    assert "/way?agent" in logged
    assert not any(
        line.startswith(f"{address_of(balancer)} ")
        for balancer in BALANCERS
        for line in logged.splitlines()
    )


def test_who_comes_to_a_web_host_by_himself_is_seen_as_he_is():
    question = "http.client.HTTPConnection('127.0.0.1')"
    headers = {
        "Host": SITE,
        "X-Forwarded-For": "203.0.113.66",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-By": "203.0.113.66",
    }
    for host in WEB:
        script = (
            f"import http.client; c = {question}; c.request('GET', '/way', headers={headers}); "
            f"print(c.getresponse().read().decode())"
        )
        page = run("docker", "exec", host, "python3", "-c", script, check=True).stdout
        assert "127.0.0.1" in page
        assert "203.0.113.66" not in page


@pytest.mark.parametrize("host", WEB)
def test_web_host_is_for_the_balancers_alone(host):
    script = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 443)))"
    assert run("docker", "exec", host, "python3", "-c", script, check=True).stdout.strip() == str(
        errno.ECONNREFUSED
    )
    asked = f"curl --silent --max-time 3 http://{address_of(host)}/"
    done = run("docker", "exec", VISITOR, *asked.split())
    assert done.returncode == 28, done
    units = "systemctl is-enabled site-certificates.timer 2> /dev/null"
    assert on_host(host, units).strip() in ("", "not-found")


@pytest.mark.parametrize("balancer", BALANCERS)
def test_haproxy_is_confined(balancer):
    said = on_host(
        balancer, "systemd-analyze security --no-pager haproxy.service | tail -n 1", check=True
    )
    assert float(re.search(r"(\d+\.\d)", said)[1]) <= 4.0, said
    assert on_host(balancer, "stat -c '%U %a' /run/lamp-haproxy/admin.sock").strip() == "root 600"


@pytest.mark.parametrize("balancer", BALANCERS)
def test_statistics_are_on_the_host_itself_alone(balancer):
    script = (
        "import urllib.request; "
        "print(urllib.request.urlopen('http://127.0.0.1:8404/metrics').read().decode())"
    )
    said = run("docker", "exec", balancer, "python3", "-c", script, check=True).stdout
    for host in WEB:
        assert f'haproxy_server_status{{proxy="web",server="{host}",state="UP"}} 1' in said
    done = run(
        "docker",
        "exec",
        VISITOR,
        "curl",
        "--silent",
        "--max-time",
        "3",
        f"http://{address_of(balancer)}:8404/",
    )
    assert done.returncode in (7, 28)


@pytest.mark.parametrize("balancer", BALANCERS)
def test_web_server_that_stops_loses_no_get(balancer):
    with Visitors(balancer, 15) as visitors:
        on_host(WEB[0], f"systemctl stop {SERVICE}", check=True)
        wait_for_state("DOWN", WEB[0])
        on_host(WEB[0], f"systemctl start {SERVICE}", check=True)
        wait_for_state("UP", WEB[0])
    assert visitors.asked > 200
    assert visitors.lost == 0


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("more", [[], ["-H", "Connection: close"]], ids=["kept", "new"])
def test_reload_loses_no_request(balancer, more):
    with Visitors(balancer, 10, *more) as visitors:
        for _number in range(5):
            on_host(balancer, "systemctl reload haproxy", check=True)
    assert visitors.asked > 200
    assert visitors.lost == 0


@pytest.mark.parametrize("balancer", BALANCERS)
def test_reload_keeps_what_is_known_of_web_hosts(balancer):
    ask(balancer, f"set server web/{WEB[0]} state drain")
    try:
        on_host(balancer, "systemctl reload haproxy", check=True)
        assert states(balancer)[WEB[0]] == "DRAIN"
        assert all(WEB[1] in get(balancer, "/way")[2] for _number in range(4))
    finally:
        ask(balancer, f"set server web/{WEB[0]} state ready")


def test_where_no_web_host_is_well_the_sites_say_it_themselves():
    static = re.search(r'href="(/static/[^"]+)"', get(BALANCERS[0])[2])[1]
    units = {host: on_host(host, APP, check=True).split() for host in WEB}
    try:
        for host, names in units.items():
            on_host(host, f"systemctl stop {' '.join(names)}", check=True)
        wait_for_state("DOWN", *WEB)
        for balancer in BALANCERS:
            assert get(balancer, static)[0] == 200
            status, headers, _text = get(balancer, "/")
            assert (status, headers["server"]) == (503, NAME)
    finally:
        for host, names in units.items():
            on_host(host, f"systemctl start {' '.join(names)}")
    wait_for_state("UP", *WEB)
    assert get(BALANCERS[0])[0] == 200


def config(balancer):
    return on_host(
        balancer,
        "sha256sum /etc/haproxy/haproxy.cfg; systemctl show --property=MainPID haproxy",
        check=True,
    )


def test_settings_that_haproxy_refuses_never_reach_it():
    before = [config(balancer) for balancer in BALANCERS]
    done = play("site", "--tags=haproxy", haproxy_extra="http-request no-such-thing")
    assert done.returncode != 0
    assert "no-such-thing" in done.stdout
    assert [config(balancer) for balancer in BALANCERS] == before
    assert get(BALANCERS[0])[0] == 200


def test_settings_that_only_a_reload_refuses_are_taken_back():
    balancer = BALANCERS[0]
    before = config(balancer)
    on_host(balancer, "systemd-run --unit=taken python3 -m http.server 8090", check=True)
    try:
        done = play("site", "--tags=haproxy", haproxy_listen=[80, 8090])
        assert done.returncode != 0
        assert config(balancer) == before
        assert get(balancer)[0] == 200
    finally:
        on_host(balancer, "systemctl stop taken")
    done = play("site", "--tags=haproxy")
    assert done.returncode == 0, done.stdout[-3000:]


def test_certificate_that_is_renewed_is_served_by_both():
    def serials():
        ask = (
            "openssl s_client -connect {}:443 "
            "-servername {} < /dev/null 2> /dev/null | openssl x509 -noout -serial"
        )
        return [
            on_host(VISITOR, ask.format(address_of(balancer), SITE), check=True)
            for balancer in BALANCERS
        ]

    before = serials()
    with Visitors(BALANCERS[0], 20, "-H", "Connection: close") as visitors:
        done = play("certificates", lamp_certificates_renew=SITE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert not set(serials()) & set(before)
    assert visitors.lost == 0


def test_second_run_changes_nothing():
    done = play("site")
    assert done.returncode == 0, done.stdout[-3000:]
    assert recap(done)["changed"] == 0
