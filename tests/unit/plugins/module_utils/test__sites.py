"""What lamp_sites says, and what follows from it."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils import _sites

APP = {"source": "../app", "wsgi": "shop.wsgi:application"}
SITE = {"www.foobar.com": {"aliases": ["foobar.com"], "app": APP, "database": "shop"}}
SECRETS = {"www.foobar.com": {"database_password": "p/w:x", "secret_key": "k" * 40}}


def test_good_sites_have_no_problems():
    assert _sites.site_problems(SITE) == []


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ({}, ["lamp_sites is empty"]),
        ({"www.foobar.com": {"database": "x"}}, ["lamp_sites['www.foobar.com']", "neither app nor document_root"]),
        ({"www.foobar.com": {"document_root": "/x", "database": "a'b"}}, ['.database is "a\'b"', "use 1 to 64 letters"]),
        ({"www.foobar.com": {"document_root": "x"}}, [".document_root is 'x'", "absolute path"]),
        ({"www.foobar.com": {"app": {**APP, "wsgi": "shop"}}}, [".wsgi is 'shop'", "myapp.wsgi:application"]),
        ({"www.foobar.com": {"app": {"wsgi": "a:b"}}}, [".source is missing"]),
        ({"www.foobar.com": {"app": {**APP, "threads": 0}}}, [".threads is 0", "1 to 1000"]),
        ({"www_foobar": {"document_root": "/x"}}, ["lamp_sites['www_foobar'] is no host name"]),
        ({"a.com": {"document_root": "/x", "aliases": ["b.com"]}, "b.com": {"document_root": "/y"}}, ["answers to b.com"]),
        ({"www.foobar.com": {"document_root": "/x", "database": "mysql"}}, [".database is 'mysql', a name of the server's own"]),
        ({"a.com": {"document_root": "/x", "database": "d"}, "b.com": {"document_root": "/y", "database": "d"}}, ["a database of its own"]),
        ({"a.com": {"app": APP}, "a-com": {"app": APP}}, ["a user of its own"]),
        ({"a.com": {"app": {**APP, "user": "root"}}}, ["lamp_sites['a.com'].app.user is root", "a user of its own"]),
        ({"a.com": {"app": {"source": "shop"}}}, ["lamp_sites['a.com'].app.wsgi is missing", "myapp.wsgi:application"]),
    ],
)
def test_problem_names_variable_value_and_remedy(sites, words):
    text = "\n".join(_sites.site_problems(sites))
    for word in words:
        assert word in text


def test_inventory_summary_names_few_hosts_and_counts_many():
    groups = {"lamp": ["a", "b"], "lamp_web": ["a", "b"], "lamp_db": ["a"], "lamp_dns": [], "all": list("abcde")}
    assert _sites.inventory_summary(groups) == "lamp_db: a; lamp_web: a, b"
    assert _sites.inventory_summary({"lamp_web": list("abcde")}) == "lamp_web: 5 hosts"


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"lamp": ["a", "b"], "lamp_web": ["a"], "lamp_db": ["a"]}, "Host b stands in no group that does something"),
        ({"lamp": ["a"], "lamp_web": ["a"], "lamp_db": ["a"], "ungrouped": ["c"]}, "Host c stands in no group"),
        ({"lamp": ["a"], "lamp_web": ["a"]}, "Group lamp_db is empty"),
        ({"lamp": [], "lamp_web": ["a"], "lamp_db": ["a"]}, "make lamp_web a child"),
        ({"lamp": ["a", "b"], "lamp_web": ["a"], "lamp_db": ["a", "b"]}, "Group lamp_db has 2 hosts (a, b)"),
        ({"lamp": ["a", "b"], "lamp_web": ["a"], "lamp_db": ["a"], "lamp_lb": ["b"]}, "no load balancer"),
    ],
)
def test_inventory_problems(groups, words):
    assert words in "\n".join(_sites.inventory_problems(groups))


def test_good_inventory_has_no_problems():
    assert _sites.inventory_problems({"lamp": ["a"], "lamp_web": ["a"], "lamp_db": ["a"], "ungrouped": []}) == []


def test_misspelt_variables_are_named():
    assert _sites.variable_problems(["lamp_sites", "lamp_domain", "other", "apache_listen"]) == []
    assert _sites.variable_problems(["lamp_secret"]) == ["lamp_secret is not a known variable: did you mean lamp_secrets?"]
    assert "lamp_wxyzwxyz is not a known variable: correct or remove it" in _sites.variable_problems(["lamp_wxyzwxyz"])[0]


def test_variables_that_are_nearly_inputs_of_roles_are_doubted():
    inputs = ["mysql_settings", "mysql_users", "apache_listen"]
    doubt = "mysql_setings is no variable of a role and counts for nothing here: did you mean mysql_settings?"
    assert _sites.variable_doubts(["mysql_setings"], inputs) == [doubt]
    assert _sites.variable_doubts([*inputs, "mysql_root_password", "mysql_vault_users", "apache", "settings"], inputs) == []


@pytest.mark.parametrize("domain", ["", "foobar", "foobar.com.", "-x.com"])
def test_wrong_domain(domain):
    assert "lamp_domain is" in _sites.domain_problems(domain)[0]


def test_secret_problems_never_show_a_value():
    text = "\n".join(_sites.secret_problems({"www.foobar.com": {"secret_key": "hush-hush"}, "x": {}}, SITE))
    assert "lamp_secrets['www.foobar.com'].secret_key is shorter" in text
    assert "lamp_secrets['x'] is for a site" in text
    assert "hush" not in text


def test_application_beside_its_database_goes_through_the_socket():
    (app,) = _sites.python_app_apps(SITE, SECRETS, "localhost", "/inv")
    assert app["source"] == "/app"
    assert app["user"] == "app-www-foobar-com"
    url = app["environment"]["DATABASE_URL"]
    assert url == "mysql+pymysql://shop:p%2Fw%3Ax@localhost/shop?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"


def test_application_apart_goes_over_the_network():
    (app,) = _sites.python_app_apps(SITE, SECRETS, "2001:db8::1", "/inv")
    assert "@[2001:db8::1]/shop?ssl_ca=/etc/python_app/database.pem&charset" in app["environment"]["DATABASE_URL"]


def test_application_apart_trusts_the_authorities_of_the_database_hosts():
    said = {"ansible_facts": {"foobar_lamp": {"authorities": {"/etc/mysql/tls/ca.pem": "PEM\n"}}}}
    assert _sites.database_authorities([said, {}]) == [{"name": "database", "content": "PEM"}]
    assert _sites.database_authorities([{}]) == []


def test_users_come_from_each_client():
    users = _sites.mysql_users(SITE, SECRETS, ["localhost", "192.0.2.1"])
    assert [(user["name"], user["host"], user["databases"], user["require_tls"]) for user in users] == [
        ("shop", "localhost", ["shop"], False),
        ("shop", "192.0.2.1", ["shop"], True),
    ]


def test_user_names_stay_within_linux_limits_and_apart():
    names = {_sites.app_user("a" * 40 + f"{number}.com") for number in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 32 for name in names)


def records_of(*arguments):
    return {(record["name"], record["type"]): record["values"] for record in _sites.dns_records(*arguments)}


SERVERS = [["192.0.2.1"], ["192.0.2.2", "2001:db8::2"]]


def test_records_lead_to_the_web_hosts_within_the_domain_and_touch_nothing_else_of_somebody_elses_zone():
    sites = {"www.foobar.com": {"aliases": ["foobar.com", "www.elsewhere.org"]}}
    assert records_of(sites, "foobar.com", ["192.0.2.1", "2001:db8::1"]) == {
        ("www.foobar.com.", "A"): ["192.0.2.1"],
        ("www.foobar.com.", "AAAA"): ["2001:db8::1"],
        ("foobar.com.", "A"): ["192.0.2.1"],
        ("foobar.com.", "AAAA"): ["2001:db8::1"],
    }


def test_zone_of_our_own_names_its_servers_who_may_issue_certificates_and_that_it_has_no_mail():
    assert records_of({}, "foobar.com", [], SERVERS, ["letsencrypt.org"]) == {
        ("@", "NS"): ["ns1.foobar.com.", "ns2.foobar.com."],
        ("ns1.foobar.com.", "A"): ["192.0.2.1"],
        ("ns2.foobar.com.", "A"): ["192.0.2.2"],
        ("ns2.foobar.com.", "AAAA"): ["2001:db8::2"],
        ("@", "CAA"): ['0 issue "letsencrypt.org"'],
        ("@", "MX"): ["0 ."],
        ("@", "TXT"): ["v=spf1 -all"],
        ("_dmarc", "TXT"): ["v=DMARC1; p=reject"],
    }
    assert records_of({}, "foobar.com", [], SERVERS)["@", "CAA"] == ['0 issue ";"']


def test_declared_records_win_and_declared_mail_ends_the_denial_of_mail():
    declared = [{"name": "foobar.com.", "type": "mx", "values": ["10 mail"]}, {"name": "www", "type": "A", "values": ["192.0.2.9"]}]
    records = records_of({"www.foobar.com": {}}, "foobar.com", ["192.0.2.1"], SERVERS[:1], [], declared)
    assert records["foobar.com.", "mx"] == ["10 mail"]
    assert records["www", "A"] == ["192.0.2.9"]
    assert not {("www.foobar.com.", "A"), ("@", "MX"), ("@", "TXT"), ("_dmarc", "TXT")} & records.keys()


def test_first_name_server_is_primary_and_the_others_copy_it():
    servers = [["192.0.2.1"], ["192.0.2.2"]]
    (primary,), (secondary,) = (_sites.bind_zones("foobar.com", servers, position, "default") for position in (0, 1))
    assert primary["secondaries"] == ["192.0.2.2"]
    assert [server["name"] for server in primary["nameservers"]] == ["ns1.foobar.com", "ns2.foobar.com"]
    assert primary["dnssec_policy"] == "default"
    assert secondary == {"name": "foobar.com", "transfer_key": "lamp-transfer", "primaries": ["192.0.2.1"]}
    assert [key["name"] for key in _sites.bind_keys(servers, 0, "x")] == ["lamp", "lamp-transfer"]
    assert _sites.bind_keys(servers, 1, "x") == [{"name": "lamp-transfer", "secret": "x"}]
    assert _sites.bind_keys(servers[:1], 0, "") == [{"name": "lamp"}]


def test_addresses_prefer_what_is_given():
    facts = {"foobar_lamp": {"addresses": ["10.0.0.1", "2001:db8::1"]}}
    assert _sites.addresses([{"lamp_address": "192.0.2.1"}, {"ansible_facts": facts}]) == ["192.0.2.1", "10.0.0.1", "2001:db8::1"]
    with pytest.raises(ValueError, match="No address of host x is known"):
        _sites.addresses([{"inventory_hostname": "x"}])


def test_vhost_has_the_application_and_its_static_files():
    (vhost,) = _sites.apache_vhosts({"www.foobar.com": {"app": {**APP, "collect": ["x"], "threads": 3}, "extra": "Header unset X"}})
    (wsgi,) = vhost["wsgi"]
    assert wsgi["script"] == "/srv/www.foobar.com/current/wsgi.py"
    assert wsgi["threads"] == 3
    assert vhost["static"] == [{"url": "/static/", "path": "/srv/www.foobar.com/current/static", "immutable": True, "precompressed": True}]
    assert vhost["extra"] == "Header unset X"


def test_applications_under_paths_of_one_site():
    api = {**APP, "maximum_requests": 512, "memory_limit": 256, "static_dir": "s"}
    site = {"www.foobar.com": {"app": APP, "apps": {"/api": api}, "database": "shop"}}
    (vhost,) = _sites.apache_vhosts(site)
    assert [(wsgi["name"], wsgi["path"]) for wsgi in vhost["wsgi"]] == [("www.foobar.com", "/"), ("www.foobar.com_api", "/api")]
    assert vhost["wsgi"][1]["maximum_requests"] == 512
    assert "memory_limit" not in vhost["wsgi"][1]
    assert vhost["static"] == [
        {"url": "/api/static/", "path": "/srv/www.foobar.com_api/current/s", "immutable": False, "precompressed": True}
    ]
    first, second = _sites.python_app_apps(site, SECRETS, "localhost", "/inv")
    assert (second["name"], second["host"], second["path"]) == ("www.foobar.com_api", "www.foobar.com", "/api")
    assert first["user"] != second["user"]
    assert second["memory_limit"] == 256
    assert "maximum_requests" not in second
    assert (first["origin"], second["origin"]) == ("lamp_sites['www.foobar.com'].app", "lamp_sites['www.foobar.com'].apps['/api']")


def test_files_beyond_the_source_start_where_sources_do():
    files = {"requirements": "r.txt", "constraints": ["../c.txt", "/c/d.txt", "c/e.txt"]}
    (app,) = _sites.python_app_apps({"www.foobar.com": {"app": {**APP, **files}}}, SECRETS, "localhost", "/inv")
    assert (app["requirements"], app["constraints"]) == (["r.txt"], ["/c.txt", "/c/d.txt", "c/e.txt"])


@pytest.mark.parametrize(
    ("apps", "words"),
    [
        ({"api": APP}, "apps has the path 'api': begin it with a slash"),
        ({"/api": {**APP, "wsgi": "x"}}, "apps['/api'].wsgi is 'x'"),
        ({"/api": {**APP, "user": "one"}, "/b": {**APP, "user": "one"}}, "which runs lamp_sites['www.foobar.com'].apps['/api'] already"),
        ({"/api": {**APP, "requirement": "x==1"}}, "source is there besides requirement"),
    ],
)
def test_problems_of_applications_under_paths(apps, words):
    assert words in "\n".join(_sites.site_problems({"www.foobar.com": {"apps": apps}}))


@pytest.mark.parametrize("source", ["git@example.com:shop.git", "https://example.com/shop.tar.gz"])
def test_source_elsewhere_is_no_path(source):
    (app,) = _sites.python_app_apps({"www.foobar.com": {"app": {"source": source, "wsgi": "a:b"}}}, SECRETS, "localhost", "/inv")
    assert app["source"] == source


ACCOUNT = {"name": "shop", "host": "localhost", "password": "made for the site"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [ACCOUNT]),
        ([{"name": "report"}], [ACCOUNT, {"name": "report"}]),
        ([{"name": "report"}, {"name": "Shop", "password": "ours"}], [{"name": "Shop", "password": "ours"}, {"name": "report"}]),
        ([{"name": "shop", "host": "192.0.2.1"}], [ACCOUNT, {"name": "shop", "host": "192.0.2.1"}]),
        # The problems of these are the role's to tell.
        ([{"name": "a"}, {"name": "a"}], [ACCOUNT, {"name": "a"}, {"name": "a"}]),
        ([{"host": "b"}], [ACCOUNT, {"host": "b"}]),
        ("report", "report"),
        (["report"], ["report"]),
        (None, None),
    ],
)
def test_what_the_inventory_gives_is_added_and_wins_under_the_same_name(given, expected):
    assert _sites.with_given([ACCOUNT], given, "name", "host") == expected


def test_application_is_told_all_names_of_its_site():
    (app,) = _sites.python_app_apps(SITE, SECRETS, "localhost", "/inv")
    assert app["environment"]["SITE_NAMES"] == "www.foobar.com,foobar.com"
    assert app["aliases"] == ["foobar.com"]


@pytest.mark.parametrize(
    ("site", "confirm", "database", "words"),
    [
        ("", "", "", "lamp_remove_site is ''"),
        ("../etc", "../etc", "", "lamp_remove_site is '../etc'"),
        ("www.foobar.com", "www.foobar.com", "", "which lamp_sites has: take it out there"),
        ("old.foobar.com", "", "old", "-e lamp_remove_confirm=old.foobar.com"),
        ("old.foobar.com", "old.foobar.com", "mysql", "lamp_remove_database is 'mysql', which is no site's"),
        ("old.foobar.com", "old.foobar.com", "shop", "lamp_remove_database is 'shop', which is declared"),
        ("old.foobar.com", "old.foobar.com", "report", "which is declared, or whose account is"),
    ],
)
def test_removal_that_is_refused(site, confirm, database, words):
    (problem,) = _sites.removal_problems(SITE, site, confirm, database, ["shop"], ["shop", "report"])
    assert words in problem


@pytest.mark.parametrize("database", ["", "old"])
def test_removal_that_is_meant(database):
    assert _sites.removal_problems(SITE, "old.foobar.com", "old.foobar.com", database, ["shop"], ["shop"]) == []
