"""What graders of others say of a host: how it talks SSH and TLS, which
headers it sends, how its services are confined.

Each has a mark that it must have. What is not the best mark has its reason here, and in
docs/grades.md.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest
import testinfra.utils.ansible_runner
import yaml
from support.containers import address_of
from support.web import SERVICE

HERE = pathlib.Path(__file__).parent
PROJECT = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
GRADERS = PROJECT / ".cache/grades"
NAME = "lamp-grades"
SITE, BARE = "www.foobar.com", "bare.foobar.com"
CA = "/etc/grades/ca.pem"
# Clients that know no hybrid come in by these. Whoever has none leaves them out, as STRICT does.
OLDER = {"curve25519-sha256", "curve25519-sha256@libssh.org"}
OLDER_WARNING = "does not provide protection against post-quantum attacks"
STRICT = "-ecdh-*,diffie-hellman-*,curve25519-*"


@pytest.fixture(scope="module")
def host():
    """Return the host that is graded."""
    return testinfra.utils.ansible_runner.AnsibleRunner(
        os.environ["MOLECULE_INVENTORY_FILE"]
    ).get_host(NAME)


@pytest.fixture(scope="module")
def ca(host, tmp_path_factory):
    """Return the file of the CA that is trusted here."""
    path = tmp_path_factory.mktemp("grades") / "ca.pem"
    path.write_text(host.file(CA).content_string)
    return path


def run(*words, **environment):
    """Return what a grader says."""
    return subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


# SSH


# Of any server with this cipher, since a client of before 2023 may come: the server does what it
# can.
STRICT_ORDER = "Be aware that, while this target properly supports the strict key exchange method"


@pytest.fixture(scope="module")
def ssh_audit(host):
    """Return ``ssh_audit(port)``: failures and warnings by algorithm, and notes.

    From the host itself: others reach one port of it.
    """
    (program,) = (GRADERS / "lib").glob("python3*/site-packages/ssh_audit")
    run("docker", "cp", program, f"{NAME}:/root/ssh_audit")

    def ssh_audit(port):
        said, found = (
            json.loads(
                host.run(f"cd /root && python3 -m ssh_audit --json --port {port} 127.0.0.1").stdout
            ),
            {},
        )
        for one in (one for kind in ("kex", "key", "enc", "mac") for one in said[kind]):
            for kind, words in one["notes"].items():
                found.setdefault(kind, {})[one["algorithm"]] = words
        more = [note for note in said["additional_notes"] if not note.startswith(STRICT_ORDER)]
        return found.get("fail", {}), found.get("warn", {}), more

    return ssh_audit


def test_ssh_audit_finds_nothing_but_what_older_clients_need(ssh_audit):
    assert ssh_audit(22) == ({}, dict.fromkeys(OLDER, [OLDER_WARNING]), [])


def test_ssh_audit_finds_nothing_without_older_clients(host, ssh_audit):
    host.check_output(
        f"/usr/sbin/sshd -p 2222 -o KexAlgorithms={STRICT} -o PidFile=/run/sshd-strict.pid"
    )
    try:
        assert ssh_audit(2222) == ({}, {}, [])
    finally:
        host.check_output("kill $(cat /run/sshd-strict.pid)")


# TLS


@pytest.mark.parametrize("site", [SITE, BARE])
def test_sslyze_finds_mozilla_s_intermediate_profile(ca, site):
    words = [
        "--custom_tls_config",
        HERE / "mozilla_intermediate.json",
        "--certinfo_ca_file",
        ca,
        f"{site}:443{{{address_of(NAME)}}}",
    ]
    done = run(GRADERS / "bin/sslyze", *words)
    assert "OK - Compliant" in done.stdout, done.stdout[-3000:]
    assert done.returncode == 0


def test_key_exchange_outlives_a_quantum_computer(host):
    words = (
        f"openssl s_client -connect 127.0.0.1:443 -servername {SITE} -groups X25519MLKEM768 "
        f"-CAfile {CA} -verify_return_error < /dev/null"
    )
    assert "Negotiated TLS1.3 group: X25519MLKEM768" in host.check_output(words)


# The certificate here names no list of revoked ones. And what is in a compressed page can be
# guessed by whoever has a visitor's browser ask for it with chosen words that come back in it,
# beside a secret: no page of the try-out is so.
TESTSSL_LEAVES = {"cert_revocation", "BREACH"}


def test_testssl_gives_the_best_mark(host):
    out = "/root/testssl.json"
    # All that its mark is made of: protocols, cipher suites, key exchange, certificate, headers,
    # holes that are known.
    words = (
        f"--quiet --warnings off --nodns min --ip 127.0.0.1 --add-ca {CA} --jsonfile {out} -p -s "
        f"-f -S -h -U https://{SITE}"
    )
    host.run(f"rm -f {out}; testssl {words}")
    found = json.loads(host.file(out).content_string)
    assert {
        one["id"] for one in found if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
    } == TESTSSL_LEAVES
    assert [one["finding"] for one in found if one["id"] == "overall_grade"] == ["A+"]


# Headers


def observatory(site, ca):
    """Return the mark, the points and the tests that were not passed."""
    place = GRADERS / "headers/node_modules/@mdn/mdn-http-observatory/src/scan.js"
    words = [GRADERS / "bin/node", "--import", HERE / "resolve.mjs", place, site]
    done = run(*words, HOST=address_of(NAME), NODE_EXTRA_CA_CERTS=str(ca))
    said = json.loads(done.stdout)
    return (
        said["scan"]["grade"],
        said["scan"]["score"],
        {name for name, test in said["tests"].items() if not test["pass"]},
    )


def test_observatory_gives_the_try_out_the_best_mark(ca):
    grade, _score, failed = observatory(SITE, ca)
    assert (grade, failed) == ("A+", set())


def test_observatory_misses_nothing_but_a_policy_of_the_site_s_own(ca):
    # What scripts and styles a site may load, the site alone can say.
    assert observatory(BARE, ca) == ("B", 75, {"content-security-policy"})


# Confinement


@pytest.mark.parametrize(
    "service",
    [
        SERVICE,
        "named",
        "mariadb",
        f"app-{SITE}@*",
        "lamp-backup",
        "lamp-backup-log",
        "mysql-certificate",
        "site-certificates",
    ],
)
def test_service_is_confined(host, service):
    listed = host.run(
        f"systemctl list-units --all --plain --no-legend '{service}.service'; systemctl "
        f"list-unit-files --no-legend '{service}.service'"
    )
    units = {line.split()[0] for line in listed.stdout.splitlines()}
    # Of a database that hosts of its own reach.
    if service == "mysql-certificate" and not units:
        pytest.skip("this host's database is for itself alone")
    assert units
    for unit in units:
        said = host.run(f"systemd-analyze security --no-pager --threshold=40 {unit}")
        assert said.rc == 0, said.stdout


# All else


def test_lynis_finds_what_it_found_and_no_less(host):
    known = yaml.safe_load((HERE / "lynis.yml").read_text())
    host.run("lynis audit system --quick --no-colors --no-log > /dev/null 2>&1")
    report = [
        line.partition("=")[::2]
        for line in host.file("/var/log/lynis-report.dat").content_string.splitlines()
    ]
    found = {
        value.partition("|")[0] for name, value in report if name in ("suggestion[]", "warning[]")
    }
    assert found - known["left"].keys() == set()
    assert int(dict(report)["hardening_index"]) >= known["index"]
