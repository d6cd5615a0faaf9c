"""The plan of a host: what follows from the site, what the
inventory gives, and all that is wrong with that.
"""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make, options, records, roles
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.role import Choice, Role

from .example import SECRETS, facts, site_of

pytestmark = pytest.mark.usefixtures("no_more_roles")

#: With nothing wrong.
SITES = {
    "www.foobar.com": {"app": {"requirement": "shop==1", "wsgi": "shop:app"}, "database": "shop"}
}


def alone(sites=None, **more):
    """Return a site that has all on one host."""
    return site_of(SITES if sites is None else sites, web="one", db="one", dns="one", **more)


def plan_of(site, given=None, host="one", **more):
    """Return the plan of a host, to which the inventory gives these inputs."""
    return make.plan(site, site.host(host), given or {}, **more)


@pytest.fixture
def add(monkeypatch):
    """Return ``add(role, **options)``, which makes a role one of the collection's: the last one."""
    known, of_ours = {}, options.options
    monkeypatch.setattr(options, "options", lambda of: known[of] if of in known else of_ours(of))

    def add(role, **its):
        known[role.name] = its
        monkeypatch.setitem(roles.ALL, role.name, role)
        monkeypatch.setattr(roles, "ROLES", (*roles.ROLES, role.name))

    return add


def test_host_that_does_all_has_the_inputs_of_all_roles():
    plan = plan_of(alone())
    assert plan.problems == []
    assert plan.roles == [
        "linux_base",
        "firewall",
        "mysql",
        "certificates",
        "database_proxy",
        "python_app",
        "apache",
        "bind",
        "backup",
    ]
    late = {name for role in roles.ALL.values() for name in role.LATE}
    assert set(plan.inputs) == {name for of in plan.roles for name in options.options(of)} - late
    assert plan.inputs["apache_listen"] == [80]


def test_host_has_the_inputs_of_its_own_roles_alone():
    site = site_of(SITES, web="one", db="two", dns="three")
    assert [plan_of(site, host=name).roles for name in ("one", "two", "three")] == [
        [
            "linux_base",
            "firewall",
            "certificates",
            "database_proxy",
            "python_app",
            "apache",
            "backup",
        ],
        ["linux_base", "firewall", "mysql", "backup"],
        ["linux_base", "firewall", "bind", "backup"],
    ]
    plan = plan_of(
        site, {"apache_listen": ["nobody asks"], "mysql_implementation": "mysql"}, host="two"
    )
    assert plan.problems == []
    assert {name.partition("_")[0] for name in plan.inputs} == {
        "linux",
        "mysql",
        "backup",
        "firewall",
    }


# What the inventory gives.
ACCOUNT = {"name": "shop", "host": "localhost", "password": "made for the site"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [ACCOUNT]),
        ([{"name": "report"}], [ACCOUNT, {"name": "report"}]),
        (
            [{"name": "report"}, {"name": "Shop", "password": "ours"}],
            [{"name": "Shop", "password": "ours"}, {"name": "report"}],
        ),
        ([{"name": "shop", "host": "192.0.2.1"}], [ACCOUNT, {"name": "shop", "host": "192.0.2.1"}]),
        # The problems of these are the role's to tell.
        ([{"name": "a"}, {"name": "a"}], [ACCOUNT, {"name": "a"}, {"name": "a"}]),
        ([{"host": "b"}], [ACCOUNT, {"host": "b"}]),
    ],
)
def test_what_the_inventory_gives_is_added_and_wins_under_the_same_name(given, expected):
    assert make.with_given([ACCOUNT], given, "name", "host") == expected


@pytest.mark.parametrize("wrong", ["report", ["report"], None])
def test_what_is_no_list_of_entries_is_a_problem_and_is_not_added(wrong):
    plan = plan_of(alone(), {"mysql_users": wrong})
    (problem,) = plan.problems
    assert problem.startswith("mysql_users")
    assert [user["name"] for user in plan.inputs["mysql_users"]] == ["shop"]


