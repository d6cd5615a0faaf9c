"""The site comes back to a moment: by the playbook that the person on call runs, with visitors about."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest
from conftest import _inventory

ROOT = pathlib.Path(__file__).parents[2]


def play(playbook, **variables):
    """Run a playbook of the collection against the scenario's hosts; returns its ``CompletedProcess``."""
    inventory = os.environ["MOLECULE_INVENTORY_FILE"]
    given = {
        "ansible_user": "root",
        "lamp_base_dir": f"{ROOT}/inventory",
        "lamp_secrets_dir": f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/secrets",
        **variables,
    }
    words = ["ansible-playbook", "--inventory", inventory, "--extra-vars", json.dumps(given), f"{ROOT}/playbooks/{playbook}.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg"}
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


@pytest.fixture
def name():
    """Return the database host's name in the inventory."""
    return _inventory.get_hosts("lamp_db")[0]


def test_nothing_is_restored_without_the_hosts_name(name, sql):
    sql("CREATE TABLE IF NOT EXISTS foobar.untouched (id INT)")
    done = play("restore", restore_backup="latest", restore_confirm="another")
    assert done.returncode != 0
    assert f"add -e restore_confirm={name}" in " ".join(done.stdout.split())
    assert sql("SHOW TABLES IN foobar LIKE 'untouched'")
    sql("DROP TABLE foobar.untouched")


def test_site_comes_back_to_a_moment(name, db, web, sql, browser):
    done = play("backup")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Took and checked" in done.stdout
    sql("CREATE TABLE foobar.diary (words VARCHAR(20)); INSERT INTO foobar.diary VALUES ('before')")
    db.check_output("now=$(date +%s); while [ $(date +%s) = $now ]; do :; done")
    moment = db.check_output("date -u +%Y-%m-%dT%H:%M:%SZ")
    sql("INSERT INTO foobar.diary VALUES ('after'); DROP TABLE foobar.product")
    done = play("restore", restore_to=moment, restore_confirm=name)
    assert done.returncode == 0, done.stdout[-3000:]
    assert sql("SELECT * FROM foobar.diary") == [["before"]]
    assert browser.get("/healthz").status == 200
    assert not web.run("test -e /etc/apache2/conf-enabled/zz-foobar-lamp-restore.conf").succeeded
    db.check_output("mysql-backup discard")
    sql("DROP TABLE foobar.diary")
