"""Secrets that are made once."""

from __future__ import annotations

import stat

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.foobar.lamp.plugins.lookup.site_secrets import LookupModule


def look_up(directory, given=None):
    lookup = LookupModule()
    lookup._load_name = "foobar.lamp.site_secrets"
    lookup._redirected_names = []
    return lookup.run(["secret_key"], {}, sites=["www.foobar.com"], directory=str(directory), given=given or {})[0]["www.foobar.com"][
        "secret_key"
    ]


def test_made_once_strong_and_private(tmp_path):
    secret = look_up(tmp_path / "secrets")
    assert len(secret) == 48
    assert look_up(tmp_path / "secrets") == secret
    assert look_up(tmp_path / "others") != secret
    file = tmp_path / "secrets/www.foobar.com/secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (tmp_path / "secrets/.gitignore").read_text() == "*\n"


def test_given_wins_and_nothing_is_made(tmp_path):
    assert look_up(tmp_path, {"www.foobar.com": {"secret_key": "given"}}) == "given"
    assert not (tmp_path / "www.foobar.com").exists()


def test_file_open_to_others_is_closed(tmp_path):
    look_up(tmp_path)
    file = tmp_path / "www.foobar.com/secret_key"
    file.chmod(0o644)
    look_up(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_empty_file_is_refused(tmp_path):
    look_up(tmp_path)
    (tmp_path / "www.foobar.com/secret_key").write_text("")
    with pytest.raises(AnsibleLookupError, match="is empty"):
        look_up(tmp_path)
