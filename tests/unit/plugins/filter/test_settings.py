"""Settings that roles hand on: each program reads its own words for true and false."""

from __future__ import annotations

import functools
import pathlib

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = pathlib.Path(__file__).parents[4] / "roles"
FACTS = {"foobar_lamp": {"memory_mb": 1024, "cores": 2, "hostname": "web1", "packages": [], "paths": {}}}


@functools.cache
def variables(role):
    loader, found = DataLoader(), {}
    for path in [ROLES / role / "defaults" / "main.yml", *sorted((ROLES / role / "vars").rglob("*.yml"))]:
        found |= loader.load_from_file(str(path), trusted_as_template=True)
    return found


def rendered(role, template, given):
    """Return the lines of a role's template, without what is left and right of each."""
    text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    known = {**variables(role), "ansible_managed": "", "ansible_facts": FACTS, **given}
    return [line.strip() for line in Templar(loader=DataLoader(), variables=known).template(trust_as_template(text)).splitlines()]


@pytest.mark.parametrize(
    ("role", "template", "given", "lines"),
    [
        (
            "apache",
            "server.conf.j2",
            {"apache_settings": {"KeepAlive": False, "Timeout": 30, "Header": ["unset A", "unset B"]}},
            ["KeepAlive Off", "Timeout 30", "Header unset A", "Header unset B"],
        ),
        ("apache", "mpm.conf.j2", {"apache_mpm": {"MinSpareThreads": 8, "On": True}}, ["MinSpareThreads 8", "On On"]),
        ("bind", "named.conf.options.j2", {"bind_options": {"recursion": True, "querylog": "no"}}, ["recursion yes;", "querylog no;"]),
        ("linux_base", "journald.conf.j2", {"linux_base_journal_settings": {"Compress": False}}, ["Compress=no"]),
        (
            "linux_base",
            "sshd.conf.j2",
            {"linux_base_sshd_settings": {"X11Forwarding": True, "AcceptEnv": ["A", "B"]}},
            ["X11Forwarding yes", "AcceptEnv A", "AcceptEnv B"],
        ),
        ("linux_base", "sysctl.conf.j2", {"linux_base_sysctl": {"net.ipv4.ip_forward": True}}, ["net.ipv4.ip_forward = 1"]),
        ("mysql", "confine.conf.j2", {"mysql_confinement": {"ProtectHome": False}}, ["ProtectHome=no"]),
        (
            "mysql",
            "settings.cnf.j2",
            {"mysql_settings": {"mysqld": {"slow_query_log": False, "skip_x": None, "long_query_time": 0.5, "port": 3307}}},
            ["slow_query_log = 0", "skip_x", "long_query_time = 0.5", "port = 3307"],
        ),
        (
            "nginx",
            "nginx.conf.j2",
            {"nginx_settings": {"gzip": False, "limit_req_zone": ["a", "b"]}, "nginx_workers": {"multi_accept": True, "pcre_jit": True}},
            ["gzip off;", "limit_req_zone a;", "limit_req_zone b;", "multi_accept on;", "pcre_jit on;", "worker_connections 8192;"],
        ),
    ],
)
def test_settings_are_written_as_the_program_reads_them(role, template, given, lines):
    found = rendered(role, template, given)
    assert [line for line in lines if line not in found] == []


def test_port_from_the_command_line_is_a_number_as_well():
    assert not any("statistics" in line for line in rendered("bind", "named.conf.local.j2", {"bind_statistics_port": "0"}))
