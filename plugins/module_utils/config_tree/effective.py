# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a program whether what a drop-in file says is in force, and
find the file that overrides it. No Ansible.

A program reads many files, and the first or the last of them wins. So the program itself is asked:
what it makes of all its files has to agree with what the drop-in says. Where it can read a single
file, it is asked what it makes of the drop-in alone, too: so nothing here needs to know its
defaults and spellings.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple, TypeAlias

from ansible_collections.foobar.lamp.plugins.module_utils.common.os_errors import explain
from ansible_collections.foobar.lamp.plugins.module_utils.config_tree.entries import TreeError

PREFIXES = ("/etc", "/run", "/usr/local/lib", "/usr/lib")
SECONDS = 60
MOST_NAMED = 3
# What sshd, systemd and Apache add up instead of having one value, where more of it is no
# contradiction.
SSHD_ADDS = {"acceptenv", "denygroups", "denyusers", "setenv", "subsystem"}
SYSTEMD_ADDS = {
    "BindPaths",
    "BindReadOnlyPaths",
    "Environment",
    "EnvironmentFile",
    "ExecReload",
    "FallbackNTP",
    "NTP",
    "ReadWritePaths",
}
APACHE_ADDS = re.compile(
    r"(acceptfilter|add|alias|browsermatch|custom|define|errordoc|filter|header|include|indexoptions|listen|load|logformat|mutex|passenv|proxy"
    r"|redirect|remove|requestheader|rewrite|scriptalias|setenv|unset|wsgidaemonprocess|wsgiscriptalias|<)",
    re.IGNORECASE,
)
# An address of sshd's with a port: [::1]:22, 192.0.2.1:22 or a.example.org:22, but not ::1.
PORTED = re.compile(r"^(\[.*\]|[^:]+):\d+\b")
SSHD_NAMES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
}
# A login that may be anybody's, so that conditions (Match) are settled.
SSHD_LOGIN = "user=root,host=host.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22,rdomain="
INFO = "LoadModule info_module /usr/lib/apache2/modules/mod_info.so"


class Setting(NamedTuple):
    """One setting of a file: its name as the program compares it, its value,
    and the words that it is written in.
    """

    name: str
    value: str
    words: str
    file: str = ""
    line: int = 0


def sources(program: str, path: str) -> list[str]:
    """Return the patterns of the files that can override what ``path`` says."""
    if program == "systemd":
        return [
            f"{prefix}/{_unit(path)}{more}" for prefix in PREFIXES for more in ("", ".d/*.conf")
        ]
    return {
        "apache": [
            "/etc/apache2/apache2.conf",
            "/etc/apache2/conf-enabled/*.conf",
            "/etc/apache2/mods-enabled/*.conf",
        ],
        "apt": ["/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*"],
        "bind": ["/etc/bind/named.conf"],
        "mariadbd": ["/etc/my.cnf", "/etc/mysql/*.cnf", "/etc/mysql/*/*.cnf"],
        "mysqld": ["/etc/my.cnf", "/etc/mysql/*.cnf", "/etc/mysql/*/*.cnf"],
        "sshd": ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"],
        "sysctl": [*(f"{prefix}/sysctl.d/*.conf" for prefix in PREFIXES), "/etc/sysctl.conf"],
    }[program]


def require(program: str, path: str, content: bytes) -> None:
    """Raise a TreeError that names what overrides the drop-in at ``path``, if anything does."""
    text = content.decode("utf-8", "replace")
    overridden = CHECKS[program](program, path, text)
    if not overridden:
        return
    told, unread = [], []
    for setting, by in overridden:
        others = (
            [by]
            if by
            else [
                one
                for one in _others(program, path)
                if one.name == setting.name and one.value != setting.value
            ]
        )
        named = ", ".join(
            f"{one.file}{f', line {one.line},' if one.line else ''} says '{one.words}'"
            for one in others[:MOST_NAMED]
        )
        if named:
            told.append(
                f"{path} says '{setting.words}', which is not in force for {program}: {named}. "
                f"Remove that, or declare the same."
            )
        else:
            unread.append(f"'{setting.words}'")
    if unread:
        words = ", ".join(unread[:MOST_NAMED]) + (", …" if len(unread) > MOST_NAMED else "")
        told.append(
            f"{path} says {words}, which is not in force for {program}, "
            f"and no other file overrides it ({', '.join(sources(program, path))}): "
            f"it does not read this file, so include it there."
        )
    raise TreeError("\n".join(told))


def _others(program: str, path: str) -> Iterator[Setting]:
    """Yield the settings of the other files that the program reads."""
    for file in (file for pattern in sources(program, path) for file in sorted(glob.glob(pattern))):
        if os.path.realpath(file) != os.path.realpath(path) and os.path.isfile(file):
            with open(file, encoding="utf-8", errors="replace") as opened:
                yield from (one._replace(file=file) for one in SYNTAXES[program](opened.read()))


