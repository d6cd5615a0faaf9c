"""What a deploy and a rollback say of the releases that visitors get from then on."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.action.app_release import switched

SHOP = {"name": "shop", "release": "22", "source": "../shop", "before": "11"}
NEW = {"name": "new", "release": "33", "source": "../new", "before": ""}


def test_deploy_says_what_visitors_get():
    done = {"plans": [SHOP, NEW], "failures": []}
    assert switched("switch", done) == [
        "shop is at release 22 of ../shop (before: 11).",
        "new is at release 33 of ../new (before: none).",
    ]
    assert switched("switch", {**done, "failures": [{"plan": SHOP}]}) == ["new is at release 33 of ../new (before: none)."]


def test_rollback_says_where_it_went():
    assert switched("rollback", {"releases": {"shop": "11"}, "failures": []}) == ["shop is back at release 11."]


def test_nothing_is_said_where_nothing_happened():
    assert switched("switch", {"plans": [SHOP], "failures": []}, dry=True) == []
    assert switched("switch", {"plans": [SHOP], "failed": True}) == []
    assert switched("migrate", {"plans": [SHOP], "failures": []}) == []
