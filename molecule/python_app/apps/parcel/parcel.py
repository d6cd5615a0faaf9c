"""An application with a lock, and one with relative
requirements: both need a library beside them.
"""

import importlib.metadata
import os
import pathlib

import common


def application(environ, start_response):
    """Answer with what is installed, and what the settings say."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    config = pathlib.Path(os.environ["CONFIG"]).name
    words = [
        common.WORDS,
        f"markupsafe {importlib.metadata.version('markupsafe')}",
        config,
        os.environ["PEM"],
    ]
    return ["\n".join(words).encode()]
