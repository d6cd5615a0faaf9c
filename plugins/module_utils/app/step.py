# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that a release needs, as another user, in a systemd unit of its own. Private to the
collection. No Ansible import.

The unit ends whatever the command left running, gives it nothing of the login's (umask,
environment, open files), and bears the application's name, so that there is never more than one: it
outlives us, should we be killed, and the next run waits for it.
"""

from __future__ import annotations

import os
import subprocess

from ansible_collections.foobar.lamp.plugins.module_utils.app import units as app_units

PATH = "/usr/local/bin:/usr/bin:/bin"
# Where systemd keeps such units as long as there is anything of them.
UNITS = "/run/systemd/transient"
# Foreign code that is to build packages: it may read what all may, and write to one directory.
_CONFINED = (
    "ProtectSystem=strict",
    "PrivateTmp=true",
    "PrivateDevices=true",
    "NoNewPrivileges=true",
)
_BUS = "/run/dbus/system_bus_socket"
_SPARE = 30  # seconds that systemd leaves us to end a command before it does so itself


def unit(name):
    """Return the unit of the commands of the application ``name``.

    No worker or timer has a colon in its name.
    """
    return f"python_app:{name}.service"


def runs(name):
    """Return whether a command of the application runs, whoever began it."""
    return os.path.exists(f"{UNITS}/{unit(name)}")


def environment_file(environment):
    """Return ``environment`` as systemd reads it from a file."""

    def quoted(value):
        return "".join(f"\\{letter}" if letter in '"\\`$' else letter for letter in str(value))

    return "".join(f'{name}="{quoted(value)}"\n' for name, value in environment.items())


def words(name, argv, user, directory, seconds, environment="", writable=""):
    """Return the command line that has systemd run ``argv``.

    ``writable``: the one directory that it may write to, else it is not confined.

    ``environment`` is the path of a file: what stands in a command line or a unit is there for all
    to read.
    """
    properties = [
        f"User={user}",
        f"WorkingDirectory={directory}",
        "UMask=0022",
        f"OOMScoreAdjust={app_units.OOM_SCORE}",
        "KillSignal=SIGKILL",
        f"RuntimeMaxSec={seconds + _SPARE}",
        *([f"EnvironmentFile={environment}"] if environment else []),
        *([*_CONFINED, f"ReadWritePaths={writable}"] if writable else []),
    ]
    return [
        *(
            "systemd-run",
            "--quiet",
            "--wait",
            "--pipe",
            "--collect",
            "--service-type=exec",
            f"--unit={unit(name)}",
        ),
        # By default its command line, for the journal to keep.
        f"--description=A step of a release of {name}",
        *(f"--property={one}" for one in properties),
        "--",
        # systemd would fill in variables.
        *(word.replace("$", "$$") for word in argv),
    ]


def run(
    name,
    argv,
    user,
    directory,
    seconds,
    log,
    stdin=subprocess.DEVNULL,
    environment=None,
    writable="",
):
    """Run a command, and end what it leaves running.

    Returns in words what went wrong, nothing if it ended well.

    ``log``: an open file that all goes to that the command says, also should we be killed.
    """
    # systemd-run waits for a unit by the bus, which is not there yet where this run has installed
    # it. systemctl needs none.
    if not os.path.exists(_BUS):
        subprocess.run(
            ["systemctl", "--quiet", "start", "dbus.socket"], check=False, capture_output=True
        )
    # Read by systemd before the command begins; it reaches no disk.
    file = os.memfd_create("environment")
    try:
        os.write(
            file,
            environment_file({"PATH": PATH, "LANG": "C.UTF-8", **(environment or {})}).encode(
                "utf-8", "surrogateescape"
            ),
        )
        line = words(
            name, argv, user, directory, seconds, f"/proc/{os.getpid()}/fd/{file}", writable
        )
        # The command cannot read what the log has already.
        with open(f"/proc/self/fd/{log.fileno()}", "ab") as output:
            process = subprocess.Popen(
                line, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            status = process.wait(seconds)
            return f"exit status {status}" if status else ""
        except subprocess.TimeoutExpired:
            subprocess.run(
                ["systemctl", "--quiet", "stop", unit(name)], check=False, capture_output=True
            )
            process.wait()
            return f"not done after {seconds} seconds"
    finally:
        os.close(file)
