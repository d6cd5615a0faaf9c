"""A project that is installed: what it is, what it was built with, and which versions it got."""

import importlib.metadata

from flask import Flask

from board.number import NUMBER

application = Flask(__name__)


@application.get("/")
def page():
    """Answer with what it is made of."""
    versions = [
        f"{name} {importlib.metadata.version(name)}" for name in ("board", "flask", "pyjwt")
    ]
    return ", ".join([*versions, str(NUMBER)])
