"""What is wrong with the inputs of python_app, also by what is on the controller's disk."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.lamp.plugins.filter import python_app


@pytest.fixture
def app(tmp_path):
    (tmp_path / "shop.py").write_text("application = None\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    return {"name": "www.foobar.com", "source": str(tmp_path), "wsgi": "shop:application", "requirements": ["requirements.txt"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "/nowhere"}, "source /nowhere, which is no directory"),
        ({"source": "/nowhere.tar.gz"}, "source /nowhere.tar.gz, which is no file"),
        ({"source": "/{version}.whl", "version": "7"}, "source /7.whl, which is no file"),
        ({"source": "https://me:hush@example.com/x.zip"}, "the source https://example.com/x.zip and no checksum"),
        ({"source": "https://example.com/x.zip", "checksum": "md5:0"}, "checksum 'md5:0'"),
        ({"source": ""}, "neither source nor requirement"),
        ({"requirement": "shop==1"}, "both a source and a requirement"),
        ({"source": "", "requirement": "shop==1", "project": True}, "project, which a requirement is anyway"),
        ({"source": "", "requirement": "shop==1", "version": "2"}, "requirement shop==1 and the version 2"),
        ({"requirements": ["x.txt"]}, "requirements x.txt, which is no file"),
        ({"constraints": ["x.txt"]}, "constraints x.txt, which is no file"),
        ({"constraints": ["/nowhere/x.txt"]}, "constraints /nowhere/x.txt, which is no file on this computer"),
        ({"source": "git@example.com:shop.git", "constraints": ["/nowhere/x.txt"]}, "which is no file on this computer"),
        ({"source": "git@example.com:shop.git", "requirements": ["../x.txt"]}, "the file ../x.txt: give one in the source"),
        ({"wsgi": "shop"}, "wsgi 'shop'"),
        ({"wsgi": "shop:make(1)"}, "or a factory"),
        ({"user": "Big Name"}, "user 'Big Name'"),
        ({"name": "../x"}, "name '../x'"),
        ({"workers": [{"name": "A b", "command": ["x"]}]}, "worker or timer 'A b'"),
        ({"health_path": "x"}, "health_path 'x'"),
        ({"path": "x"}, "path 'x'"),
        ({"environment": {"A-B": "x"}}, "environment variable 'A-B'"),
    ],
)
def test_problems_name_value_and_remedy(app, change, words):
    (problem,) = python_app.python_app_problems([{**app, **change}])
    assert words in problem
    assert "hush" not in problem


def test_problem_names_what_the_user_wrote(app):
    (problem,) = python_app.python_app_problems([{**app, "origin": "lamp_sites['www.foobar.com'].app", "source": "/nowhere"}])
    assert problem == "lamp_sites['www.foobar.com'].app has the source /nowhere, which is no directory on this computer: correct the path."


def test_files_beyond_the_source_have_names_of_their_own(app, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "c.txt").write_text("flask==3.1.3\n")
    paths = [str(tmp_path / name / "c.txt") for name in ("one", "two")]
    assert python_app.python_app_problems([{**app, "constraints": paths[:1]}]) == []
    (problem,) = python_app.python_app_problems([{**app, "constraints": paths}])
    assert "of the same name beyond its source" in problem


@pytest.mark.parametrize("change", [{}, {"wsgi": "shop:make()"}, {"source": "git@example.com:shop.git", "version": "v1"}])
def test_what_is_right_has_no_problem(app, change):
    assert python_app.python_app_problems([{**app, **change}]) == []


@pytest.mark.parametrize(("keep", "port", "words"), [(1, 80, "python_app_keep_releases is 1"), (2, 0, "python_app_port is 0")])
def test_numbers(app, keep, port, words):
    (problem,) = python_app.python_app_problems([app], keep, port)
    assert words in problem


def test_two_applications_share_nothing(app):
    text = "\n".join(python_app.python_app_problems([app, app, {**app, "name": "b", "user": "app-www-foobar-com"}]))
    assert "www.foobar.com twice" in text
    assert "which runs www.foobar.com already" in text


def test_problem_with_a_value_does_not_show_it(app):
    (problem,) = python_app.python_app_problems([{**app, "environment": {"KEY": "hush\nhush"}}])
    assert "value of KEY that has a line break" in problem
    assert "hush" not in problem


def test_choice():
    apps = [{"name": "a.com", "host": "a.com"}, {"name": "a.com_x", "host": "a.com"}, {"name": "b.com", "host": "b.com"}]
    assert python_app.chosen_apps(apps) == apps
    assert [app["name"] for app in python_app.chosen_apps(apps, "a.com")] == ["a.com", "a.com_x"]
    assert [app["name"] for app in python_app.chosen_apps(apps, "a.com", "2")] == ["a.com"]
    assert python_app.chosen_apps(apps, "a.com_x", 2) == [{"name": "a.com_x", "host": "a.com", "version": "2"}]
    with pytest.raises(AnsibleFilterError, match="give one of a.com, a.com_x, b.com"):
        python_app.chosen_apps(apps, "c.com")
    with pytest.raises(AnsibleFilterError, match="of which site"):
        python_app.chosen_apps(apps, "", "2")
