"""Wrong and missing values stop the run before the first change, with a sentence that names
variable, value and remedy.
"""

from __future__ import annotations

import copy

import pytest
import yaml
from support.containers import run
from support.plays import recap

from .users import HOST, SITE

#: The first task that asks a host.
ASKS = "Gather the hosts' facts"


@pytest.fixture
def refused(user, host):
    """Return ``refused(*words, **options)``: run with wrong values,
    require each of the words and an untouched host.

    It returns what the run printed.
    """

    def state():
        changes = run("docker", "diff", host).stdout.splitlines()
        return sorted(
            line for line in changes if line.split()[1].startswith(("/etc", "/srv", "/usr"))
        )

    def refused(*words, **options):
        before = state()
        done = user.play(**options)
        assert done.returncode != 0
        for word in words:
            assert word in done.stdout + done.stderr, done.stdout + done.stderr
        assert recap(done).get("changed", 0) == 0
        assert state() == before
        return done.stdout + done.stderr

    return refused


def test_site_with_nothing_to_serve(refused):
    refused(
        f"lamp_sites['{SITE}'] has neither app nor document_root",
        lamp_sites={SITE: {"database": "shop"}},
    )


def test_unknown_key(refused):
    site = {"document_root": "/srv/www", "databse": "shop"}
    refused(
        f"lamp_sites['{SITE}'].databse is not a known key",
        "did you mean database?",
        lamp_sites={SITE: site},
    )


def test_database_name_with_a_quote(refused):
    site = {"document_root": "/srv/www", "database": "sh'op"}
    refused(
        f"lamp_sites['{SITE}'].database is", "sh'op", "use 1 to 64 letters", lamp_sites={SITE: site}
    )


@pytest.mark.parametrize("variable", ["apache_status_port", "python_app_port"])
def test_port_out_of_range(refused, variable):
    refused(variable, "70000", "from 1 to 65535", **{variable: 70000})


def test_source_that_does_not_exist(user, refused):
    sites = copy.deepcopy(user.sites)
    sites[SITE]["app"]["source"] = "../nowhere"
    refused("nowhere, which is not a directory on this computer", lamp_sites=sites)


def test_entry_that_is_none(user, refused):
    sites = copy.deepcopy(user.sites)
    sites[SITE]["app"]["wsgi"] = "foobar.wsgi"
    refused(
        f"lamp_sites['{SITE}'].app.wsgi is 'foobar.wsgi'",
        "for instance myapp.wsgi:application",
        lamp_sites=sites,
    )


@pytest.mark.parametrize("variable", ["lamp_domain", "lamp_sites"])
def test_missing_variable(user, refused, variable):
    inventory = copy.deepcopy(user.inventory)
    del inventory["lamp"]["vars"][variable]
    refused(
        variable,
        "for instance" if variable == "lamp_domain" else "describe at least one site",
        inventory=inventory,
    )


def test_misspelt_variable(refused):
    refused("lamp_secret is not a known variable: did you mean lamp_secrets?", lamp_secret={})


def test_misspelt_variable_of_a_playbook(refused):
    words = "lamp_restore_confrim is not a known variable: did you mean lamp_restore_confirm?"
    printed = refused(
        words,
        playbook="foobar.lamp.restore",
        lamp_restore_confrim="server1",
        lamp_restore_backup="latest",
    )
    assert ASKS not in printed


def test_old_names_of_variables(refused):
    words = [
        "backup_list_only has a new name: use lamp_backup_list_only.",
        "mysql_backup_keep_days has a new name: use backup_keep_days.",
        "restore_to has a new name: use lamp_restore_to.",
    ]
    assert ASKS not in refused(
        *words, backup_list_only=True, mysql_backup_keep_days=3, restore_to="end"
    )


def test_old_name_of_a_variable_of_a_role_alone(user, refused):
    play = [
        {"hosts": "lamp", "gather_facts": False, "become": True, "roles": ["foobar.lamp.mysql"]}
    ]
    (user.place / "alone.yml").write_text(yaml.safe_dump(play))
    refused(
        "mysql_backup has a new name: use backup_enabled.", playbook="alone.yml", mysql_backup=False
    )


