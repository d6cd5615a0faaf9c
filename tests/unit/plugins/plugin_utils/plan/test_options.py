"""Each documented input, with each value that YAML makes: taken as it is
meant, or refused by a sentence that names it.
"""

from __future__ import annotations

import copy
import functools
import pathlib
import re

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.foobar.lamp.plugins.module_utils.dns import arguments
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import (
    linux_base,
    make,
    options,
    read,
    roles,
    values,
)

from .example import SECRETS, facts, inputs_of, site_of

ROOT = pathlib.Path(__file__).parents[5]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
ON_BALANCERS = ("haproxy", "keepalived")
SECRET = "hush-hush-hush-hush"
#: What YAML 1.1 makes of what people write.
WRITTEN = f"""
- 7
- 0
- -1
- 0027
- 0x1F
- 1_000
- 23:30
- 123456789012
- 10.20
- .inf
- 1e3
- no
- on
- ~
- 2026-11-27
- 2026-11-25T01:02:03Z
- ''
- text
- a,b
- {SECRET}
- "several\\nlines"
- "quote ' \\" {"{" * 2} \\\\"
- []
- [a, b]
- [5]
- [[a], {{a: b}}]
- {{}}
- {{a: b}}
- {{a: {SECRET}}}
- {{no: 5}}
- {{1: a}}
- !!binary aGk=
- !!set {{a}}
"""
VALUES = yaml.safe_load(WRITTEN)
#: What no sentence about a secret may have in it.
TELLTALE = (SECRET, "123456789012", "2026-11-27")

