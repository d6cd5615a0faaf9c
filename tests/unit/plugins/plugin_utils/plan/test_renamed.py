"""Old names of variables: who still has them is told the new ones."""

from __future__ import annotations

import pytest
from ansible.template import Templar
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options, read, values
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.renamed import (
    RENAMED,
    renamed_problems,
)

KNOWN = {*options.options("lamp"), *options.options("hosts"), *options.of_roles()}


def test_old_names_are_told_the_new_ones():
    assert renamed_problems(["mysql_backup", "restore_to", "lamp_restore_to", "other"]) == [
        "mysql_backup has a new name: use backup_enabled.",
        "restore_to has a new name: use lamp_restore_to.",
    ]


@pytest.mark.parametrize("old", RENAMED)
def test_new_name_is_known_and_the_old_one_is_not(old):
    assert RENAMED[old] in KNOWN
    assert old not in KNOWN


def test_variable_of_a_host_outside_of_lamp_is_somebody_else_s():
    hosts = {"web": {"mysql_backup": True}, "other": {"restore_to": "x"}}
    groups = {
        "all": ["web", "other"],
        "lamp": ["web"],
        "lamp_web": ["web"],
        "lamp_db": ["web"],
        "lamp_dns": ["web"],
    }
    variables = {"groups": groups, "hostvars": hosts, "lamp_domain": "foobar.com"}
    variables["lamp_sites"] = {"www.foobar.com": {"document_root": "/srv/www"}}
    found = read.site_problems(variables, Templar(variables=variables), lambda _doubt: None)
    assert found == ["mysql_backup has a new name: use backup_enabled."]


@pytest.mark.parametrize(
    ("of", "given", "words"),
    [
        (
            "lamp",
            {"lamp_sites": {"a.com": {"app": {"maximum_requests": 1}}}},
            ".app.maximum_requests no longer exists: a process that",
        ),
        (
            "lamp",
            {"lamp_sites": {"a.com": {"apps": {"/x": {"queue_timeout": 1}}}}},
            "queue_timeout no longer exists: a request waits",
        ),
        (
            "python_app",
            {"python_app_apps": [{"name": "x", "startup_timeout": 1}]},
            "[0].startup_timeout no longer exists",
        ),
        (
            "apache",
            {"apache_vhosts": [{"name": "x", "wsgi": []}]},
            "[0].wsgi no longer exists: an application has a server of its own",
        ),
    ],
)
def test_key_that_is_gone_is_told_what_took_its_place(of, given, words):
    (problem,) = values.settle(options.options(of), given).problems
    assert words in problem
