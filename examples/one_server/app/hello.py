"""The smallest WSGI application. Yours is a Django, Flask or any other one."""

from __future__ import annotations

import os


def application(environ, start_response):
    """Answer with the site's name:
    the environment has it, as it has SECRET_KEY and DATABASE_URL.
    """
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello from {os.environ['SITE_NAME']}\n".encode()]
