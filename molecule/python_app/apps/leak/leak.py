"""An application that keeps a mebibyte of each visitor. It answers with its process."""

import os
import time

KEPT = []


def application(environ, start_response):
    """Take a moment, so that visitors are there when the process is replaced."""
    KEPT.append(os.urandom(1048576))
    time.sleep(0.02)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
