"""What mod_wsgi loads: the application of this release, with its settings."""

import contextlib
import ctypes
import importlib
import json
import os
import shlex
import signal
import sys
import traceback

_PR_SET_DUMPABLE, _PR_SET_NAME = 4, 15  # see prctl(2)
_HERE = os.path.dirname(os.path.realpath(__file__))
with open(f"{_HERE}/release.json", encoding="utf-8") as _file:
    _RELEASE = json.load(_file)


def _load():
    if os.path.realpath(sys.prefix) != os.path.realpath(f"{_HERE}/venv"):
        raise RuntimeError(f"this is the Python of {sys.prefix}, not that of {_HERE}/venv")
    with open(_RELEASE["environment_file"], encoding="utf-8") as file:
        for line in shlex.split(file.read(), comments=True):
            name, _equals, value = line.partition("=")
            os.environ[name] = value.replace("{release}", _HERE)
    os.environ["RELEASE_ID"] = os.path.basename(_HERE)
    os.environ["STATIC_ROOT"] = f"{_HERE}/{_RELEASE['static_dir']}"
    sys.dont_write_bytecode = True
    # What a process imports late comes from its own release, whatever is current by then.
    sys.path[:] = [f"{_HERE}/src", *(os.path.realpath(path) for path in sys.path)]
    module, _colon, name = _RELEASE["wsgi"].partition(":")
    found = getattr(importlib.import_module(module), name.removesuffix("()"))
    return found() if name.endswith("()") else found


def _go_first():
    """When memory runs out, have the kernel end this process before the database and sshd."""
    prctl = ctypes.CDLL(None).prctl
    # A process that was root's a moment ago may not write here unless it may be traced, too: by its own user, and for this moment.
    prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("500")
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _show(sign):
    """Show, as the name of the process, which release it has loaded (ok) or could not load (no): 'ps -o comm' tells."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"{sign}:{os.path.basename(_HERE)}".encode(), 0, 0, 0)


if "mod_wsgi" in sys.modules:
    _go_first()
try:
    _application = _load()
except BaseException:
    # Said before it is shown: who sees it reads the log at once.
    traceback.print_exc()
    sys.stderr.flush()
    _show("no")
    raise
_show("ok")
_NAMED = ("X-Release", os.path.basename(_HERE))
_LIMIT = _RELEASE["memory_limit"] * 1048576
_UNDER_MOD_WSGI = "mod_wsgi" in sys.modules


def resident():
    """Return how much memory this process holds, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _limit():
    """Let a process that has grown too large be replaced: what it was asked already it still answers."""
    global _LIMIT
    if _LIMIT and resident() > _LIMIT:
        print(f"Holds more than {_LIMIT >> 20} MiB (memory_limit) and is replaced.", file=sys.stderr)
        _LIMIT = 0
        os.kill(os.getpid(), signal.SIGTERM)


def application(environ, start_response):
    """Answer as the application does, and name the release."""
    if _UNDER_MOD_WSGI:
        _limit()

    def start(status, headers, exc_info=None):
        return start_response(status, [*headers, _NAMED], exc_info)

    return _application(environ, start)
