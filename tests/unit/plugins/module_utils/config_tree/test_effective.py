# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in says is in force, or what overrides it is named: by what the programs print."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree import effective
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import TreeError

JOURNALD = "/etc/systemd/journald.conf.d/ours.conf"
NAMED = "/etc/systemd/system/named.service.d/ours.conf"
APACHE = "/etc/apache2/conf-available/ours.conf"


@pytest.fixture
def says(monkeypatch):
    """Return ``says(**texts)``: what each program prints, by the first word,
    or the last where that is a path, of how it is called.
    """

    def says(texts):
        def ask(*command):
            return next(text for words, text in texts.items() if set(words.split()) <= set(command))

        monkeypatch.setattr(effective, "ask", ask)
        monkeypatch.setattr(effective, "_others", lambda *_all: iter(()))

    return says


def overridden(program, path, text):
    """Return the words of the settings that are not in force,
    with those that override them where they are known.
    """
    return [
        (one.words, by and (by.file, by.words))
        for one, by in effective.CHECKS[program](program, path, text)
    ]


@pytest.mark.parametrize(
    ("everything", "found"),
    [
        (
            (
                "port 22\npermitrootlogin without-password\nallowusers a\nallowusers b\n"
                "acceptenv LANG\nacceptenv X\n"
            ),
            [],
        ),
        (
            "port 22\npermitrootlogin yes\nallowusers a\nallowusers b\nacceptenv X\n",
            ["PermitRootLogin prohibit-password"],
        ),
        (
            (
                "port 22\npermitrootlogin without-password\nallowusers eve\nallowusers a\n"
                "allowusers b\nacceptenv X\n"
            ),
            ["AllowUsers a b"],
        ),
        (
            "port 22\npermitrootlogin without-password\nallowusers a\nallowusers b\n",
            ["AcceptEnv=X"],
        ),
    ],
    ids=["in force", "another value", "more users", "not read"],
)
def test_sshd(says, everything, found):
    alone = "port 22\npermitrootlogin without-password\nallowusers a\nallowusers b\nacceptenv X\n"
    says({"sshd -f": alone, "sshd": everything})
    text = "# ours\nPermitRootLogin prohibit-password\nAllowUsers a b\nAcceptEnv=X\n"
    assert [
        words for words, _by in overridden("sshd", "/etc/ssh/sshd_config.d/ours.conf", text)
    ] == found


@pytest.mark.parametrize(
    ("text", "alone", "everything", "found"),
    [
        ("DenyUsers eve", "denyusers eve", "denyusers bob\ndenyusers eve", 0),
        ("DenyUsers eve", "denyusers eve", "denyusers bob", 1),
        ("DenyGroups x", "denygroups x", "denygroups y\ndenygroups x", 0),
        (
            "ListenAddress 192.0.2.1",
            "listenaddress 192.0.2.1:22",
            "listenaddress 192.0.2.1:2222",
            0,
        ),
        ("ListenAddress ::1", "listenaddress [::1]:22", "listenaddress [::1]:2222", 0),
        ("ListenAddress ::1", "listenaddress [::1]:22", "listenaddress [::2]:22", 1),
        ("ListenAddress [::1]:22", "listenaddress [::1]:22", "listenaddress [::1]:2222", 1),
        (
            "Port 22\nListenAddress ::1",
            "port 22\nlistenaddress [::1]:22",
            "port 22\nlistenaddress [::1]:2222",
            1,
        ),
    ],
)
def test_sshd_adds_up(says, text, alone, everything, found):
    says({"sshd -f": alone + "\n", "sshd": everything + "\n"})
    assert len(overridden("sshd", "/etc/ssh/sshd_config.d/ours.conf", text + "\n")) == found


MATCH = "Match User git\n    PasswordAuthentication yes\n"


