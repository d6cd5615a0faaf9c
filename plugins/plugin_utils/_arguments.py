# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's arguments as they were written, before Ansible turns their types into others. Pure: no I/O, no Ansible import.

Private to the collection. YAML reads ``10.20`` as a number and ``no`` as a boolean; Ansible would make other texts of them, ``10.2`` and
``False``, without a word. And where a list of texts is wanted, it would cut one text at its commas.
"""

from __future__ import annotations

import difflib

_REMEDIES = (
    (bool, "a boolean: put it in quotes, as you wrote it. YAML reads no, yes, on and off as booleans"),
    ((int, float), "a number: put it in quotes, as you wrote it. YAML reads 10.20, 010 and 23:30 as other numbers"),
    ((list, tuple), "a list: give one text"),
    (dict, "a dictionary: put it in quotes, if it is one text with a colon in it"),
    (object, "no text: put it in quotes"),
)


def settle(spec, given):
    """Return ``(arguments, problems)``: ``given`` with each text where texts are wanted as a list of one, and what is wrong with it.

    ``spec``: an argument specification of Ansible. A problem is a sentence with option, value and remedy; none holds a secret. Beneath the
    arguments themselves all is checked, since Ansible does not say which entry of a list it means.
    """
    problems, settled = [], dict(given)
    for key, option in spec.items():
        if given.get(key) is not None:
            settled[key] = _settled(option, given[key], key, problems)
    return settled, problems


def _settled(option, value, where, problems):
    kind = option["type"]
    if kind == "list":
        return _list(option, value, where, problems)
    if kind == "dict" and "options" in option and isinstance(value, dict):
        return _dictionary(option["options"], value, where, problems)
    if kind in ("str", "path") and not isinstance(value, str):
        said = "" if option.get("no_log") else f" {value!r},"
        problems.append(f"{where} is{said} {next(remedy for types, remedy in _REMEDIES if isinstance(value, types))}.")
    elif kind == "int" and isinstance(value, bool):
        problems.append(f"{where} is {value}: give a whole number.")
    return value


def _list(option, value, where, problems):
    kind = option.get("elements", "raw")
    if not isinstance(value, (list, tuple)):
        if kind != "dict":
            return [_settled({**option, "type": kind}, value, where, problems)]
        problems.append(f"{where} is {value!r}: give a list of dictionaries.")
        return value
    for index, one in enumerate(value):
        if kind == "dict" and not isinstance(one, dict):
            problems.append(f"{where}[{index}] is {one!r}: give a dictionary.")
    return [_settled({**option, "type": kind}, one, f"{where}[{index}]", problems) for index, one in enumerate(value)]


def _dictionary(options, value, where, problems):
    named = " ".join(value[key] for key in ("name", "type") if isinstance(value.get(key), str))
    where = f"{where} ({named})" if named else where
    for key in value:
        if key not in options:
            near = difflib.get_close_matches(str(key), options, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the known ones are {', '.join(options)}."
            problems.append(f"{where}.{key} is not a known key: {hint}")
    settled = dict(value)
    for key, option in options.items():
        one = value.get(key)
        if one is None:
            if option.get("required"):
                problems.append(f"{where}.{key} is missing: add it.")
        elif "choices" in option:
            if one not in option["choices"]:
                problems.append(f"{where}.{key} is {one!r}: give {' or '.join(option['choices'])}.")
        elif option["type"] == "int" and not isinstance(one, int) and not str(one).strip().lstrip("-").isdecimal():
            problems.append(f"{where}.{key} is {one!r}: give a whole number.")
        else:
            settled[key] = _settled(option, one, f"{where}.{key}", problems)
    return settled
