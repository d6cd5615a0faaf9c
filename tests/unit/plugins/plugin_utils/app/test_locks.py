"""Locks as requirements with hashes: what uv, Poetry, Pipenv and the standard's format say."""

from __future__ import annotations

import json

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import locks

PROJECT = (
    '[project]\nname = "shop"\nversion = "1"\n'
    'dependencies = ["Flask>=3", "tomli; python_version < \'3\'"]\n'
)
UV = """version = 1
[[package]]
name = "shop"
version = "1"
source = { virtual = "." }
dependencies = [
    { name = "flask", extra = ["async"] },
    { name = "left", marker = "sys_platform == 'linux'" },
    { name = "right", marker = "os_name == 'nt'" },
]
[package.optional-dependencies]
fast = [{ name = "quick" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "flask"
version = "3.1"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "ring" }]
sdist = { url = "https://example.com/f.tar.gz", hash = "sha256:f0" }
wheels = [{ url = "https://example.com/f.whl", hash = "sha256:f1" }]
[package.optional-dependencies]
async = [{ name = "asgi" }]
[[package]]
name = "asgi"
version = "2"
source = { registry = "https://example.com/simple" }
wheels = [{ hash = "sha256:a" }]
[[package]]
name = "left"
version = "1"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "both", marker = "python_version < '3.12'" }]
wheels = [{ hash = "sha256:b" }]
[[package]]
name = "right"
version = "1"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "both" }]
wheels = [{ hash = "sha256:c" }]
[[package]]
name = "both"
version = "1"
source = { registry = "https://example.com/simple" }
wheels = [{ hash = "sha256:d" }]
[[package]]
name = "ring"
version = "1"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "flask" }]
wheels = [{ hash = "sha256:e" }]
[[package]]
name = "quick"
version = "1"
source = { registry = "https://example.com/simple" }
wheels = [{ hash = "sha256:9" }]
[[package]]
name = "pytest"
version = "9"
source = { registry = "https://example.com/simple" }
"""
POETRY = """
[[package]]
name = "flask"
version = "3.1"
groups = ["main", "dev"]
files = [{file = "f.whl", hash = "sha256:f"}]
markers = {main = "sys_platform == 'linux'", dev = "os_name == 'nt'"}
[[package]]
name = "pytest"
version = "9"
groups = ["dev"]
files = [{file = "p.whl", hash = "sha256:p"}]
[[package]]
name = "quick"
version = "1"
groups = ["main"]
optional = true
files = [{file = "q.whl", hash = "sha256:q"}]
markers = "extra == \\"fast\\""
[extras]
fast = ["quick"]
[metadata]
lock-version = "2.1"
"""
PYLOCK = """lock-version = "1.0"
extras = ["fast"]
default-groups = ["default"]
[[packages]]
name = "flask"
version = "3.1"
marker = "'default' in dependency_groups"
wheels = [{hashes = {sha256 = "f1"}}]
sdist = {hashes = {sha256 = "f0", md5 = "x"}}
[[packages]]
name = "quick"
version = "1"
marker = "'fast' in extras"
wheels = [{hashes = {sha256 = "q"}}]
[[packages]]
name = "from-archive"
archive = {url = "https://example.com/a.zip", hashes = {sha256 = "a"}}
[[packages]]
name = "shop"
directory = {path = ".", editable = true}
"""
PIPFILE = json.dumps(
    {
        "default": {
            "flask": {"version": "==3.1", "hashes": ["sha256:f"], "markers": "os_name == 'posix'"}
        },
        "develop": {},
    }
)
TEXTS = {"uv.lock": UV, "poetry.lock": POETRY, "pylock.toml": PYLOCK, "Pipfile.lock": PIPFILE}


def read(tmp_path, name, text=None, extras=(), project=PROJECT):
    (tmp_path / name).write_text(TEXTS[name] if text is None else text)
    (tmp_path / "pyproject.toml").write_text(project)
    return locks.read(tmp_path / name, extras)


def lines(*words, **more):
    return {line.split(" ")[0]: line for line in read(*words, **more).lines}


def test_uv_says_what_is_wanted_and_where(tmp_path):
    found = lines(tmp_path, "uv.lock")
    assert sorted(found) == ["asgi==2", "both==1", "flask==3.1", "left==1", "right==1", "ring==1"]
    assert found["flask==3.1"] == "flask==3.1 --hash=sha256:f0 --hash=sha256:f1"
    assert found["left==1"] == "left==1 ; (sys_platform == 'linux') --hash=sha256:b"
    both = (
        "both==1 ; (os_name == 'nt') or (python_version < '3.12') and (sys_platform == 'linux') "
        "--hash=sha256:d"
    )
    assert found["both==1"] == both


def test_uv_with_an_extra(tmp_path):
    assert "quick==1" in lines(tmp_path, "uv.lock", extras=["Fast"])


def test_uv_with_two_versions_of_one_package(tmp_path):
    other = (
        '[[package]]\nname = "left"\nversion = "2"\nsource = {registry = '
        '"https://example.com/simple"}\nwheels = [{hash = "sha256:l2"}]\n'
    )
    text = UV.replace('{ name = "left", marker', '{ name = "left", version = "2", marker') + other
    assert (
        lines(tmp_path, "uv.lock", text)["left==2"]
        == "left==2 ; (sys_platform == 'linux') --hash=sha256:l2"
    )


