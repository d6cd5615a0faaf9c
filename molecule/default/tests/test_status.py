"""How the whole site is, as the person on call and a program that watches see it: each fault is
a sentence and a failed run.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from support.plays import play, recap
from support.waiting import wait_for
from support.web import CLOSED, SERVICE

from .visitors import INVENTORY, SITE

#: What all units hear of that begin with lamp-.
HELD = "/run/systemd/system/lamp-.service.d"
GONE = """
all:
  vars: {ansible_ssh_common_args: -o StrictHostKeyChecking=no}
  children:
    lamp: {hosts: &gone {gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}}
    lamp_web: {hosts: *gone}
"""


def hosts():
    """Return all hosts."""
    return [INVENTORY.get_host(name) for name in INVENTORY.get_hosts("lamp")]


@pytest.fixture(scope="module", autouse=True)
def _settled():
    """What failed in the tests before had its reasons there."""
    for host in hosts():
        host.check_output("systemctl reset-failed")
        wait_for(
            lambda host=host: host.run("systemctl is-system-running").stdout.strip() == "running"
        )


def report(*options, **variables):
    """Return the run, and what its JSON says."""
    done = play("status", *options, lamp_status_format="json", **variables)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return done, json.loads(line)


class Fault(NamedTuple):
    """Something that is done to a host and undone, and what is said of it:
    the beginnings of sentences.
    """

    host: object
    do: str
    undo: str
    said: tuple[str, ...]


def old_certificate():
    """Return a certificate with a fifth of its life left."""
    now, key = datetime.datetime.now(datetime.UTC), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SITE)])
    old = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
    )
    old = old.add_extension(x509.SubjectAlternativeName([x509.DNSName(SITE)]), critical=False)
    old = old.not_valid_before(now - datetime.timedelta(days=80)).not_valid_after(
        now + datetime.timedelta(days=20)
    )
    return old.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def faults(web, db, name_server):
    """Return one fault of each kind."""
    serving = (
        f"systemctl start app-{SITE}@$(basename $(dirname $(readlink "
        f"/srv/{SITE}/live.sock))).service"
    )
    chain = (
        web.check_output(f"readlink -f /var/lib/foobar.lamp/certificates/{SITE}/current")
        + "/fullchain.pem"
    )
    place = json.loads(db.check_output("cat /etc/lamp-backup/settings.json"))["directory"]
    old = f"{place}/20261101T000000Z"
    tree = "/var/lib/foobar.lamp/config_tree/planted"
    return [
        Fault(
            name_server,
            "systemctl stop named",
            "systemctl start named",
            (
                (
                    "named should run, but is inactive: 'systemctl status named' there says why, "
                    "and foobar.lamp.site starts it."
                ),
                "the name server gives no serial of foobar.com: ",
            ),
        ),
        Fault(
            web,
            f"systemctl stop 'app-{SITE}@*'",
            serving,
            (f"{SITE} is stopped (inactive): run foobar.lamp.site, which starts it; ",),
        ),
        # One that does not even start with the system is known by the groups. A backup whose time
        # comes meanwhile is passed over: it would fail, and be one more problem.
        Fault(
            db,
            f"mkdir {HELD} && printf '[Unit]\\nConditionPathExists=/nowhere\\n' "
            f"> {HELD}/held.conf && systemctl daemon-reload && "
            "systemctl disable --now mariadb",
            f"systemctl enable --now mariadb && rm -r {HELD} && systemctl daemon-reload",
            ("mariadb should run, but is inactive: ",),
        ),
        Fault(
            db,
            "systemd-run --unit=broken --wait false || true",
            "systemctl reset-failed broken",
            ("broken.service failed: 'journalctl -u broken.service' there says why, ",),
        ),
        Fault(
            web,
            f"cp -p {chain} /root/kept.pem && cat > {chain} <<'END'\n{old_certificate()}END",
            f"mv /root/kept.pem {chain}",
            (f"the certificate for {SITE} ends at ",),
        ),
        Fault(
            web,
            "mount -t tmpfs -o size=1M tmpfs /mnt && head -c 950K /dev/zero > /mnt/much",
            "umount /mnt",
            ("/mnt is 93 % full: make room, or enlarge it.",),
        ),
        # A run that is at work on a tree leaves nothing there.
        Fault(
            web,
            f"mkdir {tree} {tree}-2 && echo '{{}}' | tee {tree}/swapping > {tree}-2/swapping && "
            f"systemd-run --unit=at-work flock {tree}-2/lock sleep 600 && while flock --nonblock "
            f"{tree}-2/lock true; do :; done",
            f"systemctl stop at-work; rm -r {tree} {tree}-2",
            ("a run was killed while it changed the files of planted: run the same again, ",),
        ),
        Fault(
            web,
            f"ln -s releases/$(basename $(readlink /srv/{SITE}/current)) /srv/{SITE}/unverified",
            f"rm /srv/{SITE}/unverified",
            ("the release ",),
        ),
        Fault(
            web,
            f"touch {CLOSED}maintenance.conf",
            f"rm {CLOSED}maintenance.conf",
            (
                (
                    "visitors get 503 (maintenance is on): foobar.lamp.maintenance "
                    "-e lamp_maintenance=false opens it."
                ),
            ),
        ),
        Fault(
            web,
            "touch /var/lib/foobar.lamp/sshd.trial",
            "rm /var/lib/foobar.lamp/sshd.trial",
            (
                (
                    "settings of sshd are not confirmed: "
                    "run foobar.lamp.site again, which confirms them."
                ),
            ),
        ),
        Fault(
            db,
            (
                f"mkdir -p {place}/aside && (mv {place}/2*Z {place}/aside || true) && mkdir "
                f"{old} && echo '{{}}' > {old}/manifest.json"
            ),
            f"rm -r {old} && (mv {place}/aside/* {place} || true) && rmdir {place}/aside",
            (
                (
                    "the last backup is of 2026-11-01T00:00:00Z, older than twice its schedule: "
                    "'journalctl -u lamp-backup' there says why, "
                ),
            ),
        ),
        # A remark: on its own it fails no run.
        Fault(
            web,
            "echo linux-image > /run/reboot-required.pkgs && touch /run/reboot-required",
            "rm /run/reboot-required*",
            (),
        ),
    ]


def test_each_fault_is_a_sentence_and_a_failed_run(web, db, name_server):
    planted = faults(web, db, name_server)
    with contextlib.ExitStack() as stack:
        # The last to be called: an application takes a moment to find its database again.
        stack.callback(wait_for, lambda: report()[1]["healthy"])
        for fault in planted:
            stack.callback(fault.host.check_output, fault.undo)
            fault.host.check_output(fault.do)
        done, said = report()
        shown = play("status")
    expected = [f"{fault.host.backend.name}: {words}" for fault in planted for words in fault.said]
    texts = [one["text"] for one in said["problems"]]
    assert [
        words for words in expected if sum(text.startswith(words) for text in texts) != 1
    ] == [], texts
    assert len(texts) == len(expected), texts
    assert "the host needs a reboot (linux-image): restart it." in " ".join(
        one["text"] for one in said["remarks"]
    )
    assert (done.returncode, said["healthy"]) == (2, False)
    # People read the same, before all else.
    assert shown.returncode == 2
    verdict, *lines = shown.stdout.partition("foobar.com at ")[2].splitlines()
    assert verdict.endswith(f": {len(texts)} problems")
    assert [line.strip() for line in lines[: len(texts)]] == texts


def test_remark_fails_no_run(web):
    web.check_output("touch /run/reboot-required")
    try:
        done, said = report(lamp_status_full=100)
    finally:
        web.check_output("rm /run/reboot-required")
    assert (done.returncode, said["healthy"], said["problems"]) == (0, True, []), said["problems"]
    assert "the host needs a reboot: restart it." in said["remarks"][0]["text"]


def test_all_is_well(web, name_servers):
    done = play("status")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "foobar.com at " in done.stdout
    assert ": all is well" in done.stdout
    assert recap(done)["changed"] == 0
    for words in (
        "HOST ",
        "SERVICES",
        "APPLICATION ",
        "PACKAGE ",
        "CERTIFICATE ",
        "BACKUPS ",
        "ZONE ",
        f"{SERVICE}, ",
    ):
        assert words in done.stdout

    done, said = report()
    assert (done.returncode, said["healthy"], said["problems"]) == (0, True, []), said["problems"]
    here = said["hosts"][web.backend.name]
    assert here["reached"]
    assert "lamp_web" in here["groups"]
    assert here["services"][SERVICE] == "active"
    assert here["applications"][SITE]["state"] == "active"
    assert here["applications"][SITE]["release"] == web.check_output(
        f"basename $(readlink /srv/{SITE}/current)"
    )
    assert here["certificates"][SITE]["since"] < here["time"] < here["certificates"][SITE]["until"]
    assert {disk["path"] for disk in here["disks"]} >= {"/", "/run"}
    assert 0 < here["memory"]["available_mb"] < here["memory"]["total_mb"]
    assert here["last_change"]
    serials = {said["hosts"][server.backend.name]["zones"]["foobar.com"] for server in name_servers}
    assert len(serials) == 1
    assert serials != {None}
    assert said["hosts"][web.backend.name]["system"]["version"] == web.check_output(
        "cat /etc/debian_version"
    )


def test_check_mode_says_the_same():
    done = play("status", "--check")
    assert done.returncode == 0, done.stdout[-3000:]
    assert ": all is well" in done.stdout


def test_host_that_cannot_be_reached_hides_no_other(web, tmp_path):
    (tmp_path / "gone.yml").write_text(GONE)
    done, said = report("--inventory", str(tmp_path / "gone.yml"))
    assert done.returncode == 2
    assert said["hosts"]["gone"]["reached"] is False
    assert said["hosts"][web.backend.name]["services"][SERVICE] == "active"
    assert [one["text"].partition(" (")[0] for one in said["problems"]] == [
        "gone: the host cannot be reached"
    ]