#: Good values by the path of the option, where the option alone does not say what is one.
GOOD = {
    "apache_listen[]": 80,
    "apache_status_port": 8079,
    "apache_default_site": "www.foobar.com",
    "apache_vhosts[].name": "www.foobar.com",
    "apache_vhosts[].aliases[]": "foobar.com",
    "apache_vhosts[].proxy[].path": "/app",
    "apache_vhosts[].proxy[].url": None,
    "apache_vhosts[].proxy[].socket": "/run/x.sock",
    "apache_vhosts[].htaccess": False,
    "apache_tls_listen[]": 443,
    "apache_default_tls.chain": "/etc/ssl/chain.pem",
    "apache_default_tls.key": "/etc/ssl/key.pem",
    "apache_acme_thumbprint": "x" * 43,
    "apache_vhosts[].tls.chain": "/etc/ssl/chain.pem",
    "apache_vhosts[].tls.key": "/etc/ssl/key.pem",
    "apache_vhosts[].tls.trusted_file": "/etc/ssl/trusted",
    "apache_trusted_proxies[]": "192.0.2.0/24",
    "bind_keys[].name": "key",
    "bind_zones[].name": "foobar.com",
    "bind_zones[].nameservers[].name": "ns.foobar.com",
    "bind_zones[].nameservers[].addresses[]": "192.0.2.1",
    "bind_zones[].update_key": "key",
    "bind_zones[].transfer_key": "key",
    "bind_zones[].primaries": [],
    "bind_zones[].dnssec_policy": "default",
    "bind_zones[].dnssec_keys_of": "",
    "firewall_rules[].from[]": "192.0.2.0/24",
    "firewall_rules[].comment": "metrics",
    "firewall_ssh_from[]": "192.0.2.7",
    "firewall_ssh_ports[]": 22,
    "haproxy_listen[]": 80,
    "haproxy_tls_listen[]": 443,
    "haproxy_http3": False,
    "haproxy_status_port": 8404,
    "haproxy_default_tls.chain": "/etc/ssl/chain.pem",
    "haproxy_default_tls.key": "/etc/ssl/key.pem",
    "haproxy_default_site": "www.foobar.com",
    "haproxy_acme_thumbprint": "x" * 43,
    "haproxy_servers[].address": "192.0.2.1",
    "haproxy_check.path": "/health",
    "haproxy_check.status": "200-399,401",
    "haproxy_sites[].name": "www.foobar.com",
    "haproxy_sites[].aliases[]": "foobar.com",
    "haproxy_sites[].tls.chain": "/etc/ssl/chain.pem",
    "haproxy_sites[].tls.key": "/etc/ssl/key.pem",
    "haproxy_sites[].tls.trusted_file": "/etc/ssl/trusted",
    "keepalived_addresses": ["203.0.113.5"],
    "keepalived_hosts": ["192.0.2.1", "192.0.2.2"],
    "keepalived_host": "192.0.2.1",
    "keepalived_interface": "eth0",
    "keepalived_check.port": 8404,
    "keepalived_check.path": "/monitor",
    "keepalived_check.unit": "haproxy",
    "certificates_account_secret": "s" * 48,
    "certificates_cas[].directory": "https://ca.example/directory",
    "certificates_cas[].ca_file": "/etc/ssl/ca.pem",
    "certificates_certificates[].names[]": "www.foobar.com",
    "certificates_certificates[].chain": "/etc/ssl/chain.pem",
    "certificates_certificates[].key": "/etc/ssl/key.pem",
    "linux_base_admins[].ssh_keys": ["ssh-ed25519 AAAAC3Nz"],
    "linux_base_hostname": "web1",
    "linux_base_security_updates_reboot": "03:30",
    "linux_base_trusted_certificates[].content": "-----BEGIN CERTIFICATE-----",
    "mysql_databases[].name": "shop",
    "mysql_databases[].import": str(ROOT / "tests" / "unit" / "shop.sql"),
    "mysql_databases[].encoding": "utf8mb4",
    "mysql_databases[].collation": "utf8mb4_unicode_ci",
    "mysql_users[].name": "shop",
    "mysql_users[].host": "localhost",
    "mysql_users[].password": "a long password",
    "mysql_users[].databases[]": "shop",
    "mysql_users[].privileges": "all",
    "mysql_tls_names[]": "192.0.2.1",
    "backup_database": {
        "engine": "mysql",
        "datadir": "/var/lib/mysql",
        "socket": "/run/x",
        "service": "mysql",
    },
    "backup_dir": "/var/backups/lamp",
    "backup_files[].path": "/srv/shop/state",
    "backup_files[].user": "app-shop",
    "backup_identity_file": "/root/identity",
    "backup_copy_to": "me@elsewhere:/backups",
    "backup_copy_key": "PRIVATE KEY",
    "backup_recipients[]": "ssh-ed25519 AAAA",
    "python_app_apps[].name": "shop",
    "python_app_apps[].image": "",
    "python_app_apps[].build": "",
    "python_app_apps[].port": None,
    "python_app_apps[].volumes": {},
    "python_app_apps[].cpu_limit": None,
    "python_app_apps[].registry": None,
    "python_app_apps[].network": None,
    "python_app_apps[].user_namespace": None,
    "python_app_podman_settings": {},
    "python_app_apps[].compose": None,
    "python_app_apps[].service": None,
    "python_app_apps[].source": None,
    "python_app_apps[].subdirectory": "",
    "python_app_apps[].deploy_key": "",
    "python_app_apps[].include": [],
    "python_app_apps[].python": "3.12",
    "python_app_apps[].backup_before_migrate": False,
    "python_app_apps[].database_scheme": "mysql",
    "python_app_apps[].requirement": "shop",
    "python_app_apps[].wsgi": "shop:app",
    "python_app_apps[].asgi": None,
    "python_app_apps[].serve": None,
    "python_app_apps[].restrict": {"PrivateDevices": False},
    "python_app_apps[].path": "/",
    "python_app_apps[].user": "shop",
    "python_app_apps[].max_body": "20M",
    "python_app_apps[].origin": None,
    "python_app_apps[].requirements": [],
    "python_app_apps[].constraints": [],
    "python_app_apps[].project": False,
    "python_app_apps[].checksum": f"sha256:{'0' * 64}",
    "python_app_apps[].health_path": "/",
    "python_app_apps[].workers[].name": "worker",
    "python_app_apps[].timers[].name": "timer",
    "apache_vhosts[].access.users": {"Key": "long enough"},
    "apache_vhosts[].redirects": {"/old": "/new"},
    "apache_vhosts[].error_pages[].src": None,
    "apache_vhosts[].error_pages[].path": "/srv/404.html",
    "python_app_apps[].media.url": "/media/",
    "python_app_apps[].media.dir": "media",
    "python_app_apps[].media.shared": "/mnt/media",
    "database_proxy_servers[].address": "192.0.2.1",
    "mysql_cluster_host": "db1",
    "mysql_cluster_members": [
        {"name": f"db{number}", "address": f"192.0.2.{number}"} for number in (1, 2, 3)
    ],
    "lamp_address": "192.0.2.1",
    "lamp_peer_address": "192.0.2.1",
    "lamp_acme.account_caa": "https://ca.example/account/1",
    "lamp_acme.account_secret": "s" * 48,
    "lamp_acme.challenge": "auto",
    "lamp_acme.contact": "hostmaster@foobar.com",
    "lamp_acme.directory": "letsencrypt",
    "lamp_certificate_authorities[]": "letsencrypt.org",
    "lamp_deploy_site": "",
    "lamp_deploy_version": "",
    "lamp_domain": "foobar.com",
    "lamp_dns_primary": "h",
    "lamp_still_visited": ["h"],
    "lamp_dns_records[].type": "TXT",
    "lamp_dns_records[].name": "@",
    "lamp_secrets": {
        "www.foobar.com": {"secret_key": "a long secret", "database_password": "a long password"}
    },
    "lamp_tls": "auto",
    "lamp_vip": "203.0.113.5",
    "lamp_sites{}.tls.certificate": "acme",
    "lamp_sites{}.tls.challenge": "dns-01",
    "lamp_sites{}.tls.wildcard[]": "foobar.com",
    "lamp_sites{}.access.users": {"Key": "long enough"},
    "lamp_sites{}.aliases[]": "foobar.com",
    "lamp_sites{}.error_pages": {"404": "./404.html"},
    "lamp_sites{}.redirects": {"/old": "/new"},
    "lamp_sites{}.app.static_url": "/static/",
    "lamp_sites{}.apps{}.static_url": "/static/",
    "lamp_sites{}.apps{}.user": "another",
    "lamp_sites{}.database": "shop",
    "lamp_sites{}.document_root": "/srv/www",
}
# Those of one web server are good for the other.
GOOD |= {
    path.replace("apache_", "nginx_"): value
    for path, value in GOOD.items()
    if path.startswith("apache_")
}
GOOD |= {
    "lamp_default_site": "www.foobar.com",
    "lamp_web_server": "apache",
    "nginx_vhosts[].extra": "add_header X y;",
}
#: The keys of dictionaries of the user's choice.
KEYS = {
    "lamp_sites": "www.foobar.com",
    "lamp_secrets": "www.foobar.com",
    "mysql_settings": "mysqld",
}


