"""What identifies a release, and which are to be made."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.filter import python_app


@pytest.fixture
def app(tmp_path):
    (tmp_path / "shop.py").write_text("application = None\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    return {"name": "www.foobar.com", "source": str(tmp_path), "wsgi": "shop:application", "requirements": "requirements.txt"}


def release(app, **options):
    return python_app.python_app_plan([{**app, **options}])[0]["release"]


def test_release_is_its_content(app, tmp_path):
    first = release(app)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/shop.pyc").write_text("x")
    assert release(app) == first
    (tmp_path / "shop.py").write_text("application = 1\n")
    assert release(app) != first


@pytest.mark.parametrize("change", [{"wsgi": "shop:other"}, {"migrate": ["x"]}, {"collect": ["x"]}, {"static_dir": "s"}])
def test_release_is_also_how_it_is_made(app, change):
    assert release(app, **change) != release(app)


def test_plan_holds_no_secret(app):
    (plan,) = python_app.python_app_plan([{**app, "environment": {"SECRET_KEY": "hush"}}])
    assert "hush" not in repr(plan)


def test_only_what_is_not_current_is_pending(app):
    plans = python_app.python_app_plan([app])
    current = {"/srv/www.foobar.com/current": {"link": f"releases/{plans[0]['release']}", "changed": 1.0}}
    assert python_app.python_app_pending(plans, current) == []
    assert python_app.python_app_pending(plans, {}) == plans
    assert python_app.python_app_pending(plans, {"/srv/www.foobar.com/current": {"link": "releases/x", "changed": 1.0}}) == plans


@pytest.mark.parametrize(("script", "stale"), [(1.0, ["www.foobar.com"]), (3.0, []), (None, [])])
def test_settings_that_no_process_has_read_are_found(app, script, stale):
    paths = {"/etc/python_app/www.foobar.com.env": {"link": "", "changed": 2.0}}
    if script:
        paths["/srv/www.foobar.com/current/wsgi.py"] = {"link": "", "changed": script}
    assert python_app.python_app_stale([app], paths) == stale


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "/nowhere"}, "source /nowhere, which is no directory"),
        ({"requirements": "x.txt"}, "requirements x.txt, which is no file"),
        ({"wsgi": "shop"}, "wsgi 'shop'"),
        ({"user": "Big Name"}, "user 'Big Name'"),
        ({"name": "../x"}, "name '../x'"),
        ({"health_path": "x"}, "health_path 'x'"),
        ({"environment": {"A-B": "x"}}, "environment variable 'A-B'"),
    ],
)
def test_problems_name_value_and_remedy(app, change, words):
    assert words in "\n".join(python_app.python_app_problems([{**app, **change}]))


def test_problem_with_a_value_does_not_show_it(app):
    text = "\n".join(python_app.python_app_problems([{**app, "environment": {"KEY": "hush\nhush"}}]))
    assert "value of KEY that has a line break" in text
    assert "hush" not in text
    assert python_app.python_app_problems([app]) == []
