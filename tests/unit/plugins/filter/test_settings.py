"""Settings that roles hand on: each program reads its own words for true and false."""

from __future__ import annotations

import functools
import pathlib

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.lamp.plugins.filter.settings import systemd_command

ROLES = pathlib.Path(__file__).parents[4] / "roles"
FACTS = {
    "foobar_lamp": {
        "memory_mb": 1024,
        "system": {"name": "debian", "version": "13"},
        "cores": 2,
        "openssh": "10.0",
        "hostname": "web1",
        "packages": [],
        "paths": {},
    }
}


@functools.cache
def variables(role):
    loader, found = DataLoader(), {}
    for path in [
        ROLES / role / "defaults" / "main.yml",
        *sorted((ROLES / role / "vars").rglob("*.yml")),
    ]:
        found |= loader.load_from_file(str(path), trusted_as_template=True)
    return found


def rendered(role, template, given):
    """Return the lines of a role's template, without what is left and right of each."""
    text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    known = {**variables(role), "ansible_managed": "", "ansible_facts": FACTS, **given}
    return [
        line.strip()
        for line in Templar(loader=DataLoader(), variables=known)
        .template(trust_as_template(text))
        .splitlines()
    ]


@pytest.mark.parametrize(
    ("role", "template", "given", "lines"),
    [
        (
            "apache",
            "server.conf.j2",
            {
                "apache_settings": {
                    "KeepAlive": False,
                    "Timeout": 30,
                    "Header": ["unset A", "unset B"],
                }
            },
            ["KeepAlive Off", "Timeout 30", "Header unset A", "Header unset B"],
        ),
        (
            "apache",
            "mpm.conf.j2",
            {"apache_mpm": {"MinSpareThreads": 8, "On": True}},
            ["MinSpareThreads 8", "On On"],
        ),
        (
            "bind",
            "named.conf.options.j2",
            {"bind_options": {"recursion": True, "querylog": "no"}},
            ["recursion yes;", "querylog no;"],
        ),
        (
            "bind",
            "confine.conf.j2",
            {"bind_confinement": {"ProtectHome": False}},
            ["ProtectHome=no", "UMask=0027"],
        ),
        (
            "linux_base",
            "journald.conf.j2",
            {"linux_base_journal_settings": {"Compress": False}},
            ["Compress=no"],
        ),
        (
            "linux_base",
            "sshd.conf.j2",
            {
                "linux_base_sshd_settings": {"X11Forwarding": True, "AcceptEnv": ["A", "B"]},
                "linux_base_sshd_matches": [
                    {"match": "User git", "settings": {"PermitTTY": False}}
                ],
            },
            [
                "X11Forwarding yes",
                "AcceptEnv A",
                "AcceptEnv B",
                "PerSourcePenalties yes",
                "Match User git",
                "PermitTTY no",
            ],
        ),
        (
            "linux_base",
            "sysctl.conf.j2",
            {"linux_base_sysctl": {"net.ipv4.ip_forward": True}},
            ["net.ipv4.ip_forward = 1"],
        ),
        (
            "mysql",
            "confine.conf.j2",
            {"mysql_confinement": {"ProtectHome": False}},
            ["ProtectHome=no"],
        ),
        (
            "mysql",
            "settings.cnf.j2",
            {
                "mysql_settings": {
                    "mysqld": {
                        "slow_query_log": False,
                        "skip_x": None,
                        "long_query_time": 0.5,
                        "port": 3307,
                    }
                }
            },
            ["slow_query_log = 0", "skip_x", "long_query_time = 0.5", "port = 3307"],
        ),
        (
            "nginx",
            "nginx.conf.j2",
            {
                "nginx_settings": {"gzip": False, "limit_req_zone": ["a", "b"]},
                "nginx_workers": {"multi_accept": True, "pcre_jit": True},
            },
            [
                "gzip off;",
                "limit_req_zone a;",
                "limit_req_zone b;",
                "multi_accept on;",
                "pcre_jit on;",
                "worker_connections 8192;",
            ],
        ),
    ],
)
def test_settings_are_written_as_the_program_reads_them(role, template, given, lines):
    found = rendered(role, template, given)
    assert [line for line in lines if line not in found] == []


TLS = {"chain": "/x/chain.pem", "key": "/x/key.pem"}


@pytest.mark.parametrize(
    ("version", "given", "lines"),
    [
        (
            "13",
            {},
            {
                "ssl_protocols": ["TLSv1.2 TLSv1.3;"],
                "ssl_prefer_server_ciphers": ["off;"],
                "ssl_session_cache": ["shared:lamp:10m;"],
                "ssl_session_timeout": ["86400;"],
                "ssl_session_tickets": [],
                "http2": ["on;"],
            },
        ),
        (
            "12",
            {},
            {"ssl_protocols": ["TLSv1.2 TLSv1.3;"], "ssl_session_tickets": ["off;"], "http2": []},
        ),
        (
            "13",
            {"ssl_protocols": "TLSv1.3", "ssl_ciphers": "HIGH", "http2": False},
            {"ssl_protocols": ["TLSv1.3;"], "ssl_ciphers": ["HIGH;"], "http2": ["off;"]},
        ),
    ],
)
def test_tls_of_nginx_is_a_setting_like_others(version, given, lines):
    facts = {
        "foobar_lamp": {**FACTS["foobar_lamp"], "system": {"name": "debian", "version": version}}
    }
    found = rendered(
        "nginx",
        "nginx.conf.j2",
        {"nginx_settings": given, "nginx_default_tls": TLS, "ansible_facts": facts},
    )
    assert {
        name: [line.partition(" ")[2] for line in found if line.split(" ")[0] == name]
        for name in lines
    } == lines


def test_nginx_without_a_certificate_has_no_tls():
    assert not [
        line
        for line in rendered("nginx", "nginx.conf.j2", {})
        if line.startswith(("ssl_", "http2"))
    ]


def test_port_from_the_command_line_is_a_number_as_well():
    assert not any(
        "statistics" in line
        for line in rendered("bind", "named.conf.local.j2", {"bind_statistics_port": "0"})
    )


def rotated(settings):
    """Return the line of the rule for logrotate that names the logs."""
    return next(
        line
        for line in rendered("mysql", "logrotate.j2", {"mysql_settings": {"mysqld": settings}})
        if line.startswith("/")
    )


PACKAGED = "/var/log/mysql/*log /var/lib/mysql/mysqld.log /var/lib/mysql/mariadb.log"


def test_logs_of_the_database_are_rotated_wherever_settings_put_them():
    settings = {
        "slow-query-log-file": '"/srv/logs/slow one.log"',
        "general_log": "ON",
        "log_error": "errors",
    }
    assert rotated(settings) == (
        f'{PACKAGED} "/var/lib/mysql/web1.log" '
        f'"/var/lib/mysql/errors.err" "/srv/logs/slow one.log" {{'
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"log_error": "stderr"},
        {"general_log": 0},
        {"general_log": 1, "general_log_file": "/var/log/mysql/x.log"},
    ],
)
def test_logs_of_the_database_where_the_package_has_them_are_named_once(settings):
    assert rotated(settings) == f"{PACKAGED} {{"


def test_command_as_systemd_reads_it():
    assert systemd_command(["mail", '100 % of "$HOME"']) == r'"mail" "100 %% of \"$$HOME\""'
