"""The compressed neighbours of static files."""

from __future__ import annotations

import gzip
import pathlib
import subprocess
import sys

COMPRESS = pathlib.Path(__file__).parents[4] / "roles/python_app/files/release/compress.py"


def test_only_texts_that_gain_by_it_are_compressed(tmp_path):
    text = "body { color: black }\n" * 100
    for name, content in (
        ("deep/site.css", text),
        ("photo.png", text),
        ("small.css", "x"),
        ("folder.css/inner.css", text),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "gone.css").symlink_to("nowhere")
    subprocess.run([sys.executable, "-I", COMPRESS, tmp_path], check=True)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.gz")) == [
        "deep/site.css.gz",
        "folder.css/inner.css.gz",
    ]
    assert gzip.decompress((tmp_path / "deep/site.css.gz").read_bytes()).decode() == text