SHOP = {
    "name": "shop",
    "host": "localhost",
    "password": SECRETS["database_password"],
    "databases": ["shop"],
    "require_tls": False,
}
OURS = {"name": "SHOP", "password": "a long password", "databases": ["shop"]}
REPORT = {**OURS, "name": "report"}
ELSEWHERE = {**OURS, "host": "192.0.2.99"}
VHOST, MORE = (
    {"name": "www.foobar.com", "document_root": "/srv/www"},
    {"name": "more.example", "document_root": "/srv/more"},
)
STATE = {
    "name": "www.foobar.com",
    "path": "/srv/www.foobar.com/state",
    "user": "app-www-foobar-com",
}
MOVED, UPLOADS = (
    {**STATE, "path": "/mnt/state"},
    {"name": "uploads", "path": "/srv/uploads", "user": "ada"},
)
DATABASE = {
    "engine": "mariadb",
    "service": "mariadb",
    "socket": "/run/mysqld/mysqld.sock",
    "datadir": "/var/lib/mysql",
}


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        # A list of dictionaries, by their names.
        ("mysql_databases", [{"name": "reports"}], [{"name": "shop"}, {"name": "reports"}]),
        (
            "mysql_databases",
            [{"name": "shop", "encoding": "latin1"}],
            [{"name": "shop", "encoding": "latin1"}],
        ),
        ("apache_vhosts", [MORE, VHOST], [VHOST, MORE]),
        ("backup_files", [UPLOADS, MOVED], [MOVED, UPLOADS]),
        # Accounts, by name and host. One without a host is the socket's.
        ("mysql_users", [REPORT], [SHOP, REPORT]),
        ("mysql_users", [ELSEWHERE], [SHOP, ELSEWHERE]),
        ("mysql_users", [REPORT, OURS], [OURS, REPORT]),
        ("mysql_users", [{**OURS, "host": "LocalHost"}], [{**OURS, "host": "LocalHost"}]),
        # A list of texts.
        ("linux_base_started_later", ["apache2", "ours"], ["mariadb", "apache2", "ours"]),
        # A dictionary.
        (
            "backup_database",
            {"socket": "/run/x", "datadir": "/data"},
            {**DATABASE, "socket": "/run/x", "datadir": "/data"},
        ),
        # Any other value.
        ("mysql_bind_address", "192.0.2.1", "192.0.2.1"),
        ("mysql_binary_logs", False, False),
        ("apache_take_over", True, True),
        # What follows from nothing.
        ("apache_modules", ["rewrite"], ["rewrite"]),
        (
            "mysql_settings",
            {"mysqld": {"max_connections": 50}},
            {"mysqld": {"max_connections": 50}},
        ),
    ],
)
def test_inventory_wins(name, given, expected):
    site = site_of(SITES, web="one", db="one")
    plan = plan_of(site, {name: given})
    assert plan.problems == []
    assert plan.inputs[name] == expected
    assert plan_of(site).inputs[name] != expected


def test_names_of_a_certificate_are_added_once():
    site = site_of(SITES, web="one", db="two")
    plan = plan_of(site, {"mysql_tls_names": ["db.example", "192.0.2.2"]}, host="two")
    assert plan.inputs["mysql_tls_names"] == ["192.0.2.2", "127.0.0.1", "db.example"]


# Types.
def test_text_of_the_command_line_is_settled_for_all_who_read_it():
    given = {"apache_take_over": "yes", "apache_status_port": "8079", "backup_enabled": "no"}
    plan = plan_of(alone(hosts={"one": given}), given)
    assert plan.problems == []
    assert (
        plan.inputs["apache_take_over"],
        plan.inputs["apache_status_port"],
        plan.inputs["backup_enabled"],
    ) == (True, 8079, False)
    assert plan.inputs["mysql_binary_logs"] is False


