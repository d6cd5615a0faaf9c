"""What an application, or a package that it is built of, can do to root,
to its own code and to its neighbours: nothing.
"""

from __future__ import annotations

import ast
import time

import pytest
from support.applications import PROBE, get, play

USER, STATIC = "app-probe-example-com", f"/srv/{PROBE}/current/static"


@pytest.fixture
def canary(site):
    """Put a file there that only root can read; yields what it holds."""
    words = f"of root {time.time_ns()}\n" * 100
    site.check_output("rm -f /etc/profile.d/canary.sh; umask 077; printf %s > /root/canary", words)
    before = site.check_output("stat -c '%a %U %Y' /root/canary /etc/shadow")
    yield words.splitlines()[0]
    assert site.check_output("stat -c '%a %U %Y' /root/canary /etc/shadow") == before
    assert not site.file("/etc/profile.d/canary.sh").exists
    site.check_output("rm -f /root/canary /etc/profile.d/canary.sh")


@pytest.mark.parametrize(
    ("trap", "words"),
    [
        ("links", "static/x.css is a link that leads out of the release"),
        ("link to a neighbour", "static/x.txt is a link that leads out of the release"),
        ("FIFO", "static/x.css is neither file, directory nor link"),
    ],
)
def test_trap_for_root_is_refused(probe, site, canary, trap, words):
    before, there = probe.current(), probe.releases()
    probe.change(f"plant {trap}")
    done = play("deploy")
    assert done.returncode != 0
    assert "failed (files)" in done.stdout
    assert words in done.stdout
    assert get("/").text == probe.current() == before
    assert probe.releases() == there
    assert site.run(f"grep -rsF '{canary}' /srv /var/log/python_app /etc/profile.d").stdout == ""


def test_mode_of_a_program_is_not_kept(probe, site, canary):
    probe.change("plant setuid")
    assert play("deploy").returncode == 0
    assert site.check_output(f"stat -c '%a %U' {STATIC}/program") == "755 root"


def test_daemon_of_a_step_ends_with_it_and_changes_nothing(probe, site, canary):
    probe.change("plant daemon")
    assert play("deploy").returncode == 0
    left = site.run(f"pgrep -u {USER} -f 'probe.py [c]ollect'").stdout
    held = [site.check_output(f"sha256sum {STATIC}/held.txt; sleep 1") for _look in range(2)]
    locked = site.run(f"flock --nonblock /srv/{PROBE}/.lock true").rc
    site.run(f"pkill -KILL -u {USER} -f 'probe.py [c]ollect'")
    assert left == ""
    assert held[0] == held[1]
    assert locked == 0


def test_package_is_built_by_a_user_of_its_own(site):
    text = site.check_output(
        "cat /srv/kinds.example.com/current/venv/lib/python3*/site-packages/board/built.py"
    )
    built = ast.literal_eval(text.partition("= ")[2])
    assert built["by"] == "build-app-kinds-example-com"
    assert built["umask"] == 0o022
    assert built["writable"] == built["readable"] == []
    assert not {"DATABASE_URL", "SECRET_KEY", "SITE_NAME"} & set(built["environment"])


@pytest.mark.parametrize("name", ["shop.example.com", "www.example.com", PROBE])
def test_nobody_but_its_user_and_the_web_server_reads_a_release(site, name):
    place = f"/srv/{name}/current"
    owner = "app-" + name.replace(".", "-")
    for user, status in ((owner, 0), ("www-data", 0), ("app-kinds-example-com", 1), ("nobody", 1)):
        assert (
            site.run(
                f"setpriv --reuid {user} --regid {user if user != 'nobody' else 'nogroup'} "
                f"--init-groups cat {place}/serve.py"
            ).rc
            == status
        ), user
    for path in (
        f"/etc/python_app/{name}.env",
        f"/srv/{name}/state/.",
        "/var/log/python_app/deploys.log",
        f"/srv/{name}/.lock",
    ):
        assert not site.run(
            f"setpriv --reuid www-data --regid www-data --init-groups ls {path}/ || "
            f"setpriv --reuid www-data --regid www-data --init-groups cat {path}"
        ).succeeded, path


def test_login_s_umask_is_not_the_release_s(probe, site):
    strict = "/usr/local/bin/python-strict"
    site.check_output(
        f"printf '#!/bin/sh\\numask 077\\nexec /usr/bin/python3 \"$@\"\\n' > {strict}; chmod 755 "
        f"{strict}; rm -rf /var/lib/foobar.lamp/pip"
    )
    probe.change()
    done = play("deploy", ansible_python_interpreter=strict)
    assert done.returncode == 0, done.stdout[-3000:]
    assert get("/").text == probe.current()
    assert site.check_output(f"find /srv/{PROBE}/current/ ! -type l ! -perm -444") == ""


def test_lock_is_not_anybody_s(site):
    assert site.file(f"/srv/{PROBE}/.lock").mode == 0o600
