"""A host without a database has backups of files alone."""

from __future__ import annotations

import json

import pytest

NOTES = "/srv/notes"


@pytest.fixture
def notes(vault):
    """Return the host with a directory of a user's and one of root's."""
    vault.check_output(
        f"install -d -o backups -g backups {NOTES} && "
        f"install -d -o root -g backups -m 750 /etc/notes"
    )
    vault.check_output(
        f"setpriv --reuid=backups --regid=backups --clear-groups sh -c 'echo one > {NOTES}/one'"
    )
    vault.check_output(
        "umask 077; echo key > /etc/notes/key; "
        "chgrp backups /etc/notes/key; chmod 640 /etc/notes/key"
    )
    yield vault
    vault.check_output(f"lamp-backup discard; rm -rf {NOTES} /etc/notes")


def moment(host):
    """Return a moment after all that was done."""
    host.check_output("now=$(date +%s); while [ $(date +%s) = $now ]; do sleep 0.1; done")
    return host.check_output("date -u +%Y-%m-%dT%H:%M:%SZ")


def test_files_alone(notes):
    assert notes.check_output("systemctl is-active lamp-backup.timer") == "active"
    assert not notes.file("/etc/systemd/system/lamp-backup-log.timer").exists
    assert "no database server" in notes.check_output("lamp-backup log")
    notes.check_output("systemctl start lamp-backup.service")
    first = json.loads(notes.check_output("lamp-backup list --json"))[-1]
    assert (first["engine"], first["tables"]) == ("", 0)
    # What its user had to do before is in it.
    assert first["files"] == 3
    assert (
        notes.check_output(f"stat -c %U {NOTES}/before; cat {NOTES}/before") == "backups\nbackups"
    )
    at = moment(notes)
    notes.check_output(f"rm {NOTES}/one; rm -r /etc/notes; sleep 1")
    later = json.loads(notes.check_output("lamp-backup take --json").splitlines()[-1])["name"]
    assert notes.run("lamp-backup restore --only-database shop latest").rc == 1
    assert f"the backup {first['name']}" in notes.check_output(f"lamp-backup restore --to {at}")
    assert notes.check_output(f"cat {NOTES}/one") == "one"
    assert not notes.file("/etc/notes").exists
    notes.check_output(f"lamp-backup restore {first['name']} --only-files keys")
    assert (
        notes.check_output("stat -c '%U:%G %a' /etc/notes /etc/notes/key; cat /etc/notes/key")
        == "root:backups 750\nroot:backups 640\nkey"
    )
    notes.check_output(
        f"lamp-backup restore {later} && lamp-backup undo && "
        f"lamp-backup verify && lamp-backup drill"
    )
    assert notes.check_output(f"cat {NOTES}/one /etc/notes/key") == "one\nkey"
    assert later in notes.check_output("lamp-backup list")


def test_directory_of_roots_that_others_can_change_is_refused(notes):
    notes.check_output("chmod g+w /etc/notes")
    done = notes.run("lamp-backup take")
    assert done.rc == 1
    assert "/etc/notes can be changed by others than root" in done.stderr
    notes.check_output("chmod g-w /etc/notes && lamp-backup take")
