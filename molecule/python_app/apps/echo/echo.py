"""It answers with what it is told of a request and of itself. Where STRICT is set, it takes its first name only."""

import json
import os


def application(environ, start_response):
    """Answer with JSON."""
    names = os.environ["SITE_NAMES"].split(",")
    known = names[:1] if os.environ.get("STRICT") else names
    status = "200 OK" if environ["HTTP_HOST"].partition(":")[0] in known else "400 Bad Request"
    start_response(status, [("Content-Type", "application/json")])
    told = {"authorization": environ.get("HTTP_AUTHORIZATION"), "path": environ["PATH_INFO"], "names": names}
    return [json.dumps(told).encode()]
