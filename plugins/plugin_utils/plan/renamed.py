# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that had other names, and keys that are gone. Private to the collection. Pure."""

from __future__ import annotations

#: The present names, by the old ones.
RENAMED = {
    "backup_list_only": "lamp_backup_list_only",
    "mysql_backup": "backup_enabled",
    "mysql_backup_copy_key": "backup_copy_key",
    "mysql_backup_copy_known_hosts": "backup_copy_known_hosts",
    "mysql_backup_copy_port": "backup_copy_port",
    "mysql_backup_copy_to": "backup_copy_to",
    "mysql_backup_delay": "backup_delay",
    "mysql_backup_dir": "backup_dir",
    "mysql_backup_drill_schedule": "backup_drill_schedule",
    "mysql_backup_files": "backup_files",
    "mysql_backup_identity_file": "backup_identity_file",
    "mysql_backup_keep_at_least": "backup_keep_at_least",
    "mysql_backup_keep_days": "backup_keep_days",
    "mysql_backup_log_schedule": "backup_log_schedule",
    "mysql_backup_on_failure": "backup_on_failure",
    "mysql_backup_recipients": "backup_recipients",
    "mysql_backup_schedule": "backup_schedule",
    "restore_backup": "lamp_restore_backup",
    "restore_confirm": "lamp_restore_confirm",
    "restore_force": "lamp_restore_force",
    "restore_from": "lamp_restore_from",
    "restore_identity": "lamp_restore_identity",
    "restore_site": "lamp_restore_site",
    "restore_to": "lamp_restore_to",
}

#: What took the place of keys, by their names.
GONE_OF_APPLICATIONS = {
    "maximum_requests": (
        "a process that grows is replaced by memory_limit, one that gets old by restart_interval."
    ),
    "queue_timeout": "a request waits as long as request_timeout says.",
    "startup_timeout": "a service may take as long to start as timeouts: {start: 30} says.",
}
GONE_OF_VIRTUAL_HOSTS = {
    "wsgi": (
        "an application has a server of its own. "
        "Use proxy, with its path and the socket /srv/NAME/live.sock."
    ),
}


def renamed_problems(names):
    """Return a sentence for each of the variables ``names`` that is an old name:
    what it sets would count for nothing.
    """
    return [
        f"{name} has a new name: use {RENAMED[name]}." for name in sorted(set(names) & set(RENAMED))
    ]