def test_host_in_no_group(user, refused):
    inventory = copy.deepcopy(user.inventory)
    inventory["all"] = {"hosts": {"server2": {"ansible_host": "192.0.2.2"}}}
    words = (
        "Host server2 is in no group: put it into one of lamp_db, lamp_dns, ",
        "lamp_web, or into another group of your own.",
    )
    refused(*words, inventory=inventory)


def test_misspelt_group(user, refused):
    inventory = copy.deepcopy(user.inventory)
    inventory["lamp"]["children"]["lamp_wbe"] = inventory["lamp"]["children"].pop("lamp_web")
    refused("Group lamp_web is empty", inventory=inventory)


def test_unsupported_system(refused):
    ubuntu = (
        'NAME="Ubuntu"\nID=ubuntu\nVERSION="24.04"\nVERSION_ID="24.04"\n'
        'PRETTY_NAME="Ubuntu 24.04 LTS"'
    )
    disguise = (
        f"cd /usr/lib && mv /etc/debian_version . && cp os-release os-release.kept && printf "
        f"'{ubuntu}\n' > os-release"
    )
    run("docker", "exec", HOST, "sh", "-c", disguise, check=True)
    try:
        refused("Host server1 runs Ubuntu 24.04", "use Debian 12 or 13")
    finally:
        run(
            "docker",
            "exec",
            HOST,
            "sh",
            "-c",
            "cd /usr/lib && mv debian_version /etc && mv os-release.kept os-release",
            check=True,
        )


def test_option_of_a_role_with_the_wrong_type(refused):
    refused(
        "python_app_keep_releases is 'many', a text where a whole number is wanted: give digits",
        python_app_keep_releases="many",
    )


#: What YAML and people make of texts and lists, with what is said of it, by role.
WRONG = {
    "apache": (
        {"apache_modules": "auth_basic", "apache_settings": {"KeepAlive": None}},
        [
            (
                "apache_modules is 'auth_basic', a text where a list is wanted: "
                "make it a list, [auth_basic]"
            ),
            "apache_settings.KeepAlive is null",
        ],
    ),
    "bind": (
        {"bind_listen_addresses": "127.0.0.1"},
        ["bind_listen_addresses is '127.0.0.1'", 'make it a list, ["127.0.0.1"]'],
    ),
    "linux_base": (
        {
            "linux_base_hostname": 1234,
            "linux_base_packages": "htop",
            "linux_base_security_updates_reboot": 1410,
            "linux_base_admins": [{"name": "ada", "ssh_keys": "ssh-ed25519 AAAA"}],
        },
        [
            "linux_base_hostname is 1234, a whole number where a text is wanted: put it in quotes",
            "linux_base_packages is 'htop'",
            "linux_base_security_updates_reboot is 1410",
            "linux_base_admins[0].ssh_keys is 'ssh-ed25519 AAAA', a text where a list is wanted",
        ],
    ),
    "mysql": (
        {
            "mysql_databases": [{"name": 2024}],
            "mysql_users": [{"name": "app", "password": 123456789012, "databases": "shop"}],
        },
        [
            (
                "mysql_databases[0].name is 2024, "
                "a whole number where a text is wanted: put it in quotes"
            ),
            "mysql_users[0].password is a whole number where a text is wanted: put it in quotes",
            (
                "mysql_users[0].databases is 'shop', "
                "a text where a list is wanted: make it a list, [shop]"
            ),
        ],
    ),
    "backup": (
        {
            "backup_recipients": "age1",
            "backup_files": [{"name": "notes", "path": 2026, "user": "notes"}],
        },
        [
            "backup_recipients is 'age1', a text where a list is wanted: make it a list, [age1]",
            "backup_files[0].path is 2026, a whole number where a text is wanted: put it in quotes",
        ],
    ),
    "firewall": (
        {"firewall_ssh_from": "192.0.2.7", "firewall_rules": [{"port": 80.5, "from": "192.0.2.7"}]},
        [
            "firewall_ssh_from is '192.0.2.7', a text where a list is wanted: make it a list",
            "firewall_rules[0].port is 80.5",
            "firewall_rules[0].from is '192.0.2.7', a text where a list is wanted",
        ],
    ),
    "python_app": (
        {
            "python_app_packages": "libfoo",
            "python_app_apps": [
                {
                    "name": "a",
                    "wsgi": "a:b",
                    "requirement": "a",
                    "environment": {"A": None, "B": True},
                }
            ],
        },
        [
            "python_app_packages is 'libfoo'",
            "python_app_apps[0].environment.A is null where a text is wanted: give one, or leave",
            (
                "python_app_apps[0].environment.B is a boolean "
                "where a text is wanted: put it in quotes"
            ),
        ],
    ),
}


