"""Certificates of a CA, from the first run to a renewal under load. The tests are a story: each
goes on where the one before ended.
"""

from __future__ import annotations

import json
import re
import time

import pytest
from support.containers import address_of, on_host, page, run
from support.plays import play, recap
from support.waiting import wait_for

WEB = ["lamp-certificates-web1", "lamp-certificates-web2"]
DNS, CA = "lamp-certificates-dns", "lamp-certificates-ca"
SITE, OTHER = "www.foobar.com", "www.other.net"


def status(host):
    """Return what a host says about its certificates, by name."""
    return {
        row["name"]: row
        for row in json.loads(on_host(host, "site-certificates status --json"))["certificates"]
    }


def served(host, name):
    """Return the certificate that a visitor of a site gets from a host, as openssl prints it."""
    ask = (
        f"openssl s_client -connect {address_of(host)}:443 "
        f"-servername {name} < /dev/null 2> /dev/null"
    )
    return on_host(CA, f"{ask} | openssl x509 -noout -serial -issuer -ext subjectAltName")


def serial(host, name):
    return int(re.search(r"serial=([0-9A-F]+)", served(host, name))[1], 16)


def get(host, name, path="/", scheme="https", *more):
    """Return status, headers and text of a page, as somebody sees it who trusts the CA."""
    return page(CA, host, name, path, scheme, *more)


def update(key, *changes):
    """Return what the name server says to changes of its records that are signed with a key,
    given as its configuration has it.
    """
    run(
        "docker",
        "exec",
        "-i",
        CA,
        "sh",
        "-c",
        "umask 077; cat > /root/update.key",
        input=key,
        check=True,
    )
    words = "\n".join([f"server {address_of(DNS)}", *changes, "send", ""])
    return run("docker", "exec", "-i", CA, "nsupdate", "-k", "/root/update.key", input=words)


def point(*hosts):
    """Have the name that is outside the domain lead to hosts."""
    changes = [
        f"update delete {OTHER} A",
        *(f"update add {OTHER} 60 A {address_of(host)}" for host in hosts),
    ]
    done = update(
        on_host(DNS, "cat /etc/bind/keys/lamp.key", check=True), "zone other.net", *changes
    )
    assert done.returncode == 0, done.stderr


def start_ca():
    """Start the CA, as somebody who knows nobody:
    all that it knows is in memory. Its new root is trusted.
    """
    on_host(CA, "systemctl restart pebble", check=True)
    root = "curl --fail --silent --insecure https://127.0.0.1:15000/roots/0"
    wait_for(lambda: "BEGIN" in on_host(CA, root))
    on_host(CA, f"{root} > /etc/pebble/root.pem", check=True)


@pytest.fixture(scope="module", autouse=True)
def root():
    """Let visitors trust the CA."""
    on_host(
        CA,
        "curl --fail --silent --insecure https://127.0.0.1:15000/roots/0 > /etc/pebble/root.pem",
        check=True,
    )


@pytest.mark.parametrize("host", WEB)
def test_first_run_has_a_certificate_issued_by_records_with_its_wildcard(host):
    row = status(host)[SITE]
    assert (row["source"], row["state"], row["trusted"]) == ("acme", "issued", True), row
    said = served(host, SITE)
    assert "Pebble" in said
    for name in ("foobar.com", "*.foobar.com"):
        assert f"DNS:{name}" in said
    # The wildcard covers it: a CA refuses both in one order.
    assert f"DNS:{SITE}" not in said
    assert get(host, SITE)[0] == get(host, "foobar.com")[0] == 200


@pytest.mark.parametrize("host", WEB)
def test_visitors_are_led_to_https_and_told_to_stay(host):
    code, headers, _body = get(host, SITE, "/x?y", "http")
    assert (code, headers["location"]) == (308, f"https://{SITE}/x?y")
    assert get(host, SITE)[1]["strict-transport-security"] == "max-age=15552000"


def test_each_host_has_a_certificate_and_a_key_of_its_own():
    keys = {
        on_host(host, f"sha256sum < /var/lib/foobar.lamp/certificates/{SITE}/current/key.pem")
        for host in WEB
    }
    assert len(keys) == len({serial(host, SITE) for host in WEB}) == len(WEB)


def test_nothing_of_the_proof_is_left_in_the_zone():
    dig = f"dig +noall +answer +comments @{address_of(DNS)}"
    assert "status: NXDOMAIN" in on_host(CA, f"{dig} TXT _acme-challenge.foobar.com", check=True)


def test_ca_that_does_not_answer_changes_nothing():
    before = serial(WEB[0], SITE)
    on_host(CA, "systemctl stop pebble", check=True)
    done = play("certificates", lamp_certificates_renew=SITE)
    row = status(WEB[0])[SITE]
    assert done.returncode != 0
    assert f"{SITE} has no new certificate yet: ca1: " in " ".join(done.stdout.split()), (
        done.stdout[-3000:]
    )
    assert "lamp-certificates-ca" in row["reason"], row
    assert serial(WEB[0], SITE) == before
    assert get(WEB[0], SITE)[0] == 200


def test_ca_that_has_forgotten_the_account_issues_again():
    before = [served(host, SITE) for host in WEB]
    on_host(
        CA,
        (
            'sed -i \'s/"certificateValidityPeriod": .*/"certificateValidityPeriod": 120,/\' '
            "/etc/pebble/config.json"
        ),
        check=True,
    )
    start_ca()
    done = play("certificates", lamp_acme_retry=True)
    assert done.returncode == 0, done.stdout[-3000:]
    done = play("certificates", lamp_certificates_renew=SITE)
    assert done.returncode == 0, done.stdout[-3000:]
    for host, old in zip(WEB, before, strict=True):
        new = served(host, SITE)
        assert new.splitlines()[:2] != old.splitlines()[:2]
        assert get(host, SITE)[0] == 200