def ask(*command: str) -> str:
    """Return what a program prints; a TreeError with its words if it fails."""
    path = os.pathsep.join(
        [
            os.environ.get("PATH", os.defpath),
            "/usr/local/sbin",
            "/usr/sbin",
            "/sbin",
            "/usr/lib/systemd",
        ]
    )
    words = " ".join(command)
    try:
        done = subprocess.run(
            command,
            # Some read a file in the home of whoever asks, which is not the service's.
            env={
                **os.environ,
                "PATH": path,
                "LC_ALL": "C",
                "HOME": "/nonexistent",
                "SYSTEMD_PAGER": "cat",
            },
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise TreeError(
            f"'{words}' cannot check whether the files are in force: "
            f"there is no program {command[0]}."
        ) from None
    except OSError as error:
        raise TreeError(
            f"'{words}' cannot check whether the files are in force. {explain(error, command[0])}"
        ) from error
    except subprocess.TimeoutExpired:
        raise TreeError(
            f"'{words}' has not checked within {SECONDS} seconds whether the files are in force."
        ) from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise TreeError(f"'{words}' cannot check whether the files are in force:\n{said}")
    return done.stdout.decode("utf-8", "replace")


# How each program writes its files: texts in, settings out.


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers;
    a backslash at its end continues one.
    """
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if whole else number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        whole = (whole + line).strip()
        if whole and not whole.startswith(("#", ";", "//")):
            yield first, whole
        whole = ""


def words_of(text: str) -> Iterator[Setting]:
    """Read ``Name value``, as sshd and apt write it: ``Name=value`` and quotes are the same."""
    for number, line in _numbered(text):
        name, _gap, value = re.sub(r"\s*=\s*|\s+", " ", line.rstrip(";"), count=1).partition(" ")
        name = SSHD_NAMES.get(name.lower(), name.lower())
        yield Setting(name, value.strip().strip('"').lower(), line, line=number)


def assignments(text: str) -> Iterator[Setting]:
    """Read ``[section]`` and ``name = value``,
    as systemd, sysctl and the database servers write it.

    A comment that is an absolute path names the file that follows: so ``systemd-analyze
    cat-config`` prints several.
    """
    section, file = "", ""
    for number, line in _numbered(re.sub(r"^# (/\S+)$", r"[# \1", text, flags=re.MULTILINE)):
        if line.startswith("[# "):
            section, file = "", line[3:]
        elif line.startswith("["):
            section = line.strip("[]").strip()
        else:
            name, _gap, value = (part.strip() for part in line.partition("="))
            yield Setting(f"{section} {name}".strip(), value, line, file, 0 if file else number)


def kernel_settings(text: str) -> Iterator[Setting]:
    """Read ``name = value`` as sysctl does:
    a minus before the name forgives a failure, and a slash is a dot.
    """
    for one in assignments(text):
        yield one._replace(
            name=one.name.lstrip("-").replace("/", "."), value=" ".join(one.value.split())
        )


def options(text: str) -> Iterator[Setting]:
    """Read the option file of a database server."""
    for one in assignments(text):
        yield one._replace(name=_option(one.name.rpartition(" ")[2]), value=one.value.strip("\"'"))


def directives(text: str) -> Iterator[Setting]:
    """Read Apache's directives outside of any section that have one value."""
    depth, file = 0, ""
    for number, line in _numbered(re.sub(r"^# In file: (\S+)$", r"[\1", text, flags=re.MULTILINE)):
        if line.startswith("["):
            file = line[1:]
        elif line.startswith("</"):
            depth -= 1
        elif line.startswith("<"):
            depth += 1
        elif not depth and not APACHE_ADDS.match(line):
            name, *value = line.split(None, 1)
            yield Setting(
                name.lower(), " ".join(value).strip('"').lower(), line, file, 0 if file else number
            )


def _option(name: str) -> str:
    return name.lower().replace("-", "_").removeprefix("loose_")


SYNTAXES = {
    "apache": directives,
    "apt": words_of,
    "bind": words_of,
    "mariadbd": options,
    "mysqld": options,
    "sshd": words_of,
    "sysctl": kernel_settings,
    "systemd": assignments,
}

# What each program makes of all its files. Each returns the settings that are not in force, with
# what overrides them where it says so.

Overridden: TypeAlias = "list[tuple[Setting, Setting | None]]"


def last_wins(
    path: str, ours: list[Setting], read: list[Setting], adds: Set[str] = frozenset()
) -> Overridden:
    """Return those of ``ours`` that a later one of ``read`` overrides,
    where those of the file ``path`` are among ``read``.
    """
    found: Overridden = []
    places = [
        number
        for number, one in enumerate(read)
        if os.path.realpath(one.file or "/") == os.path.realpath(path)
    ]
    if not places:
        return [(one, None) for one in ours]
    for one in {one.name: one for one in ours}.values():
        later = [other for other in read[places[-1] + 1 :] if other.name == one.name]
        if (
            later
            and later[-1].value != one.value
            and not (one.name.rpartition(" ")[2] in adds and all(other.value for other in later))
        ):
            found.append((one, later[-1]))
    return found


def _sshd(program: str, path: str, text: str) -> Overridden:
    alone, everything = (
        _grouped(ask("sshd", "-T", "-C", SSHD_LOGIN, *more)) for more in (["-f", path], [])
    )
    declared = list(_matched(words_of(text)))
    ours = {one.name: one for match, one in declared if not match}
    ported = any(
        one.name == "listenaddress" and PORTED.search(one.value) for _match, one in declared
    )

    def holds(name: str) -> bool:
        wanted, found = alone.get(name, []), everything.get(name, [])
        # Another file may have the port, which sshd adds to each address that has none.
        if name == "listenaddress" and "port" not in ours and not ported:
            return {one.rpartition(":")[0] for one in wanted} == {
                one.rpartition(":")[0] for one in found
            }
        return set(wanted) <= set(found) if name in SSHD_ADDS else wanted == found

    # What is for some logins only holds for these, wherever it stands.
    known = {(match, one.name, one.value) for match, one in declared} | {
        ("", one.name, one.value) for one in ours.values()
    }
    known |= {
        ("", name, line.partition(" ")[2].lower()) for name in ours for line in alone.get(name, [])
    }
    excepted = [
        (ours[one.name], one._replace(words=f"{one.words} ({match})"))
        for match, one in _matched(_others(program, path))
        if match
        and one.name in ours.keys() - SSHD_ADDS
        and known.isdisjoint({(match, one.name, one.value), ("", one.name, one.value)})
    ]
    return [*((one, None) for name, one in ours.items() if not holds(name)), *excepted]


def _matched(settings: Iterable[Setting]) -> Iterator[tuple[str, Setting]]:
    """Yield settings of sshd's, each with the line of the Match block that it stands in;
    a block ends with its file.
    """
    match, file = "", ""
    for one in settings:
        match, file = ("" if one.file != file else match), one.file
        if one.name == "match":
            match = "" if one.value == "all" else " ".join(one.words.split())
        else:
            yield match, one


def _grouped(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        found.setdefault(line.partition(" ")[0], []).append(line)
    return found


def _unit(path: str) -> str:
    """Return the name below /etc of what a drop-in of systemd's adds to: systemd/journald.conf,
    systemd/system/named.service.
    """
    return os.path.dirname(path).removeprefix("/etc/").removesuffix(".d")


def _systemd(_program: str, path: str, text: str) -> Overridden:
    read = list(assignments(ask("systemd-analyze", "cat-config", _unit(path))))
    return last_wins(path, list(assignments(text)), read, SYSTEMD_ADDS)


def _sysctl(_program: str, path: str, text: str) -> Overridden:
    ours = list(kernel_settings(text))
    return last_wins(path, ours, list(kernel_settings(ask("systemd-sysctl", "--cat-config"))))


def _apt(_program: str, _path: str, text: str) -> Overridden:
    found = {one.name: one.value for one in words_of(ask("apt-config", "dump"))}
    return [(one, None) for one in words_of(text) if found.get(one.name) != one.value]


def _database(program: str, path: str, text: str) -> Overridden:
    alone, everything = (
        dict(_printed(ask(program, *more, "--print-defaults")))
        for more in ([f"--defaults-file={path}"], [])
    )
    ours = {one.name: one for one in options(text)}
    return [
        (ours[name], None)
        for name, value in alone.items()
        if name in ours and everything.get(name) != value
    ]


def _printed(text: str) -> Iterator[tuple[str, str]]:
    """Yield the options that a database server says it would start with;
    the last of several holds.
    """
    for one in re.split(r"\s--(?=\w)", text.partition("arguments:")[2])[1:]:
        name, _gap, value = one.strip().partition("=")
        yield _option(name), value


def _apache(_program: str, path: str, text: str) -> Overridden:
    read = list(directives(ask("apache2ctl", "-C", INFO, "-t", "-D", "DUMP_CONFIG")))
    return last_wins(path, list(directives(text)), read)


def _bind(_program: str, path: str, _text: str) -> Overridden:
    # Without the secrets of keys.
    found = set(ask("named-checkconf", "-p", "-x").splitlines())
    lines = ask("named-checkconf", "-p", "-x", path).splitlines()
    lost = [line for line in lines if line not in found][:MOST_NAMED]
    return [(Setting(line.split()[0], "", line.strip()), None) for line in lost]


CHECKS = {
    "apache": _apache,
    "apt": _apt,
    "bind": _bind,
    "mariadbd": _database,
    "mysqld": _database,
    "sshd": _sshd,
    "sysctl": _sysctl,
    "systemd": _systemd,
}


def signatures(patterns: list[str]) -> dict[str, list[int]]:
    """Return what tells whether one of the files of these patterns was touched,
    or another has come or gone.
    """
    found = {}
    for path in (path for pattern in patterns for path in glob.glob(pattern)):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path] = [
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        ]
    return found
