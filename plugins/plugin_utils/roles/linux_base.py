# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the inputs of the role linux_base. Private to the collection. Pure."""

from __future__ import annotations


def present(admins):
    """Return those of ``admins`` that are to have an account."""
    return [admin for admin in admins if (admin.get("state") or "present") == "present"]


def sudoers(admins):
    """Return those of ``admins`` that may become root."""
    return [admin for admin in present(admins) if admin.get("sudo", True)]


def missing_names(hostname, known_as, names):
    """Return the names that /etc/hosts has to get for the host itself, none if it knows itself.

    ``known_as`` is the name that the host has now, ``names`` what /etc/hosts says, the full one
    first.
    """
    own = [name for name in dict.fromkeys([hostname, hostname.split(".")[0]]) if name]
    known = hostname == known_as and names[:1] == [hostname] and set(own) <= set(names)
    return [] if known else own
