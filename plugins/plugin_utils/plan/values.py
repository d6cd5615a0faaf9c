# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether values have the types that are wanted: options and
values in, settled values and problems out.

Private to the collection. Pure: no I/O, no Ansible import. Nothing else checks types, and nothing
sees a value before this has settled it.

YAML makes numbers of ``10.20``, ``010``, ``1_000`` and ``23:30``, booleans of ``no`` and ``on``, a
date of ``2026-11-27``, and nobody can tell afterwards how it was written. So no type is turned into
another: what is wrong is refused. There is one exception. A variable from the command line (``-e
NAME=VALUE``) is always a text, so the value of a variable itself, not what is inside of a list or
dictionary, may be the text of a number or boolean.

*options* is ``{name: option}`` as in ``argument_specs``. An *option* may also have what that format
cannot say:

- ``type`` as a list of types, of which the value has to be one;
- ``type: setting``, a value that a program's configuration gets: a text, a number or a boolean.
  With ``null`` it may be none, with ``lines`` a text of several lines, with ``octal`` (a pattern of
  names) a mode, which has to be in quotes;
- ``type: variable``, an environment variable: a text or a whole number;
- ``values``, of a dictionary with keys of the user's choice: the option that each value is of;
- ``gone``, of a dictionary: what took the place of keys that are not known any more, by their
  names;
- ``words``, of a list: it is a command, word by word.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import shlex
from typing import NamedTuple

from ansible_collections.foobar.lamp.plugins.plugin_utils.common.near import nearest

