"""Each inventory in examples/ is planned as a run would plan it, host by host. Nothing is
changed and no host is asked.
"""

from __future__ import annotations

import pathlib

import pytest
from support.planning import planned

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
INVENTORIES = sorted(EXAMPLES.glob("*/*.yml"))


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What examples take from it."""
    monkeypatch.setenv("STAGING_PASSWORD", "for the test alone")


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_example_is_planned_without_a_problem(path):
    problems, of = planned(path)
    assert problems == []
    assert of
    assert all({"linux_base", "firewall"} <= set(done) for done in of.values())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "lamp_domain:",
            "lamp_domian:",
            "lamp_domian is not a known variable: did you mean lamp_domain?",
        ),
        ("database: hello", "databse: hello", "databse"),
        (
            "database: hello",
            "database: hello\n    apache_lisen: [80]",
            "did you mean apache_listen?",
        ),
        (
            "database: hello",
            "database: hello\n    shop_name: hello",
            "shop_name is no variable of this collection.",
        ),
        ("lamp_web:", "lamp_webb:", "Group lamp_web"),
        ("hello:application", "hello", "hello"),
    ],
)
def test_wrong_example_is_refused(tmp_path, old, new, words):
    path = tmp_path / "inventory.yml"
    text = (EXAMPLES / "one_server/inventory.yml").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert any(words in problem for problem in planned(path)[0])


def test_each_example_has_a_page_and_stands_in_the_list():
    page = (EXAMPLES / "README.md").read_text()
    for place in {path.parent for path in INVENTORIES}:
        assert (place / "README.md").is_file()
        assert f"({place.name}/README.md)" in page
