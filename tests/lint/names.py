"""Check that the words that docs/glossary.md gives up are not used.

No public name may have one that the page writes as code: options, results, variables, playbooks,
roles, filters, lookups. No documentation, task or description may have one that it writes in
italics.
"""

from __future__ import annotations

import importlib
import pathlib
import re
import sys

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.foobar.lamp.plugins"


def forbidden(page):
    """Return the words that are refused in names, with the term to use:
    the code in the last column of the page's table.
    """
    found = {}
    for line in page.splitlines():
        if row := re.fullmatch(r"\| \*\*(.+?)\*\* \|.*\| (.*) \|", line):
            found |= dict.fromkeys(re.findall(r"`(.+?)`", row[2]), row[1])
    return found


def avoided(page):
    """Return the words that are refused in prose, with the term to use:
    those in italics in the last column of the page's table.
    """
    found = {}
    for line in page.splitlines():
        if row := re.fullmatch(r"\| \*\*(.+?)\*\* \|.*\| (.*) \|", line):
            found |= dict.fromkeys(
                (word.strip("`") for word in re.findall(r"\*(.+?)\*", row[2])), row[1]
            )
    return found


def lapses(lines, refused):
    """Yield a sentence for each of ``lines`` (with where it stands) that has one of the words
    ``refused``, outside of code.
    """
    for line, where in lines:
        words = re.sub(r"`[^`]*`", "", line)
        for word, term in refused.items():
            if re.search(rf"\b{re.escape(word)}\b", words, re.IGNORECASE):
                yield f"{where} has '{word}': the glossary's term is {term}."


def prose():
    """Yield each line that users read outside of blocks of code, with its place: pages,
    playbooks, tasks, descriptions.
    """
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "playbooks/**/*.yml",
        "roles/*/tasks/*.yml",
        "roles/*/meta/*.yml",
        "plugins/*/*.yml",
    ):
        for file in sorted(TOP.glob(pattern)):
            if file.name in ("glossary.md", "CHANGELOG.md"):
                continue
            code = False
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                code ^= file.suffix == ".md" and line.lstrip().startswith("```")
                if not code:
                    yield line, f"{file.relative_to(TOP)}:{number}"


def problems(names, refused):
    """Yield a sentence for each of ``names`` (with where it stands)
    that has one of the words ``refused``.
    """
    for name, where in names:
        # "certificate authority" is the term itself.
        bare = re.sub(
            r"certificate_authorit(y|ies)", "ca", re.sub(r"[^a-z0-9]+", "_", name.lower())
        )
        for word, term in refused.items():
            if f"_{word}_" in f"_{bare}_":
                yield f"{where}: the name {name} has '{word}': the glossary's term is {term}."


def _options(options, where, below):
    for name, option in (options or {}).items():
        if not name.startswith("_"):
            yield name, where
        yield from (
            (choice, where) for choice in option.get("choices") or [] if isinstance(choice, str)
        )
        yield from _options(option.get(below), where, below)


def _documented(file):
    yield file.stem, file
    module = importlib.import_module(f"{PACKAGE}.{file.parent.name}.{file.stem}")
    yield from _options(yaml.safe_load(module.DOCUMENTATION).get("options"), file, "suboptions")
    yield from _options(yaml.safe_load(module.RETURN), file, "contains")


def public():
    """Yield each public name, and the file that it stands in."""
    for kind in ("modules", "lookup"):
        for file in sorted((TOP / "plugins" / kind).glob("*.py")):
            yield from _documented(file)
    for file in sorted((TOP / "plugins/filter").glob("*.py")):
        module = importlib.import_module(f"{PACKAGE}.filter.{file.stem}")
        yield from ((name, file) for name in module.FilterModule().filters())
    for file in sorted((TOP / "roles").glob("*/meta/argument_specs.yml")):
        yield file.parts[-3], file
        for entry, spec in yaml.safe_load(file.read_text())["argument_specs"].items():
            yield entry, file
            yield from _options(spec["options"], file, "options")
    yield from ((file.stem, file) for file in sorted((TOP / "playbooks").glob("*.yml")))
    variables = importlib.import_module(f"{PACKAGE}.plugin_utils.plan.options")
    yield from (
        (name, pathlib.Path(variables.__file__))
        for of in ("lamp", "hosts")
        for name in variables.options(of)
    )


if __name__ == "__main__":
    sys.path.insert(0, str(TOP / ".cache/collections"))
    glossary = (TOP / "docs/glossary.md").read_text()
    found = list(
        dict.fromkeys(
            [*problems(public(), forbidden(glossary)), *lapses(prose(), avoided(glossary))]
        )
    )
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