def test_wrong_types_are_said_together_and_nothing_follows_from_them():
    given = {
        "apache_listen": "8080",
        "apache_modules": ["../x"],
        "mysql_settings": {"mysqld": {"socket": ["/x"]}},
        "linux_base_sshd": "maybe",
    }
    plan = plan_of(alone(hosts={"one": given}), given)
    assert [problem.partition(" ")[0] for problem in plan.problems] == [
        "mysql_settings.mysqld.socket",
        "apache_listen",
        "linux_base_sshd",
    ]
    assert plan.inputs["python_app_port"] == 80
    assert plan.inputs["backup_database"]["socket"] == "/run/mysqld/mysqld.sock"
    assert plan.inputs["linux_base_sshd"] is True


def test_problems_of_all_roles_are_said_together():
    given = {
        "backup_keep_days": 0,
        "apache_modules": ["../x"],
        "linux_base_timezone": "../x",
        "bind_keys": [{"name": "a b"}],
    }
    plan = plan_of(alone(), given | {"mysql_tls_names": ["a b"], "python_app_port": 0})
    assert [problem.partition(" ")[0] for problem in plan.problems] == [
        "linux_base_timezone",
        "mysql_tls_names",
        "python_app_port",
        "apache_modules",
        "bind_keys",
        "backup_keep_days",
    ]


def test_roles_know_what_the_host_has_and_where_files_are_looked_for(tmp_path):
    (tmp_path / "shop.sql").write_text("CREATE TABLE t (a int);")
    given = {"mysql_databases": [{"name": "shop", "import": "shop.sql"}]}
    assert plan_of(alone(), given, search=[str(tmp_path)]).problems == []
    (problem,) = plan_of(alone(), given, search=["/nowhere"]).problems
    assert "mysql_databases fills shop from shop.sql, which is not there" in problem
    served = {
        "ansible_facts": {
            "foobar_lamp": facts(unmanaged={"apache": ["old.example"]}, addresses=["192.0.2.1"])
        }
    }
    (problem,) = plan_of(alone(hosts={"one": served})).problems
    assert "This host serves old.example" in problem
    assert plan_of(alone(hosts={"one": served}, lamp_take_over=True)).problems == []


@pytest.mark.parametrize("given", [{"backup_keep_days": "many"}, {"lamp_deploy_version": "2"}])
def test_run_that_makes_nothing_is_kept_from_it_by_types_and_its_own_choice_alone(given):
    site = alone(lamp_deploy_version=given.get("lamp_deploy_version", ""))
    wrong = {"apache_modules": ["../x"], **given}
    host = site.host("one")
    assert len(plan_of(site, wrong, converges=False).problems) == 1
    host.facts["system"] = {"name": "debian", "version": "11"}
    assert len(plan_of(site, wrong, converges=False).problems) == 1
    assert plan_of(alone(), {"apache_modules": ["../x"]}, converges=False).problems == []
    assert len(plan_of(alone(), {"apache_modules": ["../x"]}).problems) == 1


@pytest.mark.parametrize(
    ("system", "known"),
    [
        ({"name": "debian", "version": "12"}, True),
        ({"name": "debian", "version": "13"}, True),
        ({"name": "debian", "version": "11"}, False),
        ({"name": "ubuntu", "version": "24.04"}, False),
    ],
)
def test_system_that_nobody_has_tried_is_refused_until_agreed(system, known):
    hosts = {
        "one": {"ansible_facts": {"foobar_lamp": facts(system=system, addresses=["192.0.2.1"])}}
    }
    problems = plan_of(alone(hosts=hosts), {"apache_modules": ["../x"]}).problems
    assert len(problems) == (1 if known else 2)
    if not known:
        assert problems[0] == (
            f"Host one runs {system['name'].capitalize()} {system['version']}: "
            "use Debian 12 or 13, or set lamp_untested_os to true to try it all the same."
        )
    assert (
        len(
            plan_of(
                alone(hosts=hosts, lamp_untested_os=True), {"apache_modules": ["../x"]}
            ).problems
        )
        == 1
    )


