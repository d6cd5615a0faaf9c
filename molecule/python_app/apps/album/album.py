"""It keeps what is sent by PUT where the web server shows it. Tests break it on purpose."""

import os
import pathlib

BREAK = ""
if BREAK:
    raise ValueError(f"broken {BREAK} on purpose")


def application(environ, start_response):
    """Keep a file, and answer with the release."""
    if environ["REQUEST_METHOD"] == "PUT":
        # By the name that it has in the state directory.
        place = pathlib.Path(os.environ["HOME"], "media", environ["PATH_INFO"].rpartition("/")[2])
        place.write_bytes(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["RELEASE_ID"].encode()]
