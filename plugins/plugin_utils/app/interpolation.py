# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in the values of a compose file,
``${NAME:-default}``. Private to the collection. Pure.
"""

from __future__ import annotations

import re

_VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>\w+)(?:(?P<kind>:?[-?+])(?P<more>[^${}]*))?\}|(?P<plain>[A-Za-z_]\w*))"
)
_DOLLAR = "\0"  # what stands for $$ meanwhile: no text of YAML has it


def filled(text):
    """Return ``(text, names)``: with the defaults of its variables, which have no values here,
    and the names of those without one.
    """
    lacking = []

    def of_variable(found):
        kind, name = found["kind"] or "", found["braced"] or found["plain"]
        if kind.endswith("-"):
            return found["more"]
        if kind.endswith("+"):
            return ""
        lacking.append(name)
        return ""

    text = text.replace("$$", _DOLLAR)
    # From the inside: a default may have variables.
    while (new := _VARIABLE.sub(of_variable, text)) != text:
        text = new
    return text.replace(_DOLLAR, "$"), lacking
