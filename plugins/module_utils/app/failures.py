# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of applications that failed. Private to the
collection. Pure: no I/O, no Ansible import.

A *failure* has the ``plan`` of an application, a ``headline``, which is one sentence with the
reason, the ``words`` of what failed, and a ``note`` that is said with the headline.
"""

from __future__ import annotations

import re

from ansible_collections.foobar.lamp.plugins.module_utils.app import pip, registry

#: What systemd says of a unit that ended, and conmon of a container's surroundings: not why.
_UNIT = re.compile(r"\S+\.(service|timer)\b|\Aconmon \S+ <nwarn>")
#: Steps whose words are pip's, and so those of which its causes are known.
PIP_STEPS = ("install", "server")
_BEGINS = re.compile(r"\s|Traceback \(most recent call last\)")
#: What does not say by itself where it is, and where a traceback says that.
_SYNTAX = re.compile(r"(SyntaxError|IndentationError|TabError): (?!.*, line \d+\)\Z)")
_PLACE = re.compile(r'^ *File "([^"<]+)", line (\d+)', re.MULTILINE)
_STATUS = re.compile(r"\((exit status \d+|not done after \d+ seconds)\)\Z")


def failure(plan, reason, words="", note=""):
    """Return the failure of an application for a ``reason`` in one sentence."""
    return {"plan": plan, "headline": f"{plan['name']}: {reason}", "words": words, "note": note}


def failed_step(plan, step, said, note=""):
    """Return the failure of a step, by what its command ``said``.

    ``note``: what else is to be known of it. ``image`` is a host's.
    """
    what = (
        f"release {plan['release']} of {plan.get('source', '')}"
        if plan.get("release")
        else "the release"
    )
    known = pip.cause(said) if step in PIP_STEPS else ""
    image = plan.get("image") or {}
    if step == "image" and image.get("kind") == "registry":
        known = registry.cause(said, image["reference"].partition("/")[0], "the host")
    why = known or reason(said) + _where(plan, said)
    return failure(plan, f"{what} failed ({step}): {why}", said, note)


def _where(plan, said):
    """Return in which file and line an error of syntax is, ``" (shop/views.py, line 15)"``:
    of the release by the path in it.
    """
    places = _PLACE.findall(said)
    if not places or not _SYNTAX.match(reason(said)):
        return ""
    path, line = places[-1]
    # While a release is made, its directory has another name.
    within = rf"\A{re.escape(plan.get('root', ''))}/releases/[^/]+/(src/)?"
    return f" ({re.sub(within, '', path)}, line {line})"


def reason(said):
    """Return the line of what a command or a unit ``said`` that tells most:
    its last one, as of a traceback, and not how it ended.
    """
    lines = [line for line in said.strip().splitlines() if line.strip()]
    # A process may be ended while it says what was wrong with it: another one has said the same.
    telling = [
        line
        for line in lines
        if not (_STATUS.match(line.strip()) or _UNIT.search(line) or _BEGINS.match(line))
    ]
    return (telling or lines or ["it said nothing"])[-1].strip()


def message(failures, serving=None):
    """Return the text for all failures, the reason first.

    ``serving``: what is said of an application after that, by name.
    """
    paragraphs = []
    for one in failures:
        lines = [one["headline"], one.get("note", ""), (serving or {}).get(one["plan"]["name"], "")]
        # Words of one line stand in the headline.
        if "\n" in one["words"].strip():
            lines += ["Correct the application and run again. What it said:", one["words"]]
        paragraphs.append("\n".join(line for line in lines if line))
    return "\n\n".join(paragraphs)
