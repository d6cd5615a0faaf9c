"""Serve the application of this release on the socket $SOCKET, by granian, as WSGI or ASGI:
whichever its callable is.

Processes take requests side by side, and in each of them so many threads run the application at
once (an ASGI application has one event loop a process). A request's body is taken from the visitor
before a thread of the application is bothered, so that slow senders cost none.
"""

import contextlib
import faulthandler
import fcntl
import importlib
import inspect
import json
import logging
import mmap
import multiprocessing
import os
import pathlib
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
with open(f"{HERE}/release.json", encoding="utf-8") as _file:
    RELEASE = json.load(_file)
NAMED = ("X-Release", os.path.basename(HERE))
SOCKET, LIVE = os.environ["SOCKET"], f"{RELEASE['root']}/live.sock"
# What is imported late comes from this release and no other; the server's own packages come last.
SERVER = os.path.realpath(f"{HERE}/server")
sys.path[:] = [SERVER, f"{HERE}/src", *(os.path.realpath(path) for path in sys.path[1:])]
sys.dont_write_bytecode = True

import granian  # noqa: E402
from granian.constants import Interfaces  # noqa: E402
from granian.http import HTTP1Settings  # noqa: E402
from granian.log import LogLevels  # noqa: E402
from granian.server import mp  # noqa: E402

sys.path.append(sys.path.pop(0))

# Seconds after which the web server surely takes no kept connection up any more (ttl of its proxies
# is 1).
IDLE = 1.5
# Seconds between two connections that are closed so that another process takes the next.
EVEN = 0.01
# Bodies of visitors that a process takes at once, each by a thread that waits; they are made when
# they are needed.
WAITING = 512
IN_MEMORY = 256 * 1024  # of a body; more of it is kept in a file
SPARE = 10  # the part of the disk, a tenth, that bodies leave free
TOO_LARGE, NO_ROOM = "413 Content Too Large", "503 Service Unavailable"
NEW, LOADED, OTHER = range(3)  # what the processes of this service know of its application


class _NoLoop(dict):
    """When which process was replaced.

    Granian would end the service if one is replaced soon: we replace them as they need it.
    """

    def get(self, key, default=None):
        """Nothing was replaced lately."""
        return float("-inf")


class Crew:
    """How many requests each process of this service has, in memory that they share.

    The web server keeps connections, and whichever process took one has all its requests: one may
    have them all while others idle.
    """

    def __init__(self, processes):
        self._number, self._next = 0, 0.0
        self._file = os.memfd_create("crew")
        os.ftruncate(self._file, processes * 4)

    def join(self):
        """Have this process counted."""
        self._has = memoryview(mmap.mmap(self._file, 0)).cast("I")
        for number in range(len(self._has)):
            # The kernel takes the lock back from one that has ended.
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                self._number = number
                break
        self._has[self._number] = 0

    def count(self, requests):
        """Say how many it has."""
        self._has[self._number] = requests

    def uneven(self):
        """Return whether this process has many more than another has.

        It does so now and then only: a moment is often uneven.
        """
        if self._has[self._number] < 2 * min(self._has) + 2 or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + EVEN
        return True


class Process:
    """What a process of the server knows of itself."""

    def __init__(self, options, crew):
        self.options, self.crew = options, crew
        self.draining = False
        self.began = time.monotonic()
        self.busy = {}  # {thread: when it began with what it does}

    def closing(self):
        """Return whether the connection is to be closed after this answer:
        the next is for another release, or another process.
        """
        try:
            return self.draining or self.crew.uneven() or os.readlink(LIVE) != SOCKET
        except OSError:
            return False

    def watch(self):
        """Replace this process when it has grown too large or too old,
        or when a request does not end.
        """
        options = self.options
        while True:
            time.sleep(1)
            now = time.monotonic()
            if options["memory_limit"] and (holds := resident()) > share(options):
                self.replace(
                    f"holds {holds >> 20} MiB "
                    f"of the {options['memory_limit']} that all may hold (memory_limit)"
                )
            elif options["restart_interval"] and now - self.began > options["restart_interval"]:
                self.replace(
                    f"is older than {options['restart_interval']} seconds (restart_interval)"
                )
            elif any(
                now - began > options["request_timeout"] for began in list(self.busy.values())
            ):
                faulthandler.dump_traceback()
                self.replace(
                    f"has a request that has not ended after {options['request_timeout']} seconds "
                    f"(request_timeout)"
                )

    def replace(self, why):
        """End this process once it has answered what it was asked;
        another takes its place. The others answer meanwhile.
        """
        with open(f"{tempfile.gettempdir()}/replaced.lock", "w", encoding="ascii") as lock:
            # One at a time, until it is gone.
            fcntl.flock(lock, fcntl.LOCK_EX)
            print(f"Process {os.getpid()} {why} and is replaced.", file=sys.stderr, flush=True)
            self.draining = True
            _accept_no_more()
            time.sleep(IDLE)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(self.options["graceful_timeout"])
            os._exit(1)


