"""The lint of public names, and of prose, by the glossary."""

from __future__ import annotations

import pytest
from lint import names
from support.plays import ROOT

PAGE = (ROOT / "docs/glossary.md").read_text()
REFUSED, AVOIDED = names.forbidden(PAGE), names.avoided(PAGE)


@pytest.mark.parametrize(
    ("name", "term"),
    [
        ("way_back", "rollback"),
        ("config_way_back_now", "rollback"),
        ("ill", "health check"),
        ("python_app_ill", "health check"),
        ("un-well", "health check"),
        ("trusted_authorities", "CA"),
    ],
)
def test_word_that_is_given_up_is_refused_with_the_term(name, term):
    (problem,) = names.problems([(name, "x.py")], REFUSED)
    assert problem.startswith(f"x.py: the name {name} has '")
    assert problem.endswith(f"the glossary's term is {term}.")


@pytest.mark.parametrize(
    "name", ["rollback", "skill", "wells", "lamp_certificate_authorities", "put", "back"]
)
def test_other_names_are_taken(name):
    assert list(names.problems([(name, "x.py")], REFUSED)) == []


def test_all_kinds_of_public_names_are_looked_at():
    found = {name for name, _where in names.public()}
    # A module, its options and sub-options, results, choices; a filter; a role's input and entry
    # point; a playbook; a variable.
    assert found >= {
        "config_tree",
        "rollback",
        "dest",
        "recovered",
        "reloaded",
        "mysql_plan",
        "apache_vhosts",
        "preflight",
    }
    assert found >= {
        "document_root",
        "restore_name_server",
        "lamp_restore_to",
        "lamp_address",
        "late",
    }
    assert "_tree" not in found


@pytest.mark.parametrize(
    ("line", "term"),
    [
        ("A run that died half-way heals.", "recover"),
        ("Unproven releases", "unverified"),
        ("let the host run dry", "drain"),
        ("Healed.", "recover"),
    ],
)
def test_word_that_is_given_up_is_refused_in_prose(line, term):
    assert list(names.lapses([(line, "docs/x.md:3")], AVOIDED))[0].endswith(
        f"the glossary's term is {term}."
    )


@pytest.mark.parametrize(
    "line",
    ["All is well.", "the code `healed` of old", "the health check", "sealing wax", "what it said"],
)
def test_other_words_are_taken_in_prose(line):
    assert list(names.lapses([(line, "docs/x.md:3")], AVOIDED)) == []


def test_prose_is_what_users_read_and_no_code():
    lines = {where: line for line, where in names.prose()}
    assert {where.partition(":")[0] for where in lines} >= {
        "README.md",
        "docs/design.md",
        "playbooks/site.yml",
        "roles/bind/meta/argument_specs.yml",
    }
    assert not any(
        "ansible-galaxy collection install" in line
        for where, line in lines.items()
        if where.startswith("README.md")
    )