def good(option, path):
    """Return a value of the option that stands at ``path``."""
    app = path.replace("lamp_sites{}.app.", "python_app_apps[].").replace(
        "lamp_sites{}.apps{}.", "python_app_apps[]."
    )
    for known in (path, app):
        if known in GOOD:
            return copy.deepcopy(GOOD[known])
    kind = option["type"] if isinstance(option["type"], str) else option["type"][0]
    if kind == "list":
        return [good({**option, "type": option["elements"]}, f"{path}[]")]
    if kind == "dict" and "values" in option:
        return {
            KEYS.get(path, "/key" if path.endswith(".apps") else "Key"): good(
                option["values"], f"{path}{{}}"
            )
        }
    if kind == "dict":
        inner = {name: good(one, f"{path}.{name}") for name, one in option["options"].items()}
        return {name: value for name, value in inner.items() if value is not None}
    return {"int": 5, "bool": True}.get(
        kind, option.get("choices", ["text"])[0] if kind != "path" else "/usr/bin/python3"
    )


def places(value, where, way=()):
    """Yield ``(what a sentence calls it, the way to it)`` of each place in ``value``."""
    yield where, way
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, f"{where}[{number}]", (*way, number))
    if isinstance(value, dict):
        for key, one in value.items():
            named = (
                where in ("lamp_sites", "lamp_secrets")
                or where.endswith(".apps")
                or not re.fullmatch(r"[A-Za-z_][\w-]*", key)
            )
            yield from places(one, f"{where}['{key}']" if named else f"{where}.{key}", (*way, key))


