"""Visitors and programs that go on while a test changes
something, and tell afterwards what failed.
"""

from __future__ import annotations

import threading


class Load:
    """Threads that do the same all the while:
    ``done`` has what it returned, ``failures`` what it raised.
    """

    def __init__(self, work, pause=0.02, threads=1):
        self._work, self._pause, self._count, self._end = work, pause, threads, threading.Event()
        self.done, self.failures = [], []

    def _run(self):
        while not self._end.wait(self._pause):
            try:
                self.done.append(self._work())
            except Exception as error:  # whatever it is, a visitor met it
                self.failures.append(repr(error))

    @property
    def asked(self):
        """Return how often it was done."""
        return len(self.done) + len(self.failures)

    def __enter__(self):
        # It may be entered again: a thread is started once only.
        self._end.clear()
        self._threads = [threading.Thread(target=self._run) for _number in range(self._count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self._end.set()
        for thread in self._threads:
            thread.join()
