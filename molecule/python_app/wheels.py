"""Packages that are on no public index. Usage: wheels.py DIRECTORY
puts the wheel of an application there.
"""

from __future__ import annotations

import io
import pathlib
import sys
import zipfile

GREET = '''"""A wheel that is an application, and what its extra brings."""
import importlib.metadata

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"greetings, markupsafe {importlib.metadata.version('markupsafe')}".encode()]
'''


def wheel(name, text, *metadata):
    """Return the content of a wheel with one module."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": text,
        f"{info}/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *metadata, ""]
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text_of_it in files.items():
            archive.writestr(zipfile.ZipInfo(path), text_of_it)
    return content.getvalue()


if __name__ == "__main__":
    extra = ["Provides-Extra: safe", 'Requires-Dist: markupsafe; extra == "safe"']
    pathlib.Path(sys.argv[1], "greet-1.0-py3-none-any.whl").write_bytes(
        wheel("greet", GREET, *extra)
    )