# What roles offer.
def test_base_installs_what_all_roles_need_once_and_starts_no_service_of_theirs():
    given = {
        "linux_base_packages": ["htop", "apache2"],
        "python_app_packages": ["libpq5"],
        "backup_copy_to": "/mnt/backups",
    }
    inputs = plan_of(alone(), given).inputs
    assert inputs["linux_base_packages"] == [
        *("mariadb-server", "python3-pymysql", "logrotate", "openssl"),
        *("dbus", "python3-venv", "libpq5"),
        "apache2",
        *("bind9", "bind9-utils", "python3-dnspython"),
        *("zstd", "rsync"),
        "nftables",
        "htop",
    ]
    assert inputs["linux_base_started_later"] == ["mariadb", "apache2", "named"]
    assert (
        plan_of(alone(), {"backup_enabled": False}).inputs["linux_base_packages"].count("zstd") == 0
    )


def test_backups_have_the_database_and_the_files_of_all_roles():
    inputs = plan_of(alone()).inputs
    assert inputs["backup_database"] == DATABASE
    assert [one["name"] for one in inputs["backup_files"]] == [
        "www.foobar.com",
        "bind",
        "bind_keys",
    ]
    assert inputs["backup_files"][0] == STATE
    site = site_of(SITES, web="one", db="two", dns="three")
    assert plan_of(site, host="two").inputs["backup_files"] == []
    assert (
        plan_of(site).inputs["backup_database"]
        == plan_of(site, host="three").inputs["backup_database"]
        == {}
    )


def test_command_line_does_not_take_away_what_follows_from_the_site():
    given = {
        "firewall_rules": [{"port": "9100"}],
        "apache_settings": {"Timeout": 9},
        "apache_listen": [8080],
    }
    (problem,) = plan_of(alone(), given, extra=list(given)).problems
    assert problem.startswith(
        "firewall_rules is given on the command line, where it would replace everything"
    )
    assert (
        plan_of(alone(), given).problems
        == plan_of(alone(), given, extra=list(given), converges=False).problems
        == []
    )
    # Whoever gives all of it takes nothing away.
    rules = plan_of(alone()).inputs["firewall_rules"]
    assert plan_of(alone(), {"firewall_rules": rules}, extra=["firewall_rules"]).problems == []


def test_files_of_an_application_of_the_inventory_are_in_backups():
    app = {"name": "other", "requirement": "other==1", "wsgi": "other:app", "user": "else"}
    inputs = plan_of(alone(), {"python_app_apps": [app]}).inputs
    assert {"name": "other", "path": "/srv/other/state", "user": "else"} in inputs["backup_files"]


class Toy(Role):
    """A role that offers everything."""

    GROUP = "lamp_web"

    def packages(self, inputs):
        return ["toys", "apache2"]

    def offers(self, inputs):
        return {
            "services": [f"{self.name}d"],
            "sysctl": {"vm.swappiness": 10, f"{self.name}.x": 1},
            "backup_files": [{"name": self.name, "path": f"/srv/{self.name}", "user": "root"}],
        }


def test_what_roles_offer_is_added_up(add):
    add(Toy("toy"))
    add(Toy("other"))
    inputs = plan_of(
        site_of(SITES, web="one", db="two"), {"linux_base_sysctl": {"vm.swappiness": 5}}
    ).inputs
    assert (
        inputs["linux_base_packages"].count("toys")
        == inputs["linux_base_packages"].count("apache2")
        == 1
    )
    assert inputs["linux_base_started_later"] == ["apache2", "toyd", "otherd"]
    assert inputs["linux_base_sysctl"] == {"vm.swappiness": 5, "toy.x": 1, "other.x": 1}
    assert [one["name"] for one in inputs["backup_files"]] == ["www.foobar.com", "toy", "other"]


# What is known only during the run.
OURS_TOO = {"name": "ours", "content": "OURS"}


