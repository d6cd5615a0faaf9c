"""A deploy takes back its own release, and no other's; what there is of an application."""

from __future__ import annotations

import json

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import steps
from ansible_collections.foobar.lamp.plugins.module_utils.app.release import (
    Application,
    OvertakenError,
    ReleaseError,
)


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
        assert steps.act(application, "rollback", params)
    else:
        with pytest.raises(
            ReleaseError, match="Another deploy made theirs current meanwhile, which stays"
        ):
            steps.act(application, "rollback", params)
        assert params["releases"] == {}


@pytest.mark.parametrize(
    ("backups", "words"),
    [
        (
            {"shop": {"host": "db1", "name": "20261128T135845Z", "said": "Took it."}},
            (
                "The backup 20261128T135845Z on db1 is from just before it. To go back to it: "
                "ansible-playbook … foobar.lamp.restore -e lamp_restore_backup=20261128T135845Z "
                "-e lamp_restore_confirm=db1."
            ),
        ),
        (
            {"shop": {"host": "db1", "name": "", "said": "Snapshot 17."}},
            "A backup was taken on db1 just before it, which said: Snapshot 17.",
        ),
        (
            {"shop": {"host": "db1", "name": "", "said": ""}},
            "A backup was taken on db1 just before it.",
        ),
        ({"blog": {}}, "No backup was taken before it (backup_before_migrate)."),
    ],
)
def test_failed_migration_names_the_backup_and_the_way_back(backups, words):
    said = steps.schema_of("shop", backups)
    assert said == (
        "What it had done by then stays in the database, "
        f"which takes back no change of a table by itself. {words}"
    )


@pytest.mark.parametrize("step", ["make", "switch"])
def test_deploy_that_comes_second_says_only_that(tmp_path, step):
    (tmp_path / "current").symlink_to("releases/theirs")
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "before": "old", "user": "shop"}
    )
    with pytest.raises(
        OvertakenError, match=r"^Another deploy made theirs current meanwhile: run again\.$"
    ):
        steps.act(application, step, {})


def test_release_that_a_killed_run_made_current_meanwhile_is_what_was_wanted(tmp_path, monkeypatch):
    (tmp_path / "current").symlink_to("releases/mine")
    monkeypatch.setattr(Application, "restart", lambda self: "all of it runs")
    monkeypatch.setattr(
        Application, "switch", lambda self: pytest.fail("it is switched to already")
    )
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "before": "old", "user": "shop"}
    )
    assert steps.act(application, "switch", {}) == "all of it runs"


def test_link_of_an_earlier_version_goes_with_what_it_asked_for(tmp_path):
    (tmp_path / "unproven").symlink_to("releases/mine")
    application = Application(
        {"name": "shop", "root": str(tmp_path), "release": "mine", "user": "shop", "steps": {}}
    )
    assert not steps.act(application, "after", {})
    assert list(tmp_path.iterdir()) == []


def test_list_says_to_which_releases_a_rollback_returns(tmp_path):
    made = {"new": True, "old": True, "broken": False, "oldest": None}
    for number, (name, healthy) in enumerate(made.items()):
        place = tmp_path / "releases" / name
        place.mkdir(parents=True)
        (place / "serve.py").touch()
        said = {"release": name, "source": "../app", "made": f"2026-11-{20 - number}T00:00:00"}
        said |= {} if healthy is None else {"healthy": healthy}
        (place / "made.json").write_text(json.dumps(said))
    for link, name in {"current": "new", "unverified": "new", "previous": "old"}.items():
        (tmp_path / link).symlink_to(f"releases/{name}")
    found = steps.listed(Application({"name": "shop", "root": str(tmp_path)}))
    assert {one["release"]: one["rollback"] for one in found["releases"]} == {
        "new": "",
        "old": "default",
        "broken": "",
        "oldest": "named",
    }
    assert found["unverified"]
    (tmp_path / "unverified").unlink()
    assert not steps.listed(Application({"name": "shop", "root": str(tmp_path)}))["unverified"]
