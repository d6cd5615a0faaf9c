"""What a deploy and a rollback say of the releases that visitors get from then on."""

from __future__ import annotations

import json

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader
from ansible.template import Templar
from ansible_collections.foobar.lamp.plugins.action.app_release import switched, took
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import images, sources

SHOP = {"name": "shop", "release": "22", "source": "../shop", "before": "11"}
NEW = {"name": "new", "release": "33", "source": "../new", "before": ""}


def test_deploy_says_what_visitors_get():
    done = {"plans": [SHOP, NEW], "failures": [], "seconds": {"shop": {"health": 0.8}}}
    assert switched("switch", done) == [
        "shop is at release 22 of ../shop (before: 11), healthy after 0.8 s.",
        "new is at release 33 of ../new (before: none).",
    ]
    assert switched("switch", {**done, "failures": [{"plan": SHOP}]}) == [
        "new is at release 33 of ../new (before: none)."
    ]


def test_rollback_says_where_it_went():
    assert switched("rollback", {"releases": {"shop": "11"}, "failures": []}) == [
        "shop is back at release 11."
    ]


def test_nothing_is_said_where_nothing_happened():
    assert switched("migrate", {"plans": [SHOP], "failures": []}) == []


def test_deploy_says_what_took_how_long():
    done = {"plans": [SHOP, NEW], "failures": [{"plan": NEW}]}
    seconds = {"shop": {"install": 18.1, "collect": 2.9}, "new": {"install": 3.0}}
    assert took("make", {**done, "seconds": seconds}) == [
        "shop: release 22 is made (install 18.1 s, collect 2.9 s)."
    ]
    assert took("migrate", {**done, "seconds": {"shop": {"migrate": 1.2}}}) == [
        "shop: release 22 has its database (migrate 1.2 s)."
    ]
    # A release that was there is not made again.
    assert took("make", {**done, "seconds": {"shop": {}, "new": {}}}) == []
    assert took("switch", {**done, "seconds": {"shop": {"health": 0.8}}}) == []


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Return ``action(check, **arguments)``:
    the action plugin for such a task, on this computer.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def action(check, **arguments):
        loader, context = DataLoader(), PlayContext()
        task = Task.load({"foobar.lamp.app_release": arguments})
        task.args, task.check_mode = arguments, check
        parts = {
            "connection": connection_loader.get("local", context),
            "play_context": context,
            "shared_loader_obj": None,
        }
        return action_loader.get(
            "foobar.lamp.app_release",
            task=task,
            loader=loader,
            templar=Templar(loader, {}),
            **parts,
        )

    return action


VARIABLES = {
    "ansible_facts": {"foobar_lamp": {"paths": {}, "system": {"architecture": "x86_64"}}},
    "inventory_hostname": "web",
}


def test_image_is_a_release_by_its_digest(action):
    def made(**more):
        app = {
            "name": "shop",
            "image": f"registry.foobar.com/shop:1@sha256:{'a' * 64}",
            "port": 8000,
            **more,
        }
        return action(True, step="make", apps=[app]).run(task_vars=VARIABLES)

    first = made()
    (plan,) = first["pending"]
    assert plan["image"] == {
        "kind": "registry",
        "reference": f"registry.foobar.com/shop@sha256:{'a' * 64}",
        "digest": f"sha256:{'a' * 64}",
    }
    assert plan["source"] == "registry.foobar.com/shop:1 (aaaaaaaaaaaa)"
    # The tag is a name; the digest and how it runs are what it is.
    assert (
        made(image=f"registry.foobar.com/shop:2@sha256:{'a' * 64}")["plans"][0]["release"]
        == plan["release"]
    )
    others = [
        {"image": f"registry.foobar.com/shop@sha256:{'b' * 64}"},
        {"port": 8001},
        {"workers": [{"name": "queue", "command": ["work"]}]},
    ]
    assert len({made(**other)["plans"][0]["release"] for other in others} - {plan["release"]}) == 3


def test_image_that_cannot_be_had_does_not_hold_up_others(action, tmp_path):
    apps = [
        {"name": "bad", "image": f"{tmp_path}/gone.tar", "port": 8000},
        {"name": "good", "image": f"a@sha256:{'a' * 64}", "port": 8000},
    ]
    result = action(True, step="make", apps=apps, fail=False).run(task_vars=VARIABLES)
    assert [plan["name"] for plan in result["pending"]] == ["good"]
    assert (
        "cannot be read or packed (No such file or directory)" in result["failures"][0]["headline"]
    )


def test_nothing_that_can_be_packed_is_a_failure_of_each(action, monkeypatch):
    def pack_image(*_given):
        raise sources.SourceError("No wheel for numpy.")

    monkeypatch.setattr(images, "pack_image", pack_image)
    apps = [{"name": "shop", "image": f"a@sha256:{'a' * 64}", "port": 8000}]
    result = action(False, step="make", apps=apps, fail=False).run(task_vars=VARIABLES)
    assert (result["changed"], result["pending"]) == (False, [])
    assert "No wheel for numpy." in result["failures"][0]["headline"]


def test_layers_of_the_host_are_asked_once(action, tmp_path):
    place = tmp_path / "it's here" / "overlay-layers"
    place.mkdir(parents=True)
    (place / "layers.json").write_text(json.dumps([{"id": "1", "diff-digest": "sha256:a"}]))
    one = action(False, step="make", apps=[])
    assert one._layers({"storage": str(place.parent)}) == {"sha256:a"}
    (place / "layers.json").unlink()
    assert one._layers({"storage": str(place.parent)}) == {"sha256:a"}
    assert action(False, step="make", apps=[])._layers({"storage": str(place.parent)}) == set()
