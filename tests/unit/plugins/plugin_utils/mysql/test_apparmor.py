"""What the database server may do besides what its package's profile for AppArmor says."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.mysql import apparmor

SETTINGS = {
    "mysqld": {"datadir": "/srv/mysql/", "max_connections": 5, "ssl_key": "/srv/tls/key.pem"},
    "client": {"socket": "/elsewhere"},
}


def test_paths_of_the_servers_settings_are_let_through():
    assert apparmor.rules(SETTINGS) == [
        '"/srv/mysql{*,/,/**}" rwk,',
        '"/srv/tls/key.pem{,/,/**}" r,',
    ]
    assert apparmor.rules({"mysqld": {"tmpdir": "/a:/b c"}}, ["/[d]"]) == [
        r'"/\[d\]{*,/,/**}" rwk,',
        '"/a{*,/,/**}" rwk,',
        '"/b c{*,/,/**}" rwk,',
    ]
    assert apparmor.rules({"mysqld": {"skip_name_resolve": None, "log_bin": "binlog"}}) == []


def test_what_others_wrote_is_kept_and_ours_is_made_anew():
    first = apparmor.local("# theirs\n/opt/x r,", SETTINGS)
    assert first.startswith("# theirs\n/opt/x r,\n# BEGIN foobar.lamp")
    assert apparmor.local(first, SETTINGS) == first
    second = apparmor.local(first + "/opt/y r,\n", {})
    assert second.startswith("# theirs\n/opt/x r,\n/opt/y r,\n# BEGIN foobar.lamp")
    assert "/srv" not in second
    assert apparmor.local("", {}) == second[second.index("# BEGIN") :]


def test_what_the_server_still_runs_with_stays_until_it_has_changed():
    first = apparmor.local("", SETTINGS)
    second = {"mysqld": {"datadir": "/srv/other"}}
    both = apparmor.local(first, second, both=True)
    assert set(apparmor.rules(SETTINGS) + apparmor.rules(second)) <= set(both.splitlines())
    assert apparmor.local(both, second) == apparmor.local("", second)
    assert apparmor.local(first, SETTINGS, both=True) == first


def test_rules_that_are_needed_no_more_are_told():
    before = apparmor.local("", {"mysqld": {"datadir": "/srv/old"}})
    assert apparmor.left(before, {"mysqld": {"datadir": "/srv/new"}})
    assert not apparmor.left(before, {"mysqld": {"datadir": "/srv/old", "tmpdir": "/srv/more"}})
    assert not apparmor.left("", {"mysqld": {"datadir": "/srv/old"}})
