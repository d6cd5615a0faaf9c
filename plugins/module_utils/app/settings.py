# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which settings the service of an application was started.
Private to the collection. No Ansible import.

They are known by their content. The fingerprint is for root alone: who could read it could try what
the settings are.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os

from ansible_collections.foobar.lamp.plugins.module_utils.common import private

PLACE = "/etc/python_app"


def fingerprint(name):
    """Return that of what the application ``name`` is started with:
    its environment, and the certificates that it trusts.
    """
    digest = hashlib.sha256()
    for path in [f"{PLACE}/{name}.env", *sorted(glob.glob(f"{PLACE}/*.pem"))]:
        with contextlib.suppress(FileNotFoundError):
            with open(path, "rb") as file:
                content = file.read()
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _record(name):
    return f"/srv/{name}/.settings"


def forget(name):
    """Say that nobody knows what the application runs with."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_record(name))


def remember(name, text):
    """Keep the fingerprint of what it runs with, now that all of it does."""
    with open(
        _record(name),
        "w",
        encoding="ascii",
        opener=private.opener,
    ) as file:
        file.write(text)


def remembered(name):
    """Return the fingerprint of what it runs with, empty if nobody knows."""
    try:
        with open(_record(name), encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def are_new(name):
    """Return whether the application runs with other settings than those on disk,
    or a run died before that was known.
    """
    return remembered(name) != fingerprint(name)


def stale():
    """Return the applications with a current release of which that is so."""
    return sorted(
        name
        for name in (path.split("/")[2] for path in glob.glob("/srv/*/current"))
        if are_new(name)
    )
