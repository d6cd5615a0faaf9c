"""The table of releases."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.plugin_utils.status.releases import page, report

NEW, OLD, BROKEN, OLDEST = "4" * 12, "3" * 12, "2" * 12, "1" * 12


def release(name, day, rollback="", **more):
    made = f"2026-11-{day}T20:30:25+00:00"
    return {"release": name, "source": f"../app at v{name[0]}", "made": made, **more} | {
        "rollback": rollback
    }


def application(name="shop", **more):
    """Return what a host says of an application that has four releases."""
    return {
        "name": name,
        "current": NEW,
        "since": "2026-11-27T20:31:02+00:00",
        "unverified": False,
        "previous": OLD,
        "releases": [
            release(NEW, 27, healthy=True),
            release(OLD, 20, "default", healthy=True),
            release(BROKEN, 12, healthy=False),
            release(OLDEST, 10, "named"),
        ],
        **more,
    }


def shown(**answers):
    """Return the page of hosts that have these applications, without the spaces of its columns."""
    answers = {host: {"applications": found} for host, found in answers.items()}
    return [" | ".join(line.split("  ")) for line in _narrow(page(report(answers)))]


def _narrow(lines):
    for line in lines:
        while "   " in line:
            line = line.replace("   ", "  ")
        yield line


def test_each_release_says_what_it_is_and_whether_a_rollback_returns_to_it():
    assert shown(web1=[application()]) == [
        "APPLICATION | RELEASE | MADE (UTC) | STATE | ROLLBACK | HOSTS | SOURCE",
        f"shop | {NEW} | 2026-11-27 20:30 | current since 2026-11-27 20:31 | - | web1"
        " | ../app at v4",
        f"shop | {OLD} | 2026-11-20 20:30 | kept | by default | web1 | ../app at v3",
        f"shop | {BROKEN} | 2026-11-12 20:30 | never healthy | no | web1 | ../app at v2",
        f"shop | {OLDEST} | 2026-11-10 20:30 | kept | by name | web1 | ../app at v1",
        "",
        "foobar.lamp.rollback returns by default to the releases marked so, "
        "with -e lamp_release=RELEASE to one by name.",
    ]


def test_hosts_have_one_row_for_what_is_the_same_on_them():
    later = application(since="2026-11-27T20:33:00+00:00")
    other = application(unverified=True, releases=[release(NEW, 27)])
    lines = shown(web2=[later], web1=[application()], web3=[other])
    assert lines[1:4] == [
        f"shop | {NEW} | 2026-11-27 20:30 | current since 2026-11-27 20:31 | - | web2, web1"
        " | ../app at v4",
        f"shop | {NEW} | 2026-11-27 20:30 | current, unverified since 2026-11-27 20:31 | - | web3"
        " | ../app at v4",
        f"shop | {OLD} | 2026-11-20 20:30 | kept | by default | web2, web1 | ../app at v3",
    ]


def test_applications_are_by_name_and_one_without_a_release_is_seen():
    none = application("blog", current="", since="", previous="", releases=[])
    lines = shown(web1=[application(releases=[release(NEW, 27)]), none])
    assert lines[1:] == [
        "blog | - | - | NOT DEPLOYED | - | web1 | -",
        f"shop | {NEW} | 2026-11-27 20:30 | current since 2026-11-27 20:31 | - | web1"
        " | ../app at v4",
    ]


def test_hosts_without_applications_have_a_sentence():
    assert page(report({"web1": {"applications": []}})) == [
        "There are no applications on these hosts."
    ]


def test_report_has_what_the_hosts_said_and_the_host():
    found = report({"web1": {"applications": [application()], "changed": False}})
    assert found == {"applications": [{"host": "web1", **application()}]}