def put(given, way, value):
    """Return ``given`` with ``value`` at the end of ``way``."""
    given = copy.deepcopy(given)
    inner = given
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = value
    return given


def is_secret(where):
    return bool(
        re.search(
            r"password\b|\.secret|_secret$|copy_key|certificates?(\[0\])?\.key$|hmac|environment|lamp_secrets\b",
            where,
        )
    )


@functools.cache
def preflight(role):
    """Return the expression by which a role that is used alone asks what is wrong."""
    *_asking, task = DataLoader().load_from_file(
        str(ROOT / "roles" / role / "tasks" / "preflight.yml"), trusted_as_template=True
    )
    return task["vars"]["__problems"]


def role_variables(role, given):
    """Return the variables of a role that is used alone, on a host on which nothing is yet."""
    return {
        **make.defaults(role),
        "ansible_facts": {"foobar_lamp": facts()},
        "playbook_dir": "/",
        **given,
    }


def role_problems(role, given):
    """Return what is said where the role is used alone,
    and what the plan of a host with all roles says.
    """
    variables = role_variables(role, given)
    problems = lookup_loader.get(
        "foobar.lamp.problems", loader=None, templar=Templar(variables=variables)
    ).run([role], variables)
    chosen = {"lamp_web_server": role} if role == "nginx" else {}
    groups = {"web": "w", "lb": "h"} if role in ON_BALANCERS else {"web": "h"}
    site = site_of(GOOD_SITES, db="h", dns="h", **groups, **chosen)
    return problems + make.plan(site, site.host("h"), given, search=["/"]).problems


def site_problems(_of, given):
    """Return what is said before hosts are asked."""
    balancers = {"lamp_lb": ["b", "c"]} if "lamp_vip" in given else {}
    everybody = ["h", *balancers.get("lamp_lb", [])]
    groups = {
        "all": everybody,
        "lamp": everybody,
        **balancers,
        **{name: ["h"] for name in ("lamp_web", "lamp_db", "lamp_dns")},
    }
    variables = {
        **given,
        "groups": groups,
        "hostvars": dict.fromkeys(everybody, given),
        "inventory_hostname": "h",
    }
    return read.site_problems(variables, Templar(variables=variables), warnings.append)


warnings = []
CASES = [(role, role_problems) for role in ROLES] + [
    (of, site_problems) for of in ("lamp", "hosts")
]


@pytest.mark.parametrize(("of", "whole"), CASES, ids=[of for of, _whole in CASES])
def test_each_value_of_each_input_is_taken_or_refused_by_name(of, whole):
    known = options.options(of)
    given = {
        name: value for name, option in known.items() if (value := good(option, name)) is not None
    }
    context = (
        {"lamp_domain": "foobar.com", "lamp_sites": GOOD_SITES, **given}
        if whole is site_problems
        else given
    )
    assert whole(of, context) == []
    for name in given:
        for where, way in places(given[name], name, (name,)):
            for value in VALUES:
                tried = put(context, way, value)
                problems = values.settle(known, tried).problems
                # The rest is seen by what looks at more than types, which has never met a value of
                # a wrong one.
                problems = problems or whole(of, tried)
                assert all(
                    isinstance(problem, str) and problem.endswith(".") for problem in problems
                ), (where, value)
                if is_secret(where):
                    assert not any(word in problem for problem in problems for word in TELLTALE), (
                        where,
                        value,
                        problems,
                    )
                if problems and type(value) is not type(good_at(context, way)):
                    assert any(
                        name in problem or "lamp_sites" in problem for problem in problems
                    ), (where, value, problems)


