# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role python_app: what its inputs say. Private to the role."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model as _python_app


class FilterModule:
    """Names the filters."""

    def filters(self):
        """Return ``{name: function}``."""
        return {
            "python_app_accounts": _python_app.accounts,
            "python_app_accounts_missing": _python_app.accounts_missing,
            "python_app_backups": _python_app.backups,
            "python_app_directories": _python_app.directories,
            "python_app_files": _python_app.files,
            "python_app_failed": _python_app.failed,
            "python_app_failed_service": _python_app.failed_service,
            "python_app_failure_report": _python_app.failure_report,
            "python_app_failures_of_health": _python_app.failures_of_health,
            "python_app_going_back": _python_app.going_back,
            "python_app_health_pages": _python_app.health_pages,
            "python_app_idle": _python_app.idle,
            "python_app_unhealthy": _python_app.unhealthy,
            "python_app_log_units": _python_app.log_units,
            "python_app_left": _python_app.left,
            "python_app_missing_service": _python_app.missing_service,
            "python_app_migrations": _python_app.migrations,
            "python_app_named": _python_app.named,
            "python_app_pages": _python_app.pages,
            "python_app_remains": _python_app.remains,
            "python_app_services": _python_app.services,
            "python_app_stale": _python_app.stale,
            "python_app_taken": _python_app.taken,
            "python_app_timers_to_take_over": _python_app.timers_to_take_over,
            "python_app_timers_unsettled": _python_app.timers_unsettled,
            "python_app_users": lambda apps: [_python_app.user(app) for app in apps],
            "python_app_units": lambda app: _python_app.log_units(_python_app.plan(app)),
            "python_app_without_failed": _python_app.without_failed,
        }