_WANTED = {
    "bool": ("true", "false"),
    "dict": ("a dictionary",),
    "int": ("a whole number",),
    "list": ("a list",),
    "path": ("a text",),
    "setting": ("a text", "a number", "a boolean"),
    "str": ("a text",),
    "variable": ("a text",),
}
_KINDS = (  # bool is an int, and a datetime a date
    (bool, "a boolean"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (datetime.datetime, "a date with a time"),
    (datetime.date, "a date"),
    ((list, tuple), "a list"),
    (dict, "a dictionary"),
)
_TRUE, _FALSE = ("yes", "on", "true", "1"), ("no", "off", "false", "0")
_INTEGER = re.compile(r"(0|-?[1-9][0-9]*)\Z")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_PLAIN_WORD = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*\Z")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_LONGEST = 60


class Settled(NamedTuple):
    """Values, and what is wrong with those that are not among them."""

    values: dict
    problems: list


def settle(options, given):
    """Return those variables of ``given`` that ``options`` describe as they are meant,
    and a sentence for each problem with them.

    A sentence names the variable, with the path to what is wrong in it, the value and the remedy.
    It never has a value of an option with ``no_log``, nor one that stands where a dictionary with
    such an option should.
    """
    problems, values = [], {}
    for name, option in options.items():
        if name in given:
            before = len(problems)
            value = _settled(option, given[name], name, problems, top=True)
            if len(problems) == before:
                values[name] = value
        elif option.get("required"):
            problems.append(f"{name} is missing: set it.")
    return Settled(values, problems)


def _settled(option, value, where, problems, secret=False, top=False):
    """Return ``value`` as ``option`` wants it; what is wrong is added to ``problems``."""
    secret = secret or bool(option.get("no_log"))
    kinds = option["type"] if isinstance(option["type"], (list, tuple)) else [option["type"]]
    for kind in kinds:
        taken, settled = _TAKERS[kind](value, option, top)
        if taken:
            break
    else:
        problems.append(_wrong(option, kinds, value, where, secret))
        return value
    # The rest of what Ansible's format says of a list, it says of its elements.
    if kind == "list":
        element = {
            key: option[key] for key in ("choices", "gone", "options", "values") if key in option
        } | {"type": option.get("elements", "raw")}
        return [
            _settled(element, one, f"{where}[{number}]", problems, secret)
            for number, one in enumerate(value)
        ]
    if kind == "dict":
        return _dictionary(option, value, where, problems, secret)
    if "choices" in option and settled not in option["choices"]:
        shown = "is not" if secret else f"is {_shown(value)}, which is not"
        problems.append(
            f"{where} {shown} one of its values: give {' or '.join(map(str, option['choices']))}."
        )
    return settled


def _dictionary(option, value, where, problems, secret):
    known, settled = option.get("options"), {}
    for key, one in value.items():
        if not isinstance(key, str):
            problems.append(
                f"{where} has the key {_shown(key)}, "
                f"which YAML reads as {_kind(key)}: put it in quotes."
            )
        elif key in option.get("gone", {}):
            problems.append(f"{_below(where, key)} no longer exists: {option['gone'][key]}")
        elif known is not None and key not in known:
            near = nearest(key, known)
            hint = (
                f"did you mean {near}?"
                if near
                else f"the known ones are {', '.join(sorted(known))}."
            )
            problems.append(f"{_below(where, key)} is not a known key: {hint}")
        else:
            inner = known[key] if known is not None else option.get("values", {"type": "raw"})
            path = f"{where}['{key}']" if option.get("named") else _below(where, key)
            settled[key] = _settled(inner, one, path, problems, secret)
            if "octal" in inner and isinstance(one, int) and inner["octal"].search(key):
                problems.append(
                    f"{path} is {one}: put it in quotes, as you wrote it. YAML reads 0027 as 23."
                )
    problems += [
        f"{_below(where, key)} is missing: add it."
        for key, inner in (known or {}).items()
        if inner.get("required") and key not in value
    ]
    return settled


def _take_bool(value, _option, top):
    if top and not isinstance(value, (bool, float)) and str(value).lower() in _TRUE + _FALSE:
        return True, str(value).lower() in _TRUE
    return isinstance(value, bool), value


def _take_int(value, _option, top):
    if top and isinstance(value, str) and _INTEGER.match(value):
        return True, int(value)
    return isinstance(value, int) and not isinstance(value, bool), value


def _take_setting(value, option, _top):
    if isinstance(value, str):
        return option.get("lines") or "\n" not in value.rstrip("\n"), value
    if value is None:
        return bool(option.get("null")), value
    return isinstance(value, int) or isinstance(value, float) and math.isfinite(value), value


def _take_variable(value, _option, _top):
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole or isinstance(value, str), str(value) if whole else value


def _take(*kinds):
    return lambda value, _option, _top: (isinstance(value, kinds), value)


_TAKERS = {
    "bool": _take_bool,
    "dict": _take(dict),
    "int": _take_int,
    "list": _take(list, tuple),
    "path": _take(str),
    "raw": _take(object),
    "setting": _take_setting,
    "str": _take(str),
    "variable": _take_variable,
}


def _wrong(option, kinds, value, where, secret):
    """Return the sentence about a value that is of none of ``kinds``."""
    *others, last = [word for kind in kinds for word in _WANTED[kind]]
    wanted = f"{', '.join(others)} or {last}" if others else last
    what = f"{_kind(value)} where {wanted} is wanted"
    if isinstance(value, str) and "setting" in kinds:
        what = "a text of several lines"
    if (
        not secret
        and not _has_secret(option)
        and not isinstance(value, (list, tuple, dict, type(None)))
    ):
        what = f"{_shown(value)}, {what}"
    return f"{where} is {what}: {_remedy(option, kinds, value, where, secret)}"


def _remedy(option, kinds, value, where, secret):
    if value is None:
        return f"give one, or leave {where} out."
    if "setting" in kinds:
        if isinstance(value, str):
            return "write it in one line."
        return (
            "give one value."
            if isinstance(value, (list, tuple, dict))
            else "put it in quotes, as the program should read it."
        )
    if {"str", "path", "variable"} & set(kinds):
        if isinstance(value, bool):
            return "put it in quotes, as you wrote it. YAML reads yes, no, on and off as booleans."
        if isinstance(value, (int, float)):
            return (
                "put it in quotes, as you wrote it. "
                "YAML reads 10.20, 010, 1_000 and 23:30 as numbers."
            )
        if isinstance(value, (list, tuple, dict)):
            return "give one text." if "list" not in kinds else "give a text, or a list of texts."
        return "put it in quotes, as you wrote it."
    if "list" in kinds:
        if isinstance(value, dict):
            return "begin each item with a hyphen."
        if secret or _has_secret(option) or "options" in option:
            return "make it a list."
        words = (
            shlex.split(value)
            if option.get("words") and isinstance(value, str) and _splits(value)
            else [value]
        )
        return f"make it a list, [{', '.join(_quoted(word) for word in words)}]."
    if "dict" in kinds:
        return "give keys with values."
    if "bool" in kinds:
        return "give true or false, without quotes."
    return "give digits, without quotes."


def _splits(text):
    try:
        return bool(shlex.split(text))
    except ValueError:
        return False


def _has_secret(option):
    """Whether a value of ``option`` may have a secret in it."""
    inner = [
        *(option.get("options") or {}).values(),
        *([option["values"]] if "values" in option else []),
    ]
    return any(one.get("no_log") or _has_secret(one) for one in inner)


def _kind(value):
    return next(
        (name for kinds, name in _KINDS if isinstance(value, kinds)),
        "null" if value is None else f"a {type(value).__name__}",
    )


def _shown(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return repr(_short(value))
    return _short(str(value))


def _quoted(value):
    text = _short(value) if isinstance(value, str) else _shown(value)
    plain = _PLAIN_WORD.match(text) and text.lower() not in (*_TRUE, *_FALSE, "null", "y", "n")
    return text if plain else json.dumps(text, ensure_ascii=False)


def _short(text):
    """Return ``text`` without the credentials of addresses in it,
    and not longer than what a sentence bears.
    """
    text = _CREDENTIALS.sub("", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _below(where, key):
    return f"{where}.{key}" if _PLAIN_KEY.match(key) else f"{where}['{key}']"