def _accept_no_more():
    """Put a socket that nobody knows in the place of the one that this process shares with the
    others, which go on with it.
    """
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind("")
        nobody.listen()
        # The server would wait on it.
        nobody.setblocking(False)
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as one:
                if (
                    one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                    and one.getsockname() == SOCKET
                ):
                    os.dup2(nobody.fileno(), descriptor)


def resident():
    """Return how much memory this process holds, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def share(options):
    """Return how much of the service's memory a process may hold, in bytes: a tenth is spare,
    where the kernel comes in.
    """
    return options["memory_limit"] * 1048576 * 9 // 10 // options["processes"]


def load():
    """Return the callable that the release names."""
    module, _colon, name = RELEASE["entry"].partition(":")
    found = importlib.import_module(module)
    for part in name.removesuffix("()").split("."):
        found = getattr(found, part)
    return found() if name.endswith("()") else found


def is_asgi(application):
    """Return whether a callable is ASGI's:
    one that is awaited, or that takes scope, receive and send.
    """
    call = application if inspect.isroutine(application) else type(application).__call__
    if inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(call):
        return True
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):
        return False
    return (
        len(
            [
                one
                for one in parameters
                if one.default is one.empty
                and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
            ]
        )
        == 3
    )


def address(host, scheme):
    """Return the name and the port that a visitor asked."""
    name, colon, port = host.rpartition(":")
    return (
        (name, port) if colon and port.isdecimal() else (host, "443" if scheme == "https" else "80")
    )


def body(environ, most):
    """Take all of a request's body, and let the environment say how long it is;
    returns the status that refuses it, or nothing.
    """
    if "HTTP_TRANSFER_ENCODING" not in environ and environ.get("CONTENT_LENGTH", "0") == "0":
        return ""
    taken, length, source = tempfile.SpooledTemporaryFile(IN_MEMORY), 0, environ["wsgi.input"]  # noqa: SIM115 # the application reads it
    refused = TOO_LARGE if int(environ.get("CONTENT_LENGTH", 0)) > most else ""
    while chunk := source.read(65536):
        # What is refused is taken and dropped: the web server hands on no answer while it has more
        # to send.
        length += len(chunk) if refused else taken.write(chunk)
        if length > most:
            refused = TOO_LARGE
        elif not refused and length > IN_MEMORY and full():
            refused = NO_ROOM
        if refused:
            taken.truncate(0)
    if length != int(environ.get("CONTENT_LENGTH", length)):
        raise ConnectionError
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(length)
    taken.seek(0)
    environ["wsgi.input"] = taken
    return refused


def full():
    """Return whether what is left of the disk is spare."""
    disk = os.statvfs(tempfile.gettempdir())
    return disk.f_bavail * SPARE < disk.f_blocks


class Answer:
    """The body of an answer.

    A thread of the application makes each part, and has nothing to do with it while a visitor takes
    it.
    """

    def __init__(self, turn, early, parts, body):
        """``early``: parts that are there already, ``parts``: an iterator over the others,
        ``body``: what is closed in the end.
        """
        self._turn, self._early, self._parts, self._body = turn, early, parts, body

    def __iter__(self):
        """Return itself."""
        return self

    def __next__(self):
        """Return the next part."""
        if self._early:
            return self._early.pop(0)
        with self._turn:
            return next(self._parts)

    def end(self):
        """Go through what is left of an answer that has been sent, and end it.

        Nobody reads what goes wrong now but the operator.
        """
        try:
            with self._turn:
                for _nothing in self._parts:
                    pass
            self.close()
        except Exception:
            traceback.print_exc()

    def close(self):
        """End it."""
        if close := getattr(self._body, "close", None):
            with self._turn:
                close()


class After(threading.local):
    """What a thread of the server has to do once it has passed on its answer."""

    end = None


AFTER = After()


def then(wrap):
    """Return the server's ``wrap``,
    which makes of an application what it calls with each request, with what comes after.
    """

    def wrapped(application, *options):
        call = wrap(application, *options)

        def called(proto, scope):
            try:
                return call(proto, scope)
            finally:
                end, AFTER.end = AFTER.end, None
                if end:
                    end()

        return called

    return wrapped


class Turn:
    """A turn at the application, for so many threads at once."""

    def __init__(self, threads, process):
        self._free, self._busy, self._crew = queue.SimpleQueue(), process.busy, process.crew
        for _thread in range(threads):
            self._free.put(None)

    def __enter__(self):
        """Wait for it."""
        self._free.get()
        self._busy[threading.get_ident()] = time.monotonic()
        self._crew.count(len(self._busy))

    def __exit__(self, *_error):
        """Let another have it."""
        del self._busy[threading.get_ident()]
        self._crew.count(len(self._busy))
        self._free.put(None)


def wsgi(application, process):
    """Return the WSGI application as granian is to call it."""
    prefix, turn, version = (
        RELEASE["path"],
        Turn(process.options["threads"], process),
        f"granian/{granian.__version__}",
    )
    several, most, settings = (
        process.options["processes"] > 1,
        process.options["max_body"] or float("inf"),
        {},
    )

    def answer(environ, start_response):
        nonlocal settings
        # The server hands its settings on with each request: frameworks show a request on their
        # pages of errors. Whole at once: several threads may be here for the first time.
        settings = settings or dict(os.environ)
        for name, value in settings.items():
            if environ.get(name) == value:
                del environ[name]
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "http")
        environ["wsgi.url_scheme"], environ["wsgi.multiprocess"], environ["SERVER_SOFTWARE"] = (
            scheme,
            several,
            version,
        )
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["SERVER_NAME"], environ["SERVER_PORT"] = address(environ["HTTP_HOST"], scheme)
        # Of these the web server alone says what they are.
        if user := environ.pop("HTTP_X_REMOTE_USER", ""):
            environ["REMOTE_USER"] = user
        if line := environ.pop("HTTP_X_REQUEST_LINE", ""):
            environ["REQUEST_URI"] = line.split(" ")[1]
        if prefix:
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = (
                prefix,
                environ["PATH_INFO"].removeprefix(prefix),
            )
        try:
            refused = body(environ, most)
        except OSError:
            # The visitor has gone in the middle of it: nobody reads this.
            refused = "400 Bad Request"
        if refused:
            start_response(refused, [NAMED, ("Connection", "close")])
            return []
        early, started = [], []

        def start(status, headers, exc_info=None):
            started[:] = [value for name, value in headers if name.lower() == "content-length"] or [
                ""
            ]
            start_response(
                status,
                [*headers, NAMED, *([("Connection", "close")] if process.closing() else [])],
                exc_info,
            )
            return early.append

        with turn:
            whole = application(environ, start)
            if isinstance(whole, list) and started and not early:
                return whole
            # It may say how it answers when it is asked for its first part. Most answers have one,
            # which is as long as they say.
            parts = iter(whole)
            early += [part for part in (next(parts, None),) if part is not None]
        said = Answer(turn, early, parts, whole)
        if started != [str(sum(map(len, early)))]:
            return said
        # It goes out at once, in one piece, and the application ends it after that: some work then.
        AFTER.end = said.end
        return list(early)

    return answer


def asgi(application, process):
    """Return the ASGI application as granian is to call it."""
    named, close, requests = (b"x-release", NAMED[1].encode()), (b"connection", b"close"), 0
    most = process.options["max_body"] or float("inf")

    async def answer(scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await application(scope, receive, send)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        scheme = headers.get(b"x-forwarded-proto", "http")
        name, port = address(headers.get(b"host", ""), scheme)
        scope["scheme"] = scheme if scope["type"] == "http" else scheme.replace("http", "ws")
        scope["client"], scope["server"] = (
            (headers.get(b"x-forwarded-for", ""), 0),
            (name, int(port)),
        )

        if int(headers.get(b"content-length", 0)) > most:
            while (await receive()).get("more_body"):
                pass
            await send(
                {
                    "type": "http.response.start",
                    "status": int(TOO_LARGE[:3]),
                    "headers": [named, close],
                }
            )
            return await send({"type": "http.response.body"})

        # The web server gives no answer to a visitor while it has more of the body: what the
        # application does not want is dropped.
        left, asking = (
            scope["type"] == "http"
            and (b"transfer-encoding" in headers or headers.get(b"content-length", "0") != "0"),
            0,
        )

        async def take():
            nonlocal left, asking
            asking += 1
            try:
                message = await receive()
            finally:
                asking -= 1
            left = left and message["type"] == "http.request" and bool(message.get("more_body"))
            return message

        async def say(message):
            while (
                left
                and not asking
                and message["type"] == "http.response.body"
                and not message.get("more_body")
            ):
                await take()
            if message["type"] in ("http.response.start", "websocket.accept"):
                more = [
                    named,
                    *(
                        [close]
                        if message["type"] == "http.response.start" and process.closing()
                        else []
                    ),
                ]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        nonlocal requests
        requests += 1
        process.crew.count(requests)
        try:
            return await application(scope, take if left else receive, say)
        finally:
            requests -= 1
            process.crew.count(requests)

    return answer


def loaded(known, crew, options, wanted):
    """Return the application in a new process of the server.

    The service ends if no process has ever loaded it.
    """
    # Until the server has a handler of its own.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        application = load()
        if options["memory_limit"] and (holds := resident()) > share(options):
            raise MemoryError(
                f"It holds {holds >> 20} MiB in each of {options['processes']} processes before "
                f"any visitor is there, and memory_limit is {options['memory_limit']}: raise it, "
                f"or have fewer processes."
            )
        if is_asgi(application) != (wanted == "asgi"):
            known.value = OTHER
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(1)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        if known.value == NEW:
            os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(2)
        os._exit(1)
    known.value = LOADED
    crew.join()
    process = Process(options, crew)
    threading.Thread(target=process.watch, daemon=True).start()
    return (asgi if wanted == "asgi" else wsgi)(application, process)


def sized(given):
    """Return the server's ``given`` settings, and where one is 0 what suits the host."""
    cores, memory = (
        len(os.sched_getaffinity(0)),
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
    )
    return {
        **given,
        "processes": given["processes"] or max(2, min(cores, memory // 512)),
        "threads": given["threads"] or 8,
    }


def main():
    """Serve until SIGTERM."""
    multiprocessing.set_start_method("fork")
    options, wanted = sized(RELEASE["server"]), os.environ.get("INTERFACE", RELEASE["interface"])
    known, crew = multiprocessing.Value("i", NEW), Crew(options["processes"])
    # It would say that it cannot know what we mean by these sizes.
    logging.getLogger("_granian").addFilter(lambda record: record.levelno != logging.WARNING)
    server = granian.Granian(
        RELEASE["entry"],
        uds=pathlib.Path(SOCKET),
        interface=Interfaces(wanted),
        workers=options["processes"],
        blocking_threads=1 if wanted == "asgi" else options["threads"] + WAITING,
        backlog=4096,
        backpressure=4096,
        http1_settings=HTTP1Settings(header_read_timeout=60_000),
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=options["graceful_timeout"],
        url_path_prefix=RELEASE["path"] if wanted == "asgi" else None,
    )
    server.respawned_wrks = _NoLoop()
    mp._wsgi_call_wrap = then(mp._wsgi_call_wrap)
    try:
        server.serve(target_loader=lambda: loaded(known, crew, options, wanted), wrap_loader=False)
    finally:
        if known.value == OTHER:
            other = "wsgi" if wanted == "asgi" else "asgi"
            environment = {**os.environ, "INTERFACE": other}
            os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606
    # What never was up has failed.
    sys.exit(known.value == NEW)


if __name__ == "__main__":
    main()