def test_values_of_wrong_types_are_refused_for_all_roles_together(refused):
    variables = {name: value for given, _words in WRONG.values() for name, value in given.items()}
    printed = refused(*(word for _given, words in WRONG.values() for word in words), **variables)
    assert "123456789012" not in printed


@pytest.mark.parametrize("role", WRONG)
def test_values_of_wrong_types_are_refused_by_a_role_alone(user, refused, role):
    play = [
        {"hosts": "lamp", "gather_facts": False, "become": True, "roles": [f"foobar.lamp.{role}"]}
    ]
    (user.place / "alone.yml").write_text(yaml.safe_dump(play))
    given, words = WRONG[role]
    assert "123456789012" not in refused(*words, playbook="alone.yml", **given)


def test_site_of_wrong_types(refused):
    refused(
        f"lamp_sites['{SITE}'].app.migrate is 'alembic upgrade head'",
        "make it a list, [alembic, upgrade, head]",
        (
            f"lamp_sites['{SITE}'].database is 2024, "
            f"a whole number where a text is wanted: put it in quotes"
        ),
        "lamp_dns_records[0].name is 10.2, a number where a text is wanted: put it in quotes",
        "lamp_address of server1 is 7",
        lamp_sites={
            SITE: {
                "app": {"source": "shop", "wsgi": "a:b", "migrate": "alembic upgrade head"},
                "database": 2024,
            }
        },
        lamp_dns_records=[{"name": 10.20, "type": "A", "values": ["192.0.2.1"]}],
        lamp_address=7,
    )


@pytest.mark.parametrize("playbook", ["backup", "backup_drill", "releases", "restore", "rollback"])
def test_playbook_that_is_given_a_number_for_a_text(refused, playbook):
    refused(
        "lamp_restore_backup is 20261127, a whole number where a text",
        playbook=f"foobar.lamp.{playbook}",
        lamp_restore_backup=20261127,
    )


def test_malformed_records(refused):
    records = [
        {"name": "www", "typ": "A", "values": "not-a-list"},
        {"name": 10.20, "type": "A", "values": ["192.0.2.1"]},
    ]
    names = (
        "lamp_dns_records[0].typ is not a known key: did you mean type?",
        "lamp_dns_records[1].name is 10.2",
        "put it in quotes",
    )
    refused(*names, lamp_dns_records=records)


def test_records_that_no_zone_can_have(refused):
    records = [
        {"name": "x", "type": "A", "values": ["x"]},
        {"name": "y", "type": "MAIL", "values": ["x"]},
    ]
    refused(
        "lamp_dns_records[0] (x A) has the value 'x'",
        "lamp_dns_records[1] (y MAIL) has the unknown type",
        lamp_dns_records=records,
    )


def test_record_in_the_place_of_a_site(refused):
    alias = {"name": "www", "type": "CNAME", "values": ["elsewhere.example."]}
    refused(
        "lamp_dns_records",
        f"{SITE}. would be an alias (CNAME) and have A: remove one of them",
        lamp_dns_records=[alias],
    )


def test_foreign_name_server_without_its_key(user, refused):
    inventory = copy.deepcopy(user.inventory)
    del inventory["lamp"]["children"]["lamp_dns"]
    refused(
        "lamp_dns_key is missing",
        "give name and secret",
        inventory=inventory,
        lamp_dns_server="192.0.2.53",
    )


def test_all_that_is_wrong_with_a_host_is_said_together(refused):
    names = ("linux_base_hostname is 'a b'", "apache_modules has 'no such'")
    refused(*names, linux_base_hostname="a b", apache_modules=["no such"])
