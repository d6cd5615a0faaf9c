"""Who runs a role compiles the filters once, not in the process of each task."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from support.plays import ROOT

PACKAGE = "ansible_collections.foobar.lamp.plugins"
FILTERS = {f"{PACKAGE}.filter.{path.stem}" for path in ROOT.glob("plugins/filter/[a-z]*.py")}


@pytest.mark.parametrize("role", sorted(path.name for path in ROOT.glob("roles/*")))
def test_first_task_of_a_role_brings_the_filters(role):
    tasks = ROOT / f"roles/{role}/tasks"
    first = yaml.safe_load((tasks / "main.yml").read_text())[0]
    if more := first.get("ansible.builtin.import_tasks"):
        first = yaml.safe_load((tasks / more).read_text())[0]
    assert "foobar.lamp.host_facts" in first


def test_action_of_the_first_task_has_all_filters_loaded():
    program = f"import sys, {PACKAGE}.action.host_facts; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / ".cache/collections",
    )
    assert FILTERS
    assert set(done.stdout.split()) >= FILTERS