def test_late_input_is_kept_and_worked_out_when_it_is_asked_for():
    name = "python_app_trusted_certificates"
    site = site_of(SITES, web="one", db="two")
    plan = plan_of(site, {name: [OURS_TOO]})
    assert name not in plan.inputs
    assert plan.given == {name: [OURS_TOO]}
    assert plan_of(site).given == {name: []}
    assert make.late(name, site, site.host("one"), [OURS_TOO]) == [OURS_TOO]
    # The database host has made it.
    site.host("two").facts["ca_certificates"] = {"/etc/mysql/tls/ca.pem": "PEM"}
    made = {"name": "database", "content": "PEM"}
    assert make.late(name, site, site.host("one"), []) == [made]
    assert make.late(name, site, site.host("one"), [OURS_TOO]) == [made, OURS_TOO]
    assert make.late(name, site, site.host("one"), [{**OURS_TOO, "name": "database"}]) == [
        {**OURS_TOO, "name": "database"}
    ]
    assert name not in plan_of(site, host="two").given


# Two roles for one group.
class Server(Role):
    """A web server that is taken by the variable lamp_toy."""

    GROUP = "lamp_web"
    CHOICE = Choice("lamp_toy", "one")

    def inputs(self, site, host, offered):
        return {f"{self.name}_place": site.position(self.GROUP, host)}

    def offers(self, inputs):
        return {"services": [self.name]}

    def problems(self, inputs, facts, search=()):
        return [f"{self.name} is asked."]


@pytest.mark.parametrize(
    ("values", "chosen"),
    [({}, "one"), ({"lamp_toy": "one"}, "one"), ({"lamp_toy": "another"}, "another")],
)
def test_role_that_is_chosen_runs_and_the_other_does_not(add, values, chosen):
    for name in ("one", "another"):
        add(
            Server(name),
            **{f"{name}_place": {"type": "int"}, f"{name}_more": {"type": "str", "default": name}},
        )
    site = site_of(SITES, web="a b", db="c", **values)
    plan = plan_of(site, {"one_more": ["no text"], "another_more": ["no text"]}, host="b")
    assert [problem.partition(" ")[0] for problem in plan.problems] == [f"{chosen}_more"]
    plan = plan_of(site, host="b")
    assert plan.roles == [
        "linux_base",
        "firewall",
        "certificates",
        "database_proxy",
        "python_app",
        "apache",
        "backup",
        chosen,
    ]
    assert plan.problems == [f"{chosen} is asked."]
    assert {
        name: value for name, value in plan.inputs.items() if name.startswith(("one_", "another_"))
    } == {
        f"{chosen}_place": 1,
        f"{chosen}_more": chosen,
    }
    assert plan.inputs["linux_base_started_later"] == ["apache2", chosen]
    assert plan_of(site, host="c").roles == ["linux_base", "firewall", "mysql", "backup"]


# A deploy of one site.
TWO = {**SITES, "b.com": {"apps": {"/x": {"requirement": "x==1", "wsgi": "x:app"}}}}


@pytest.mark.parametrize("exclusive", [True, False, None])
def test_deploy_of_one_site_leaves_the_others_alone(exclusive):
    given = {} if exclusive is None else {"python_app_exclusive": exclusive}
    inputs = plan_of(alone(TWO), given).inputs
    assert [app["name"] for app in inputs["python_app_apps"]] == ["www.foobar.com", "b.com_x"]
    assert inputs["python_app_exclusive"] is (exclusive is not False)
    plan = plan_of(alone(TWO, lamp_deploy_site="b.com"), given)
    assert plan.problems == []
    assert [app["name"] for app in plan.inputs["python_app_apps"]] == ["b.com_x"]
    assert plan.inputs["python_app_exclusive"] is False
    # Nothing else is about less.
    assert [vhost["name"] for vhost in plan.inputs["apache_vhosts"]] == ["www.foobar.com", "b.com"]
    assert [one["name"] for one in plan.inputs["backup_files"]][:2] == ["www.foobar.com", "b.com_x"]


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        (
            {"lamp_deploy_site": "c.com"},
            (
                "lamp_deploy_site is 'c.com', which has no application: give one of "
                "www.foobar.com, b.com_x."
            ),
        ),
        (
            {"lamp_deploy_version": "2"},
            "lamp_deploy_version is '2', but of which site? Give lamp_deploy_site, too.",
        ),
    ],
)
def test_choice_that_cannot_be_is_a_problem(choice, problem):
    assert plan_of(alone(TWO, **choice)).problems == [problem]


