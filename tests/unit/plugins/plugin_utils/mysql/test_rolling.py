"""In which order members of a cluster are restarted."""

from __future__ import annotations

import json

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.rolling import restart_order

ALL = ["db1", "db2", "db3"]
REASONS, NONE = {"msg": "The server is restarted for back_log."}, {"skipped": True}


def host(me, writer="db1", config=("mariadb",), **more):
    reasons = more.get("reasons", REASONS)
    return {
        "__mysql_config": {"reload": list(config), "restart": []},
        "__mysql_decision": {"stdout": json.dumps({"me": me, "writer": writer})},
        **({"__mysql_restart_reasons": reasons} if reasons else {}),
    }


@pytest.mark.parametrize(
    ("hosts", "found"),
    [
        ({name: host(name) for name in ALL}, ["db2", "db3", "db1"]),
        ({name: host(name, writer="db2") for name in ALL}, ["db1", "db3", "db2"]),
        ({name: host(name, writer="") for name in ALL}, ALL),
        # A run was killed behind the first of them.
        (
            {name: host(name, config=() if name == "db2" else ("mariadb",)) for name in ALL},
            ["db3", "db1"],
        ),
        # What one of them is to be restarted for, another takes while it runs.
        (
            {name: host(name, reasons=NONE if name == "db3" else REASONS) for name in ALL},
            ["db2", "db1"],
        ),
        ({name: host(name, config=(), reasons=None) for name in ALL}, []),
        ({name: {} for name in ALL}, []),
    ],
)
def test_the_one_that_writes_is_last(hosts, found):
    assert restart_order(ALL, hosts) == found
