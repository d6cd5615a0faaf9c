# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that a database server is to have. Private to the
collection. Pure: no I/O, no Ansible import.

*settings* is ``{section: {name: value}}`` as in an option file. It is worked out here and not by
expressions because several tasks of a run need it, and each would compile the whole chain anew.
"""

from __future__ import annotations

import re

# They lead from a backup to any moment after it. Those of a week stay with the server, whatever
# becomes of backups meanwhile.
_LOGS = {"sync_binlog": 1, "binlog_expire_logs_seconds": 604800}
_TLS = {
    "ssl_ca": "/etc/mysql/tls/ca.pem",
    "ssl_cert": "/etc/mysql/tls/server.pem",
    "ssl_key": "/etc/mysql/tls/server.pem",
}
# Since 11.4 a client of MariaDB checks the server's certificate even through the socket, where
# nobody else can listen: one that is not valid would shut root out, who is to mend it. Who asks
# another server from here says --ssl-verify-server-cert.
_CLIENT = {"mariadb": {"ssl_verify_server_cert": 0}, "mysql": {}}


def datadir(settings):
    """Return the directory of the data."""
    path = (settings.get("mysqld") or {}).get("datadir") or "/var/lib/mysql"
    return re.sub("(?<=.)/+$", "", str(path))


def declared(settings, engine, memory_mb, bind_address, logs, tls):
    """Return the role's own settings and,
    where they say another thing, those of ``mysql_settings``.

    ``engine``: mariadb or mysql. ``memory_mb``: of the host. ``logs``, ``tls``: whether it keeps
    binary logs, and has a certificate.
    """
    memory_mb = int(memory_mb)
    server = {
        "bind_address": bind_address,
        "character_set_server": "utf8mb4",
        "collation_server": "utf8mb4_unicode_ci",
        # A quarter of the memory: the web server and the application may live on the same host.
        # 128 MiB is the server's own default, and the unit that sizes are rounded to.
        "innodb_buffer_pool_size": f"{max(1, memory_mb // 512) * 128}M",
        # About 1 MiB each when idle; 151 is the server's own default.
        "max_connections": max(151, min(1000, memory_mb // 32)),
        # No reading of the host's files, no names looked up for each connection.
        "local_infile": 0,
        "skip_name_resolve": 1,
        # A visitor notices a second.
        "slow_query_log": 1,
        "slow_query_log_file": "/var/log/mysql/slow.log",
        "long_query_time": 1,
    }
    # Room for about an hour of writes of a busy small site, recovered in seconds.
    size = f"{max(96, min(1024, memory_mb // 16))}M"
    server |= {
        "mysql": {"innodb_redo_log_capacity": size},
        "mariadb": {"innodb_log_file_size": size},
    }[engine]
    if logs:
        server |= _LOGS
        if engine == "mariadb":
            # As MySQL does by default.
            server |= {"log_bin": f"{datadir(settings)}/binlog", "binlog_format": "ROW"}
    if tls:
        server |= _TLS
    found = {"mysqld": server, "client": dict(_CLIENT[engine])}
    for section, values in settings.items():
        found[section] = {**found.get(section, {}), **(values or {})}
    return found
