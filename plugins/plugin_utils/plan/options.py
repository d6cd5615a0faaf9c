# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles and playbooks take: the options of each, as
``values.settle`` reads them. Private to the collection.

Those of a role are its ``argument_specs``; what that format cannot say stands here. The keys of an
application in ``lamp_sites`` are those of ``python_app_apps``.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.renamed import (
    GONE_OF_APPLICATIONS,
    GONE_OF_VIRTUAL_HOSTS,
)
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import SECRETS

DIRECTORY = pathlib.Path(__file__).resolve().parents[3] / "roles"

_SETTING = {"type": "setting"}
_REPEATED = {"type": ["setting", "list"], "elements": "setting"}
_ENVIRONMENT = {"values": {"type": "variable"}}
_COMMAND = {"words": True}
_TEXT, _BOOL, _TEXTS = {"type": "str"}, {"type": "bool"}, {"type": "list", "elements": "str"}
_TEXT_OR_TEXTS = {"type": ["str", "list"], "elements": "str"}
_SECRET = {"type": "str", "no_log": True}
_OWN_CA = {
    "ca_file": _TEXT,
    "directory": {**_TEXT, "required": True},
    "eab": {
        "type": "dict",
        "options": {"kid": {**_TEXT, "required": True}, "hmac": {**_SECRET, "required": True}},
    },
    "profile": _TEXT,
    "trusted": _BOOL,
}
_ACME = {
    "account_caa": _TEXT,
    "account_secret": _SECRET,
    "challenge": _TEXT,
    "check": _BOOL,
    "contact": _TEXT,
    **_OWN_CA,
    "directory": {"type": ["str", "list"], "elements": ["str", "dict"], "options": _OWN_CA},
}
#: What a site says of its certificate.
_TLS = {
    "certificate": {
        "type": ["str", "dict"],
        "options": {
            "chain": {**_TEXT, "required": True},
            "key": {**_SECRET, "required": True},
            "trusted": _BOOL,
        },
    },
    "challenge": _TEXT,
    "hsts": {"type": "int"},
    "http": _BOOL,
    "https_record": _BOOL,
    "redirect": _BOOL,
    "wildcard": _TEXTS,
}
#: What an image is built from.
_BUILD = {
    "directory": {**_TEXT, "required": True},
    "file": _TEXT,
    "target": _TEXT,
    "args": {"type": "dict", "values": {"type": "variable"}},
}
_REDIRECT = {
    "type": ["str", "dict"],
    "options": {"to": {**_TEXT, "required": True}, "status": {"type": "int"}},
}

