"""What follows for the role apache, and what is wrong with its inputs."""

from __future__ import annotations

import pytest

from .example import APP, inputs_of, problems_of, site_of

VHOST = {"name": "a.com", "document_root": "/srv/a"}
SOCKET = {"socket": "/run/x.sock"}


@pytest.mark.parametrize(
    ("vhosts", "options", "words"),
    [
        ([VHOST], {"listen": [0]}, "apache_listen has the port 0: give one from 1 to 65535"),
        ([VHOST], {"status_port": 70000}, "apache_status_port has the port 70000"),
        ([VHOST], {"status_port": 80}, "apache_status_port is 80, which apache_listen has too"),
        ([VHOST], {"modules": ["../x"]}, "apache_modules has '../x'"),
        ([{**VHOST, "name": "a b"}], {"default_site": ""}, "apache_vhosts has the name 'a b'"),
        ([VHOST, {**VHOST, "name": "b.com", "aliases": ["A.com"]}], {}, "gives the name A.com to two virtual hosts"),
        ([VHOST, VHOST], {}, "gives the name a.com to two virtual hosts"),
        ([{"name": "a.com"}], {}, "gives a.com nothing to serve"),
        ([{**VHOST, "proxy": [{**SOCKET, "path": "x"}]}], {}, "gives a.com an application under the path 'x': begin it with a slash"),
        ([{**VHOST, "proxy": [{**SOCKET, "name": "x"}, {**SOCKET, "name": "y"}]}], {}, "gives a.com two applications under the path /"),
        ([{**VHOST, "proxy": [{**SOCKET, "path": "/x"}, {**SOCKET, "path": "/y"}]}], {}, "names two applications a.com"),
        ([{**VHOST, "proxy": [{}]}], {}, "gives a.com neither socket and url under /: give one of them"),
        ([{**VHOST, "proxy": [{**SOCKET, "url": "http://127.0.0.1:1"}]}], {}, "gives a.com both socket and url under /"),
        ([{**VHOST, "proxy": [{"url": "127.0.0.1:1"}]}], {}, "passes a.com on to '127.0.0.1:1': give an address"),
        ([VHOST], {"default_site": "b.com"}, "apache_default_site is 'b.com', which apache_vhosts does not have"),
    ],
)
def test_problem_names_variable_value_and_remedy(vhosts, options, words):
    good = {"default_site": "a.com", "listen": [80], "status_port": 8079, "modules": []}

    def problems(vhosts, options):
        return problems_of("apache", {"apache_vhosts": vhosts, **{f"apache_{name}": value for name, value in options.items()}})

    (problem,) = problems(vhosts, {**good, **options})
    assert words in problem
    assert problems([VHOST, {**VHOST, "name": "b.com"}], good) == []


def test_host_that_serves_others_is_refused_until_agreed():
    known = {"unmanaged": {"apache": ["old.example.com"]}}
    (problem,) = problems_of("apache", {"apache_vhosts": [VHOST]}, known)
    assert "This host serves old.example.com" in problem
    assert "only what apache_vhosts declares" in problem
    assert problems_of("apache", {"apache_vhosts": [VHOST], "apache_take_over": True}, known) == []
    for agreed in (True, False):
        assert inputs_of("apache", site_of(web="one", lamp_take_over=agreed), "one")["apache_take_over"] is agreed


def vhosts_of(sites):
    return inputs_of("apache", site_of(sites, web="one"), "one")["apache_vhosts"]


def test_vhost_has_the_application_and_its_static_files():
    (vhost,) = vhosts_of(
        {"www.foobar.com": {"app": {**APP, "collect": ["x"], "request_timeout": 3, "max_body": "1K"}, "extra": "Header unset X"}}
    )
    (proxy,) = vhost["proxy"]
    assert proxy["socket"] == "/srv/www.foobar.com/live.sock"
    assert proxy["timeout"] == 3
    assert proxy["max_body"] == 1024
    assert proxy["reuse"] is True
    assert vhost["static"] == [{"url": "/static/", "path": "/srv/www.foobar.com/current/static", "immutable": True, "precompressed": True}]
    assert vhost["extra"] == "Header unset X"


def test_applications_under_paths_of_one_site():
    api = {**APP, "wsgi": "", "serve": ["x", "$SOCKET"], "static_dir": "s"}
    (vhost,) = vhosts_of({"www.foobar.com": {"app": APP, "apps": {"/api": api}, "database": "shop"}})
    assert [(proxy["name"], proxy["path"]) for proxy in vhost["proxy"]] == [("www.foobar.com", "/"), ("www.foobar.com_api", "/api")]
    assert vhost["proxy"][1]["reuse"] is False
    assert vhost["static"] == [
        {"url": "/api/static/", "path": "/srv/www.foobar.com_api/current/s", "immutable": False, "precompressed": True}
    ]
