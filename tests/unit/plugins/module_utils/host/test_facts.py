"""What a host says of itself."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.host import facts


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Return the directory in which the roles keep what they remember."""
    monkeypatch.setattr(facts, "STATE", str(tmp_path))
    return tmp_path


def test_state_is_what_the_roles_remembered(kept):
    assert facts.state() == {}
    (kept / "mysql_settings.json").write_text('["max_connections", "bind_address"]\n')
    (kept / "mysql_accepted.json").write_text("[]\n")
    (kept / "else.json").write_text('["nobody asks for this"]')
    assert facts.state() == {
        "mysql_settings": ["max_connections", "bind_address"],
        "mysql_accepted": [],
    }


def test_state_in_links_of_an_earlier_version_counts_until_there_is_a_file(kept):
    (kept / "mysql_settings").symlink_to("max_connections,bind_address")
    (kept / "mysql_accepted").symlink_to("0123456789ab")
    found = {
        "mysql_settings": ["max_connections", "bind_address"],
        "mysql_accepted": ["0123456789ab"],
    }
    assert facts.state() == found
    (kept / "mysql_settings.json").write_text('["port"]')
    assert facts.state() == {**found, "mysql_settings": ["port"]}


@pytest.mark.parametrize(
    "text",
    ["", "[", '{"a": 1}', "[1]", '"text"', "\udcff"],
    ids=["empty", "cut", "dict", "numbers", "text", "bytes"],
)
def test_state_that_cannot_be_read_is_none(kept, text):
    (kept / "mysql_settings.json").write_text(text, errors="surrogateescape")
    assert facts.state() == {}


def test_state_is_not_read_through_a_link_of_somebody_else(kept, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "names"
    elsewhere.write_text('["port"]')
    (kept / "mysql_settings.json").symlink_to(elsewhere)
    assert facts.state() == {}


def test_certificates_are_said_by_the_command_that_had_them_issued(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "CERTIFICATES", str(tmp_path))
    for name, text in (
        ("www.foobar.com", '{"source": "acme", "trusted": true}'),
        ("broken", "{"),
        ("listed", "[]"),
    ):
        (tmp_path / name / "by-serial" / "1a").mkdir(parents=True)
        (tmp_path / name / "by-serial" / "1a" / "about.json").write_text(text)
        (tmp_path / name / "current").symlink_to("by-serial/1a")
    (tmp_path / "half" / "by-serial").mkdir(parents=True)
    (tmp_path / "half" / "current").symlink_to("by-serial/none")
    assert facts.certificates() == {"www.foobar.com": {"source": "acme", "trusted": True}}