def test_version_of_a_deploy_is_that_of_its_application():
    plan = plan_of(
        alone(
            {"www.foobar.com": {"app": {"requirement": "shop", "wsgi": "s:a"}}},
            lamp_deploy_site="www.foobar.com",
            lamp_deploy_version="2",
        )
    )
    assert [app["version"] for app in plan.inputs["python_app_apps"]] == ["2"]


# Two networks.
def test_hosts_reach_each_other_by_their_own_network_and_the_world_by_the_other():
    hosts = {
        name: {"lamp_address": f"192.0.2.{number}", "lamp_peer_address": f"10.0.0.{number}"}
        for number, name in enumerate(("web", "db", "ns1", "ns2"), 1)
    }
    site = site_of(SITES, web="web", db="db", dns="ns1 ns2", hosts=hosts)
    web, database, primary, secondary = (plan_of(site, host=name).inputs for name in hosts)
    assert [user["host"] for user in database["mysql_users"]] == ["10.0.0.1"]
    assert database["mysql_tls_names"] == ["10.0.0.2", "127.0.0.1"]
    assert "@10.0.0.2/shop?" in web["python_app_apps"][0]["environment"]["DATABASE_URL"]
    (zone,), (copy,) = primary["bind_zones"], secondary["bind_zones"]
    assert zone["secondaries"] == ["10.0.0.4"]
    assert copy["primaries"] == ["10.0.0.3"]
    assert [server["addresses"] for server in zone["nameservers"]] == [["192.0.2.3"], ["192.0.2.4"]]
    found = {
        (record["name"], record["type"]): record["values"] for record in records.records_of(site)
    }
    assert found["www.foobar.com.", "A"] == ["192.0.2.1"]
    assert found["ns1.foobar.com.", "A"] == ["192.0.2.3"]
    assert found["ns2.foobar.com.", "A"] == ["192.0.2.4"]
    assert "10.0.0." not in str(records.records_of(site))


def test_database_listens_on_the_kind_of_network_by_which_it_is_reached():
    hosts = {"db": {"lamp_address": "192.0.2.2", "lamp_peer_address": "fd00::2"}}
    assert (
        plan_of(site_of(SITES, web="web", db="db", hosts=hosts), host="db").inputs[
            "mysql_bind_address"
        ]
        == "::"
    )


# From one role to another.
def test_socket_of_the_server_is_where_its_settings_have_it_for_all():
    given = {"mysql_settings": {"mysqld": {"socket": "/run/ours.sock", "datadir": "/data/mysql//"}}}
    inputs = plan_of(alone(hosts={"one": given}), given).inputs
    assert (
        "?unix_socket=/run/ours.sock&"
        in inputs["python_app_apps"][0]["environment"]["DATABASE_URL"]
    )
    assert inputs["backup_database"] == {
        **DATABASE,
        "socket": "/run/ours.sock",
        "datadir": "/data/mysql",
    }


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({}, 80),
        ({"apache_listen": [8080]}, 8080),
        ({"apache_listen": [8080, 80]}, 8080),
        ({"apache_listen": []}, 80),
        ({"apache_listen": [8080], "python_app_port": 8888}, 8888),
    ],
)
def test_applications_are_asked_at_the_port_of_the_web_server(given, port):
    assert plan_of(alone(hosts={"one": given}), given).inputs["python_app_port"] == port


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_engine_of_the_database_is_known_to_all(engine):
    inputs = plan_of(alone(), {"mysql_implementation": engine}).inputs
    assert inputs["backup_database"] == {**DATABASE, "engine": engine, "service": engine}
    assert inputs["linux_base_packages"][0] == f"{engine}-server"
    assert inputs["linux_base_started_later"][0] == engine