def good_at(given, way):
    for step in way:
        given = given[step]
    return given


GOOD_SITES = {"www.foobar.com": {"document_root": "/srv/www"}}


def test_wrong_types_are_called_by_their_whole_path():
    for of, _whole in CASES:
        known = options.options(of)
        for name, option in known.items():
            value = good(option, name)
            if value is None:
                continue
            for where, way in places(value, name, (name,)):
                (problem, *more) = values.settle(known, put({name: value}, way, {1})).problems or [
                    None
                ]
                assert problem and where in problem and not more, (where, problem, more)
                null = values.settle(known, put({name: value}, way, None)).problems
                assert null and null[0].startswith(f"{where} is null") or where.startswith(NULLS), (
                    where
                )


#: What null takes away.
NULLS = (
    *(
        "apache_vhosts[0].headers.",
        "haproxy_global.",
        "haproxy_settings.",
        "keepalived_settings.",
        "lamp_sites['www.foobar.com'].headers.",
    ),
    *("mysql_settings.mysqld.", "nginx_vhosts[0].headers."),
)


def undescribed(known, where=""):
    """Yield the dictionaries of which nothing says what their values are."""
    for name, option in known.items():
        if (
            option["type"] == "raw"
            or option["type"] == "dict"
            and not {"options", "values"} & option.keys()
        ):
            yield f"{where}{name}"
        yield from undescribed(option.get("options", {}), f"{where}{name}.")


@pytest.mark.parametrize("of", [of for of, _whole in CASES])
def test_nothing_is_left_open(of):
    assert list(undescribed(options.options(of))) == []


def test_nothing_is_said_of_options_that_are_not_there():
    known = {}
    for role in ROLES:
        known |= flat(options.options(role))
    assert set(options._MORE) <= set(known)


def flat(known, where=""):
    found = {}
    for name, option in known.items():
        found[f"{where}{name}"] = option
        found |= flat(option.get("options", {}), f"{where}{name}.")
    return found


def test_variables_of_inventories_are_those_that_the_pages_describe():
    pages = "\n".join(
        page.read_text(encoding="utf-8")
        for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    )
    groups = {role.GROUP for role in roles.ALL.values()}
    assert {*options.options("lamp"), *options.options("hosts")} == set(
        re.findall(r"(?<![/\w])lamp_[a-z_]+", pages)
    ) - groups


def test_records_are_those_of_the_module():
    ours, theirs = (
        options.options("lamp")["lamp_dns_records"]["options"],
        arguments.RECORDS["records"]["options"],
    )
    assert list(ours) == list(theirs)
    assert ours["state"]["choices"] == theirs["state"]["choices"]


def test_keys_of_sites_and_applications_are_documented():
    site = options.options("lamp")["lamp_sites"]["values"]["options"]
    page = (ROOT / "docs" / "sites.md").read_text(encoding="utf-8")
    of_a_site, of_an_app = page.split("| key of `app` |")
    of_an_app = of_an_app.split("Other inputs:")[0]

    def keys(text):
        rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
        return {key for row in rows for key in re.findall("`([a-z_]+)`", row)}

    assert keys(of_a_site) == set(site)
    assert keys(of_an_app) == set(site["app"]["options"])


