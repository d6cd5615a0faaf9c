"""A deploy takes back its own release, and no other's."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app.release import (
    Application,
    OvertakenError,
    ReleaseError,
)
from ansible_collections.foobar.lamp.plugins.modules import app_release


@pytest.mark.parametrize(("current", "goes"), [("mine", True), ("theirs", False)])
def test_failed_deploy_takes_back_its_own_release_only(tmp_path, current, goes, monkeypatch):
    (tmp_path / "current").symlink_to(f"releases/{current}")
    monkeypatch.setattr(Application, "back", lambda self, target: target)
    monkeypatch.setattr(Application, "drop", lambda self: None)
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "user": "shop"}
    )
    params = {"drop": True, "release": "", "releases": {}, "answers": {}}
    if goes:
        assert app_release.act(application, "rollback", params)
    else:
        with pytest.raises(
            ReleaseError, match="Another deploy made theirs current meanwhile, which stays"
        ):
            app_release.act(application, "rollback", params)
        assert params["releases"] == {}


@pytest.mark.parametrize("step", ["make", "switch"])
def test_deploy_that_comes_second_says_only_that(tmp_path, step):
    (tmp_path / "current").symlink_to("releases/theirs")
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "before": "old", "user": "shop"}
    )
    with pytest.raises(
        OvertakenError, match=r"^Another deploy made theirs current meanwhile: run again\.$"
    ):
        app_release.act(application, step, {})


def test_release_that_a_killed_run_made_current_meanwhile_is_what_was_wanted(tmp_path, monkeypatch):
    (tmp_path / "current").symlink_to("releases/mine")
    monkeypatch.setattr(Application, "restart", lambda self: "all of it runs")
    monkeypatch.setattr(
        Application, "switch", lambda self: pytest.fail("it is switched to already")
    )
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "before": "old", "user": "shop"}
    )
    assert app_release.act(application, "switch", {}) == "all of it runs"


def test_link_of_an_earlier_version_goes_with_what_it_asked_for(tmp_path):
    (tmp_path / "unproven").symlink_to("releases/mine")
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "user": "shop", "steps": {}}
    )
    assert not app_release.act(application, "after", {})
    assert list(tmp_path.iterdir()) == []
