"""Whether an application runs with the settings on disk."""

from __future__ import annotations

import os
import pathlib

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.app import settings


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a directory of settings of an application ``shop`` that runs with them."""
    monkeypatch.setattr(settings, "PLACE", str(tmp_path))
    monkeypatch.setattr(settings, "_record", lambda name: pathlib.Path(tmp_path / f".{name}"))
    (tmp_path / "shop.env").write_text("A=1\n")
    (tmp_path / "database.pem").write_text("one\n")
    settings.remember("shop", settings.fingerprint("shop"))
    return tmp_path


def test_fingerprint_is_for_its_owner_alone(place):
    assert (place / ".shop").stat().st_mode & 0o777 == 0o600
    assert not settings.are_new("shop")


@pytest.mark.parametrize(
    "change", [{"shop.env": "A=2\n"}, {"database.pem": "two\n"}, {"other.pem": "one\n"}]
)
def test_other_content_is_seen(place, change):
    for name, text in change.items():
        (place / name).write_text(text)
    assert settings.are_new("shop")


def test_time_of_change_counts_for_nothing(place):
    (place / "other.env").write_text("A=2\n")
    os.utime(place / "shop.env", (2e9, 2e9))
    assert not settings.are_new("shop")


def test_what_nobody_remembers_is_new(place):
    settings.forget("shop")
    assert settings.are_new("shop")
    settings.forget("shop")
