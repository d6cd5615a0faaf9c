"""Static files under names that hold their hash, so that a browser may keep them for ever.

``python -m foobar.assets`` puts them into the directory $STATIC_ROOT, with a manifest of the names.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import sys

SOURCE = pathlib.Path(__file__).parent / "static"
MANIFEST = "manifest.json"


def collect(target: pathlib.Path) -> dict[str, str]:
    """Copy the static files into ``target`` and return ``{plain name: name with hash}``."""
    names = {}
    for path in sorted(SOURCE.iterdir()):
        content = path.read_bytes()
        names[path.name] = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
        (target / names[path.name]).write_bytes(content)
    (target / MANIFEST).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    return names


def manifest(static_root: str) -> dict[str, str]:
    """Return the names that were collected in ``static_root``; none in development."""
    path = pathlib.Path(static_root) / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if static_root and path.is_file() else {}


if __name__ == "__main__":
    if not os.environ.get("STATIC_ROOT"):
        sys.exit("STATIC_ROOT is not set: name the directory that the static files go to.")
    print(f"{len(collect(pathlib.Path(os.environ['STATIC_ROOT'])))} static files collected")
