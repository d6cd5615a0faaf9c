"""What pages tell a user to write and to run is there: inventories are planned, playbooks and
their variables exist. Their prose is no wider than it can be read.
"""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from support.planning import planned

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
#: What stands behind foobar.lamp. in the collection.
THERE = {
    path.stem
    for place in ("playbooks", "roles", "plugins/modules", "plugins/filter", "plugins/action")
    for path in ROOT.glob(f"{place}/*")
}


def blocks(language):
    """Return the blocks of a language on all pages, each with where it stands."""
    for page in PAGES:
        for number, (named, text) in enumerate(BLOCK.findall(page.read_text())):
            if named == language:
                yield pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")


def commands():
    """Return each call of a playbook of ours on all pages:
    its name and the variables that it is given.
    """
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        for name, rest in re.findall(
            r"ansible-playbook [^`\n]*?foobar\.lamp\.(\w+)([^`\n]*)", text
        ):
            variables = tuple(re.findall(r"-e '?(\w+)=", rest))
            yield pytest.param(
                name, variables, id=f"{page.relative_to(ROOT)}-{name}-{'-'.join(variables)}"
            )


@pytest.mark.parametrize(
    "text",
    [
        one
        for one in blocks("yaml")
        if one.values[0].startswith("lamp:") and "lamp_sites" in one.values[0]
    ],
)
def test_inventory_of_a_page_is_planned_without_a_problem(tmp_path, text):
    path = tmp_path / "site/inventory.yml"
    for place in ("site/shop", "shop"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "requirements.txt").write_text("django\n")
    path.write_text(text)
    problems, of = planned(path)
    assert problems == []
    assert of


@pytest.mark.parametrize("text", [one for one in blocks("yaml") if "guides" in one.id])
def test_yaml_of_a_page_can_be_read(text):
    assert yaml.safe_load(text)


@pytest.mark.parametrize(("name", "variables"), {param.id: param for param in commands()}.values())
def test_command_of_a_page_is_there(name, variables):
    page = ROOT / f"playbooks/{name}.yml"
    assert page.is_file()
    texts = "".join(path.read_text() for path in ROOT.glob("playbooks/**/*.yml"))
    assert [one for one in variables if one not in texts] == []


def test_names_of_the_collection_on_pages_are_there():
    said = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"foobar\.lamp\.(\w+)", page.read_text())
    }
    assert {one for one in said if one[1] not in THERE} == set()


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("roles/*/README.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_prose_of_a_page_has_90_columns(page):
    """Tables, blocks and what has no space to break at may be wider."""
    prose = BLOCK.sub("", page.read_text())
    lines = [line for line in prose.splitlines() if not line.startswith(("|", "!["))]
    wide = [line for line in lines if len(line) > 90]
    assert not [line for line in wide if " " in re.sub(r"`[^`]*`", "", line[2:]).strip()]
