"""Secrets that are made once."""

from __future__ import annotations

import json
import re
import stat
import subprocess


def look_up(directory, given=None, *options, make=True):
    """Return ``(secret, output)`` of the lookup, run by Ansible itself: no secret where it failed."""
    call = f"lookup('foobar.lamp.site_secrets', 'secret_key', sites=['www.foobar.com'], directory='{directory}', given=given, make={make})"
    command = ["ansible", "localhost", "-m", "ansible.builtin.debug", "-a", "msg={{ " + call + "['www.foobar.com'].secret_key }}"]
    done = subprocess.run([*command, *options, "-e", json.dumps({"given": given or {}})], capture_output=True, text=True, check=False)
    found = re.search(r"msg: (\w+)\n|\"msg\": \"(\w+)\"", done.stdout)
    return (found[1] or found[2]) if done.returncode == 0 else None, done.stdout + done.stderr


def test_made_once_strong_and_private(tmp_path):
    secret, _output = look_up(tmp_path / "secrets")
    assert len(secret) == 48
    assert look_up(tmp_path / "secrets")[0] == secret
    assert look_up(tmp_path / "others")[0] != secret
    file = tmp_path / "secrets/www.foobar.com/secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (tmp_path / "secrets/.gitignore").read_text() == "*\n"


def test_given_wins_and_nothing_is_made(tmp_path):
    assert look_up(tmp_path, {"www.foobar.com": {"secret_key": "given"}})[0] == "given"
    assert not (tmp_path / "www.foobar.com").exists()


def test_file_open_to_others_is_closed_and_an_empty_one_refused(tmp_path):
    look_up(tmp_path)
    file = tmp_path / "www.foobar.com/secret_key"
    file.chmod(0o644)
    look_up(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("")
    assert "is empty" in look_up(tmp_path)[1]


def test_dry_run_makes_nothing_and_reads_what_is_there(tmp_path):
    assert len(look_up(tmp_path / "secrets", None, "--check")[0]) == 48
    assert not (tmp_path / "secrets").exists()
    secret, _output = look_up(tmp_path / "secrets")
    assert look_up(tmp_path / "secrets", None, "--check")[0] == secret


def test_playbook_that_may_not_make_any_makes_none(tmp_path):
    assert len(look_up(tmp_path / "secrets", make=False)[0]) == 48
    assert not (tmp_path / "secrets").exists()
    secret, _output = look_up(tmp_path / "secrets")
    assert look_up(tmp_path / "secrets", make=False)[0] == secret
