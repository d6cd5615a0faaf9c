"""What pip is told for an application, and what makes its environment another one."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import installs, locks, model

APP = {"name": "www.foobar.com", "source": "/app", "wsgi": "shop:application"}
LIBRARY = "libs/common/pyproject.toml"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "src/libs/common").mkdir(parents=True)
    (tmp_path / "src" / LIBRARY).touch()
    (tmp_path / "src/shop.whl").touch()
    return tmp_path / "src"


def found(place, files=None, **change):
    for name, text in (files or {}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    app = {**APP, **change}
    return installs.of(model.plan(app), place, model.kind(app))


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        (
            {"requirements": ["r.txt"], "constraints": ["c.txt"]},
            [["--requirement", "r.txt", "--constraint", "c.txt"]],
        ),
        ({"constraints": ["c.txt"]}, []),
        ({"project": True, "extras": ["a", "b"]}, [[".[a,b]"]]),
        ({"project": True, "requirements": ["r.txt"]}, [["--requirement", "r.txt", "."]]),
        (
            {"project": True, "requirements": ["hashed.txt"]},
            [["--requirement", "hashed.txt"], ["--no-deps", "."]],
        ),
        (
            {"project": True, "requirements": ["above.txt"]},
            [["--requirement", "above.txt"], ["--no-deps", "."]],
        ),
        ({"source": "", "requirement": "shop==1"}, [["shop==1"]]),
        ({"source": "shop.whl", "extras": ["a"]}, [["./shop.whl[a]"]]),
    ],
)
def test_what_pip_is_told(source, change, calls):
    files = {
        "r.txt": "flask\n",
        "c.txt": "flask==3\n",
        "hashed.txt": "flask==3 \\\n    --hash=sha256:1\n",
        "above.txt": "-r hashed.txt\n",
    }
    assert found(source, files, **change).calls == calls


def digest(source, text, **more):
    return found(source, {"r.txt": text, **more}, requirements=["r.txt"]).digest


def test_environment_is_what_the_requirements_say_and_not_how(source):
    first = digest(source, "flask==3\n")
    assert digest(source, "# the framework\n\nflask==3  # it\n") == first
    assert digest(source, "flask==3\n", other="x") == first
    assert digest(source, "flask==4\n") != first


def test_environment_is_also_what_other_files_say(source):
    first = digest(
        source, "-r base.txt\n", **{"base.txt": "-c pins.txt\n", "pins.txt": "flask==3\n"}
    )
    assert digest(source, "-r base.txt\n", **{"pins.txt": "flask==4\n"}) != first


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("-e ./libs/common", "./libs/common"),
        ("-elibs/common", "libs/common"),
        ("--editable=libs/common[fast]", "libs/common"),
        ("libs/common.whl ; python_version > '3'", "libs/common.whl"),
        ("common @ file:libs/common --hash=sha256:1", "libs/common"),
        ("common @ file:///opt/common.whl", "/opt/common.whl"),
        (".", "."),
        ("./libs/common[fast]", "./libs/common"),
        ("flask==3.1.3", ""),
        ("flask[async]~=3.1 --hash=sha256:1", ""),
        ("flask @ https://example.com/flask.whl", ""),
        ("https://example.com/flask.whl", ""),
        ("-e git+https://example.com/flask.git#egg=flask", ""),
        ("-r base/x.txt", ""),
        ("--find-links ./wheels", ""),
    ],
)
def test_path_that_a_line_installs_from(source, line, path):
    assert installs.local_path(line) == path


@pytest.mark.parametrize(("line", "bound"), [("-e ./libs/common", True), ("flask", False)])
def test_environment_with_something_of_the_source_is_of_one_release(source, line, bound):
    assert found(source, {"r.txt": f"{line}\n"}, requirements=["r.txt"]).bound is bound


@pytest.mark.parametrize(
    ("line", "words"),
    [("-e ../common", "lies outside of the source"), ("-e libs/gone", "which the source has not")],
)
def test_path_that_is_not_in_the_source_is_refused(source, line, words):
    with pytest.raises(locks.LockError, match=words):
        found(source, {"r.txt": f"{line}\n"}, requirements=["r.txt"])


PYLOCK = (
    'lock-version = "1.0"\n[[packages]]\nname = "flask"\nversion = "3"\nwheels = [{hashes = '
    '{sha256 = "1"}}]\n'
)


def test_lock_that_is_there_is_installed(source):
    said = found(source, {"pylock.toml": PYLOCK})
    assert said.calls == [
        ["--no-deps", "--require-hashes", "--requirement", "../beside/pylock.toml.txt"]
    ]
    assert (source / "../beside/pylock.toml.txt").read_text() == "flask==3 --hash=sha256:1\n"
    assert not said.bound


def test_lock_and_the_project_itself(source):
    assert found(source, {"pylock.toml": PYLOCK}, project=True).calls[1:] == [["--no-deps", "."]]


def test_lock_and_further_requirements(source):
    files = {"pylock.toml": PYLOCK, "r.txt": "idna\n"}
    assert found(source, files, requirements=["pylock.toml", "r.txt"]).calls[1:] == [
        ["--requirement", "r.txt"]
    ]


def test_library_of_the_lock_is_installed_by_itself(source):
    library = '[[packages]]\nname = "common"\ndirectory = {path = "libs/common"}\n'
    said = found(source, {"pylock.toml": PYLOCK + library})
    assert said.calls[1:] == [["--no-deps", "./libs/common"]]
    assert said.bound


def test_requirements_for_another_python(source):
    files = {
        "r.txt": "-r deep/base.txt\n-e ./libs/common[fast]\nold ; python_version < '3.12'\n"
        "new==1 ; python_version >= '3.12' --hash=sha256:1\n",
        "deep/base.txt": "-c pins.txt\nflask\n",
    }
    for name, text in files.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    lines = list(installs.rewritten(source, "r.txt", lambda path: f"<{path}>", "3.13"))
    assert lines == [
        f"--constraint {source}/deep/pins.txt",
        "flask",
        "<./libs/common[fast]>",
        "new==1 --hash=sha256:1",
    ]
