# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a server that is a member of a cluster. Private to the
collection. Pure: no I/O, no Ansible import.
"""

from __future__ import annotations

#: After how long one that says nothing is suspected, and put out. Until then nobody commits: it is
#: what a host that dies costs. Much less would put out hosts that are only busy.
_TIMES = {
    "evs.keepalive_period": "PT0.3S",
    "evs.inactive_check_period": "PT0.1S",
    "evs.suspect_timeout": "PT1.5S",
    "evs.inactive_timeout": "PT4S",
    "evs.install_timeout": "PT4S",
    # Those that are left ask each other again so often who is in the next view: by default this
    # takes half as long as the suspicion.
    "evs.join_retrans_period": "PT0.3S",
}
#: The ports by which members agree, get what they have missed, and get everything; nothing else
#: comes to these.
PORTS = (4444, 4567, 4568)
#: How many bytes of commits a member keeps for one that was away for a while.
GCACHE = 512 * 2**20


def place(address, port=""):
    """Return an address, and a port, as they stand in a URL."""
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if port else host


def galera(members, host, name, tls):
    """Return the settings of the member ``host`` of the cluster ``name``, as ``{option: value}``.

    ``members``: dictionaries with name and address. ``tls``: the files ``ca``, ``cert`` and
    ``key``.
    """
    own = next(one["address"] for one in members if one["name"] == host)
    options = {
        **_TIMES,
        "gmcast.listen_addr": f"ssl://{place(own, 4567)}",
        "ist.recv_addr": f"ssl://{place(own, 4568)}",
        # All members of the last view go on together after an end of all: nobody has to say who
        # begins.
        "pc.recovery": "true",
        # One that was away for a while gets what it has missed, and not everything, even where the
        # others were restarted.
        "gcache.size": f"{GCACHE >> 20}M",
        "gcache.recover": "yes",
        **{f"socket.ssl_{key}": path for key, path in tls.items()},
    }
    return {
        "wsrep_on": True,
        "wsrep_provider": "/usr/lib/galera/libgalera_smm.so",
        "wsrep_provider_options": "; ".join(f"{key}={value}" for key, value in options.items()),
        "wsrep_cluster_name": name,
        # All of them, always: an empty one would begin a cluster of its own at each start.
        "wsrep_cluster_address": f"gcomm://{','.join(place(one['address']) for one in members)}",
        "wsrep_node_name": host,
        "wsrep_node_address": place(own),
        "wsrep_node_incoming_address": place(own, 3306),
        "wsrep_sst_method": "mariabackup",
        "wsrep_sst_receive_address": place(own, 4444),
        "wsrep_retry_autocommit": 3,
        # Each member's binary log has what all have: a backup of any of them leads to any moment.
        "wsrep_gtid_mode": True,
        "log_slave_updates": True,
        # What is acknowledged is on disk. Where this is 0 or 2, members that end together lose it.
        "innodb_flush_log_at_trx_commit": 1,
        "binlog_format": "ROW",
        "default_storage_engine": "InnoDB",
        "innodb_autoinc_lock_mode": 2,
    }
