# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration tree is: its input made plain and checked,
its changes described. No I/O, no Ansible.

Private to this collection; it may change at any time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from posixpath import dirname, normpath

OPTIONS = {
    "name",
    "vars",
    "files",
    "links",
    "directories",
    "absent",
    "idle",
    "test",
    "service",
    "rollback",
}
SOURCES = ("template", "src", "content")
# The programs that can be asked whether a file is in force (see effective).
PROGRAMS = ("apache", "apt", "bind", "mariadbd", "mysqld", "sshd", "sysctl", "systemd")
UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+")
# What may be a password in a secret file. Shorter words stay readable: hiding "yes" would hide what
# a checker has to say.
SECRET_WORD = re.compile(r"[^\s'\"`=:;,(){}<>]{8,}")


class TreeError(Exception):
    """Something that the user has to put right; the message says what, where and how."""


@dataclass(frozen=True)
class State:
    """What stands, or shall stand, at a path.

    The owner and group of an account that is not there yet are None.
    """

    kind: str  # absent, file, link, directory or other (a device, a socket, a pipe)
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    content: bytes | None = None
    target: str | None = None

    @property
    def owned(self) -> tuple[int, int, int]:
        """Owner, group and mode of what stands there, or is about to be made."""
        if self.uid is None or self.gid is None or self.mode is None:
            raise TypeError(f"A state of the kind {self.kind} lacks its owner, group or mode.")
        return self.uid, self.gid, self.mode

    @property
    def file_content(self) -> bytes:
        """The content of what is a file."""
        if self.content is None:
            raise TypeError(f"A state of the kind {self.kind} lacks its content.")
        return self.content


ABSENT = State("absent")


@dataclass(frozen=True)
class Change:
    """One path that must change, from one state to another."""

    path: str
    before: State
    after: State
    secret: bool = False
    unit: str | None = None  # the systemd unit that reads the path
    restart: bool = False  # whether the unit does so only when it is started
    diff: bool = True  # whether its text is worth showing, as a program's is not


def parse_mode(mode: object, where: str) -> int:
    """Read an octal mode such as "0644";
    anything else, above all a bare YAML number, is ambiguous and refused.
    """
    if not isinstance(mode, str) or not re.fullmatch(r"0?[0-7]{3,4}", mode):
        raise TreeError(
            f'{where}: the mode {mode!r} is not an octal number in quotes, such as "0644".'
        )
    return int(mode, 8)


