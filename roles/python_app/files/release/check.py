"""Load the release without a web server and, with a number of seconds and the word health, ask it for its health.

Usage: check.py SECONDS [health]. Exit status 0 when it is well, else the application's own words.
"""

import faulthandler
import os
import runpy
import sys
from wsgiref.util import setup_testing_defaults

faulthandler.dump_traceback_later(float(sys.argv[1]), exit=True)
script = runpy.run_path(os.path.join(os.path.dirname(os.path.realpath(__file__)), "wsgi.py"))
if sys.argv[2:] == ["health"]:
    release = script["_RELEASE"]
    environ = {
        "HTTP_HOST": release["host"],
        "SERVER_NAME": release["host"],
        "SCRIPT_NAME": release["path"],
        "PATH_INFO": release["health_path"],
    }
    setup_testing_defaults(environ)
    environ["wsgi.errors"] = sys.stderr
    answers = []
    body = script["application"](environ, lambda status, headers, exc_info=None: answers.append(status) or (lambda data: None))
    try:
        text = b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()
    if not answers or int(answers[-1].split()[0]) >= 400:
        page = release["path"] + release["health_path"]
        sys.exit(f"{page} was answered with {answers[-1] if answers else 'nothing'}: {text[:2000].decode(errors='replace')}")
    if release["memory_limit"] and (holds := script["resident"]() >> 20) >= release["memory_limit"]:
        sys.exit(f"It holds {holds} MiB before any visitor is there, and memory_limit is {release['memory_limit']}: raise it.")
faulthandler.cancel_dump_traceback_later()
# Threads that the application started do not hold a check up.
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
