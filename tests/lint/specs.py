"""Check each role's argument_specs: defaults are those of the role, in the same order; entry
points and options are described.
"""

from __future__ import annotations

import pathlib
import re
import sys

import yaml


def undescribed(options, where):
    """Yield the paths of options and sub-options without a type or a description."""
    for name, option in options.items():
        if not option.get("type") or not option.get("description"):
            yield f"{where}.{name} lacks a type or a description"
        yield from undescribed(option.get("options", {}), f"{where}.{name}")


def problems(role):
    """Yield what is wrong with the role in the directory ``role``."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    options = specs["main"]["options"]
    declared = {name: option["default"] for name, option in options.items() if "default" in option}
    if list(declared.items()) != list(defaults.items()):
        yield (
            f"{role.name}: defaults/main.yml has {defaults}, meta/argument_specs.yml has {declared}"
        )
    for entry, spec in specs.items():
        if not spec.get("short_description") or not spec.get("description"):
            yield f"{role.name}: the entry point {entry} lacks a short_description or a description"
        if spec["options"] != options:
            yield f"{role.name}: the entry point {entry} has other options than main"
    yield from undescribed(options, role.name)
    for tasks in sorted(role.glob("tasks/*.yml")):
        if re.search(
            r"ansible\.builtin\.apt:(?!\n +name: \S+\n +state: absent)", tasks.read_text()
        ):
            yield (
                f"{tasks}: packages are installed by foobar.lamp.debian_packages, which waits for "
                f"others and starts what waits"
            )


if __name__ == "__main__":
    found = [
        problem for role in sorted(pathlib.Path("roles").iterdir()) for problem in problems(role)
    ]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