def test_poetry_says_what_is_not_for_development(tmp_path):
    found = lines(tmp_path, "poetry.lock")
    assert sorted(found) == ["flask==3.1", "quick==1"]
    assert found["flask==3.1"] == "flask==3.1 ; sys_platform == 'linux' --hash=sha256:f"
    assert found["quick==1"] == 'quick==1 ; python_version < "0" --hash=sha256:q'
    assert (
        lines(tmp_path, "poetry.lock", extras=["fast"])["quick==1"]
        == 'quick==1 ; python_version >= "0" --hash=sha256:q'
    )


def test_standard_s_format(tmp_path):
    found = lines(tmp_path, "pylock.toml")
    assert (
        found["flask==3.1"]
        == 'flask==3.1 ; python_version >= "0" --hash=sha256:f0 --hash=sha256:f1'
    )
    assert found["quick==1"] == 'quick==1 ; python_version < "0" --hash=sha256:q'
    assert found["from-archive"] == "from-archive @ https://example.com/a.zip --hash=sha256:a"
    assert len(found) == 3
    assert 'python_version >= "0"' in lines(tmp_path, "pylock.toml", extras=["fast"])["quick==1"]


def test_pipenv(tmp_path):
    assert read(tmp_path, "Pipfile.lock").lines == [
        "flask==3.1 ; os_name == 'posix' --hash=sha256:f"
    ]


GIT = 'source = { git = "https://example.com/left?rev=1#2" }'
REGISTRY = 'source = { registry = "https://example.com/simple" }'


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("uv.lock", UV, "[", "uv.lock cannot be read"),
        ("uv.lock", UV, "x = 1", "another form than is known"),
        ("uv.lock", 'virtual = "."', 'registry = "x"', "not of the project beside it"),
        (
            "uv.lock",
            f'name = "left"\nversion = "1"\n{REGISTRY}',
            f'name = "left"\nversion = "1"\n{GIT}',
            "left is from https://example.com/left, which",
        ),
        ("uv.lock", 'wheels = [{ hash = "sha256:d" }]', "", "both==1 has no hash"),
        (
            "uv.lock",
            f'name = "ring"\nversion = "1"\n{REGISTRY}',
            'name = "ring"\nversion = "1"\nsource = { editable = "../ring" }',
            "outside of the source",
        ),
        ("uv.lock", "\"os_name == 'nt'\"", "\"extra == 'x'\"", "extras that exclude each other"),
        ("poetry.lock", '"2.1"', '"2.0"', "lock it by Poetry 2"),
        (
            "poetry.lock",
            'groups = ["main", "dev"]',
            'groups = ["main"]\nsource = {type = "git", url = "https://example.com/f"}',
            "flask is from",
        ),
        (
            "pylock.toml",
            'version = "3.1"',
            'version = "3.1"\nvcs = {url = "https://example.com/f"}',
            "flask is from",
        ),
    ],
)
def test_lock_that_cannot_be_used_is_refused(tmp_path, name, old, new, words):
    assert old in TEXTS[name]
    with pytest.raises(locks.LockError, match=words):
        read(tmp_path, name, TEXTS[name].replace(old, new, 1))


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pylock.toml"])
def test_unknown_extra_is_refused(tmp_path, name):
    with pytest.raises(locks.LockError, match="no extra slow: correct extras"):
        read(tmp_path, name, extras=["slow"])


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "project",
    [
        PROJECT.replace("Flask", "Pyramid"),
        '[tool.poetry.dependencies]\npython = ">=3"\nPyramid = "^2"\n',
    ],
)
def test_lock_that_is_older_than_the_project_is_refused(tmp_path, name, project):
    with pytest.raises(
        locks.LockError, match="older than pyproject.toml, which wants pyramid, too"
    ):
        read(tmp_path, name, project=project)


def test_project_that_depends_on_something_without_a_name_is_refused(tmp_path):
    project = PROJECT.replace("Flask>=3", ">=3")
    with pytest.raises(locks.LockError, match="depends on '>=3', which begins with no package's"):
        read(tmp_path, "uv.lock", project=project)


@pytest.mark.parametrize(
    ("there", "requirements", "lock"),
    [
        (["shop.py"], ["r.txt"], ""),
        (["shop.py", "uv.lock"], [], "uv.lock"),
        (["pylock.web.toml"], [], "pylock.web.toml"),
        (["uv.lock", "poetry.lock"], ["uv.lock"], ""),
        (["uv.lock", "r.txt"], ["uv.lock", "r.txt"], ""),
    ],
)
def test_lock_is_chosen(there, requirements, lock):
    assert locks.chosen(there, requirements) == lock


@pytest.mark.parametrize(
    ("there", "requirements", "words"),
    [
        (
            ["uv.lock"],
            ["r.txt"],
            r"requirements is r.txt, and beside it is uv.lock.*exclude: \[uv.lock\]",
        ),
        (["uv.lock", "poetry.lock"], [], "poetry.lock and uv.lock are there: give one of them"),
    ],
)
def test_lock_is_never_passed_over(there, requirements, words):
    with pytest.raises(locks.LockError, match=words):
        locks.chosen(there, requirements)


def test_lock_of_a_tool_that_is_not_read_names_its_way(tmp_path):
    assert locks.chosen(["pdm.lock"], []) == "pdm.lock"
    (tmp_path / "pdm.lock").touch()
    with pytest.raises(locks.LockError, match="pdm export --format pylock"):
        locks.read(tmp_path / "pdm.lock")
