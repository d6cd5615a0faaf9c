"""Put compressed neighbours beside the texts of a directory: gzip's, and those of the host's
program brotli where there is one.

Usage: compress.py DIRECTORY
"""

import gzip
import os
import shutil
import subprocess
import sys

TEXTS = (".css", ".html", ".js", ".json", ".map", ".mjs", ".svg", ".txt", ".wasm", ".xml")
FILES_AT_ONCE = 500  # that a command line holds, however long their names

paths = []
for folder, _folders, names in os.walk(sys.argv[1]):
    for path in (os.path.join(folder, name) for name in names if name.endswith(TEXTS)):
        if not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        packed = gzip.compress(content, 9, mtime=0)
        # Below a packet nothing is won.
        if len(content) > 1000 and len(packed) < len(content):
            with open(f"{path}.gz", "wb") as file:
                file.write(packed)
            paths.append(path)
if shutil.which("brotli"):
    for start in range(0, len(paths), FILES_AT_ONCE):
        subprocess.run(
            ["brotli", "--force", "--keep", "--", *paths[start : start + FILES_AT_ONCE]], check=True
        )
