"""The scripts of the repository."""

import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

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


@pytest.mark.parametrize(
    ("script", "apart"), [("inputs", True), ("inputs", False), ("readme", False)]
)
def test_script_without_its_environment_says_how_to_make_it(script, apart, tmp_path):
    """In a fresh checkout nothing is there; later on, who has not activated it has half of it."""
    path = SCRIPTS / script
    if apart:
        path = shutil.copy(path, tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 1
    assert done.stderr.startswith("No module named ")
    assert "run `script/test unit` once" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ([], ""),
        (["ruff"], "Failed: ruff check, ruff format. What they found is above.\n"),
        (
            ["yamllint", "script/inputs", "ansible-lint"],
            "Failed: yamllint, script/inputs, ansible-lint. What they found is above.\n",
        ),
    ],
)
def test_lint_runs_all_its_tools_and_names_those_that_failed(failing, said, tmp_path):
    text = (SCRIPTS / "test").read_text()
    (lint,) = re.findall(r"^lint\(\) \{\n.*?^\}$", text, re.MULTILINE | re.DOTALL)
    called = re.findall(r"^    check (\S+)", lint, re.MULTILINE)
    for tool in called:
        stub = tmp_path / tool
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(f"#!/bin/sh\necho {tool}\nexit {int(tool in failing)}\n")
        stub.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euc", f'die() {{ echo "$*" >&2; exit 1; }}\n{lint}\nlint'],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert done.stdout.split() == called
    assert len(called) > 10
    assert done.returncode == bool(failing)
    assert done.stderr == said


def test_ruff_reads_python_without_the_ending():
    """Python is what says so in its first line."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name and not name.endswith(".py")]
    first = {path: path.read_bytes().partition(b"\n")[0] for path in paths if path.is_file()}
    python = {path for path, line in first.items() if line.startswith(b"#!") and b"python" in line}
    ruff = tomllib.loads((ROOT / ".config/ruff.toml").read_text())
    assert {str(path.relative_to(ROOT)) for path in python} == set(ruff["extend-include"])
