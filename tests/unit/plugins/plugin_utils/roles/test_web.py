"""What a web server does with a virtual host, whichever it is."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import apache, nginx, web

TLS = {"chain": "/x/chain.pem", "key": "/x/key.pem"}


def test_deeper_path_comes_first():
    found = web.proxies({"name": "a.com", "proxy": [{}, {"name": "x", "path": "/x"}]})
    assert [(proxy["name"], proxy["path"]) for proxy in found] == [("x", "/x"), ("a.com", "/")]


def test_both_servers_take_the_same_virtual_hosts():
    def plain(given):
        return {
            name: {key: value for key, value in option.items() if key != "options"}
            for name, option in given.items()
        }

    apache, of_nginx = (
        options.options(role)[f"{role}_vhosts"]["options"] for role in ("apache", "nginx")
    )
    assert plain(apache) == plain(of_nginx)
    for name in of_nginx:
        assert plain(apache[name].get("options", {})) == plain(of_nginx[name].get("options", {})), (
            name
        )


def test_page_lies_where_it_is_said_or_where_the_role_puts_it():
    pages = [{"status": "404", "src": "x.html"}, {"status": "503", "path": "/srv/x.html"}]
    site = web.site({"name": "a.com", "error_pages": pages}, "/etc/pages")
    assert [(page["status"], page["path"]) for page in site["error_pages"]] == [
        (404, "/etc/pages/a.com.404.html"),
        (503, "/srv/x.html"),
    ]


@pytest.mark.parametrize(
    ("wanted", "known", "there", "due"),
    [
        (["a.com 1"], ["a.com 1"], ["a.com"], []),
        (["a.com 2"], ["a.com 1"], ["a.com"], ["a.com"]),
        (["a.com 1"], ["a.com 1"], [], ["a.com"]),
        ([], ["a.com 1"], ["a.com"], []),
    ],
)
def test_names_are_written_where_they_changed_or_are_gone(wanted, known, there, due):
    assert web.due(wanted, known, there) == due


def test_closed_sites_with_a_page_of_their_own_are_told_apart():
    with_page = {"name": "a.com", "error_pages": [{"status": "503", "src": "x"}]}
    vhosts = [with_page, {"name": "b.com"}, {"name": "c.com"}]
    assert web.closed(vhosts, []) == ([with_page], vhosts[1:])
    assert web.closed(vhosts, ["b.com"]) == ([], [vhosts[1]])


def test_nginx_takes_a_text_for_what_it_is():
    assert nginx.quoted('a "b" \\ $c') == '"a \\"b\\" \\\\ ${lamp_dollar}c"'


def test_redirects_in_nginx_s_words():
    vhost = {
        "redirects": {
            "/a.b/": "/x/",
            "/a.b/c": {"to": "/y%20$1?z", "status": 307},
            "/d": "https://e/",
            "Foobar.com": "http://www.foobar.com/",
        }
    }
    alias, plain, deep, below = nginx.redirects(vhost)
    assert alias == {
        "name": "foobar.com",
        "below": True,
        "status": 301,
        "path": '"^/(.*)$"',
        "to": '"http://www.foobar.com/$1"',
    }
    assert (plain["path"], plain["to"]) == ('"/d"', '"https://e/$is_args$args"')
    assert (deep["path"], deep["to"], deep["status"]) == (
        '"/a.b/c"',
        '"$scheme://$host$lamp_port/y%20${lamp_dollar}1?z"',
        307,
    )
    assert (below["path"], below["to"]) == (r'"^/a\\.b/(.*)$"', '"$scheme://$host$lamp_port/x/$1"')


def test_closed_sites_in_nginx_s_words():
    vhosts = [{"name": "a.com"}, {"name": "b.com"}]
    assert nginx.closed(vhosts, []) == ""
    assert nginx.closed(vhosts, ["b.com"]) == r"b\\.com"


@pytest.mark.parametrize(
    ("given", "redirect", "hsts"),
    [
        ({}, True, 15552000),
        ({"hsts": 60}, True, 60),
        ({"redirect": False}, False, 15552000),
        ({"redirect": False, "hsts": 0}, False, 0),
        ({"redirect": None, "trusted_file": None}, True, 15552000),
    ],
)
def test_site_is_https_alone_unless_it_says_otherwise(given, redirect, hsts):
    found = web.of_tls({"name": "a.com", "tls": {**TLS, **given}})
    assert (found["redirect"], found["hsts"], found["trusted_file"], found["chain"]) == (
        redirect,
        hsts,
        "",
        "/x/chain.pem",
    )


def test_site_without_a_certificate_has_no_tls():
    assert web.of_tls({"name": "a.com"}) == web.of_tls({"name": "a.com", "tls": {}}) == {}


@pytest.mark.parametrize(
    ("vhosts", "default", "default_site", "shown"),
    [
        ([], {}, "", None),
        ([{"name": "a.com"}], {}, "", None),
        ([{"name": "a.com"}], {"chain": "/d", "key": "/k"}, "", "/d"),
        ([{"name": "a.com"}, {"name": "b.com", "tls": TLS}], {}, "", "/x/chain.pem"),
        ([{"name": "b.com", "tls": TLS}], {"chain": "/d", "key": "/k"}, "", "/d"),
        (
            [{"name": "a.com"}, {"name": "b.com", "tls": TLS}],
            {"chain": "/d", "key": "/k"},
            "a.com",
            "/d",
        ),
        # It has a certificate of its own.
        ([{"name": "b.com", "tls": TLS}], {"chain": "/d", "key": "/k"}, "b.com", None),
    ],
)
def test_names_that_nobody_has_get_a_certificate(vhosts, default, default_site, shown):
    found = web.tls(vhosts, default, [443], default_site, "13")
    assert found.get("default", {}).get("chain") == shown
    assert bool(found) is bool(default or any("tls" in vhost for vhost in vhosts))


@pytest.mark.parametrize(
    ("listen", "port"), [([443], ""), ([8443, 443], ""), ([8443, 9443], ":8443")]
)
def test_address_has_the_port_that_is_not_understood(listen, port):
    assert web.tls([{"name": "a.com", "tls": TLS}], {}, listen, "", "13")["port"] == port


@pytest.mark.parametrize(
    ("version", "first"),
    [("12", "X25519"), ("13", "X25519MLKEM768"), ("14", "X25519MLKEM768"), ("", "X25519MLKEM768")],
)
def test_groups_are_those_that_openssl_knows(version, first):
    assert web.tls([], TLS, [443], "", version)["groups"].split(":")[0] == first


@pytest.mark.parametrize(
    ("vhost", "changed"),
    [
        ({}, {}),
        (
            {"headers": {"x-frame-options": "DENY"}},
            {"X-Frame-Options": None, "x-frame-options": "DENY"},
        ),
        (
            {"headers": {"X-Frame-Options": None, "X-Own": 0}},
            {"X-Frame-Options": None, "X-Own": "0"},
        ),
        ({"extra": "Header set x-frame-options DENY"}, {"X-Frame-Options": None}),
        ({"extra": "add_header X-Own 1;", "headers": {"X-Own": "2"}}, {"X-Own": "2"}),
    ],
)
def test_headers_are_the_defaults_but_for_what_is_said(vhost, changed):
    expected = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Frame-Options": "SAMEORIGIN",
        **changed,
    }
    assert web.headers({"name": "a.com", **vhost}) == {
        name: value for name, value in expected.items() if value is not None
    }


def test_header_in_each_server_s_words():
    assert apache.quoted('a "b" \\ 50% $c') == '"a \\"b\\" \\\\ 50%% $c"'
    vhost = {"name": "a.com", "headers": {"X-Own": "a $b"}, "tls": TLS}
    *_defaults, own, hsts = nginx.headers(vhost)
    assert (own["of"], own["when"], own["own"]) == (
        '"$upstream_http_x_own"',
        '""',
        '"a ${lamp_dollar}b"',
    )
    assert (hsts["value"], hsts["own"]) == ('"max-age=15552000"', hsts["said"])


def test_what_two_sites_say_alike_is_said_once():
    vhosts = [
        {"name": "a.com", "headers": {"X-Own": "1"}},
        {"name": "b.com", "headers": {"X-Own": "2"}},
        {"name": "c.com"},
    ]
    assert [header["name"] for header in nginx.header_maps(vhosts)] == [
        *("Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options"),
        *("X-Own", "X-Own"),
    ]


def test_names_of_a_site_as_patterns():
    names = ["www.a.com", "*.B.com"]
    assert apache.names(names) == r"^(www\.a\.com|.*\.B\.com)$"
    assert nginx.names(names) == r'"^(www\\.a\\.com|.*\\.b\\.com)$"'


@pytest.mark.parametrize("tls", [False, True])
def test_apache_has_the_modules_that_tls_needs(tls):
    files = {one["name"] for one in apache.module_files([], tls=tls)}
    assert files.issuperset({"ssl.load", "ssl.conf", "http2.load", "socache_shmcb.load"}) is tls


@pytest.mark.parametrize(("version", "words"), [("12", " ssl http2"), ("13", " ssl")])
def test_nginx_speaks_http_2_as_its_version_is_told(version, words):
    assert nginx.tls(web.tls([], TLS, [443], "", version))["words"] == words
    assert nginx.tls({}) == {}


def test_apache_believes_those_who_stand_before_it_and_needs_a_module_for_that():
    assert "remoteip.load" in {one["name"] for one in apache.module_files([], proxied=True)}
    assert "remoteip.load" not in {one["name"] for one in apache.module_files([])}
    said = apache.not_from(["192.0.2.7", "2001:db8::/64"])
    assert said == (
        "! %{CONN_REMOTE_ADDR} -ipmatch '192.0.2.7' && "
        "! %{CONN_REMOTE_ADDR} -ipmatch '2001:db8::/64'"
    )
    said = apache.not_checks(["192.0.2.7", "192.0.2.8"])
    assert said.startswith(
        "! (%{HTTP_USER_AGENT} == 'haproxy' && %{REMOTE_ADDR} == %{CONN_REMOTE_ADDR} && ("
    )
    assert said.endswith(
        "(%{CONN_REMOTE_ADDR} -ipmatch '192.0.2.7' || %{CONN_REMOTE_ADDR} -ipmatch '192.0.2.8'))"
    )
