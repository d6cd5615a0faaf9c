"""What follows for the role mysql, and what is wrong with its inputs."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import make, mysql, roles

from .example import SITE, inputs_of, problems_of, site_of

USER = {"name": "shop", "password": "correct horse", "databases": ["shop_1"]}
ENGINE = "mysql_implementation"


@pytest.mark.parametrize(
    ("databases", "users", "options", "known", "words"),
    [
        (["a'b"], [], {}, {}, 'mysql_databases has the name "a\'b": use 1 to 64'),
        (["a", "a"], [], {}, {}, "mysql_databases has a twice"),
        (
            [{"name": "a", "encoding": "utf8'"}],
            [],
            {},
            {},
            'mysql_databases gives a the encoding "utf8\'"',
        ),
        (
            [{"name": "a", "encoding": "latin1", "collation": "utf8mb4_bin"}],
            [],
            {},
            {},
            "the collation utf8mb4_bin, which is not of its encoding",
        ),
        (["shop_1"], [{**USER, "name": "a'b"}], {}, {}, "mysql_users has the name"),
        (["shop_1"], [{**USER, "name": "a" * 33}], {ENGINE: "mysql"}, {}, "use 1 to 32 letters"),
        (
            ["shop_1"],
            [{**USER, "name": "root"}],
            {},
            {},
            "mysql_users has root, an account of the server's own",
        ),
        (["mysql"], [], {}, {}, "mysql_databases has mysql, which is the server's own"),
        (["shop_1"], [{**USER, "host": "a'b"}], {}, {}, 'mysql_users gives shop the host "a\'b"'),
        (
            ["shop_1"],
            [{**USER, "password": "short"}],
            {},
            {},
            "a password of fewer than 12 characters",
        ),
        (
            ["shop_1"],
            [{**USER, "privileges": "admin"}],
            {},
            {},
            "the privileges 'admin': give one of all, write, read, monitor",
        ),
        (
            ["shop_1"],
            [{**USER, "privileges": ["SELECT; DROP"]}],
            {},
            {},
            "the privilege 'SELECT; DROP'",
        ),
        (["shop_1"], [{**USER, "databases": []}], {}, {}, "mysql_users gives shop no database"),
        (
            ["shop_1"],
            [USER, {**USER, "host": "LOCALHOST"}],
            {},
            {},
            "mysql_users has shop@localhost twice",
        ),
        (
            ["other"],
            [USER],
            {},
            {},
            "mysql_users gives shop the database shop_1: add that to mysql_databases",
        ),
        (
            [],
            [],
            {"mysql_settings": {"max_connections": 5}},
            {},
            "mysql_settings.max_connections is 5: put settings into a section",
        ),
        ([], [], {"mysql_tls_names": ["a b"]}, {}, "mysql_tls_names has 'a b'"),
        (
            [],
            [],
            {ENGINE: "mysql"},
            {"packages": ["mariadb-server"]},
            "mysql_implementation is mysql, and the host has mariadb-server",
        ),
        (
            [],
            [],
            {"mysql_settings": {"mysqld": {"innodb-buffer-pool-size": "3G"}}},
            {"memory_mb": 2048},
            (
                "mysql_settings has innodb_buffer_pool_size 3G, "
                "and the host has 2048 MiB of memory: give less"
            ),
        ),
        (
            [],
            [],
            {"mysql_settings": {"server": {"innodb_buffer_pool_size": 2**31 + 1}}},
            {"memory_mb": 2048},
            "has 2048 MiB of memory",
        ),
        (
            [{"name": "a", "import": "/nowhere/a.sql"}],
            [],
            {},
            {},
            "mysql_databases fills a from /nowhere/a.sql, which is not there",
        ),
        (
            [],
            [],
            {"mysql_tls_names": ["db1"]},
            {"ca_certificates": {"/etc/mysql/tls/ca.pem": "PEM"}},
            "/etc/mysql/tls/ca.key is missing, the key of the authority in /etc/mysql/tls/ca.pem",
        ),
    ],
)
def test_problem_names_variable_value_and_remedy_and_no_password(
    databases, users, options, known, words
):
    given = [
        {"name": database} if isinstance(database, str) else database for database in databases
    ]
    (problem,) = problems_of(
        "mysql", {"mysql_databases": given, "mysql_users": users, **options}, known
    )
    assert words in problem
    assert "'short'" not in problem


@pytest.mark.parametrize(
    ("size", "memory"),
    [
        ("2G", 2048),
        (2**31, 2048),
        ("2048m", 2048),
        ("2049M", 0),
        ("lots", 2048),
        (None, 2048),
        ("1T", "0"),
    ],
)
def test_buffer_pool_that_fits_or_cannot_be_compared_is_no_problem(size, memory):
    settings = {"mysqld": {"innodb_buffer_pool_size": size}, "client": {"x": 1}}
    assert problems_of("mysql", {"mysql_settings": settings}, {"memory_mb": memory}) == []


def test_good_inputs_have_no_problem():
    users = [
        USER,
        {**USER, "host": "%", "privileges": ["select"]},
        {"name": "watch", "password": "correct horse", "privileges": "monitor"},
    ]
    databases = [{"name": "shop_1", "collation": "uca1400_ai_ci", "encoding": "utf8mb4"}]
    inputs = {
        "mysql_databases": databases,
        "mysql_users": users,
        "mysql_settings": {"mysqld": {}},
        "mysql_tls_names": ["192.0.2.1", "*.db"],
    }
    assert problems_of("mysql", inputs, {"packages": ["mariadb-server"]}) == []


def test_file_that_fills_a_database_is_read_before_a_server_is_there_only():
    inputs = {"mysql_databases": [{"name": "a", "import": "/nowhere/a.sql"}]}
    assert problems_of("mysql", inputs, {"packages": ["mariadb-server"]}) == []


def test_authority_with_its_key_is_well():
    known = {
        "ca_certificates": {"/etc/mysql/tls/ca.pem": "PEM"},
        "paths": {"/etc/mysql/tls/ca.key": {}},
    }
    assert problems_of("mysql", {"mysql_tls_names": ["db1"]}, known) == []


def test_users_come_from_each_client():
    site = site_of(web="one two", db="one")
    users = inputs_of("mysql", site, "one")["mysql_users"]
    assert [
        (user["name"], user["host"], user["databases"], user["require_tls"]) for user in users
    ] == [
        ("shop", "localhost", ["shop"], False),
        ("shop", "192.0.2.2", ["shop"], True),
    ]
    assert {user["password"] for user in users} == {"p/w:x-is-long"}
    assert inputs_of("mysql", site, "one")["mysql_databases"] == [{"name": "shop"}]


def test_site_without_a_database_has_no_account():
    inputs = inputs_of(
        "mysql", site_of({"a.com": {"document_root": "/srv/a"}, **SITE}, web="one", db="one"), "one"
    )
    assert (
        [database["name"] for database in inputs["mysql_databases"]]
        == [user["name"] for user in inputs["mysql_users"]]
        == ["shop"]
    )


@pytest.mark.parametrize(
    ("address", "web", "bound", "names"),
    [
        ("192.0.2.9", "db", "127.0.0.1", []),
        ("192.0.2.9", "web", "0.0.0.0", ["192.0.2.9", "127.0.0.1"]),
        ("192.0.2.9", "db web", "0.0.0.0", ["192.0.2.9", "127.0.0.1"]),
        (["192.0.2.9", "2001:db8::9"], "web", "::", ["192.0.2.9", "2001:db8::9", "127.0.0.1"]),
    ],
)
def test_server_is_reached_over_the_network_where_applications_are_elsewhere(
    address, web, bound, names
):
    inputs = inputs_of(
        "mysql", site_of(web=web, db="db", hosts={"db": {"lamp_address": address}}), "db"
    )
    assert (inputs["mysql_bind_address"], inputs["mysql_tls_names"]) == (bound, names)


@pytest.mark.parametrize("keeps", [True, False])
def test_binary_logs_are_kept_for_backups(keeps):
    site = site_of(web="one", db="one", hosts={"one": {"backup_enabled": keeps}})
    assert inputs_of("mysql", site, "one")["mysql_binary_logs"] is keeps


def test_file_is_looked_for_where_ansible_looks(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.sql").write_text("CREATE TABLE t (a int);")
    imports = [{"name": "shop", "import": "a.sql"}]
    assert mysql.import_problems(imports, ["/nowhere", str(tmp_path)], []) == []
    (said,) = mysql.import_problems(imports, ["/nowhere"], [])
    assert said == "mysql_databases fills shop from a.sql, which is not there. Correct the path."


def test_accounts_that_are_declared_or_there_may_define(tmp_path):
    (tmp_path / "a.sql").write_text(
        "CREATE DEFINER=`old`@`%` VIEW v AS SELECT 1; "
        "CREATE DEFINER='new'@'localhost' VIEW w AS SELECT 1;"
    )
    imports = [{"name": "shop", "import": "a.sql"}]
    rows = [{"name": "old", "host": "%"}]
    assert mysql.import_problems(imports, [str(tmp_path)], [{"name": "new"}], rows) == []
    assert "DEFINER old@%," in mysql.import_problems(imports, [str(tmp_path)], [{"name": "new"}])[0]


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("a.sql", []),
        ("a.sql.gz", ["gzip"]),
        ("a.sql.xz", ["xz-utils"]),
        ("a.sql.bz2", ["bzip2"]),
        ("a.sql.zst", ["zstd"]),
    ],
)
def test_what_unpacks_files_is_installed(name, packages):
    inputs = {
        **make.defaults("mysql"),
        "mysql_databases": [
            {"name": "a", "import": name},
            {"name": "b", "import": name},
            {"name": "c"},
        ],
    }
    assert roles.ALL["mysql"].packages(inputs) == [
        "mariadb-server",
        "python3-pymysql",
        "logrotate",
        "openssl",
        *packages,
    ]


CLUSTER = {"web": "web1 web2", "db": "db1 db2 db3"}


def test_several_hosts_are_a_cluster_that_all_reach_by_their_own_loopback_address():
    site = site_of(**CLUSTER)
    inputs = inputs_of("mysql", site, "db2")
    assert [one["name"] for one in inputs["mysql_cluster_members"]] == ["db1", "db2", "db3"]
    assert (inputs["mysql_cluster_host"], inputs["mysql_cluster_name"]) == ("db2", "foobar.com")
    assert inputs["mysql_bind_address"] == "192.0.2.4"
    assert inputs["mysql_tls_names"] == ["192.0.2.4", "127.0.0.1"]
    assert [(user["host"], user["require_tls"]) for user in inputs["mysql_users"]] == [
        ("192.0.2.1", True),
        ("192.0.2.2", True),
    ]
    assert problems_of("mysql", {**inputs, "mysql_users": []}) == []
    ports = [
        (port.number, port.peers)
        for port in roles.ALL["mysql"].ports({**make.defaults("mysql"), **inputs})
    ]
    assert ports == [
        *((number, "lamp_db") for number in (4444, 4567, 4568)),
        (9200, "lamp_db"),
        (9200, "lamp_web"),
        (3306, "lamp_web"),
    ]
    for name in ("web1", "web2"):
        (app,) = inputs_of("python_app", site, name)["python_app_apps"]
        assert app["environment"]["DB_HOST"] == "127.0.0.1"
        assert "ssl_ca=" in app["environment"]["DATABASE_URL"]
        servers = inputs_of("database_proxy", site, name)["database_proxy_servers"]
        assert [one["address"] for one in servers] == ["192.0.2.3", "192.0.2.4", "192.0.2.5"]


def test_backups_know_the_members():
    site = site_of(**CLUSTER)
    offered = roles.ALL["mysql"].offers(
        {**make.defaults("mysql"), **inputs_of("mysql", site, "db2")}
    )["backup_database"]["cluster"]
    assert offered == {
        "host": "db2",
        "members": {
            "db1": "http://192.0.2.3:9200/state",
            "db2": "http://192.0.2.4:9200/state",
            "db3": "http://192.0.2.5:9200/state",
        },
    }
    assert "cluster" not in roles.ALL["mysql"].offers(make.defaults("mysql"))["backup_database"]


def test_an_application_beside_a_member_goes_by_the_proxy_too():
    site = site_of(web="db1", db="db1 db2 db3")
    (app,) = inputs_of("python_app", site, "db1")["python_app_apps"]
    assert app["environment"]["DB_HOST"] == "127.0.0.1"
    assert [user["host"] for user in inputs_of("mysql", site, "db1")["mysql_users"]] == [
        "192.0.2.1"
    ]


def test_one_host_is_as_it_ever_was():
    site = site_of(web="web1", db="db1")
    assert not [name for name in inputs_of("mysql", site, "db1") if "cluster" in name]
    proxy = {**make.defaults("database_proxy"), **inputs_of("database_proxy", site, "web1")}
    assert roles.ALL["database_proxy"].packages(proxy) == []
    assert roles.ALL["database_proxy"].offers(proxy) == {}
    assert roles.ALL["mysql"].late(site, site.host("db1")) == {"mysql_cluster_cas": []}


def test_a_proxy_that_is_left_of_a_cluster_leads_to_the_last_host_as_applications_know_it():
    site = site_of(web="web1 db1", db="db1")
    (one,) = inputs_of("database_proxy", site, "web1")["database_proxy_servers"]
    assert one["address"] == "192.0.2.2"
    assert inputs_of("database_proxy", site, "db1") == {}
    assert "127.0.0.1" in inputs_of("mysql", site, "db1")["mysql_tls_names"]


def test_no_member_leaves_its_cluster_without_the_hosts_that_ask_it():
    site = site_of(web="web1 web2", db="db1")
    db1 = site.host("db1")
    inputs = {**make.defaults("mysql"), **inputs_of("mysql", site, "db1")}
    db1.facts["state"] = {"mysql_cluster": ["db1", "db2", "db3"]}
    assert roles.ALL["mysql"].site_problems(site, db1, inputs) == []
    site.host("web2").facts.clear()
    (said,) = roles.ALL["mysql"].site_problems(site, db1, inputs)
    assert said.startswith("This run leaves out web2 of lamp_web"), said
    db1.facts["state"] = {}
    assert roles.ALL["mysql"].site_problems(site, db1, inputs) == []


def test_no_proxy_leads_to_one_alone_of_which_the_run_knows_nothing():
    site = site_of(web="web1", db="db1")
    web1, inputs = site.host("web1"), inputs_of("database_proxy", site, "web1")
    web1.facts["paths"] = {"/etc/systemd/system/lamp-database-proxy.service": {}}
    assert roles.ALL["database_proxy"].site_problems(site, web1, inputs) == []
    site.host("db1").facts.clear()
    (said,) = roles.ALL["database_proxy"].site_problems(site, web1, inputs)
    assert said.startswith("db1 of lamp_db is not in this run"), said
    web1.facts["paths"] = {}
    assert roles.ALL["database_proxy"].site_problems(site, web1, inputs) == []


def test_members_know_the_authorities_of_all():
    site = site_of(**CLUSTER)
    for name in ("db1", "db3"):
        site.host(name).facts["ca_certificates"] = {"/etc/mysql/tls/ca.pem": f"PEM of {name}\n"}
    assert roles.ALL["mysql"].late(site, site.host("db2")) == {
        "mysql_cluster_cas": ["PEM of db1", "PEM of db3"]
    }
    (trusted,) = roles.ALL["python_app"].late(site, site.host("web1"))[
        "python_app_trusted_certificates"
    ]
    assert trusted["content"] == "PEM of db1\nPEM of db3"


def test_a_run_about_some_members_alone_is_refused():
    site = site_of(**CLUSTER, hosts={"db3": {"ansible_facts": {}, "lamp_address": "192.0.2.5"}})
    host, inputs = site.host("db1"), {**make.defaults("mysql"), **inputs_of("mysql", site, "db1")}
    (problem,) = roles.ALL["mysql"].site_problems(site, host, inputs)
    assert problem.startswith("This run leaves out db3 of lamp_db")


MEMBERS = [{"name": f"db{number}", "address": f"192.0.2.{number}"} for number in (1, 2, 3)]
MEMBER = {
    "mysql_cluster_members": MEMBERS,
    "mysql_cluster_host": "db1",
    "mysql_tls_names": ["192.0.2.1"],
}


@pytest.mark.parametrize(
    ("given", "known", "words"),
    [
        (
            {ENGINE: "mysql"},
            {},
            (
                "mysql_implementation is mysql, and 3 hosts are "
                "to have the database: a cluster is MariaDB's"
            ),
        ),
        (
            {"mysql_cluster_members": MEMBERS[:2]},
            {},
            "mysql_cluster_members has 2 hosts: give three or five",
        ),
        (
            {"mysql_cluster_members": [*MEMBERS[:2], {**MEMBERS[2], "name": "a b"}]},
            {},
            "mysql_cluster_members has the name 'a b'",
        ),
        (
            {"mysql_cluster_members": [*MEMBERS[:2], {**MEMBERS[2], "address": "x"}]},
            {},
            "mysql_cluster_members gives db3 the address 'x'",
        ),
        (
            {"mysql_cluster_members": [*MEMBERS[:2], MEMBERS[1]]},
            {},
            "mysql_cluster_members has a name twice",
        ),
        ({"mysql_cluster_host": "db9"}, {}, "mysql_cluster_host is 'db9'"),
        ({"mysql_tls_names": ["db1"]}, {}, "mysql_tls_names lacks 192.0.2.1"),
        ({"mysql_cluster_name": "a b"}, {}, "mysql_cluster_name is 'a b'"),
        ({"mysql_cluster_port": 0}, {}, "mysql_cluster_port is 0"),
        (
            {"mysql_cluster_members": []},
            {"state": {"mysql_cluster": ["db1", "db2", "db3"]}},
            "-e mysql_leave_cluster=true",
        ),
    ],
)
def test_problems_of_a_cluster(given, known, words):
    (problem,) = problems_of("mysql", {**MEMBER, **given}, known)
    assert words in problem