@pytest.mark.parametrize("more", [{}, {"lb": "three"}])
def test_what_follows_from_sites_has_the_types_that_roles_want(more):
    sites = good(options.options("lamp")["lamp_sites"], "lamp_sites")
    hosts = {"two": {"lamp_address": ["192.0.2.2", "2001:db8::2"]}}
    site = site_of(sites, web="one two", db="two", dns="one two", hosts=hosts, **more)
    site.secrets = dict.fromkeys(sites, {**SECRETS, "database_password": "a long password"})
    for role in ROLES:
        for host in more.values() if role in ON_BALANCERS else ("one", "two"):
            derived = inputs_of(role, site, host) | roles.ALL[role].late(site, site.host(host))
            assert set(derived) <= set(options.options(role))
            settled = values.settle(options.options(role), derived)
            assert settled.problems == []
            # No type is turned into another: what follows is as the role wants it.
            assert settled.values == derived


#: An input of each role that is wrong for more than its type.
WRONG = {
    "apache": {"apache_modules": ["../x"]},
    "backup": {"backup_keep_days": 0, "backup_database": {"engine": "mariadb"}},
    "bind": {"bind_keys": [{"name": "a b"}]},
    "database_proxy": {"database_proxy_port": 0},
    "firewall": {"firewall_ssh_from": ["web1"]},
    "certificates": {"certificates_cas": [{"name": "own", "directory": "http://ca.example"}]},
    "haproxy": {"haproxy_status_port": 443},
    "keepalived": {
        "keepalived_addresses": ["x"],
        "keepalived_hosts": ["192.0.2.1", "192.0.2.2"],
        "keepalived_host": "192.0.2.1",
    },
    "linux_base": {"linux_base_hostname": "a_b"},
    "mysql": {"mysql_tls_names": ["a b"]},
    "nginx": {"nginx_status_port": 80},
    "python_app": {"python_app_port": 0},
}


@pytest.mark.parametrize("role", ROLES)
def test_role_that_is_used_alone_asks_for_its_problems(role):
    def asked(**given):
        return Templar(loader=DataLoader(), variables=role_variables(role, given)).template(
            preflight(role)
        )

    assert asked() == []
    assert role in WRONG, f"Add to WRONG an input of {role} that its problems() refuses."
    (problem,) = asked(**WRONG[role])
    assert problem.startswith(next(iter(WRONG[role])))
    # The types come first.
    name = next(iter(options.options(role)))
    (problem,) = asked(**{**WRONG[role], name: {"a": 1}})
    assert problem.startswith(f"{name} is a dictionary where")


def asked_by_the_role():
    """Return the expression of the settings that a host is asked
    with where linux_base is used alone.
    """
    path = ROOT / "roles" / "linux_base" / "vars" / "main.yml"
    return DataLoader().load_from_file(str(path), trusted_as_template=True)[
        "__linux_base_sshd_to_come"
    ]


def asked_by_the_plan():
    """Return that of the playbooks."""
    plays = DataLoader().load_from_file(
        str(ROOT / "playbooks" / "plan.yml"), trusted_as_template=True
    )
    (task,) = (task for task in plays[1]["tasks"] if "foobar.lamp.host_facts" in task)
    return task["foobar.lamp.host_facts"]["sshd_settings"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize(
    ("expression", "known"),
    [(asked_by_the_role(), make.defaults("linux_base")), (asked_by_the_plan(), {})],
    ids=["role", "plan"],
)
def test_host_is_never_asked_with_sshd_settings_of_wrong_types(expression, known, value):
    """The question comes before the check, since the check needs the answer."""

    def asked(**given):
        return Templar(loader=DataLoader(), variables={**known, **given}).template(expression)

    option = options.options("linux_base")["linux_base_sshd_settings"]
    for given in (
        {"linux_base_sshd_settings": value},
        {"linux_base_sshd_settings": {"Name": value}},
        {"linux_base_sshd": value},
    ):
        assert values.settle({"asked": option}, {"asked": asked(**given)}).problems == []
    assert asked() == linux_base.SSHD_SETTINGS
    assert asked(linux_base_sshd_settings={"Name": "x"})["Name"] == "x"
