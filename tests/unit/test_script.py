"""The scripts of the repository."""

import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = ROOT / "script"


@pytest.mark.parametrize("script", ["site", "bench"])
def test_more_than_one_thing_is_refused(script):
    """A second word may not pass unread: beside it might stand one that removes the site."""
    done = subprocess.run(
        [SCRIPTS / script, "--help", "--more"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "not: --help --more" in done.stderr


def test_removal_of_the_cluster_reads_every_word():
    done = subprocess.run(
        [SCRIPTS / "site", "--cluster", "--destroy", "--more"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not: --destroy --more" in done.stderr


def test_containers_of_the_cluster_are_the_hosts_of_its_inventory():
    groups = yaml.safe_load((ROOT / "inventory/cluster.yml").read_text())["lamp"]["children"]
    (hosts,) = re.findall(r"^HOSTS=\((.*)\)$", (SCRIPTS / "site").read_text(), re.MULTILINE)
    assert hosts.split() == [host for group in groups.values() for host in group["hosts"]]


def test_image_of_the_sample_application_has_the_server_of_other_applications():
    """What `script/lock` writes, and nothing that somebody wrote there by hand."""
    (_all, text) = (SCRIPTS / "lock").read_text().split("\n{\n")
    made = subprocess.run(
        ["bash", "-euc", text.partition("\n}")[0]],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    assert made.count("--hash=sha256:") > 1
    assert (ROOT / "files/app/server.txt").read_text() == made