#: What argument_specs cannot say, by the path of the option.
_MORE: dict[str, dict] = {
    "apache_confinement": {"values": {**_SETTING, "octal": re.compile("UMask$|DirectoryMode$")}},
    "apache_vhosts.access.users": {"values": {**_TEXT, "no_log": True}},
    "apache_vhosts.headers": {"values": {**_SETTING, "null": True}},
    "apache_vhosts.redirects": {"values": _REDIRECT},
    "apache_mpm": {"values": _SETTING},
    "apache_settings": {"values": _REPEATED},
    "backup_database.cluster.members": {"values": _TEXT},
    "backup_files.before": _COMMAND,
    "backup_on_failure": _COMMAND,
    "bind_confinement": {"values": {**_SETTING, "octal": re.compile("UMask$|DirectoryMode$")}},
    "bind_dnssec_policies": {"values": _TEXT},
    "bind_options": {"values": {**_SETTING, "lines": True}},
    "firewall_rules.port": {"type": ["int", "str"]},
    "haproxy_confinement": {"values": {**_SETTING, "octal": re.compile("UMask$|DirectoryMode$")}},
    "haproxy_global": {"values": {**_REPEATED, "null": True}},
    "haproxy_settings": {"values": {**_REPEATED, "null": True}},
    "keepalived_command": _COMMAND,
    "keepalived_confinement": {
        "values": {**_SETTING, "octal": re.compile("UMask$|DirectoryMode$")}
    },
    "keepalived_settings": {"values": {**_SETTING, "null": True}},
    "linux_base_journal_settings": {"values": _SETTING},
    "linux_base_sshd_matches.settings": {"values": _REPEATED},
    "linux_base_sshd_settings": {"values": _REPEATED},
    "linux_base_sysctl": {"values": _SETTING},
    "mysql_confinement": {"values": {**_SETTING, "octal": re.compile("UMask$|DirectoryMode$")}},
    "mysql_settings": {"values": {"type": "dict", "values": {**_SETTING, "null": True}}},
    "mysql_users.privileges": _TEXT_OR_TEXTS,
    "nginx_confinement": {"values": {**_SETTING, "octal": re.compile("UMask$|DirectoryMode$")}},
    "nginx_settings": {"values": _REPEATED},
    "nginx_vhosts.access.users": {"values": {**_TEXT, "no_log": True}},
    "nginx_vhosts.headers": {"values": {**_SETTING, "null": True}},
    "nginx_vhosts.redirects": {"values": _REDIRECT},
    "nginx_workers": {"values": _SETTING},
    "python_app_apps.after": _COMMAND,
    "python_app_apps.backup_command": _COMMAND,
    "python_app_apps.build": {"type": ["str", "dict"], "options": _BUILD},
    "python_app_apps.collect": _COMMAND,
    "python_app_apps.environment": _ENVIRONMENT,
    "python_app_apps.max_body": {"type": ["int", "str"]},
    "python_app_apps.migrate": _COMMAND,
    "python_app_apps.restrict": {"values": {**_REPEATED, "octal": re.compile("UMask$")}},
    "python_app_apps.serve": _COMMAND,
    "python_app_apps.timers.command": _COMMAND,
    "python_app_apps.volumes": {"values": _TEXT},
    "python_app_apps.workers.command": _COMMAND,
    "python_app_pip_environment": _ENVIRONMENT,
    "python_app_podman_settings": {"values": {"type": "dict"}},
}
#: Of dictionaries, the keys that are gone, by the path of the option.
_GONE = {"apache_vhosts": GONE_OF_VIRTUAL_HOSTS, "python_app_apps": GONE_OF_APPLICATIONS}
#: Of an application, what the wiring says.
_WIRED = (
    "aliases",
    "backup_command",
    "backup_host",
    "host",
    "name",
    "origin",
    "path",
    "single_timers",
    "tls",
)
#: Of an inventory, what each host has of its own.
_OF_HOSTS = {"lamp_address": _TEXT_OR_TEXTS, "lamp_peer_address": _TEXT_OR_TEXTS}


