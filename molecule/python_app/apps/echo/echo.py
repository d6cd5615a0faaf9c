"""It answers with what it is told of a request and of itself. Where
STRICT is set, it takes its first name only.
"""

import json
import os
import shutil


def application(environ, start_response):
    """Answer with JSON."""
    names = os.environ["SITE_NAMES"].split(",")
    known = names[:1] if os.environ.get("STRICT") else names
    status = "200 OK" if environ["HTTP_HOST"].partition(":")[0] in known else "400 Bad Request"
    start_response(status, [("Content-Type", "application/json")])
    told = {
        "authorization": environ.get("HTTP_AUTHORIZATION"),
        "path": environ["PATH_INFO"],
        "names": names,
    }
    told |= {
        "uri": environ["REQUEST_URI"],
        "client": environ["REMOTE_ADDR"],
        "user": environ.get("REMOTE_USER"),
    }
    told |= {
        "forwarded": [
            environ.get(f"HTTP_X_FORWARDED_{name}") for name in ("FOR", "PROTO", "HOST", "PREFIX")
        ]
    }
    told |= {"url": [environ[name] for name in ("wsgi.url_scheme", "SERVER_NAME", "SERVER_PORT")]}
    told |= {
        "directory": os.getcwd(),
        "program": shutil.which("python"),
        "protocol": environ["SERVER_PROTOCOL"],
    }
    told |= {"length": environ.get("CONTENT_LENGTH"), "body": len(environ["wsgi.input"].read())}
    return [json.dumps(told).encode()]
