"""The lint of public names by the glossary."""

from __future__ import annotations

import pytest
from lint import names
from support.plays import ROOT

REFUSED = names.forbidden((ROOT / "docs/glossary.md").read_text())


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


@pytest.mark.parametrize("name", ["rollback", "skill", "wells", "lamp_certificate_authorities", "put", "back"])
def test_other_names_are_taken(name):
    assert list(names.problems([(name, "x.py")], REFUSED)) == []


def test_all_kinds_of_public_names_are_looked_at():
    found = {name for name, _where in names.public()}
    # A module, its options and sub-options, results, choices; a filter; a role's input and entry point; a playbook; a variable.
    assert found >= {"config_tree", "rollback", "dest", "recovered", "reloaded", "mysql_plan", "apache_vhosts", "preflight"}
    assert found >= {"document_root", "restore_name_server", "lamp_restore_to", "lamp_address", "late"}
    assert "_tree" not in found
