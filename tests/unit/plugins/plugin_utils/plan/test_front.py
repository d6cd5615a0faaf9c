"""Who may come in, redirects, error pages, media: what follows, and what is wrong."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import model
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import front, roles, site
from ansible_collections.foobar.lamp.plugins.plugin_utils.roles import apache, web

from .example import APP, inputs_of, problems_of, site_of

HASH = "$2y$10$" + "a" * 53
APPLICATION = {"app": APP}


def vhost_of(**more):
    (vhost,) = inputs_of(
        "apache", site_of({"www.foobar.com": {**APPLICATION, **more}}, web="one"), "one"
    )["apache_vhosts"]
    return vhost


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"access": {}}, ".access.users is missing or empty: give names"),
        ({"access": {"users": {"a:b": HASH}}}, ".access.users has the name 'a:b': use up to 64"),
        (
            {"access": {"users": {"a": "short"}}},
            ".access.users gives a a password that is not of 8 to 72",
        ),
        (
            {"access": {"users": {"a": "ü" * 40}}},
            ".access.users gives a a password that is not of 8 to 72",
        ),
        (
            {"access": {"users": {"a": "two\nlines of it"}}},
            ".access.users gives a a password that is not of 8 to 72",
        ),
        (
            {"access": {"users": {"a": "$apr1$salt$hash"}}},
            "a hash that is not bcrypt: give what 'htpasswd -nB a' prints",
        ),
        (
            {"redirects": {"old": "/new"}},
            "has 'old', which is neither a path nor one of its aliases: begin a path with a slash",
        ),
        ({"redirects": {"/o d": "/new"}}, "has the path '/o d': use letters"),
        ({"redirects": {"//x": "/new"}}, "has the path '//x': use letters"),
        ({"redirects": {"/old": "new"}}, "['/old'] leads to 'new': give an address"),
        ({"redirects": {"/old": "//else"}}, "['/old'] leads to '//else': give an address"),
        (
            {"redirects": {"/old": "https://x.com/a b"}},
            "leads to 'https://x.com/a b': give an address",
        ),
        (
            {"redirects": {"/old/": "https://x.com/a?b="}},
            "to which the rest of the path cannot be appended: end it with a slash",
        ),
        (
            {"redirects": {"/old": {"to": "/new", "status": 200}}},
            "['/old'].status is 200: give one of 301, 302, 307, 308",
        ),
        ({"redirects": {"/old": "/old"}}, "which leads back to it"),
        ({"redirects": {"/old/": "/old/new/"}}, "which leads back to it"),
        ({"redirects": {"/old/": "http://www.foobar.com/old/"}}, "which leads back to it"),
        (
            {"redirects": {"/": "https://x.com/"}},
            "has '/', which redirects everything that the site serves",
        ),
        ({"headers": {"X Y": "1"}}, ".headers has the name 'X Y': use letters"),
        (
            {"headers": {"X-A": "a\tb"}},
            ".headers['X-A'] is 'a\\tb': give 1 to 2000 printable characters",
        ),
        (
            {"error_pages": {"500": "./x.html"}},
            "has '500': give pages for 404, 502, 503, 504, in quotes",
        ),
        ({"error_pages": {"404": "a b.html"}}, "['404'] is 'a b.html': give a path in the source"),
        (
            {"error_pages": {"404": "x/../../y"}},
            "['404'] is 'x/../../y': give a path in the source",
        ),
        (
            {"app": {**APP, "media": {"url": "/media"}}},
            ".app.media.url is '/media': begin and end it with a slash",
        ),
        (
            {"app": {**APP, "media": {"dir": "../x"}}},
            ".app.media.dir is '../x': give a directory below",
        ),
    ],
)
def test_problem_names_variable_value_and_remedy(given, words):
    (problem,) = site.site_problems({"www.foobar.com": {**APPLICATION, **given}})
    assert words in problem
    assert problem.startswith("lamp_sites['www.foobar.com']")
    assert "short" not in problem and "lines of it" not in problem and "salt" not in problem


def test_site_without_an_application_has_no_page_in_a_release():
    (problem,) = site.site_problems(
        {"www.foobar.com": {"document_root": "/srv/x", "error_pages": {"404": "404.html"}}}
    )
    assert (
        "a file of a release, but the site has no app: "
        "give a file on this computer, for instance ./404.html"
    ) in problem


@pytest.mark.parametrize(
    "redirects",
    [
        {"/old": "/new?a=b#c", "/a/": "/b/", "/c": {"to": "https://x.com:8443/", "status": 302}},
        {"foobar.com": "https://www.foobar.com/"},
    ],
)
def test_redirects_that_are_well_are_taken(redirects):
    sites = {"www.foobar.com": {**APPLICATION, "aliases": ["foobar.com"], "redirects": redirects}}
    assert site.site_problems(sites) == []
    assert problems_of("apache", inputs_of("apache", site_of(sites, web="one"), "one")) == []


def test_headers_that_are_well_are_taken():
    sites = {"www.foobar.com": {**APPLICATION, "headers": {"X-Frame-Options": None, "X-A": "b"}}}
    assert site.site_problems(sites) == []
    assert problems_of("apache", inputs_of("apache", site_of(sites, web="one"), "one")) == []


def test_site_that_only_redirects_is_one():
    sites = {"foobar.com": {"redirects": {"/": "https://www.foobar.com/"}}}
    assert site.site_problems(sites) == []
    assert problems_of("apache", inputs_of("apache", site_of(sites, web="one"), "one")) == []


def test_redirects_become_rules_the_deepest_first():
    vhost = {
        "redirects": {
            "/a.b/": "/x/",
            "/a.b/c": {"to": "/y%20$1", "status": 307},
            "foobar.com": "http://www.foobar.com/",
        }
    }
    alias, deep, below = apache.redirects(vhost)
    assert alias == {
        "name": r"foobar\.com",
        "pattern": "/(.*)",
        "to": "http://www.foobar.com/$1",
        "flags": "R=301,L",
    }
    assert (deep["pattern"], deep["to"], deep["flags"]) == (r"/a\.b/c", r"/y\%20\$1", "R=307,L,NE")
    assert (below["pattern"], below["to"], below["flags"]) == (r"/a\.b/(.*)", "/x/$1", "R=301,L")


def test_passwords_are_hashed_and_hashes_taken_as_they_are():
    vhosts = [
        {"name": "a.com", "access": {"users": {"alice": "correct horse", "bob": HASH}}},
        {"name": "b.com"},
    ]
    (due,) = web.passwords(vhosts, ["a.com"])
    assert due == {"site": "a.com", "user": "alice", "password": "correct horse"}
    (file,) = web.user_files(vhosts, ["a.com"], [{"item": due, "stdout": "alice:$2y$x\n"}])
    assert file == {"site": "a.com", "content": f"alice:$2y$x\nbob:{HASH}\n"}
    assert web.user_files(vhosts, [], []) == []


def test_fingerprint_changes_with_each_password_and_site_and_shows_none():
    def of(name, password):
        (found,) = front.fingerprints([{"name": name, "access": {"users": {"a": password}}}])
        return found

    found = {of("a.com", "password1"), of("a.com", "password2"), of("b.com", "password1")}
    assert len(found) == 3
    assert of("a.com", "password1") in found
    assert not any("password" in one for one in found)


def test_error_page_is_on_the_controller_or_in_the_release():
    vhost = vhost_of(error_pages={"404": "../errors/404.html", "503": "pages/503.html"})
    assert vhost["error_pages"] == [
        {"status": "404", "src": "/errors/404.html"},
        {"status": "503", "path": "/srv/www.foobar.com/current/src/pages/503.html"},
    ]
    assert web.pages_of_controller([vhost]) == [
        {"site": "www.foobar.com", "status": "404", "src": "/errors/404.html"}
    ]
    (problem,) = problems_of("apache", {"apache_vhosts": [vhost]})
    assert problem == (
        "www.foobar.com has the error page /errors/404.html for 404, which is not a file on "
        "this computer: correct it."
    )


def test_media_lie_where_the_web_server_reads_nothing_else():
    of = site_of({"www.foobar.com": {"apps": {"/shop": {**APP, "media": {}}}}}, web="one", db="one")
    (vhost,) = inputs_of("apache", of, "one")["apache_vhosts"]
    assert vhost["media"] == [{"url": "/shop/media/", "path": "/srv/www.foobar.com_shop/media"}]
    inputs = inputs_of("python_app", of, "one")
    (app,) = inputs["python_app_apps"]
    assert app["environment"]["MEDIA_ROOT"] == "/srv/www.foobar.com_shop/media"
    assert app["environment"]["MEDIA_URL"] == "/shop/media/"


NAMES = {"name": "a.com", "aliases": ["b.com"]}
PAGE = {"name": "c.com", "error_pages": [{"status": "503", "path": "/x"}]}


@pytest.mark.parametrize(
    ("names", "local", "condition", "without_page"),
    [
        ([], False, "true", r"! (%{HTTP_HOST} =~ m#^(c\.com)[.]?(:[0-9]+)?$#i)"),
        (["a.com"], False, r"(%{HTTP_HOST} =~ m#^(a\.com|b\.com)[.]?(:[0-9]+)?$#i)", None),
        (["c.com"], False, r"(%{HTTP_HOST} =~ m#^(c\.com)[.]?(:[0-9]+)?$#i)", ""),
        (
            [],
            True,
            "! %{REMOTE_ADDR} -ipmatch '127.0.0.0/8' && ! %{REMOTE_ADDR} -ipmatch '::1'",
            "...",
        ),
    ],
)
def test_closed_are_the_names_of_a_site_or_all(names, local, condition, without_page):
    found = apache.closed([NAMES, PAGE], names, local)
    assert found["condition"] == condition
    if without_page != "...":
        assert found["without_page"] == (condition if without_page is None else without_page)


def test_media_that_hosts_share_lie_where_the_inventory_says_and_the_role_leaves_them_alone():
    of = site_of(
        {"www.foobar.com": {"app": {**APP, "media": {"shared": "/mnt/media"}}}},
        web="one two",
        db="one",
    )
    (vhost,) = inputs_of("apache", of, "one")["apache_vhosts"]
    assert vhost["media"] == [{"url": "/media/", "path": "/mnt/media"}]
    inputs = inputs_of("python_app", of, "one")
    (app,) = inputs["python_app_apps"]
    assert app["environment"]["MEDIA_ROOT"] == "/mnt/media"
    assert model.plan(app)["shared_media"] == "/mnt/media"
    assert not [one for one in model.directories([app]) if one["path"].endswith("media")]
    assert [one["path"] for one in roles.ALL["python_app"].offers(inputs)["backup_files"]] == [
        "/srv/www.foobar.com/state"
    ]
    # A release of before is none by that.
    assert "shared_media" not in model.plan({**app, "media": {}})
