"""What is wrong with the inputs of backups is said with the variable, the value and the remedy."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter.mysql_backups import mysql_backup_command, mysql_backup_problems

RIGHT = {
    "dir": "/var/backups/mysql",
    "files": [],
    "schedule": "daily",
    "log_schedule": "*:0/15",
    "drill_schedule": "",
    "keep_days": 14,
    "keep_at_least": 3,
    "recipients": [],
    "identity_file": "",
    "copy_to": "",
    "copy_port": 22,
    "copy_key": "",
    "copy_known_hosts": "",
}
FILES = {"name": "a", "path": "/srv/a/state", "user": "app-a"}
RECIPIENT = "age1" + "q" * 58
COPIED = {
    "copy_to": "backups@vault.example.com:/srv/db1",
    "copy_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nhush",
    "copy_known_hosts": "vault.example.com ssh-ed25519 AAAA",
}


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"recipients": [RECIPIENT, "ssh-ed25519 AAAA me"], "drill_schedule": "weekly", "identity_file": "/root/identity"},
        COPIED,
        {"copy_to": "/mnt/nas/db1"},
        {"files": [FILES]},
    ],
)
def test_right(right):
    assert mysql_backup_problems({**RIGHT, **right}) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"keep_days": 0}, "mysql_backup_keep_days is 0"),
        ({"keep_at_least": -1}, "mysql_backup_keep_at_least is -1"),
        ({"dir": "backups"}, "mysql_backup_dir is 'backups'"),
        ({"dir": ""}, "mysql_backup_dir is ''"),
        ({"files": [{"name": "a", "path": "srv/a", "user": "a"}]}, "gives a the path 'srv/a'"),
        ({"files": [{"name": "a", "path": "/srv/../etc", "user": "a"}]}, "gives a the path '/srv/../etc'"),
        ({"files": [{"name": "a", "path": "/srv/a", "user": "root"}]}, "gives a the user 'root'"),
        ({"files": [FILES, FILES]}, "has two directories that are called a"),
        ({"schedule": " "}, "mysql_backup_schedule is empty"),
        ({"log_schedule": ""}, "mysql_backup_log_schedule is empty"),
        ({"recipients": ["AGE-SECRET-KEY-1"]}, "mysql_backup_recipients has 'AGE-SECRET-KEY-1'"),
        ({"drill_schedule": "weekly", "recipients": [RECIPIENT]}, "in mysql_backup_identity_file"),
        ({**COPIED, "copy_to": "vault"}, "mysql_backup_copy_to is 'vault'"),
        ({**COPIED, "copy_key": "ssh-ed25519 AAAA"}, "mysql_backup_copy_key is not a private SSH key"),
        ({**COPIED, "copy_known_hosts": "\n"}, "mysql_backup_copy_known_hosts is empty"),
        ({**COPIED, "copy_port": 70000}, "mysql_backup_copy_port is 70000"),
    ],
)
def test_wrong(wrong, words):
    problems = mysql_backup_problems({**RIGHT, **wrong})
    assert len(problems) == 1
    assert words in problems[0]
    assert "hush" not in problems[0]


def test_command_as_systemd_reads_it():
    assert mysql_backup_command(["mail", '100 % of "$HOME"']) == r'"mail" "100 %% of \"$$HOME\""'
