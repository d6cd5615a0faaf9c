"""A command as systemd reads it."""

from __future__ import annotations

from ansible_collections.foobar.lamp.plugins.filter.backup import backup_command


def test_command_as_systemd_reads_it():
    assert backup_command(["mail", '100 % of "$HOME"']) == r'"mail" "100 %% of \"$$HOME\""'
