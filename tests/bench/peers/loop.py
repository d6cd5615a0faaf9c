"""Ask a WSGI application for one path, without any server, in a process for each core: loop.py
PATH SECONDS prints answers a second.
"""

import importlib
import io
import multiprocessing
import os
import sys
import time


def ask(path, seconds):
    """Return the number of good answers within that time."""
    sys.path.insert(0, os.getcwd())
    application = importlib.import_module("foobar.wsgi").application
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "www.foobar.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    said = []

    def once():
        body = application(
            {**environ, "wsgi.input": io.BytesIO()},
            lambda status, _headers, _error=None: said.append(status),
        )
        b"".join(body)
        body.close()

    once()
    answers, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        once()
        answers += 1
    assert set(said) == {"200 OK"}, set(said)
    return answers


if __name__ == "__main__":
    cores, duration = len(os.sched_getaffinity(0)), float(sys.argv[2])
    with multiprocessing.Pool(cores) as pool:
        print(sum(pool.starmap(ask, [(sys.argv[1], duration)] * cores)) / duration)
