"""What is wrong with the inputs of backups is said with the variable, the value and the remedy."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make, roles

from .example import problems_of

RIGHT = {
    "database": {"engine": "mariadb"},
    "dir": "/var/backups/lamp",
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


def named(inputs):
    return {f"backup_{name}": value for name, value in {**RIGHT, **inputs}.items()}


@pytest.mark.parametrize(
    "right",
    [
        {},
        {
            "recipients": [RECIPIENT, "ssh-ed25519 AAAA me"],
            "drill_schedule": "weekly",
            "identity_file": "/root/identity",
        },
        COPIED,
        {"copy_to": "/mnt/nas/db1"},
        {
            "files": [
                FILES,
                {
                    "name": "keys",
                    "path": "/etc/keys",
                    "user": "root",
                    "service": "named",
                    "on_request": True,
                },
            ]
        },
        {"database": {}, "files": [FILES], "log_schedule": ""},
    ],
)
def test_right(right):
    assert problems_of("backup", named(right)) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"keep_days": 0}, "backup_keep_days is 0"),
        ({"keep_at_least": -1}, "backup_keep_at_least is -1"),
        ({"dir": "backups"}, "backup_dir is 'backups'"),
        ({"dir": ""}, "backup_dir is ''"),
        ({"files": [{"name": "a", "path": "srv/a", "user": "a"}]}, "gives a the path 'srv/a'"),
        (
            {"files": [{"name": "a", "path": "/srv/../etc", "user": "a"}]},
            "gives a the path '/srv/../etc'",
        ),
        ({"files": [{"name": "a", "path": "/srv/a", "user": "Root"}]}, "gives a the user 'Root'"),
        ({"files": [{**FILES, "service": "a b"}]}, "gives a the service 'a b'"),
        ({"database": {"datadir": "/var/lib/mysql"}}, "backup_database.engine is missing"),
        ({"database": {"engine": "mysql", "socket": "x"}}, "backup_database.socket is 'x'"),
        ({"database": {"engine": "mysql", "service": "a b"}}, "backup_database.service is 'a b'"),
        (
            {"database": {"engine": "mariadb", "cluster": {"host": "a", "members": {}}}},
            "backup_database.cluster.host is 'a'",
        ),
        ({"files": [FILES, FILES]}, "has two directories that are called a"),
        ({"schedule": " "}, "backup_schedule is empty"),
        ({"log_schedule": ""}, "backup_log_schedule is empty"),
        ({"recipients": ["AGE-SECRET-KEY-1"]}, "backup_recipients has 'AGE-SECRET-KEY-1'"),
        ({"drill_schedule": "weekly", "recipients": [RECIPIENT]}, "in backup_identity_file"),
        ({**COPIED, "copy_to": "vault"}, "backup_copy_to is 'vault'"),
        ({**COPIED, "copy_key": "ssh-ed25519 AAAA"}, "backup_copy_key is not a private SSH key"),
        ({**COPIED, "copy_known_hosts": "\n"}, "backup_copy_known_hosts is empty"),
        ({**COPIED, "copy_port": 70000}, "backup_copy_port is 70000"),
    ],
)
def test_wrong(wrong, words):
    problems = problems_of("backup", named(wrong))
    assert len(problems) == 1
    assert words in problems[0]
    assert "hush" not in problems[0]


def test_host_that_has_nothing_to_back_up_needs_no_word_of_it():
    wrong = named({"keep_days": 0, "schedule": " "})
    assert problems_of("backup", {**wrong, "backup_database": {}, "backup_files": []}) == []
    assert problems_of("backup", {**wrong, "backup_enabled": False}) == []


@pytest.mark.parametrize(
    ("inputs", "packages"),
    [
        ({}, ["zstd"]),
        ({"recipients": [RECIPIENT]}, ["zstd", "age"]),
        ({"copy_to": "/mnt/nas/db1"}, ["zstd", "rsync"]),
        (COPIED, ["zstd", "rsync", "openssh-client"]),
        ({"database": {}, "copy_to": "/mnt/nas/db1"}, []),
        ({"enabled": False}, []),
    ],
)
def test_packages(inputs, packages):
    assert roles.ALL["backup"].packages({**make.defaults("backup"), **named(inputs)}) == packages
