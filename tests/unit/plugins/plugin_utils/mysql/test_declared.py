"""The settings that a database server is to have."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql.declared import datadir, declared


def settings(own=(), engine="mariadb", memory_mb=2048, logs=False, tls=False):
    return declared(dict(own), engine, memory_mb, "127.0.0.1", logs, tls)


@pytest.mark.parametrize(
    ("memory_mb", "pool", "connections", "log"),
    [
        (400, "128M", 151, "96M"),
        (2048, "512M", 151, "128M"),
        (8000, "1920M", 250, "500M"),
        (65536, "16384M", 1000, "1024M"),
    ],
)
def test_server_is_sized_from_its_host(memory_mb, pool, connections, log):
    found = settings(memory_mb=str(memory_mb))["mysqld"]
    assert (
        found["innodb_buffer_pool_size"],
        found["max_connections"],
        found["innodb_log_file_size"],
    ) == (pool, connections, log)
    assert (
        settings(engine="mysql", memory_mb=memory_mb)["mysqld"]["innodb_redo_log_capacity"] == log
    )


def test_each_engine_has_its_own():
    assert settings()["client"] == {"ssl_verify_server_cert": 0}
    found = settings(engine="mysql", logs=True)
    assert found["client"] == {}
    assert not {"innodb_log_file_size", "log_bin"} & set(found["mysqld"])
    assert found["mysqld"]["sync_binlog"] == 1


def test_binary_logs_are_kept_beside_the_data():
    assert "log_bin" not in settings()["mysqld"]
    assert settings(logs=True)["mysqld"]["log_bin"] == "/var/lib/mysql/binlog"
    found = settings({"mysqld": {"datadir": "/srv/data//"}}, logs=True)["mysqld"]
    assert (found["log_bin"], found["datadir"]) == ("/srv/data/binlog", "/srv/data//")


def test_server_with_a_certificate_has_it():
    assert "ssl_ca" not in settings()["mysqld"]
    assert settings(tls=True)["mysqld"]["ssl_ca"] == "/etc/mysql/tls/ca.pem"


def test_inventory_has_the_last_word():
    found = settings(
        {
            "mysqld": {"max_connections": 9, "back_log": 7},
            "mysqldump": {"quick": None},
            "client": None,
        }
    )
    assert (found["mysqld"]["max_connections"], found["mysqld"]["back_log"]) == (9, 7)
    assert found["mysqld"]["bind_address"] == "127.0.0.1"
    assert found["mysqldump"] == {"quick": None}
    # One host's settings are no other's.
    assert settings()["mysqld"]["max_connections"] == 151


@pytest.mark.parametrize(
    ("own", "path"),
    [
        ({}, "/var/lib/mysql"),
        ({"mysqld": None}, "/var/lib/mysql"),
        ({"mysqld": {"datadir": "/data/"}}, "/data"),
        ({"mysqld": {"datadir": "/"}}, "/"),
    ],
)
def test_data_is_in_one_directory(own, path):
    assert datadir(own) == path
