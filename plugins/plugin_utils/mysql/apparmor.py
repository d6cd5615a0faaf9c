# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AppArmor has to let a database server do besides what its package's profile says. Private
to the collection. Pure: no I/O.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.settings import variables

_BEGIN, _END = "# BEGIN foobar.lamp: made anew by each run", "# END foobar.lamp"
_OURS = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n?", re.MULTILINE | re.DOTALL)
_SPECIAL = re.compile(r'([]\[{}*?^"\\])')


def rules(settings, directories=()):
    """Return the rules for ``directories`` and each path in ``settings`` (``{section: {name:
    value}}``), as AppArmor's language has them.

    A setting may name a directory, a file, or what files' names begin with. Certificates are read
    only.
    """
    paths = {
        path.rstrip("/"): name.startswith("ssl_")
        for name, value in variables(settings).items()
        for path in str(value).split(":")
        if path.startswith("/")
    }
    paths |= {str(directory).rstrip("/"): False for directory in directories}
    named = {_SPECIAL.sub(r"\\\1", path): read_only for path, read_only in paths.items()}
    return [
        f'"{name}{{,/,/**}}" r,' if read_only else f'"{name}{{*,/,/**}}" rwk,'
        for name, read_only in sorted(named.items())
    ]


def local(before, settings, directories=(), both=False):
    """Return the text of the profile's local file:
    what others wrote there (``before``), and our rules.

    ``both``: with those of ours that ``before`` has, for the server that runs with other settings
    still, and may have to go back to them.
    """
    kept = _OURS.sub("", before)
    kept += "\n" if kept and not kept.endswith("\n") else ""
    ours = set(rules(settings, directories))
    if both and (found := _OURS.search(before)):
        ours.update(found[0].splitlines()[1:-1])
    return kept + "\n".join([_BEGIN, *sorted(ours), _END]) + "\n"


def left(before, settings, directories=()):
    """Return whether ``before`` has rules of ours that ``settings`` need no more."""
    return local(before, settings, directories) != local(before, settings, directories, both=True)
