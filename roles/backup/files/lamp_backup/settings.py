# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role has written down for the command."""

from __future__ import annotations

import json
import pathlib
import types

from . import BackupError

PLACE = "/etc/lamp-backup/settings.json"


def load(path: str = PLACE) -> types.SimpleNamespace:
    """Return the settings; see the role's template variables for what there is.

    ``engine`` is empty on a host without a database.
    """
    try:
        found = json.loads(pathlib.Path(path).read_text())
    except OSError as error:
        raise BackupError(
            f"{path}: {error.strerror}. Become root; if it is missing, run the role backup."
        ) from error
    except ValueError as error:
        raise BackupError(
            f"{path} is broken ({error}): run the role backup, which writes it anew."
        ) from error
    settings = types.SimpleNamespace(
        **{
            "engine": "",
            "datadir": None,
            "socket": "",
            "service": "",
            "programs": {},
            "cluster": {},
            **found,
        }
    )
    settings.directory, settings.workshop = (
        pathlib.Path(found["directory"]),
        pathlib.Path(found["workshop"]),
    )
    settings.datadir = pathlib.Path(settings.datadir) if settings.engine else None
    return settings