def clean_path(path: object, where: str) -> str:
    """Check an absolute path and bring it to its one spelling."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise TreeError(f"{where}: {path!r} is not an absolute path.")
    if ".." in path.split("/") or re.search(r"[\x00-\x1f\x7f]", path):
        raise TreeError(
            f"{where}: the path {path!r} must hold neither '..' nor control characters."
        )
    path = "/" + normpath(path).lstrip("/")
    if path == "/":
        raise TreeError(f"{where}: the root directory itself cannot be managed.")
    return path


def fill(pattern: object, item: dict | None, where: str) -> object:
    """Replace each {key} by the item's value; without an item the pattern is taken as it is."""
    if item is None or not isinstance(pattern, str):
        return pattern

    def value(match: re.Match) -> str:
        key = match.group(1)
        if key not in item:
            raise TreeError(
                f"{where}: '{pattern}' needs the key '{key}', which this item of 'each' lacks."
            )
        if isinstance(item[key], bool) or not isinstance(item[key], (str, int)) or item[key] == "":
            raise TreeError(
                f"{where}: '{pattern}' needs the key '{key}' "
                f"to be a string that is not empty or a number."
            )
        return str(item[key])

    return re.sub(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", value, pattern)


def _items(entry: dict, where: str) -> list[tuple[dict | None, str]]:
    """The items of an entry's 'each' with the words that name them in a message;
    one None without 'each'.
    """
    each = entry.get("each")
    if each is None:
        return [(None, where)]
    if not isinstance(each, (list, tuple)):
        raise TreeError(
            f"{where}: 'each' must be a list of dictionaries, not {type(each).__name__}."
        )
    for number, item in enumerate(each):
        if not isinstance(item, dict):
            raise TreeError(
                f"{where}.each[{number}]: must be a dictionary, not {type(item).__name__}."
            )
    return [(item, f"{where}.each[{number}]") for number, item in enumerate(each)]


def _entries(args: dict, name: str, keys: set[str]) -> list[tuple[dict, dict | None, str]]:
    """Every entry of a list once per item:
    (entry, item, words that name it). None stands for an option left out.
    """
    entries = args.get(name)
    if entries is None:
        return []
    if not isinstance(entries, (list, tuple)):
        raise TreeError(f"'{name}' must be a list, not {type(entries).__name__}.")
    found = []
    for number, entry in enumerate(entries):
        where = f"{name}[{number}]"
        if not isinstance(entry, dict):
            raise TreeError(f"{where}: must be a dictionary, not {type(entry).__name__}.")
        if unknown := sorted(str(key) for key in set(entry) - keys):
            raise TreeError(
                f"{where}: unknown option '{unknown[0]}'; known are {', '.join(sorted(keys))}."
            )
        entry = {key: value for key, value in entry.items() if value is not None}
        found.extend((entry, item, words) for item, words in _items(entry, where))
    return found


def _account(
    entry: dict, item: dict | None, key: str, default: str | None, where: str
) -> str | None:
    """The name, or the number as a string, of an owner or group."""
    account = fill(entry.get(key, default), item, where)
    if account is not None and (
        isinstance(account, bool) or not isinstance(account, (str, int)) or account == ""
    ):
        raise TreeError(f"{where}: '{key}' must be a name or a number.")
    return None if account is None else str(account)


def _truth(entry: dict, key: str, where: str, default: bool = False) -> bool:
    value = entry.get(key, default)
    if not isinstance(value, bool):
        raise TreeError(f"{where}: '{key}' must be true or false, not {value!r}.")
    return bool(value)


def clean_name(name: object) -> str:
    """Check the name of a tree, which is a directory's too."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise TreeError(
            f"'name' must be a word of letters, digits, '.', '_' and '-', not {name!r}."
        )
    return name


def clean_unit(unit: object, where: str) -> str | None:
    """Check the name of a systemd unit."""
    if unit is not None and not (isinstance(unit, str) and UNIT.fullmatch(unit)):
        raise TreeError(f"{where}: 'service' must be the name of a systemd unit, not {unit!r}.")
    return unit


def _variables(args: dict, where: str) -> dict:
    """More variables for templates: a task's, or an entry's."""
    variables = {} if args.get("vars") is None else args["vars"]
    if not isinstance(variables, dict):
        raise TreeError(f"{where}: 'vars' must be a dictionary, not {type(variables).__name__}.")
    return variables


def _file(entry: dict, item: dict | None, where: str) -> dict:
    path = clean_path(fill(entry.get("dest"), item, where), where)
    where = f"{where} ({path})"
    sources = [source for source in SOURCES if source in entry]
    if len(sources) != 1:
        raise TreeError(f"{where}: needs exactly one of {', '.join(SOURCES)}.")
    # The value is left out of the message: it may be a secret.
    if not isinstance(entry[sources[0]], str):
        raise TreeError(
            f"{where}: '{sources[0]}' must be a string, not {type(entry[sources[0]]).__name__}."
        )
    effective = entry.get("effective")
    if effective is not None and effective not in PROGRAMS:
        raise TreeError(
            f"{where}: 'effective' must be one of {', '.join(PROGRAMS)}, not {effective!r}."
        )
    return {
        "path": path,
        "where": where,
        "source": sources[0],
        "value": entry[sources[0]],
        "vars": _variables(entry, where),
        "item": item,
        "owner": _account(entry, item, "owner", "root", where),
        "group": _account(entry, item, "group", "root", where),
        "mode": parse_mode(entry.get("mode", "0644"), where),
        "secret": _truth(entry, "secret", where),
        "diff": _truth(entry, "diff", where, True),
        "unit": clean_unit(entry.get("service"), where),
        "restart": _truth(entry, "restart", where),
        "effective": effective,
        "present": _truth(entry, "present", where, True),
    }


def _link(entry: dict, item: dict | None, where: str) -> dict:
    path = clean_path(fill(entry.get("dest"), item, where), where)
    target = fill(entry.get("target"), item, where)
    if not isinstance(target, str) or not target or "\0" in target:
        raise TreeError(f"{where} ({path}): needs a 'target'.")
    return {"path": path, "where": f"{where} ({path})", "target": target}


def _directory(entry: dict, item: dict | None, where: str) -> dict:
    path = clean_path(fill(entry.get("path"), item, where), where)
    where = f"{where} ({path})"
    keep = entry.get("keep", [])
    if not isinstance(keep, (list, tuple)) or not all(isinstance(pattern, str) for pattern in keep):
        raise TreeError(f"{where}: 'keep' must be a list of shell patterns.")
    return {
        "path": path,
        "where": where,
        "owner": _account(entry, item, "owner", None, where),
        "group": _account(entry, item, "group", None, where),
        "mode": parse_mode(entry["mode"], where) if "mode" in entry else None,
        "purge": _truth(entry, "purge", where),
        "keep": list(keep),
    }


def expand(args: dict) -> dict[str, list]:
    """Make the task's arguments plain:
    one entry a path, defaults filled in, all that can be refused here refused.
    """
    if unknown := sorted(str(key) for key in set(args) - OPTIONS):
        raise TreeError(f"Unknown option '{unknown[0]}'; known are {', '.join(sorted(OPTIONS))}.")
    name = clean_name(args.get("name"))
    test, unit = args.get("test"), clean_unit(args.get("service"), f"The tree {name}")
    if test is not None and not (
        isinstance(test, list) and all(isinstance(word, str) and word for word in test)
    ):
        raise TreeError("'test' must be a list of words: the program, then each of its arguments.")
    common = {"owner", "group", "mode", "each"}
    absent = args.get("absent") or []
    if not isinstance(absent, (list, tuple)):
        raise TreeError(f"'absent' must be a list of paths, not {type(absent).__name__}.")
    options = {
        "dest",
        *SOURCES,
        "secret",
        "diff",
        "vars",
        "service",
        "restart",
        "present",
        "effective",
        *common,
    }
    common_vars = _variables(args, f"The tree {name}")
    files = [_file(*found) for found in _entries(args, "files", options)]
    for entry in files:
        entry["vars"] = {**common_vars, **entry["vars"]}
    tree = {
        "files": [entry for entry in files if entry["present"]],
        "links": [_link(*found) for found in _entries(args, "links", {"dest", "target", "each"})],
        "directories": [
            _directory(*found)
            for found in _entries(args, "directories", {"path", "purge", "keep", *common})
        ],
        "absent": [
            {"path": clean_path(path, f"absent[{number}]"), "where": f"absent[{number}] ({path})"}
            for number, path in enumerate(absent)
        ]
        + [
            {key: entry[key] for key in ("path", "where", "unit")}
            for entry in files
            if not entry["present"]
        ],
    }
    _refuse_conflicts(tree)
    for entry in (entry for entries in tree.values() for entry in entries):
        entry["unit"] = entry.get("unit") or unit
    return tree


def readers(changes: list[Change]) -> dict[str, list[str]]:
    """The units that have to read changed paths anew:
    those that a reload is enough for, and those to be restarted.
    """
    restart = {change.unit for change in changes if change.unit and change.restart}
    return {
        "reload": sorted({change.unit for change in changes if change.unit} - restart),
        "restart": sorted(restart),
    }


def stale(
    stamps: dict[str, dict[str, int]], units: dict[str, dict[str, str]]
) -> dict[str, list[str]]:
    """The units that run on an older tree than the one on disk, parted like `readers`.

    `stamps` has the microsecond of the last change that each unit has to read, `units` what systemd
    says of them, both by the same monotonic clock, so that setting the clock, or a swap and a
    reload within one second, confuse nothing.
    """

    def older(unit: str, when: int, moment: str) -> bool:
        said = units.get(unit, {})
        return (
            said.get("ActiveState") in ("active", "reloading") and int(said.get(moment) or 0) < when
        )

    restart = {
        unit
        for unit, when in stamps["restart"].items()
        if older(unit, when, "ExecMainStartTimestampMonotonic")
    }
    reload = {
        unit
        for unit, when in stamps["reload"].items()
        if older(unit, when, "StateChangeTimestampMonotonic")
    }
    return {"reload": sorted(reload - restart), "restart": sorted(restart)}


def _refuse_conflicts(tree: dict[str, list]) -> None:
    """A path may be declared once,
    and nothing may lie below a file, a link or what must be absent.
    """
    declared: dict[str, dict] = {}
    for entry in (entry for entries in tree.values() for entry in entries):
        if first := declared.get(entry["path"]):
            raise TreeError(f"{entry['where']}: the path is declared already, by {first['where']}.")
        declared[entry["path"]] = entry
    directories = {entry["path"] for entry in tree["directories"]}
    for path, entry in declared.items():
        for parent in parents(path):
            if parent in declared and parent not in directories:
                raise TreeError(
                    f"{entry['where']}: lies below {declared[parent]['where']}, "
                    f"which is not a directory."
                )


def parents(path: str) -> list[str]:
    """The directories above a path, the nearest first, without the root."""
    found = []
    while (path := dirname(path)) != "/":
        found.append(path)
    return found


def mask(text: str, secrets: list[bytes]) -> str:
    """Hide every longer word of secret files in what a program said about them."""
    words = {
        word
        for content in secrets
        for word in SECRET_WORD.findall(content.decode("utf-8", "replace"))
    }
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "********")
    return text


def printable(path: str) -> str:
    """A path as text that can be shown and sent, also when its name on disk is not UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def diff(changes: list[Change], user_name, group_name) -> list[dict]:
    """Describe changes as Ansible shows them; user_name and group_name turn numbers into names."""

    def attributes(state: State) -> str:
        if state.kind in ("absent", "link"):
            return state.kind + "\n"
        owner, group = user_name(state.uid), group_name(state.gid)
        mode = "(unchanged)" if state.mode is None else f"{state.mode:04o}"
        return f"{state.kind}\nowner: {owner}\ngroup: {group}\nmode: {mode}\n"

    shown = []
    for change in changes:
        path, before, after = printable(change.path), change.before, change.after
        if after.kind in ("file", "link") and not same_body(before, after):
            shown.append(_item(path, *_texts(change)))
        # A new file's owner and mode are in its entry; what is worth a line of its own is a change
        # of them.
        if after.kind == "directory" or before.kind != "absent":
            texts = attributes(before), attributes(after)
            if texts[0] != texts[1]:
                shown.append(_item(f"{path} (attributes)", *texts))
    return shown


def _item(header: str, before: str, after: str) -> dict:
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _texts(change: Change) -> tuple[str, str]:
    if change.secret:
        old = "" if change.before.kind == "absent" else "(secret, not shown)\n"
        return old, "(secret, changed, not shown)\n" if old else "(secret, not shown)\n"
    body = _body if change.diff else _size
    return body(change.before), body(change.after)


def same_body(one: State, other: State) -> bool:
    """Whether contents and target are the same, whoever owns them."""
    return (one.content, one.target) == (other.content, other.target)


def _body(state: State) -> str:
    """What a diff shows: the target, or the content as text, or a word about what is not text."""
    if state.target is not None:
        return f"-> {printable(state.target)}\n"
    if state.content is None:
        return ""
    try:
        text = state.content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    return _size(state, f"binary, {len(state.content)} bytes") if "\0" in text else text


def _size(state: State, what: str = "") -> str:
    """What a diff shows of a content that is not to be read, as ``what``: its number of lines."""
    if state.content is None:
        return _body(state)
    what = what or f"{len(state.content.splitlines())} lines"
    return f"({what}, SHA-256 {sha256(state.content).hexdigest()})\n"
