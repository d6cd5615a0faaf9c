"""What a web server does with a virtual host, whichever it is."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import options
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import nginx, web


def test_deeper_path_comes_first():
    found = web.proxies({"name": "a.com", "proxy": [{}, {"name": "x", "path": "/x"}]})
    assert [(proxy["name"], proxy["path"]) for proxy in found] == [("x", "/x"), ("a.com", "/")]


def test_both_servers_take_the_same_virtual_hosts():
    def plain(given):
        return {name: {key: value for key, value in option.items() if key != "options"} for name, option in given.items()}

    apache, of_nginx = (options.options(role)[f"{role}_vhosts"]["options"] for role in ("apache", "nginx"))
    assert plain(apache) == plain(of_nginx)
    for name in of_nginx:
        assert plain(apache[name].get("options", {})) == plain(of_nginx[name].get("options", {})), name


def test_page_lies_where_it_is_said_or_where_the_role_puts_it():
    pages = [{"status": "404", "src": "x.html"}, {"status": "503", "path": "/srv/x.html"}]
    site = web.site({"name": "a.com", "error_pages": pages}, "/etc/pages")
    assert [(page["status"], page["path"]) for page in site["error_pages"]] == [(404, "/etc/pages/a.com.404.html"), (503, "/srv/x.html")]


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
    assert alias == {"name": "foobar.com", "below": True, "status": 301, "path": '"^/(.*)$"', "to": '"http://www.foobar.com/$1"'}
    assert (plain["path"], plain["to"]) == ('"/d"', '"https://e/$is_args$args"')
    assert (deep["path"], deep["to"], deep["status"]) == ('"/a.b/c"', '"$scheme://$host$lamp_port/y%20${lamp_dollar}1?z"', 307)
    assert (below["path"], below["to"]) == (r'"^/a\\.b/(.*)$"', '"$scheme://$host$lamp_port/x/$1"')


def test_closed_sites_in_nginx_s_words():
    vhosts = [{"name": "a.com"}, {"name": "b.com"}]
    assert nginx.closed(vhosts, []) == ""
    assert nginx.closed(vhosts, ["b.com"]) == r"b\\.com"
