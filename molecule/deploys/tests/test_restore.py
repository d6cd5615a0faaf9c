"""What works in the background is at rest while the database is exchanged, and works again
whatever became of the restore.
"""

from __future__ import annotations

import pytest
from support.applications import HOST, PROBE, command, get, play
from support.plays import killed
from support.waiting import wait_for

WORKER, TIMER, JOB = f"{PROBE}-queue.service", f"{PROBE}-clean.timer", f"{PROBE}-clean.service"
GONE = "gone.example.com-queue.service"


@pytest.fixture
def working(site):
    """Return ``working()``: the units that are at work;
    what the timer started does not end by itself.
    """
    place = f"/run/systemd/system/{JOB}.d"
    site.check_output(
        f"mkdir -p {place} && printf '[Service]\nExecStart=\nExecStart=sleep infinity\n' "
        f"> {place}/long.conf && systemctl daemon-reload"
    )
    site.check_output(f"systemctl start --no-block {JOB}")

    def working():
        states = site.run(f"systemctl is-active {WORKER} {TIMER} {JOB}").stdout.split()
        return {
            unit
            for unit, state in zip((WORKER, TIMER, JOB), states, strict=True)
            if state not in ("inactive", "failed")
        }

    wait_for(lambda: working() == {WORKER, TIMER, JOB})
    yield working
    site.check_output(
        f"rm -r {place} && systemctl daemon-reload && "
        f"systemctl stop {JOB} && systemctl reset-failed"
    )


@pytest.fixture
def undeclared(site):
    """Let a worker of a site that nobody declares any more be at work."""
    text = (
        "# Of the application gone.example.com and its current release; made by the role "
        "python_app of foobar.lamp.\n"
    )
    text += "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    site.check_output(
        (
            f"printf %s > /etc/systemd/system/{GONE}; "
            f"systemctl daemon-reload; systemctl enable --now {GONE}"
        ),
        text,
    )
    yield
    site.run(
        f"systemctl disable --now {GONE}; rm -f /etc/systemd/system/{GONE}; systemctl daemon-reload"
    )


def test_site_heals_what_a_killed_restore_left(probe, site, working, undeclared):
    site.check_output("lamp-backup take")
    words = command(
        "restore", lamp_deploy_site="", lamp_restore_backup="latest", lamp_restore_confirm=HOST
    )
    with killed(words):
        wait_for(lambda: not working(), 600)
    # The last of what works is at rest, and so is what would have gone on to write.
    assert site.run(f"systemctl is-active {GONE}").stdout.strip() == "inactive"
    assert not site.file(f"/etc/systemd/system/{GONE}").exists
    assert get("/").status == 503
    # What the host had been told to do ends by itself.
    wait_for(lambda: not site.run("pgrep -f 'lamp_backup.* (prepare|swap)'").succeeded, 600)
    done = play("site", lamp_deploy_site="")
    assert done.returncode == 0, done.stdout[-3000:]
    assert get("/").status == 200
    assert working() == {WORKER, TIMER}
    done = play("site", lamp_deploy_site="")
    assert done.returncode == 0 and " changed=0 " in done.stdout, done.stdout[-3000:]