@pytest.mark.parametrize(
    ("more", "others", "found"),
    [
        (
            "",
            {"a": "X11Forwarding yes\n" + MATCH},
            [("a", "PasswordAuthentication yes (Match User git)")],
        ),
        # The block ends with its file.
        ("", {"a": "Match User git\n    Banner none\n", "b": "PasswordAuthentication yes\n"}, []),
        (
            "",
            {
                "a": (
                    "Match User git\n    PasswordAuthentication no\n    PermitRootLogin "
                    "without-password\n    Banner none\n"
                )
            },
            [],
        ),
        (
            "",
            {"a": MATCH + "Match all\n    PasswordAuthentication yes\n"},
            [("a", "PasswordAuthentication yes (Match User git)")],
        ),
        (MATCH, {"a": MATCH}, []),
        (
            MATCH,
            {"a": MATCH.replace("git", "eve")},
            [("a", "PasswordAuthentication yes (Match User eve)")],
        ),
    ],
    ids=["another value", "end of a file", "same values", "match all", "declared", "another match"],
)
def test_sshd_for_some_logins(says, monkeypatch, more, others, found):
    listing = "passwordauthentication no\npermitrootlogin without-password\n"
    says({"sshd": listing})
    read = [
        one._replace(file=file) for file, text in others.items() for one in effective.words_of(text)
    ]
    monkeypatch.setattr(effective, "_others", lambda *_all: iter(read))
    text = "PasswordAuthentication no\nPermitRootLogin prohibit-password\n" + more
    assert [
        by for _words, by in overridden("sshd", "/etc/ssh/sshd_config.d/ours.conf", text)
    ] == found


@pytest.mark.parametrize(
    ("path", "text", "before", "after", "found"),
    [
        (
            JOURNALD,
            "[Journal]\nStorage=persistent",
            "[Journal]\nStorage=none",
            "[Journal]\nSystemMaxUse=1G",
            [],
        ),
        (JOURNALD, "[Journal]\nStorage=persistent", "", "[Journal]\nStorage=persistent", []),
        (JOURNALD, "[Journal]\nStorage=persistent", "", "[Other]\nStorage=volatile", []),
        (
            JOURNALD,
            "[Journal]\nStorage=persistent",
            "",
            "[Journal]\nStorage = volatile",
            ["Storage = volatile"],
        ),
        (
            JOURNALD,
            "[Journal]\nStorage=persistent",
            "",
            "[Journal]\nStorage=none\nStorage=persistent",
            [],
        ),
        (NAMED, "[Service]\nReadWritePaths=/a", "", "[Service]\nReadWritePaths=/b", []),
        (
            NAMED,
            "[Service]\nReadWritePaths=/a",
            "",
            "[Service]\nReadWritePaths=\nReadWritePaths=/b",
            ["ReadWritePaths=/b"],
        ),
        (
            NAMED,
            "[Service]\nCapabilityBoundingSet=",
            "",
            "[Service]\nCapabilityBoundingSet=CAP_X",
            ["CapabilityBoundingSet=CAP_X"],
        ),
    ],
)
def test_systemd(says, path, text, before, after, found):
    says(
        {
            "systemd-analyze": (
                f"# /usr/lib/x.conf\n{before}\n\n# {path}\n# a comment\n{text}\n\n"
                f"# /etc/zz.conf\n{after}\n"
            )
        }
    )
    assert [by for _words, by in overridden("systemd", path, text)] == [
        ("/etc/zz.conf", words) for words in found
    ]


def test_file_that_is_not_read_at_all(says):
    says({"systemd-analyze": "# /run/systemd/journald.conf.d/ours.conf\n[Journal]\nStorage=none\n"})
    with pytest.raises(
        TreeError,
        match=(
            r"ours.conf says 'Storage=persistent', which is not in force for systemd, and no "
            r"other file"
        ),
    ):
        effective.require("systemd", JOURNALD, b"[Journal]\nStorage=persistent\n")


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ("kernel/dmesg_restrict=1", []),
        ("-kernel.dmesg_restrict = 0", ["-kernel.dmesg_restrict = 0"]),
        ("net.ipv4.ip_local_port_range = 1024\t65000", []),
    ],
)
def test_sysctl(says, later, found):
    path = "/etc/sysctl.d/60-ours.conf"
    text = "kernel.dmesg_restrict = 1\nnet.ipv4.ip_local_port_range=1024 65000\n"
    says({"systemd-sysctl": f"# {path}\n{text}\n# /etc/sysctl.d/99-x.conf\n{later}\n"})
    assert [by[1] for _words, by in overridden("sysctl", path, text)] == found


