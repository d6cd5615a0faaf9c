"""A release and its way back, by the playbooks of the person who deploys, on one host and where
the web host is not the database's.
"""

from __future__ import annotations

import re

import pytest
import yaml
from support.plays import ROOT, play

from .visitors import SITE


# On one host with Debian 13 and Apache, the scenario "deploys" does all this and more.
@pytest.mark.only("12", "apart")
def test_release_is_rolled_back_and_forth(browser):
    def current():
        return browser.get("/healthz").headers["X-Release"]

    def rolled_back():
        done = play("rollback")
        assert done.returncode == 0, done.stdout[-3000:]
        return current()

    first = current()
    sites = yaml.safe_load((ROOT / "inventory/group_vars/all.yml").read_text())["lamp_sites"]
    # What a release may hold in memory is part of it.
    sites[SITE]["app"]["memory_limit"] = 777
    done = play("deploy", lamp_sites=sites)
    assert done.returncode == 0, done.stdout[-3000:]
    second = current()
    assert second != first

    listed = play("releases")
    assert listed.returncode == 0, listed.stdout[-3000:]
    rows = re.findall(rf"^{re.escape(SITE)} +([0-9a-f]{{12}}) +(.*)$", listed.stdout, re.MULTILINE)
    # Newest first.
    assert [name for name, _words in rows][:2] == [second, first]
    assert "current since" in dict(rows)[second]
    assert "by default" in dict(rows)[first]

    assert rolled_back() == first
    assert rolled_back() == second
    assert rolled_back() == first
    assert "Aurora" in browser.get("/").text
