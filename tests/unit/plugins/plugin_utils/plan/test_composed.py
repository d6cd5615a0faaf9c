"""Sites with a compose file, as the plan takes them."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.plan import composed

FILE = """
services:
  web: {build: ., expose: ["8000"], depends_on: [db]}
  db: {image: mariadb, environment: {MARIADB_DATABASE: shop}}
"""


@pytest.fixture
def base(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "compose.yml").write_text(FILE)
    (tmp_path / "inventory").mkdir()
    return tmp_path / "inventory"


def test_site_is_what_its_compose_file_says(base):
    given = {
        "www.foobar.com": {
            "aliases": ["foobar.com"],
            "app": {"compose": "../shop/compose.yml", "health_path": "/up"},
        },
        "api.foobar.com": {
            "database": "api",
            "apps": {
                "/v1": {"compose": "../shop/compose.yml"},
                "/": {"source": "x", "wsgi": "a:b"},
            },
        },
        "other.foobar.com": {"app": {"source": "../shop", "wsgi": "shop:app"}},
    }
    sites, notes, problems = composed.sites(given, base)
    made = {"build": {"directory": "../shop"}, "port": 8000}
    assert problems == []
    assert sites["www.foobar.com"] == {
        "aliases": ["foobar.com"],
        "app": {**made, "health_path": "/up"},
        "database": "shop",
    }
    assert sites["api.foobar.com"] == {
        "database": "api",
        "apps": {"/v1": made, "/": {"source": "x", "wsgi": "a:b"}},
    }
    assert sites["other.foobar.com"] == given["other.foobar.com"]
    assert [note for note in notes if "site's database" in note] == [
        (
            "../shop/compose.yml: the site's database shop takes the place of the service db: it "
            "starts empty, with an account of its own."
        )
    ]
    assert given["www.foobar.com"]["app"] == {
        "compose": "../shop/compose.yml",
        "health_path": "/up",
    }


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (
            {"compose": "compose.yml"},
            (
                "lamp_sites['a'].app.compose is 'compose.yml', which cannot be read (No such "
                "file or directory): correct"
            ),
        ),
        (
            {"compose": "bad.yml"},
            (
                "lamp_sites['a'].app.compose is 'bad.yml', which is not valid YAML in line 2: "
                "correct it there."
            ),
        ),
        (
            {"compose": "tag.yml"},
            (
                "lamp_sites['a'].app.compose is 'tag.yml', which is not valid YAML in line 1: "
                "correct it there."
            ),
        ),
        (
            {"service": "web"},
            (
                "lamp_sites['a'].app.service is 'web', and there is no compose file that has it: "
                "give compose, or remove it."
            ),
        ),
        ({"compose": "empty.yml"}, "empty.yml: services is missing"),
    ],
)
def test_file_that_cannot_be_read(app, said, base):
    (base / "bad.yml").write_text("a: [\n}")
    (base / "tag.yml").write_text("services: !!python/object/apply:os.system [touch /nonexistent]")
    (base / "empty.yml").write_text("")
    sites, _notes, problems = composed.sites({"a": {"app": app}}, base)
    assert len(problems) == 1
    assert problems[0].startswith(said)
    assert sites == {"a": {"app": {}}}
    assert composed.sites({"a": {"apps": {"/x": app}}}, base)[2][0].startswith(
        said.replace(".app.", ".apps['/x'].")
    )


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "x",
        {"a": None},
        {"a": {"app": None}},
        {"a": {"app": {"compose": 1}}},
        {"a": {"apps": []}},
    ],
)
def test_what_has_another_type_is_left_to_others(given, base):
    assert composed.sites(given, base) == (given, [], [])
