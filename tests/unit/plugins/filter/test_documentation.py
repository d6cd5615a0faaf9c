"""The documentation of filters, which Ansible wants in a file
beside the code: plugins/filter/NAME.yml.
"""

from __future__ import annotations

import importlib
import inspect

import pytest
import yaml
from support.plays import ROOT

DIRECTORY = ROOT / "plugins/filter"
FILTERS = {
    name: function
    for file in DIRECTORY.glob("*.py")
    for name, function in importlib.import_module(
        f"ansible_collections.foobar.lamp.plugins.filter.{file.stem}"
    )
    .FilterModule()
    .filters()
    .items()
}


def options(function):
    """Return of each parameter whether it is required,
    and its default, as an option of the filter has them.
    """
    first, *others = inspect.signature(function).parameters.values()
    found = {"_input": first, **{one.name: one for one in others}}
    return {
        name: {
            "required": one.default is one.empty and one.kind is not one.VAR_KEYWORD,
            "default": default(one.default),
        }
        for name, one in found.items()
    }


def default(value):
    """Return a default as YAML has it: no tuple, and nothing where there is none."""
    return (
        list(value)
        if isinstance(value, tuple)
        else None
        if value is inspect.Parameter.empty
        else value
    )


def test_each_filter_is_documented_and_nothing_else():
    assert {file.stem for file in DIRECTORY.glob("*.yml")} == FILTERS.keys()


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_documented_options_are_the_parameters(name):
    page = yaml.safe_load((DIRECTORY / f"{name}.yml").read_text())
    documentation, signature = page["DOCUMENTATION"], inspect.signature(FILTERS[name])
    assert documentation["name"] == name
    wanted = [one.name for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD][
        1:
    ]
    assert [one for one in documentation.get("positional", "").split(", ") if one] == wanted
    said = {
        key: {"required": one.get("required", False), "default": one.get("default")}
        for key, one in documentation["options"].items()
    }
    assert list(said.items()) == list(options(FILTERS[name]).items())
    assert f"foobar.lamp.{name}" in page["EXAMPLES"]
    assert list(page["RETURN"]) == ["_value"]
