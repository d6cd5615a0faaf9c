"""What two web hosts share, and what is each host's own."""

from __future__ import annotations

import hashlib
import pathlib
import re

import pytest
import yaml
from support.containers import address_of, on_host
from support.plays import inventory, play
from support.web import SERVICE

from .visitors import BALANCERS, SITE, VISITOR, WEB, get, wait_for_state

JAR = "/root/cookies"


def cookie(host):
    """Return the cookie of a visitor who stays on a host."""
    return f"lamp-host={hashlib.sha256(host.encode()).hexdigest()[:8]}"


def come_again(balancer):
    """Return what a visitor sees who keeps cookies, and the web host that answered him."""
    status, headers, page = get(balancer, "/way", "--cookie", JAR, "--cookie-jar", JAR)
    assert status == 200
    (host,) = [host for host in WEB if host in page]
    return headers, host


def test_visitor_stays_on_a_web_host_until_that_is_gone():
    on_host(VISITOR, f"rm -f {JAR}", check=True)
    headers, host = come_again(BALANCERS[0])
    assert headers["set-cookie"] == f"{cookie(host)}; path=/; HttpOnly; Secure"
    assert {come_again(balancer)[1] for balancer in BALANCERS * 3} == {host}
    (other,) = set(WEB) - {host}
    on_host(host, f"systemctl stop {SERVICE}", check=True)
    try:
        headers, found = come_again(BALANCERS[0])
        assert found == other
        assert cookie(other) in headers["set-cookie"]
        wait_for_state("DOWN", host)
    finally:
        on_host(host, f"systemctl start {SERVICE}", check=True)
        wait_for_state("UP", host)
    # Nobody is led back.
    assert {come_again(balancer)[1] for balancer in BALANCERS * 3} == {other}


def test_sites_that_do_not_ask_for_it_keep_nobody():
    assert "set-cookie" not in get(BALANCERS[0], name="static.foobar.com")[1]


def test_what_one_web_host_signs_the_other_takes():
    keys = {
        on_host(host, f"grep ^SECRET_KEY= /etc/python_app/{SITE}.env | sha256sum", check=True)
        for host in WEB
    }
    assert len(keys) == 1
    _status, headers, page = get(BALANCERS[0], "/guestbook", "--cookie", cookie(WEB[0]))
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    session = headers["set-cookie"].partition(";")[0]
    form = [
        word
        for field in (f"csrf_token={token}", "name=Ada", "message=Shared")
        for word in ("--data-urlencode", field)
    ]
    assert get(BALANCERS[-1], "/guestbook", "--cookie", f"{session}; {cookie(WEB[1])}", *form)[
        0
    ] in (302, 303)
    # A session that nobody signed is none.
    assert (
        get(BALANCERS[-1], "/guestbook", "--cookie", f"{session}x; {cookie(WEB[1])}", *form)[0]
        == 400
    )


def run_on(name):
    """Return the web hosts that run a timer, now and after their next start."""
    asked = f"systemctl is-active {SITE}-{name}.timer; systemctl is-enabled {SITE}-{name}.timer"
    said = {host: on_host(host, asked).split() for host in WEB}
    assert all(
        words in (["active", "enabled"], ["inactive", "disabled"]) for words in said.values()
    ), said
    return [host for host, words in said.items() if words[0] == "active"]


def deploy(*options):
    done = play("deploy", *options)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture
def other_first():
    """Return what makes the last web host the first one of an
    inventory that goes with --limit, too.
    """
    with pytest.MonkeyPatch.context() as patch:
        path = pathlib.Path(inventory())
        described = yaml.safe_load(path.read_text())
        described["lamp_web"]["hosts"] = dict(reversed(described["lamp_web"]["hosts"].items()))
        described["all"]["hosts"] = {
            host: {**(own or {}), "lamp_address": address_of(host)}
            for host, own in described["all"]["hosts"].items()
        }
        other = path.with_name("other_first.yml")
        other.write_text(yaml.safe_dump(described, sort_keys=False))
        try:
            yield lambda: patch.setenv("MOLECULE_INVENTORY_FILE", str(other))
        finally:
            other.unlink()
    deploy()


def test_timer_runs_on_one_web_host_and_follows_the_inventory(other_first):
    assert (run_on("tick"), run_on("sweep")) == (WEB[:1], WEB)
    other_first()
    # The first one is not asked, and so nothing is moved.
    deploy(f"--limit={WEB[1]}")
    assert run_on("tick") == WEB[:1]
    deploy()
    assert (run_on("tick"), run_on("sweep")) == (WEB[1:], WEB)


def test_timer_is_back_where_it_was():
    assert run_on("tick") == WEB[:1]
    # By hand it runs on any.
    on_host(WEB[1], f"systemctl start {SITE}-tick.service", check=True)


@pytest.mark.parametrize(
    ("media", "words"),
    [
        ({}, f"lamp_sites['{SITE}'].app.media is on 2 web hosts"),
        ({"shared": "/mnt/media"}, "on which nothing is mounted on this host"),
    ],
)
def test_files_of_visitors_need_a_directory_that_all_web_hosts_see(media, words):
    app = {"source": "../files/app", "wsgi": "foobar.wsgi:application", "media": media}
    done = play("site", "--check", lamp_sites={SITE: {"app": app}})
    assert done.returncode != 0
    # Ansible breaks long lines.
    assert words in " ".join((done.stdout + done.stderr).split()), done.stdout[-3000:]


def test_balancer_counts_what_a_visitor_asks():
    where = f"--resolve {SITE}:443:{address_of(BALANCERS[0])} --cacert /etc/pebble/root.pem"
    asked = (
        f"curl --silent {where} --output /dev/null --write-out '%{{http_code}} ' "
        f"'https://{SITE}/limited?[1-8]'"
    )
    assert on_host(VISITOR, asked, check=True).split() == ["404"] * 5 + ["429"] * 3
    assert get(BALANCERS[0])[0] == 200