@functools.cache
def options(of):
    """Return the options of a role,
    of ``lamp`` (an inventory's and the playbooks' variables) or of ``hosts`` (those that each has).
    """
    if of == "lamp":
        return _lamp()
    if of == "hosts":
        return _OF_HOSTS
    text = (DIRECTORY / of / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return _completed(yaml_load(text)["argument_specs"]["preflight"]["options"])


@functools.cache
def of_roles():
    """Return the names of the inputs of all roles."""
    return [name for role in sorted(os.listdir(DIRECTORY)) for name in options(role)]


def _completed(given, above=""):
    completed = {}
    for name, option in given.items():
        more = {key: value for key, value in option.items() if key != "description"}
        if "options" in option:
            more["options"] = _completed(option["options"], f"{above}{name}.")
        if f"{above}{name}" in _GONE:
            more["gone"] = _GONE[f"{above}{name}"]
        completed[name] = more | _MORE.get(f"{above}{name}", {})
    return completed


def _lamp():
    # Not sooner: roles know their options by this file.
    from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import roles

    app = {
        name: option
        for name, option in options("python_app")["python_app_apps"]["options"].items()
        if name not in _WIRED
    }
    app |= {
        "constraints": _TEXT_OR_TEXTS,
        "requirements": _TEXT_OR_TEXTS,
        "database_scheme": _TEXT,
        "static_url": _TEXT,
    }
    app |= {"compose": _TEXT, "service": _TEXT}
    an_app = {"type": "dict", "options": app, "gone": GONE_OF_APPLICATIONS}
    vhost = options("apache")["apache_vhosts"]["options"]
    site = {
        "access": vhost["access"],
        "aliases": _TEXTS,
        "app": an_app,
        "apps": {"type": "dict", "named": True, "values": an_app},
        "database": _TEXT,
        "document_root": _TEXT,
        "error_pages": {"type": "dict", "values": _TEXT},
        "extra": _TEXT,
        "headers": {"type": "dict", "values": {"type": "setting", "null": True}},
        "htaccess": _BOOL,
        "redirects": vhost["redirects"],
        "sticky": _BOOL,
        "tls": {"type": "dict", "options": _TLS},
    }
    secrets = {name: {**_TEXT, "no_log": True} for name in SECRETS}
    record = {
        "name": {**_TEXT, "required": True},
        "type": {**_TEXT, "required": True},
        "ttl": {"type": "int"},
        "values": _TEXT_OR_TEXTS,  # a text is one value
        "state": {**_TEXT, "choices": ["present", "append", "absent", "ignore"]},
    }
    return {
        "lamp_acme": {"type": "dict", "options": _ACME},
        "lamp_acme_retry": _BOOL,
        "lamp_backup_list_only": _BOOL,
        "lamp_base_dir": _TEXT,
        "lamp_certificate_authorities": _TEXTS,
        "lamp_certificates_reason": _TEXT,
        "lamp_certificates_renew": _TEXT,
        "lamp_certificates_revoke": _TEXT,
        "lamp_default_site": _TEXT,
        "lamp_deploy_site": _TEXT,
        "lamp_deploy_version": _TEXT,
        "lamp_direct": _BOOL,
        "lamp_dns_force": _BOOL,
        "lamp_dns_key": {
            "type": "dict",
            "options": {
                "name": {**_TEXT, "required": True},
                "algorithm": options("bind")["bind_keys"]["options"]["algorithm"],
                "secret": {**_TEXT, "required": True, "no_log": True},
            },
        },
        "lamp_dns_primary": _TEXT,
        "lamp_dns_records": {"type": "list", "elements": "dict", "options": record},
        "lamp_dns_server": _TEXT,
        "lamp_dnssec_policy": _TEXT,
        "lamp_domain": _TEXT,
        "lamp_drain_timeout": {"type": "int"},
        "lamp_logs_grep": _TEXT,
        "lamp_logs_lines": {"type": "int"},
        "lamp_logs_since": _TEXT,
        "lamp_logs_site": _TEXT,
        "lamp_maintenance": _BOOL,
        "lamp_maintenance_site": _TEXT,
        "lamp_new_secrets": _BOOL,
        "lamp_release": _TEXT,
        "lamp_remove_confirm": _TEXT,
        "lamp_remove_database": _TEXT,
        "lamp_remove_site": _TEXT,
        "lamp_restore_backup": _TEXT,
        "lamp_restore_confirm": _TEXT,
        "lamp_restore_force": _BOOL,
        "lamp_restore_from": _TEXT,
        "lamp_restore_identity": _TEXT,
        "lamp_restore_site": _TEXT,
        "lamp_restore_to": _TEXT,
        "lamp_run_app": _TEXT,
        "lamp_run_command": _TEXT,
        "lamp_secrets": {
            "type": "dict",
            "named": True,
            "values": {"type": "dict", "options": secrets},
        },
        "lamp_secrets_dir": _TEXT,
        "lamp_sites": {"type": "dict", "named": True, "values": {"type": "dict", "options": site}},
        "lamp_status_format": _TEXT,
        "lamp_status_full": {"type": "int"},
        "lamp_take_over": _BOOL,
        "lamp_tls": {"type": ["str", "bool"]},
        "lamp_untested_os": _BOOL,
        "lamp_update_reboot": {**_TEXT, "choices": ["auto", "always", "never"]},
        "lamp_still_visited": _TEXTS,
        "lamp_vip": _TEXT_OR_TEXTS,
        "lamp_vip_command": {**_TEXTS, **_COMMAND, "no_log": True},
        **{role.CHOICE.variable: _TEXT for role in roles.ALL.values() if role.CHOICE},
    }