# Hosts that were not asked.
@pytest.mark.parametrize(
    ("host", "unknown"),
    [("web", "db"), ("db", "web"), ("ns1", "ns2"), ("ns2", "ns1"), ("web", "web")],
)
def test_host_of_which_no_address_is_known_is_one_problem_with_the_remedy(host, unknown):
    site = site_of(SITES, web="web", db="db", dns="ns1 ns2", hosts={unknown: {"ansible_facts": {}}})
    remedy = (
        f"No address of host {unknown} is known: "
        f"run without --limit, or set lamp_address for the host."
    )
    for converges in (True, False):
        problems = plan_of(site, host=host, converges=converges).problems
        # A host's own address is of no consequence to itself.
        assert [problem for problem in problems if "address" in problem] == (
            [] if host == unknown else [remedy]
        )
    site = site_of(
        SITES,
        web="web",
        db="db",
        dns="ns1 ns2",
        hosts={unknown: {"ansible_facts": {}, "lamp_address": "192.0.2.99"}},
    )
    assert plan_of(site, host=host, converges=False).problems == []


def test_host_that_runs_applications_is_not_emptied_by_an_inventory_that_says_nothing_of_sites():
    def problems(known, said=(), **more):
        site = site_of(
            {},
            web="one",
            db="one",
            hosts={"one": {"ansible_facts": {"foobar_lamp": facts(**known)}}},
        )
        if "lamp_sites" not in said:
            del site.values["lamp_sites"]
        return plan_of(site, **more).problems

    runs = {"app_units": {"app-shop@1-1.service": "shop.example.com"}}
    (problem,) = problems(runs)
    assert problem.startswith(
        "lamp_sites is not defined, and host one runs shop.example.com, which would all be removed"
    )
    assert (
        problems(runs, said=["lamp_sites"]) == problems(runs, converges=False) == problems({}) == []
    )
    assert problems(runs, given={"python_app_apps": []}) == []


def test_host_that_is_a_balancer_no_more_is_to_stop_being_one_first():
    def problems(
        group, made=("haproxy", "keepalived"), running=("apache2", "haproxy", "keepalived"), **more
    ):
        known = facts(made=list(made), running=list(running))
        site = site_of(
            {},
            web="one",
            db="one",
            **{group: "two three"},
            hosts={"two": {"ansible_facts": {"foobar_lamp": known}}},
        )
        return [
            problem
            for problem in plan_of(site, host="two", **more).problems
            if "lamp_lb" in problem
        ]

    (problem,) = problems("dns")
    assert problem == (
        "Host two is not in the group lamp_lb, but still runs keepalived and haproxy as a "
        "balancer: put it into the group, or stop that on the host "
        "by `systemctl disable --now keepalived haproxy`."
    )
    assert (
        problems("lb")
        == problems("dns", running=["haproxy.other"])
        == problems("dns", converges=False)
        == []
    )
    # One that is somebody else's.
    assert problems("dns", made=["bind"]) == []


def test_web_host_that_balancers_close_to_visitors_is_said():
    def doubts(host="w1", made=(), **of):
        known = {
            name: {"ansible_facts": {"foobar_lamp": facts(made=list(trees))}}
            for name, trees in {"w1": ["nginx"], "b1": made}.items()
        }
        site = site_of(web="w1 w2", hosts=known, **of)
        return make.closing_doubts(site, site.host(host))

    (doubt,) = doubts(lb="b1 b2")
    assert "site closes w1 to them" in doubt
    assert "Add w1 to lamp_still_visited" in doubt
    assert doubts() == doubts(lb="b1", lamp_still_visited=["w1"]) == []
    # The last step, when the balancers serve; and a web host that was never open.
    assert doubts(lb="b1 b2", made=["haproxy"]) == doubts("w2", lb="b1") == []
