"""What an ignore file leaves out, by the rules of docker and podman."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.lamp.plugins.plugin_utils.app import ignores

NAMES = [
    ".git/HEAD",
    "app/a.py",
    "app/a.pyc",
    "app/deep/b.pyc",
    "app/secret.env",
    "docs/a.md",
    "docs/keep.md",
    "x[1].txt",
    "y1.txt",
]


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("", []),
        ("# words\n\n.git\n", [".git/HEAD"]),
        ("*.pyc", []),
        ("**/*.pyc", ["app/a.pyc", "app/deep/b.pyc"]),
        ("app/*.pyc", ["app/a.pyc"]),
        ("/app/deep/", ["app/deep/b.pyc"]),
        ("docs\n!docs/keep.md", ["docs/a.md"]),
        ("!docs/keep.md\ndocs", ["docs/a.md", "docs/keep.md"]),
        ("**\n!app", [".git/HEAD", "docs/a.md", "docs/keep.md", "x[1].txt", "y1.txt"]),
        (
            "*\n!app/**\n*/secret.env",
            [".git/HEAD", "app/secret.env", "docs/a.md", "docs/keep.md", "x[1].txt", "y1.txt"],
        ),
        ("?1.txt", ["y1.txt"]),
        ("[a-y]1.txt", ["y1.txt"]),
        (r"x\[1\].txt", ["x[1].txt"]),
        ("app/./deep", ["app/deep/b.pyc"]),
        ("\ufeffdocs", ["docs/a.md", "docs/keep.md"]),
    ],
)
def test_ignored(text, left_out):
    kept = ignores.kept(NAMES, text)
    assert [name for name in NAMES if name not in kept] == left_out
