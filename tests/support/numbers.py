"""Write numbers as an application does, to be run on a web host: ENVIRONMENT BEGIN THREADS.

Each number is a transaction of its own, by the way to the database that the application has: where
that changes, as a process of the application is replaced then, a new connection takes the new way.
``begun`` is said once all threads have tried. When nobody listens any more and a write has been
acknowledged since, it says as JSON what was acknowledged (``done``, numbers), the longest time
between two acknowledgements (``gap``, seconds), what failed (``failed``: number, whether its
connection stood already, why), and what a write on a connection that stands takes in the middle
(``median``, seconds).
"""

import json
import os
import statistics
import sys
import threading
import time

import pymysql

#: Seconds after which a thread takes its connection for dead, and others give up waiting for an
#: acknowledgement at the end.
PATIENCE, LAST = 10, 60


def environment(path):
    """Return the variables of an application."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            key, equals, value = line.rstrip("\n").partition("=")
            if equals:
                found[key] = value.strip("\"'")
    return found


class Numbers:
    """What all threads write, and what became of it."""

    def __init__(self, path, begin):
        self.path, self.last = path, begin
        self.done, self.failed, self.ended, self.lock = [], [], threading.Event(), threading.Lock()
        self.took = []

    def way(self):
        """Return what changes with the way to the database."""
        return os.stat(self.path).st_ino, os.stat(self.path).st_mtime

    def connect(self):
        """Return a connection, as the application makes one."""
        env = environment(self.path)
        return pymysql.connect(
            host=env["DB_HOST"], port=int(env["DB_PORT"]),
            user=env["DB_USER"], password=env["DB_PASSWORD"],
            database=env["DB_NAME"], ssl_ca=env["DB_SSL_CA"],
            connect_timeout=2, read_timeout=PATIENCE, write_timeout=PATIENCE,
        )  # fmt: skip

    def write(self, tried):
        """Write until it is over."""
        connection, way = None, ()
        while not self.ended.is_set():
            with self.lock:
                self.last += 1
                number = self.last
            try:
                if way != (way := self.way()):
                    connection = None
                connection = connection or self.connect()
                began = time.monotonic()
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO numbers VALUES (%s)", (number,))
                connection.commit()
                self.done.append((number, time.monotonic()))
                self.took.append(time.monotonic() - began)
            except Exception as error:
                self.failed.append([number, connection is not None, str(error)[:80]])
                connection = None
                time.sleep(0.01)
            tried.set()
            time.sleep(0.005)

    def said(self):
        """Return what is said at the end."""
        times = sorted(when for _number, when in self.done)
        gap = max((later - earlier for earlier, later in zip(times, times[1:])), default=0)  # noqa: B905 # one is longer
        return {
            "done": [number for number, _when in self.done],
            "gap": gap,
            "failed": self.failed,
            "median": statistics.median(self.took or [0]),
        }


def main(env, begin, threads):
    """Write, and say what came of it."""
    numbers = Numbers(env, int(begin))
    tried = [threading.Event() for _thread in range(int(threads))]
    running = [threading.Thread(target=numbers.write, args=(one,)) for one in tried]
    for thread in running:
        thread.start()
    for one in tried:
        one.wait()
    print("begun", flush=True)
    sys.stdin.read()
    asked = time.monotonic()
    while (
        not any(when > asked for _number, when in numbers.done[-8:])
        and time.monotonic() < asked + LAST
    ):
        time.sleep(0.05)
    numbers.ended.set()
    for thread in running:
        thread.join()
    print(json.dumps(numbers.said()))


if __name__ == "__main__":
    main(*sys.argv[1:])