@pytest.mark.parametrize("host", WEB)
def test_name_that_leads_nowhere_is_served_as_before_and_says_what_is_missing(host):
    row = status(host)[OTHER]
    assert row["source"] == "placeholder"
    assert f"{OTHER} has no address in the DNS: add an A record" in row["reason"]
    code, headers, body = get(host, OTHER, "/", "http")
    assert (code, body) == (200, "A page of the site.\n")
    assert "strict-transport-security" not in headers


def test_run_says_it_and_ends_well():
    done = play("site", "--tags=certificates")
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{OTHER} has no certificate yet: {OTHER} has no address in the DNS" in re.sub(
        r"\s+", " ", done.stdout
    )
    assert recap(done)["changed"] == 0


def test_name_that_leads_elsewhere_is_not_asked_for():
    point(CA)
    said = on_host(WEB[0], f"site-certificates run {OTHER}")
    assert f"its A record {address_of(CA)} does not answer" in said
    assert status(WEB[0])[OTHER]["source"] == "placeholder"


def test_name_outside_the_domain_is_proved_by_pages_of_all_hosts():
    point(*WEB)
    pages = [get(host, OTHER, "/.well-known/acme-challenge/token", "http")[2] for host in WEB]
    assert pages[0] == pages[1]
    assert re.fullmatch(r"token\.[A-Za-z0-9_-]{43}", pages[0])
    done = play("site", "--tags=certificates")
    assert done.returncode == 0, done.stdout[-3000:]
    for host in WEB:
        assert status(host)[OTHER]["state"] == "issued", status(host)[OTHER]
        assert get(host, OTHER)[0] == 200
        assert get(host, OTHER, "/", "http")[0] == 308


def test_key_of_a_web_host_may_set_what_it_proves_and_nothing_else():
    dns = json.loads(on_host(WEB[0], "cat /etc/foobar.lamp/certificates.json", check=True))["dns"]
    key = (
        f'key "{dns["key_name"]}" {{ algorithm {dns["key_algorithm"]}; secret '
        f'"{dns["key_secret"]}"; }};'
    )
    own = update(key, "zone foobar.com", "update add _acme-challenge.foobar.com 60 TXT mine")
    assert own.returncode == 0, own.stderr
    assert (
        update(key, "zone foobar.com", "update delete _acme-challenge.foobar.com TXT").returncode
        == 0
    )
    for change in (
        "update add foobar.com 60 TXT other",
        "update add www.foobar.com 60 A 192.0.2.66",
        "update delete www.foobar.com A",
        "update add _acme-challenge.foobar.com 60 CNAME elsewhere.example.",
        "update add _acme-challenge.shop.foobar.com 60 TXT other",
    ):
        done = update(key, "zone foobar.com", change)
        assert "REFUSED" in done.stderr, (change, done)
    assert (
        "REFUSED"
        in update(
            key, "zone other.net", "update add _acme-challenge.www.other.net 60 TXT other"
        ).stderr
    )


def test_renewals_lose_no_request_of_fifty_thousand():
    """The host renews by itself, as its timer has it, and then by hand,
    while visitors come by new connections.
    """
    host, lost, asked, seen = WEB[0], 0, 0, {serial(WEB[0], SITE)}
    on_host(
        CA,
        f"grep -q {SITE} /etc/hosts || echo '{address_of(host)} {SITE}' >> /etc/hosts",
        check=True,
    )
    # A certificate of two minutes is due after one.
    wait_for(
        lambda: (
            status(host)[SITE]["state"] == "due"
            or status(host)[SITE]["next"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        )
    )

    def renewed_until_they_go():
        seen.add(serial(host, SITE))
        on_host(host, f"site-certificates renew {SITE}", check=True)
        return "requests in" in on_host(CA, "cat /tmp/wrk")

    while asked < 50_000:
        load = f"nohup wrk -t1 -c8 -d15s -H 'Connection: close' https://{SITE}/ > /tmp/wrk 2>&1"
        on_host(CA, f"rm -f /tmp/wrk; {load} & echo $!", check=True)
        on_host(host, "systemctl start site-certificates", check=True)
        wait_for(renewed_until_they_go, 60)
        said = on_host(CA, "cat /tmp/wrk")
        asked += int(re.search(r"(\d+) requests in", said)[1])
        lost += sum(map(int, re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", said)))
    print(f"{asked} requests, {lost} lost, {len(seen)} certificates")
    assert len(seen) > 2
    assert lost == 0


def test_revoked_certificate_is_replaced():
    on_host(
        CA,
        (
            'sed -i \'s/"certificateValidityPeriod": .*/"certificateValidityPeriod": 3600,/\' '
            "/etc/pebble/config.json"
        ),
        check=True,
    )
    start_ca()
    assert play("certificates", lamp_certificates_renew=SITE).returncode == 0
    before = [serial(host, SITE) for host in WEB]
    done = play(
        "certificates", lamp_certificates_revoke=SITE, lamp_certificates_reason="superseded"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert all(serial(host, SITE) != old for host, old in zip(WEB, before, strict=True))


def test_playbook_refuses_what_it_does_not_know():
    done = play(
        "certificates",
        lamp_certificates_revoke="shop.foobar.com",
        lamp_certificates_reason="boredom",
    )
    assert done.returncode != 0
    assert "lamp_certificates_revoke is 'shop.foobar.com', and no CA issues that" in done.stdout
    assert "lamp_certificates_reason is 'boredom'" in done.stdout
