# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's arguments as they were written, before Ansible turns their
types into others. Pure: no I/O, no Ansible import.

Private to the collection. Ansible would make another text of what YAML reads as a number or
boolean, without a word, and cut a text at its commas where a list is wanted.
"""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import values


def settle(spec, given):
    """Return ``(arguments, problems)``:
    ``given`` with each text where texts are wanted as a list of one, and what is wrong with it.

    ``spec``: an argument specification of Ansible.
    """
    arguments = _plain(spec, given)
    return arguments, values.settle(spec, arguments).problems


def _plain(options, given):
    """Return the dictionary ``given`` without what is none, which is as good as left out."""
    return {
        key: _plain_value(options[key], one) if key in options else one
        for key, one in given.items()
        if one is not None
    }


def _plain_value(option, value):
    if option["type"] == "list":
        element = {**option, "type": option.get("elements", "raw")}
        if not isinstance(value, (list, tuple)):
            return value if element["type"] == "dict" else [value]
        return [_plain_value(element, one) for one in value]
    if option["type"] == "dict" and "options" in option and isinstance(value, dict):
        return _plain(option["options"], value)
    # Records may come from a table, where all is text.
    return (
        int(value)
        if option["type"] == "int" and isinstance(value, str) and value.isdecimal()
        else value
    )
