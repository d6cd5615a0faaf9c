"""What lamp_sites says, and the site that it describes."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import site as of_site
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan.site import Host, UnknownAddressError

from .example import APP, SITE, facts, site_of


def test_good_sites_have_no_problems():
    assert of_site.site_problems(SITE) == []


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ({}, ["lamp_sites is empty"]),
        (
            {"www.foobar.com": {"database": "x"}},
            ["lamp_sites['www.foobar.com']", "neither app nor document_root"],
        ),
        (
            {"www.foobar.com": {"document_root": "/x", "database": "a'b"}},
            ['.database is "a\'b"', "use 1 to 64 letters"],
        ),
        ({"www.foobar.com": {"document_root": "x"}}, [".document_root is 'x'", "absolute path"]),
        (
            {"www.foobar.com": {"app": {**APP, "wsgi": "shop"}}},
            [".wsgi is 'shop'", "myapp.wsgi:application"],
        ),
        ({"www.foobar.com": {"app": {"wsgi": "a:b"}}}, [".app has none of source"]),
        (
            {"www.foobar.com": {"app": {**APP, "asgi": "a:b"}}},
            [".asgi is set besides wsgi", "remove one of them"],
        ),
        (
            {"www_foobar": {"document_root": "/x"}},
            ["lamp_sites key 'www_foobar' is no host name: use"],
        ),
        (
            {"WWW.Foobar.com": {"document_root": "/x"}},
            ["lamp_sites key 'WWW.Foobar.com' has capital letters: write www.foobar.com."],
        ),
        (
            {"www.foobar.com": {"document_root": "/x", "aliases": ["Foobar.com"]}},
            ["'].aliases has 'Foobar.com', which has capital letters: write foobar.com."],
        ),
        (
            {"www.foobar.com": {"document_root": "/x", "aliases": ["foo_bar.com"]}},
            ["'].aliases has 'foo_bar.com', which is no host name: use"],
        ),
        (
            {"Läden.foobar.com": {"document_root": "/x"}},
            ["is no host name: write its ASCII form, xn--lden-loa.foobar.com."],
        ),
        # DNS has another name for it than Python.
        ({"straße.foobar.com": {"document_root": "/x"}}, ["is no host name: use the letters a"]),
        ({f"ä{'b' * 70}.com": {"document_root": "/x"}}, ["is no host name: use the letters a"]),
        (
            {
                "a.com": {"document_root": "/x", "aliases": ["b.com"]},
                "b.com": {"document_root": "/y"},
            },
            ["has the name b.com"],
        ),
        (
            {"www.foobar.com": {"document_root": "/x", "database": "mysql"}},
            [".database is 'mysql', a name of the server's own"],
        ),
        (
            {
                "a.com": {"document_root": "/x", "database": "d"},
                "b.com": {"document_root": "/y", "database": "d"},
            },
            ["its own database"],
        ),
        ({"a.com": {"app": APP}, "a-com": {"app": APP}}, ["its own user"]),
        (
            {"a.com": {"app": {**APP, "user": "root"}}},
            ["lamp_sites['a.com'].app.user is root", "give another user"],
        ),
        (
            {"a.com": {"app": {"source": "shop"}}},
            ["lamp_sites['a.com'].app.wsgi is missing", "myapp.wsgi:application"],
        ),
    ],
)
def test_problem_names_variable_value_and_remedy(sites, words):
    text = "\n".join(of_site.site_problems(sites))
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("apps", "words"),
    [
        ({"api": APP}, "apps has the path 'api': begin it with a slash"),
        ({"/api": {**APP, "wsgi": "x"}}, "apps['/api'].wsgi is 'x'"),
        (
            {"/api": {**APP, "user": "one"}, "/b": {**APP, "user": "one"}},
            "which already runs lamp_sites['www.foobar.com'].apps['/api']",
        ),
        ({"/api": {**APP, "requirement": "x==1"}}, "has source and requirement"),
    ],
)
def test_problems_of_applications_under_paths(apps, words):
    assert words in "\n".join(of_site.site_problems({"www.foobar.com": {"apps": apps}}))


@pytest.mark.parametrize("domain", ["", "foobar", "foobar.com.", "-x.com"])
def test_wrong_domain(domain):
    assert "lamp_domain is" in of_site.domain_problems(domain)[0]


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("Foobar.com", "has capital letters: write foobar.com."),
        ("läden.com", "is no host name: write its ASCII form, xn--lden-loa.com."),
    ],
)
def test_domain_that_is_written_otherwise(domain, words):
    assert of_site.domain_problems(domain) == [f"lamp_domain is {domain!r}, which {words}"]


def test_secret_problems_never_show_a_value():
    text = "\n".join(
        of_site.secret_problems({"www.foobar.com": {"secret_key": "hush-hush"}, "x": {}}, SITE)
    )
    assert "lamp_secrets['www.foobar.com'].secret_key is shorter" in text
    assert "lamp_secrets['x'] is for a site" in text
    assert "hush" not in text


def test_user_names_stay_within_linux_limits_and_apart():
    names = {of_site.app_user("a" * 40 + f"{number}.com") for number in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 32 for name in names)


@pytest.mark.parametrize(
    ("site", "confirm", "database", "words"),
    [
        ("", "", "", "lamp_remove_site is ''"),
        ("../etc", "../etc", "", "lamp_remove_site is '../etc'"),
        ("www.foobar.com", "www.foobar.com", "", "which lamp_sites has: remove it there"),
        ("old.foobar.com", "", "old", "-e lamp_remove_confirm=old.foobar.com"),
        (
            "old.foobar.com",
            "old.foobar.com",
            "mysql",
            "lamp_remove_database is 'mysql', which cannot be a site's database",
        ),
        (
            "old.foobar.com",
            "old.foobar.com",
            "shop",
            "lamp_remove_database is 'shop', which is declared",
        ),
        ("old.foobar.com", "old.foobar.com", "report", "which is declared, or whose account is"),
    ],
)
def test_removal_that_is_refused(site, confirm, database, words):
    (problem,) = of_site.removal_problems(
        SITE, site, confirm, database, ["shop"], ["shop", "report"]
    )
    assert words in problem


@pytest.mark.parametrize("database", ["", "old"])
def test_removal_that_is_meant(database):
    assert (
        of_site.removal_problems(
            SITE, "old.foobar.com", "old.foobar.com", database, ["shop"], ["shop"]
        )
        == []
    )


def test_addresses_prefer_what_is_given():
    own = {"ansible_facts": {"foobar_lamp": facts(addresses=["10.0.0.1", "2001:db8::1"])}}
    site = site_of(web="a b", hosts={"a": {"lamp_address": "192.0.2.1"}, "b": own})
    assert site.addresses("lamp_web") == ["192.0.2.1", "10.0.0.1", "2001:db8::1"]
    with pytest.raises(
        ValueError,
        match=(
            "No address of host x is known: run without --limit, or set lamp_address for the host"
        ),
    ):
        assert Host("x", [], {}).addresses
    with pytest.raises(UnknownAddressError):
        assert Host("x", [], {}).peer_addresses


@pytest.mark.parametrize(
    ("given", "peers"),
    [
        ({}, ["10.0.0.1"]),
        ({"lamp_address": "192.0.2.1"}, ["192.0.2.1"]),
        ({"lamp_address": "192.0.2.1", "lamp_peer_address": "fd00::1"}, ["fd00::1"]),
        ({"lamp_peer_address": ["10.1.0.1", "fd00::1"]}, ["10.1.0.1", "fd00::1"]),
    ],
)
def test_other_hosts_reach_a_host_as_the_world_does_unless_it_says_otherwise(given, peers):
    host = Host("a", [], {**given, "ansible_facts": {"foobar_lamp": facts(addresses=["10.0.0.1"])}})
    assert host.peer_addresses == peers


def test_who_stands_where():
    site = site_of(web="a b c", db="b d")
    assert [host.name for host in site.hosts("lamp_web", without="lamp_db")] == ["a", "c"]
    assert site.host("b").groups == ["lamp_web", "lamp_db", "lamp"]
    assert [site.position("lamp_db", site.host(name)) for name in "bd"] == [0, 1]
    assert site.hosts("lamp_lb") == []
    assert site.host("a") is site.hosts("lamp_web")[0]


def test_secrets_are_asked_for_once_and_only_if_they_are_read():
    site, asked = site_of(web="a"), []
    site._secrets = lambda: asked.append("sites") or {}
    site._transfer_secret = lambda: asked.append("transfers") or ""
    assert (site.sites, asked) == (SITE, [])
    assert [site.secrets, site.secrets, site.transfer_secret, site.transfer_secret] == [
        {},
        {},
        "",
        "",
    ]
    assert asked == ["sites", "transfers"]


@pytest.mark.parametrize(
    ("site", "groups", "words"),
    [
        (
            {"sticky": True},
            {"web": "one two"},
            (
                "sticky is true, but without balancers nobody keeps a visitor on one of 2 web "
                "hosts: put balancers into lamp_lb"
            ),
        ),
        ({"sticky": True}, {"web": "one two", "lb": "three"}, ""),
        # There is but one to stay with.
        ({"sticky": True}, {"web": "one"}, ""),
        (
            {"app": {**APP, "media": {}}},
            {"web": "one two"},
            ".app.media is on 2 web hosts, each of which would have only some of the files",
        ),
        (
            {"apps": {"/x": {**APP, "media": {}}}},
            {"web": "one two"},
            ".apps['/x'].media is on 2 web hosts",
        ),
        ({"app": {**APP, "media": {"shared": "/mnt/media"}}}, {"web": "one two"}, ""),
        ({"app": {**APP, "media": {}}}, {"web": "one"}, ""),
    ],
)
def test_what_several_web_hosts_cannot_share_is_refused(site, groups, words):
    groups = {f"lamp_{name}": hosts.split() for name, hosts in groups.items()}
    problems = of_site.sharing_problems({"www.foobar.com": site}, groups)
    assert len(problems) == bool(words)
    assert all(
        problem.startswith("lamp_sites['www.foobar.com']") and words in problem
        for problem in problems
    )


@pytest.mark.parametrize(
    ("balancers", "still", "entrances"),
    [
        ("", [], ["w1", "w2"]),
        ("", ["w1"], ["w1", "w2"]),
        ("b1 b2", [], ["b1", "b2"]),
        ("b1 b2", ["w2"], ["b1", "b2", "w2"]),
        ("b1 b2", ["w2", "w1"], ["b1", "b2", "w1", "w2"]),
    ],
)
def test_visitors_come_to_balancers_and_to_web_hosts_that_are_still_visited(
    balancers, still, entrances
):
    assert site_of(web="w1 w2", lb=balancers, lamp_still_visited=still).entrances == entrances
