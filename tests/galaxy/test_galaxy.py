"""The collection as a user gets it: built, installed into an empty directory, and run from there."""

from __future__ import annotations

import os
import pathlib
import subprocess
import tarfile

import ansible_collections.community.mysql
import pytest

ROOT = pathlib.Path(__file__).parents[2]
INVENTORY = """\
lamp:
  children:
    lamp_db: &hosts
      hosts:
        server1: {ansible_host: 192.0.2.10}
    lamp_dns: *hosts
    lamp_web: *hosts
  vars:
    lamp_domain: example.com
    lamp_sites:
      www.example.com: {document_root: /srv/www}
"""


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """Build the collection from what git knows or would add."""
    place = tmp_path_factory.mktemp("build")
    subprocess.run(["ansible-galaxy", "collection", "build", "--output-path", place], cwd=ROOT, check=True, capture_output=True)
    return next(place.glob("foobar-lamp-*.tar.gz"))


@pytest.fixture(scope="session")
def installed(archive, tmp_path_factory):
    """Install it into an empty directory; returns that and the environment that finds it."""
    place = tmp_path_factory.mktemp("user")
    there = pathlib.Path(next(iter(ansible_collections.community.mysql.__path__))).parents[2]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": f"{place}/collections:{there}", "ANSIBLE_LOCALHOST_WARNING": "false"}
    subprocess.run(
        ["ansible-galaxy", "collection", "install", "--offline", "--collections-path", f"{place}/collections", archive],
        cwd=place,
        env=environment,
        check=True,
        capture_output=True,
    )
    (place / "inventory.yml").write_text(INVENTORY)
    return place, environment


def test_archive_holds_what_a_user_needs(archive):
    with tarfile.open(archive) as file:
        names = {name.split("/")[0] for name in file.getnames()}
    assert {"roles", "playbooks", "plugins", "files", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert not {".venv", ".cache", ".git", "molecule", "tests", ".secrets"} & names


def test_no_secret_is_in_the_archive(archive):
    with tarfile.open(archive) as file:
        assert not [name for name in file.getnames() if ".secrets" in name]


def test_playbook_runs_from_where_it_was_installed(installed):
    place, environment = installed
    run = subprocess.run(
        ["ansible-playbook", "-i", "inventory.yml", "foobar.lamp.site", "--list-tasks"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for role in ("linux_base", "mysql", "python_app", "apache", "bind"):
        assert f"foobar.lamp.{role} :" in run.stdout
