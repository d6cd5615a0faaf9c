# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database server that is asked through its socket, and a
private one in a directory of its own.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import re
import select
import signal
import subprocess
import tempfile
import time

from . import BackupError, owner

# Whose the data are.
USER = "mysql"
# How a program runs as that user, with none of root's groups.
AS_USER = {"user": USER, "group": USER, "extra_groups": []}

# What a copy of the data has to have in common with the server that it came from.
ALIKE = (
    "lower_case_table_names",
    "innodb_page_size",
    "character_set_server",
    "collation_server",
    "sql_mode",
)

# What of that a data directory has from its making on.
SHAPE = ("lower_case_table_names", "innodb_page_size")


def version(settings) -> str:
    """Return the version of the installed server."""
    done = subprocess.run(
        [settings.programs["server"][0], "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"Ver (\S+)", done.stdout)
    if not found:
        raise BackupError(
            f"{settings.programs['server'][0]} does not say its version: {done.stdout}{done.stderr}"
        )
    return found[1]


def release(text: str) -> tuple[int, ...]:
    """Return what two servers have in common that read each other's data:
    ``(11, 8)`` of ``11.8.9-MariaDB``.
    """
    return tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", text).groups())


def systemctl(*words: str) -> None:
    """Start or stop a unit of systemd, which is the last word."""
    _run("systemctl", *words)


def form_cluster() -> None:
    """Start the server as the first member of a cluster."""
    _run("galera_new_cluster")


def _run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"{' '.join(words)}: {done.stderr.strip()} (its journal says more)")


def wait_for(live: Server, seconds: float) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while not live.answers():
        if time.monotonic() > end:
            raise BackupError(
                f"The database server ({live.socket}) does not answer after {seconds} s: its "
                f"journal says what it waits for."
            )
        time.sleep(0.2)


class Server:
    """The server behind a socket, as root."""

    def __init__(self, settings, socket: str):
        self.settings, self.socket = settings, socket

    def words(self, program: str, *more: str, user: str = "root") -> list[str]:
        """Return the command that runs one of the engine's programs on this server."""
        return [
            *self.settings.programs[program],
            f"--socket={self.socket}",
            f"--user={user}",
            *more,
        ]

    def ask(self, *statements: str) -> list[list[str]]:
        """Return the rows that the statements answer."""
        done = subprocess.run(
            self.words("client", "--batch", "--skip-column-names", "--raw"),
            input=";\n".join(statements), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BackupError(
                f"The database server ({self.socket}) says: "
                f"{done.stderr.strip() or done.returncode}"
            )
        return [line.split("\t") for line in done.stdout.splitlines()]

    def answers(self) -> bool:
        """Return whether it is up."""
        with contextlib.suppress(BackupError):
            return self.ask("SELECT 1") == [["1"]]
        return False

    def dump(self, reader, write, *more: str) -> None:
        """Dump all to ``write`` and let ``reader`` read it."""
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                self.words("dump", *more), stdout=subprocess.PIPE, stderr=said
            )
            try:
                for line in process.stdout:
                    reader.feed(line)
                    write(line)
            except BaseException:
                process.kill()
                raise
            finally:
                process.stdout.close()
                code = process.wait()
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
        if code or not reader.complete:
            raise BackupError(
                f"{self.settings.programs['dump'][0]} did not come to its end (status {code}): "
                f"{words}"
            )

    def load(self, source, *more: str) -> None:
        """Run the statements that a pipe brings, byte for byte."""
        done = subprocess.run(
            self.words("client", "--binary-mode", *more),
            stdin=source,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise BackupError(
                f"The copy of the server refuses the backup: "
                f"{done.stderr.decode(errors='replace').strip()}"
            )


class Private(Server):
    """A server of its own, without a network, in a directory that only its user can enter.
    ``alike`` are settings of the server it copies.

    Whatever works in that directory is no more than its user.
    """

    def __init__(self, settings, place: pathlib.Path, alike: dict):
        super().__init__(settings, f"{place}/private.sock")
        self.place, self._alike = place, alike

    def make(self) -> None:
        """Make an empty data directory."""
        remove(self.place)
        self.place.mkdir(mode=0o700)
        account = pwd.getpwnam(USER)
        os.chown(self.place, account.pw_uid, account.pw_gid, follow_symlinks=False)
        shape = [
            f"--{name.replace('_', '-')}={self._alike[name]}"
            for name in SHAPE
            if name in self._alike
        ]
        words = [*self.settings.programs["install"], f"--datadir={self.place}", *shape]
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, cwd=self.place, **AS_USER
        )
        if done.returncode:
            raise BackupError(
                f"{words[0]} cannot make {self.place}: "
                f"{(done.stdout + done.stderr).strip()[-1000:]}"
            )

    @contextlib.contextmanager
    def running(self, *more: str):
        """Run it for the time of the block; it is shut down cleanly after."""
        words = [
            *self.settings.programs["server"], f"--datadir={self.place}",
            f"--socket={self.socket}", f"--pid-file={self.place}/private.pid",
            *(f"--{name.replace('_', '-')}={value}" for name, value in self._alike.items()), *more,
        ]  # fmt: skip
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(words, stdout=said, stderr=said, cwd=self.place, **AS_USER)
            try:
                while not self.answers():
                    if process.poll() is not None:
                        raise BackupError(
                            f"The private server in {self.place} does not start: {_end(said)}"
                        )
                    time.sleep(0.1)
                yield self
            except BaseException:
                process.kill()
                process.wait()
                raise
            process.send_signal(signal.SIGTERM)
            if process.wait():
                raise BackupError(
                    f"The private server in {self.place} did not shut down: {_end(said)}"
                )

    def finish(self) -> None:
        """Remove what was the private server's alone."""
        owner.run(USER, _finish, str(self.place))


def _end(file):
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2000))
    return file.read().decode(errors="replace")


def _finish(place):
    for name in os.listdir(place):
        if name.startswith("private."):
            os.unlink(f"{place}/{name}")


def remove(place: pathlib.Path) -> None:
    """Remove a data directory, and end the private server that a killed run may have left in it."""
    mine, uid = f"--datadir={place}".encode(), pwd.getpwnam(USER).pw_uid
    for found in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # A descriptor names this one process, whoever gets its number after it.
            handle = os.pidfd_open(int(found.name))
            try:
                if (
                    mine in (found / "cmdline").read_bytes().split(b"\0")
                    and f"\nUid:\t{uid}\t" in (found / "status").read_text()
                ):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    select.select([handle], [], [], 60)
            finally:
                os.close(handle)
    owner.remove(USER, place)
