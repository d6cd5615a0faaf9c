"""What follows for the roles that are web servers, and what is wrong with their inputs."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import inventory, make, roles

from .example import APP, inputs_of, problems_of, site_of

VHOST = {"name": "a.com", "document_root": "/srv/a"}
SOCKET = {"socket": "/run/x.sock"}
TLS = {"chain": "/etc/x/chain.pem", "key": "/etc/x/key.pem"}


@pytest.mark.parametrize("role", ["apache", "nginx"])
@pytest.mark.parametrize(
    ("vhosts", "options", "words"),
    [
        ([VHOST], {"listen": [0]}, "ROLE_listen has the port 0: give one from 1 to 65535"),
        ([VHOST], {"status_port": 70000}, "ROLE_status_port has the port 70000"),
        ([VHOST], {"status_port": 80}, "ROLE_status_port is 80, which is in ROLE_listen too"),
        ([{**VHOST, "name": "a b"}], {"default_site": ""}, "ROLE_vhosts has the name 'a b'"),
        (
            [VHOST, {**VHOST, "name": "b.com", "aliases": ["A.com"]}],
            {},
            "gives the name A.com to two virtual hosts",
        ),
        ([VHOST, VHOST], {}, "gives the name a.com to two virtual hosts"),
        ([{"name": "a.com"}], {}, "gives a.com nothing to serve"),
        (
            [{**VHOST, "proxy": [{**SOCKET, "path": "x"}]}],
            {},
            "gives a.com an application under the path 'x': begin it with a slash",
        ),
        (
            [{**VHOST, "proxy": [{**SOCKET, "name": "x"}, {**SOCKET, "name": "y"}]}],
            {},
            "gives a.com two applications under the path /",
        ),
        (
            [{**VHOST, "proxy": [{**SOCKET, "path": "/x"}, {**SOCKET, "path": "/y"}]}],
            {},
            "names two applications a.com",
        ),
        (
            [{**VHOST, "proxy": [{}]}],
            {},
            "gives a.com neither socket and url under /: give one of them",
        ),
        (
            [{**VHOST, "proxy": [{**SOCKET, "url": "http://127.0.0.1:1"}]}],
            {},
            "gives a.com both socket and url under /",
        ),
        (
            [{**VHOST, "proxy": [{"url": "127.0.0.1:1"}]}],
            {},
            "passes a.com on to '127.0.0.1:1': give an address",
        ),
        (
            [VHOST],
            {"default_site": "b.com"},
            "ROLE_default_site is 'b.com', which ROLE_vhosts does not have",
        ),
        ([VHOST], {"tls_listen": [0]}, "ROLE_tls_listen has the port 0: give one from 1 to 65535"),
        (
            [VHOST],
            {"tls_listen": [443, 80]},
            "ROLE_tls_listen has the port 80, which is in ROLE_listen too",
        ),
        (
            [VHOST],
            {"tls_listen": [8079]},
            "ROLE_status_port is 8079, which is in ROLE_tls_listen too",
        ),
        (
            [{**VHOST, "tls": TLS}],
            {"tls_listen": []},
            "ROLE_tls_listen is empty, and there are certificates",
        ),
        ([VHOST], {"default_tls": {"chain": "/x"}}, "ROLE_default_tls.key is missing or empty"),
        (
            [VHOST],
            {"default_tls": {**TLS, "key": "x"}},
            "ROLE_default_tls.key is 'x': give an absolute path",
        ),
        (
            [VHOST],
            {"trusted_proxies": ["192.0.2.0/24", "lb1"]},
            "ROLE_trusted_proxies has 'lb1', which is not an address or a network: give",
        ),
        (
            [VHOST],
            {"trusted_proxies": ["192.0.2.7/24"]},
            "ROLE_trusted_proxies has '192.0.2.7/24', which is not an address or a network",
        ),
        ([VHOST], {"acme_thumbprint": "x" * 42}, "ROLE_acme_thumbprint is 'xxx"),
        ([VHOST], {"acme_thumbprint": "x" * 42 + "+"}, "ROLE_acme_thumbprint is 'xxx"),
        (
            [{**VHOST, "tls": {"chain": "/x"}}],
            {},
            "ROLE_vhosts['a.com'].tls.key is missing or empty",
        ),
        (
            [{**VHOST, "tls": {"key": "/x"}}],
            {},
            "ROLE_vhosts['a.com'].tls.chain is missing or empty",
        ),
        (
            [{**VHOST, "tls": {**TLS, "chain": "x.pem"}}],
            {},
            "ROLE_vhosts['a.com'].tls.chain is 'x.pem': give an absolute path",
        ),
        (
            [{**VHOST, "tls": {**TLS, "key": "/x;y"}}],
            {},
            "ROLE_vhosts['a.com'].tls.key is '/x;y': give an absolute path",
        ),
        (
            [{**VHOST, "tls": {**TLS, "trusted_file": "/x\n"}}],
            {},
            "ROLE_vhosts['a.com'].tls.trusted_file is '/x\\n'",
        ),
        (
            [{**VHOST, "tls": {**TLS, "hsts": -1}}],
            {},
            "ROLE_vhosts['a.com'].tls.hsts is -1: give seconds",
        ),
        (
            [{**VHOST, "headers": {"X Y": "z"}}],
            {},
            "ROLE_vhosts['a.com'].headers has the name 'X Y': use letters",
        ),
        (
            [{**VHOST, "headers": {"X-Y": "z", "x-y": None}}],
            {},
            "ROLE_vhosts['a.com'].headers has x-y twice",
        ),
        (
            [{**VHOST, "headers": {"X-Y": "a\nb"}}],
            {},
            "ROLE_vhosts['a.com'].headers['X-Y'] is 'a\\nb': give 1 to 2000 printable",
        ),
        (
            [{**VHOST, "headers": {"X-Y": ""}}],
            {},
            "ROLE_vhosts['a.com'].headers['X-Y'] is '': give 1 to 2000",
        ),
        (
            [{**VHOST, "headers": {"X-Y": "${PATH}"}}],
            {},
            "ROLE_vhosts['a.com'].headers['X-Y'] is '${PATH}': give",
        ),
        (
            [{**VHOST, "headers": {"X-Y": True}}],
            {},
            "ROLE_vhosts['a.com'].headers['X-Y'] is a boolean: put it in quotes",
        ),
        (
            [{**VHOST, "headers": {"Set-Cookie": "a=b"}}],
            {},
            (
                "ROLE_vhosts['a.com'].headers has Set-Cookie: "
                "remove it, because only applications set cookies"
            ),
        ),
        (
            [{**VHOST, "headers": {"strict-transport-security": "x"}}],
            {},
            "remove it, because the option hsts of tls sets it",
        ),
    ],
)
def test_problem_names_variable_value_and_remedy(role, vhosts, options, words):
    good = {"default_site": "a.com", "listen": [80], "status_port": 8079}

    def problems(vhosts, options):
        return problems_of(
            role,
            {
                f"{role}_vhosts": vhosts,
                **{f"{role}_{name}": value for name, value in options.items()},
            },
        )

    (problem,) = problems(vhosts, {**good, **options})
    assert words.replace("ROLE", role) in problem
    assert (
        problems(
            [
                VHOST,
                {**VHOST, "name": "b.com", "tls": {**TLS, "trusted_file": "/x/trusted", "hsts": 0}},
            ],
            good,
        )
        == []
    )
    assert (
        problems(
            [{**VHOST, "headers": {"X-Y": 0, "Referrer-Policy": None}}],
            {**good, "default_tls": TLS, "acme_thumbprint": "x" * 43},
        )
        == []
    )


BELOW = "/.well-known/acme-challenge"


@pytest.mark.parametrize("role", ["apache", "nginx"])
@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"extra": f"location ^~ {BELOW}/ {{\n  root /var/www;\n}}"}, "extra"),
        ({"extra": f"# certbot\nlocation {BELOW} {{ root /x; }}"}, "extra"),
        (
            {"extra": f'client_max_body_size 1m; location ~ "^/\\.{BELOW[2:]}/" {{ root /x; }}'},
            "extra",
        ),
        (
            {"extra": f"Alias {BELOW}/ /var/www/\n<Directory /var/www>\n</Directory> # such as;"},
            "extra",
        ),
        ({"extra": "  aliasmatch ^/.well-known/acme-challenge/(.*) /var/www/$1 # of;"}, "extra"),
        ({"extra": f"ProxyPass {BELOW}/ http://127.0.0.1:402/ # of;"}, "extra"),
        ({"proxy": [{**SOCKET, "path": BELOW}]}, "proxy"),
        ({"proxy": [{**SOCKET}, {**SOCKET, "name": "x", "path": f"{BELOW}/"}]}, "proxy"),
        ({"static": [{"url": f"{BELOW}/", "path": "/var/www"}]}, "static"),
        ({"media": [{"url": f"{BELOW}/", "path": "/var/www"}]}, "media"),
    ],
)
def test_challenges_are_answered_by_one(role, given, where):
    vhosts = {f"{role}_vhosts": [{**VHOST, **given}]}
    assert problems_of(role, vhosts) == []
    (problem,) = problems_of(role, {**vhosts, f"{role}_acme_thumbprint": "x" * 43})
    assert problem.startswith(
        f"{role}_vhosts['a.com'].{where} serves {BELOW}/, which the server answers itself because "
        f"of {role}_acme_thumbprint"
    )


@pytest.mark.parametrize(
    "extra",
    [
        f"# location {BELOW}/ {{}}\nif ($uri ~ ^{BELOW}/) {{ set $x 1; }}",
        "location ^~ /.well-known/ { root /x; }",
        f"ProxyPass {BELOW}/ !\nRewriteCond %{{REQUEST_URI}} !^{BELOW}/ # of;",
    ],
)
def test_challenges_may_be_named_and_left_alone(extra):
    for role in ("apache", "nginx"):
        assert (
            problems_of(
                role,
                {
                    f"{role}_vhosts": [{**VHOST, "extra": extra}],
                    f"{role}_acme_thumbprint": "x" * 43,
                },
            )
            == []
        )


@pytest.mark.parametrize(
    ("role", "inputs", "words"),
    [
        ("apache", {"apache_modules": ["../x"]}, "apache_modules has '../x'"),
        (
            "apache",
            {
                "apache_vhosts": [
                    {"name": "a.com", "htaccess": True, "static": [{"url": "/s/", "path": "/s"}]}
                ]
            },
            "htaccess without",
        ),
        (
            "nginx",
            {"nginx_vhosts": [{**VHOST, "htaccess": True}]},
            "The site a.com has htaccess, and nginx reads no .htaccess",
        ),
        (
            "nginx",
            {"nginx_vhosts": [{**VHOST, "extra": "# of old\nHeader unset X"}]},
            "has no directive of nginx",
        ),
    ],
)
def test_what_one_server_only_knows_is_refused(role, inputs, words):
    (problem,) = problems_of(role, inputs)
    assert words in problem


@pytest.mark.parametrize(
    "extra", ["", "add_header X y;", "location /x {\n  return 404;\n}", "# nothing yet"]
)
def test_words_of_nginx_are_taken(extra):
    assert problems_of("nginx", {"nginx_vhosts": [{**VHOST, "extra": extra}]}) == []


@pytest.mark.parametrize("role", ["apache", "nginx"])
@pytest.mark.parametrize(
    ("inputs", "numbers"),
    [
        ({}, [80]),
        ({"vhosts": [{**VHOST, "tls": {}}]}, [80]),
        ({"vhosts": [{**VHOST, "tls": TLS}]}, [80, 443]),
        ({"default_tls": TLS, "tls_listen": [8443]}, [80, 8443]),
    ],
)
def test_port_for_https_is_open_where_there_is_a_certificate(role, inputs, numbers):
    given = {
        **make.defaults(role),
        f"{role}_vhosts": [VHOST],
        **{f"{role}_{name}": value for name, value in inputs.items()},
    }
    assert [port.number for port in roles.ALL[role].ports(given)] == numbers


@pytest.mark.parametrize("role", ["apache", "nginx"])
def test_page_on_the_wiring_has_both_ports(role):
    server = roles.ALL[role]
    assert [port.number for port in server.ports({**make.defaults(role), **server.EXAMPLE})] == [
        80,
        443,
    ]


def hashed(cost):
    return {**VHOST, "access": {"users": {"ada": f"$2y${cost}${'x' * 53}"}}}


def test_hash_that_takes_long_is_refused_where_it_holds_up_others():
    (problem,) = problems_of("nginx", {"nginx_vhosts": [hashed("12")]})
    assert problem.startswith(
        "The site a.com has a hash of cost 12 for ada, and while nginx checks one it answers "
        "nobody: make one of cost 8"
    )
    assert problems_of("nginx", {"nginx_vhosts": [hashed("08")]}) == []
    assert problems_of("apache", {"apache_vhosts": [hashed("12")]}) == []


@pytest.mark.parametrize(
    ("role", "path", "service"),
    [
        ("nginx", "/etc/apache2/conf-enabled/zz-foobar-lamp-maintenance-a.com.conf", "apache2"),
        ("apache", "/etc/nginx/closed/maintenance.conf", "nginx"),
    ],
)
def test_site_in_maintenance_is_not_opened_by_another_server(role, path, service):
    def problems(role, running):
        return problems_of(
            role, {f"{role}_vhosts": [VHOST]}, {"paths": {path: {}}, "running": running}
        )

    (problem,) = problems(role, [service])
    assert problem.startswith(
        f"{path} says that sites are closed for maintenance. {service} obeys that, but"
    )
    # Of a server that does not run it is nobody's word; and this one's own is well where it is.
    assert (
        problems(role, [])
        == problems({"nginx": "apache", "apache": "nginx"}[role], [service])
        == []
    )


def test_server_of_somebody_else_is_nothing_to_this_one():
    known = {"unmanaged": {"apache": ["old.example.com"]}}
    assert (
        problems_of("nginx", {"nginx_vhosts": [VHOST], "nginx_replaces": ["apache2"]}, known) == []
    )


def test_each_server_takes_the_place_of_the_other_and_of_the_same_sites():
    site = site_of(web="one", lamp_default_site="www.foobar.com")
    apache, nginx = (inputs_of(role, site, "one") for role in ("apache", "nginx"))
    assert (apache["apache_replaces"], nginx["nginx_replaces"]) == (["nginx"], ["apache2"])
    assert apache["apache_vhosts"] == nginx["nginx_vhosts"]
    assert apache["apache_default_site"] == nginx["nginx_default_site"] == "www.foobar.com"


@pytest.mark.parametrize(
    ("vhost", "packages"),
    [
        (VHOST, {"nginx", "logrotate"}),
        (
            {**VHOST, "static": [{"precompressed": True}]},
            {"nginx", "logrotate", "libnginx-mod-http-brotli-static"},
        ),
        ({**VHOST, "access": {"users": {"a": "b"}}}, {"nginx", "logrotate", "apache2-utils"}),
    ],
)
def test_nginx_has_the_packages_that_its_sites_need(vhost, packages):
    assert set(roles.ALL["nginx"].packages({"nginx_vhosts": [vhost]})) == packages


@pytest.mark.parametrize(
    ("word", "server"), [(None, "apache2"), ("apache", "apache2"), ("nginx", "nginx")]
)
def test_one_word_chooses_the_server(word, server):
    site = site_of(web="one", db="one", **({"lamp_web_server": word} if word else {}))
    made = make.plan(
        site, site.host("one"), {f"{word or 'apache'}_listen": [8080]}, converges=False
    )
    assert made.problems == []
    assert made.web["service"] == server
    assert made.web["vhosts"][0]["name"] == "www.foobar.com"
    assert made.inputs["python_app_port"] == 8080
    assert {"apache", "nginx"} & set(made.roles) == {made.web["role"]}


def test_host_that_serves_others_is_refused_until_agreed():
    known = {"unmanaged": {"apache": ["old.example.com"]}}
    (problem,) = problems_of("apache", {"apache_vhosts": [VHOST]}, known)
    assert "This host serves old.example.com" in problem
    assert "only what apache_vhosts declares" in problem
    assert problems_of("apache", {"apache_vhosts": [VHOST], "apache_take_over": True}, known) == []
    for agreed in (True, False):
        assert (
            inputs_of("apache", site_of(web="one", lamp_take_over=agreed), "one")[
                "apache_take_over"
            ]
            is agreed
        )


def vhosts_of(sites):
    return inputs_of("apache", site_of(sites, web="one"), "one")["apache_vhosts"]


def test_vhost_has_the_application_and_its_static_files():
    app = {**APP, "collect": ["x"], "request_timeout": 3, "max_body": "1K"}
    (vhost,) = vhosts_of({"www.foobar.com": {"app": app, "extra": "Header unset X"}})
    (proxy,) = vhost["proxy"]
    assert proxy["socket"] == "/srv/www.foobar.com/live.sock"
    assert proxy["timeout"] == 3
    assert proxy["max_body"] == 1024
    assert proxy["reuse"] is True
    assert vhost["static"] == [
        {
            "url": "/static/",
            "path": "/srv/www.foobar.com/current/static",
            "immutable": True,
            "precompressed": True,
        }
    ]
    assert vhost["extra"] == "Header unset X"


def test_applications_under_paths_of_one_site():
    api = {**APP, "wsgi": "", "serve": ["x", "$SOCKET"], "static_dir": "s"}
    (vhost,) = vhosts_of(
        {"www.foobar.com": {"app": APP, "apps": {"/api": api}, "database": "shop"}}
    )
    assert [(proxy["name"], proxy["path"]) for proxy in vhost["proxy"]] == [
        ("www.foobar.com", "/"),
        ("www.foobar.com_api", "/api"),
    ]
    assert vhost["proxy"][1]["reuse"] is False
    assert vhost["static"] == [
        {
            "url": "/api/static/",
            "path": "/srv/www.foobar.com_api/current/s",
            "immutable": False,
            "precompressed": True,
        }
    ]


@pytest.mark.parametrize(
    ("server", "names", "problem"),
    [
        ("nginx", {"apache_listen"}, "apache_listen is set, and lamp_web_server is nginx"),
        ("apache", {"nginx_settings"}, "nginx_settings is set, and lamp_web_server is apache"),
        ("nginx", {"apache_listen", "nginx_listen"}, None),
        ("nginx", {"apache_modules"}, None),
        ("nginx", {"mysql_settings"}, None),
    ],
)
def test_input_of_the_server_that_is_not_chosen_is_told(server, names, problem):
    said = list(inventory.choice_problems({"lamp_web_server": server}, names))
    assert [
        one.partition(",")[0] + "," + one.partition(",")[2].partition(",")[0] for one in said
    ] == ([problem] if problem else [])


@pytest.mark.parametrize("role", ["apache", "nginx"])
def test_web_host_that_visitors_still_come_to_serves_them_beside_balancers(role):
    site = site_of(
        web="w1 w2",
        db="w1",
        lb="b",
        lamp_still_visited=["w1"],
        lamp_tls="acme",
        lamp_web_server=role,
    )
    (balancer,) = site.balancers
    for host, visited in (("w1", True), ("w2", False)):
        inputs = inputs_of(role, site, host)
        (vhost,) = inputs[f"{role}_vhosts"]
        assert inputs[f"{role}_trusted_proxies"] == [balancer]
        assert ("tls" in vhost, f"{role}_default_tls" in inputs) == (visited, visited)
        (app,) = inputs_of("python_app", site, host)["python_app_apps"]
        assert app["tls"] == visited
        rules = make.plan(site, site.host(host), {}).inputs["firewall_rules"]
        assert {rule["port"]: rule.get("from") for rule in rules if rule["port"] != 3306} == (
            {80: None, 443: None} if visited else {80: [balancer]}
        )
    # Records lead to the balancer alone.
    assert site.visited == site.addresses("lamp_lb")