@pytest.mark.parametrize(("value", "found"), [("1", 0), ("0", 1)])
def test_apt(says, value, found):
    in_force = f'APT::Periodic::Unattended-Upgrade "{value}";\n'
    says({"apt-config": f'APT "";\nAPT::Periodic "";\n{in_force}'})
    text = '// ours\nAPT::Periodic::Unattended-Upgrade "1";\n'
    assert len(overridden("apt", "/etc/apt/apt.conf.d/52ours", text)) == found


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", []),
        ("--max-connections=20 ", ["max_connections = 30"]),
        ("--max_connections=20 --max-connections=30 ", []),
    ],
)
def test_database(says, more, found):
    said = "mariadbd would have been started with the following arguments:\n"
    alone = "--max_connections=30 --init_connect=SET NAMES utf8 --skip-name-resolve "
    says(
        {
            "mariadbd --defaults-file=/etc/ours.cnf": said + alone,
            "mariadbd": f"{said}--socket=/x {alone}{more}",
        }
    )
    text = "[mysqld]\nmax_connections = 30\ninit_connect = SET NAMES utf8\nskip-name-resolve\n"
    assert [words for words, _by in overridden("mariadbd", "/etc/ours.cnf", text)] == found


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ("ServerTokens Prod", []),
        ("ServerTokens Full", ["ServerTokens Full"]),
        ("<Directory /x>\nServerSignature On\n</Directory>", []),
        ("AddType text/x .y", []),
        ('LogFormat "%h" short', []),
        ("Mutex file:/run/x rewrite-map", []),
        ("AcceptFilter https none", []),
        ("servertokens  full", ["servertokens  full"]),
    ],
)
def test_apache(says, later, found):
    text = "ServerTokens Prod\nServerSignature Off\nAddType image/svg+xml .svg\n"
    text += 'LogFormat "%a" long\nMutex file:/run/y default\nAcceptFilter http none\n'
    before = "# In file: /etc/apache2/apache2.conf\n#  1:\nTimeout 300\n"
    says({"apache2ctl": f"{before}# In file: {APACHE}\n{text}# In file: /etc/z.conf\n{later}\n"})
    assert [by[1] for _words, by in overridden("apache", APACHE, text)] == found


def test_bind_shows_no_secret(says):
    alone = 'options {\n\trecursion no;\n};\nkey "k" {\n\tsecret "????????";\n};\n'
    says(
        {
            "named-checkconf -x /etc/bind/named.conf.options": alone,
            "named-checkconf -x": "options {\n};\n",
        }
    )
    found = [words for words, _by in overridden("bind", "/etc/bind/named.conf.options", "")]
    assert found == ["recursion no;", 'key "k" {', 'secret "????????";']


def test_files_that_may_override_are_watched(tmp_path):
    (tmp_path / "a.conf").write_text("one")
    pattern = f"{tmp_path}/*.conf"
    before = effective.signatures([pattern])
    assert effective.signatures([pattern]) == before
    (tmp_path / "b.conf").write_text("two")
    assert set(effective.signatures([pattern])) == {f"{tmp_path}/a.conf", f"{tmp_path}/b.conf"}
    (tmp_path / "a.conf").write_text("other")
    assert effective.signatures([pattern])[f"{tmp_path}/a.conf"] != before[f"{tmp_path}/a.conf"]


def test_program_that_is_not_there_is_named():
    with pytest.raises(TreeError, match="there is no program no-such-program"):
        effective.ask("no-such-program", "-T")
