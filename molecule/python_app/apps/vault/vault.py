"""A project that needs a package from a private index, and one that is built for each Python."""

import importlib.metadata

import lamp_private
import markupsafe._speedups


def application(environ, start_response):
    """Answer with the words of the private package."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [
        (
            f"{lamp_private.WORDS} {markupsafe._speedups.__name__} "
            f"{importlib.metadata.version('markupsafe')}"
        ).encode()
    ]
