# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role certificates: what its inputs say. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import account
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import certificates as _certificates


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "acme_thumbprint": account.thumbprint,
            "certificates_due": _certificates.due,
            "certificates_given": _certificates.given,
            "certificates_settings": _certificates.settings,
            "certificates_shown": _certificates.shown,
            "certificates_terms": _certificates.terms,
            "certificates_to_place": _certificates.to_place,
            "certificates_wanted": _certificates.wanted,
            "certificates_waiting": _certificates.waiting,
        }
