"""Secrets that are made once, as an expression asks for them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader


def look_up(directory, given=None, check=False, **options):
    """Return the secret that the lookup says."""
    lookup = lookup_loader.get("foobar.lamp.site_secrets")
    options |= {"sites": ["www.foobar.com"], "directory": str(directory), "given": given or {}}
    return lookup.run(["secret_key"], {"ansible_check_mode": check}, **options)[0][
        "www.foobar.com"
    ]["secret_key"]


def test_made_once(tmp_path):
    secret = look_up(tmp_path / "secrets")
    assert len(secret) == 48
    assert look_up(tmp_path / "secrets") == secret
    assert (tmp_path / "secrets/www.foobar.com/secret_key").read_text() == f"{secret}\n"


def test_given_wins_and_nothing_is_made(tmp_path):
    assert look_up(tmp_path, {"www.foobar.com": {"secret_key": "given"}}) == "given"
    assert not (tmp_path / "www.foobar.com").exists()


@pytest.mark.parametrize("options", [{"check": True}, {"make": False}], ids=["dry run", "may not"])
def test_run_that_may_make_nothing_makes_nothing_and_reads_what_is_there(tmp_path, options):
    assert len(look_up(tmp_path / "secrets", **options)) == 48
    assert not (tmp_path / "secrets").exists()
    secret = look_up(tmp_path / "secrets")
    assert look_up(tmp_path / "secrets", **options) == secret


def test_what_cannot_be_kept_or_read_is_said_with_the_remedy(tmp_path):
    look_up(tmp_path)
    (tmp_path / "www.foobar.com/secret_key").write_text("")
    with pytest.raises(AnsibleLookupError, match="is empty: write the secret into it"):
        look_up(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(
        AnsibleLookupError, match="cannot be kept: .*name another directory in lamp_secrets_dir"
    ):
        look_up(tmp_path / "file")
