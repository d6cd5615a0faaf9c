"""Code stands where it runs: module_utils on hosts, plugin_utils
on the controller. Imports lead one way.
"""

from __future__ import annotations

import ast
import graphlib
import pathlib

import pytest

PLUGINS = pathlib.Path(__file__).parents[3] / "plugins"
PACKAGE = "ansible_collections.foobar.lamp.plugins."
#: What tells the host's part of a direct task: ``_direct.do(self, "folder.file", …)``.
SENDERS = ("do", "call", "program")


def place(name):
    """Return the file that has this name under plugins, seen from there;
    None for a folder, and for what is in a file.
    """
    file = PLUGINS / (name.replace(".", "/") + ".py")
    return str(file.relative_to(PLUGINS)) if file.is_file() else None


def imported(tree):
    """Return the files of the collection that a file imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno} has a relative import"
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {place(name.removeprefix(PACKAGE)) for name in names if name.startswith(PACKAGE)} - {
        None
    }


def sent(tree):
    """Return the files of module_utils that a file sends to hosts."""
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    senders = [
        call for call in calls if ast.unparse(call.func) in {f"_direct.{name}" for name in SENDERS}
    ]
    words = [word.value for call in senders for word in call.args if isinstance(word, ast.Constant)]
    return {place(f"module_utils.{word}") for word in words}


@pytest.fixture(scope="module")
def trees():
    """Return the syntax trees of all plugins, by their places."""
    return {
        str(file.relative_to(PLUGINS)): ast.parse(file.read_text())
        for file in sorted(PLUGINS.rglob("*.py"))
    }


@pytest.fixture(scope="module")
def imports(trees):
    """Return what imports what."""
    return {name: imported(tree) for name, tree in trees.items()}


def test_hosts_need_nothing_of_the_controllers(imports):
    on_hosts = {name for name in imports if name.startswith(("modules/", "module_utils/"))}
    assert {
        name: found
        for name in on_hosts
        if (found := {one for one in imports[name] if one not in on_hosts})
    } == {}


def test_what_is_in_module_utils_comes_to_hosts(trees, imports):
    due, reached = [name for name in trees if name.startswith("modules/")], set()
    due += [one for tree in trees.values() for one in sent(tree)]
    assert len(due) > len([name for name in trees if name.startswith("modules/")])
    while due:
        if (name := due.pop()) not in reached:
            reached.add(name)
            due += imports[name]
    kept = {
        name
        for name in trees
        if name.startswith("module_utils/") and not name.endswith("/__init__.py")
    }
    assert kept - reached == set()


def test_imports_lead_one_way(imports):
    graphlib.TopologicalSorter(imports).prepare()
    folders = {}
    for name, found in imports.items():
        folder = str(pathlib.PurePath(name).parent)
        folders.setdefault(folder, set()).update(
            {str(pathlib.PurePath(one).parent) for one in found} - {folder}
        )
    graphlib.TopologicalSorter(folders).prepare()


def test_folders_are_packages_and_have_nothing_but_files():
    folders = {
        file.parent
        for room in ("module_utils", "plugin_utils")
        for file in (PLUGINS / room).glob("*/**/*.py")
    }
    assert folders
    # What is sent to a host is the files alone.
    assert {
        folder
        for folder in folders
        if not (folder / "__init__.py").is_file() or (folder / "__init__.py").read_text()
    } == set()
