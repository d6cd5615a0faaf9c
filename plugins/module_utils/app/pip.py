# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The distribution's own pip, for virtual environments that have none, and why pip fails. Private
to the collection. No Ansible import.

``python -m venv`` takes longer to put pip into an environment than to make it, and an application
never asks for it again.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

WHEELS = "/usr/share/python-wheels"
UNPACKED = "/var/lib/foobar.lamp/pip"


def path(wheels=WHEELS, unpacked=UNPACKED):
    """Return the directory that, as PYTHONPATH, makes ``python -m pip`` run the distribution's;
    empty where it ships none.

    It is unpacked and compiled once for each version, for users that cannot write there. It does
    not count as installed: only the package is there, without what a requirement of pip itself
    could be met by.
    """
    found = sorted(glob.glob(f"{wheels}/pip-*.whl"))
    if not found:
        return ""
    name = os.path.basename(found[-1]).removesuffix(".whl")
    version = f"{name}.{int(os.stat(found[-1]).st_mtime)}.compiled"
    place = f"{unpacked}/{version}"
    if not os.path.isdir(place):
        os.makedirs(unpacked, mode=0o755, exist_ok=True)
        older = [
            name for name in os.listdir(unpacked) if name.startswith("pip-") and name != version
        ]
        with tempfile.TemporaryDirectory(dir=unpacked) as new:
            with zipfile.ZipFile(found[-1]) as wheel:
                wheel.extractall(
                    f"{new}/whole", [name for name in wheel.namelist() if name.startswith("pip/")]
                )
            subprocess.run(
                [sys.executable, "-m", "compileall", "-q", "-j0", f"{new}/whole"],
                check=False,
                capture_output=True,
            )
            # Another application's release may have been quicker.
            with contextlib.suppress(OSError):
                os.rename(f"{new}/whole", place)
        for name in older:
            shutil.rmtree(f"{unpacked}/{name}", ignore_errors=True)
    return place


#: What pip says, and what is to be done; of several the first.
_CAUSES = (
    (
        r"ProxyError|Cannot connect to proxy|407 Proxy Authentication",
        "The proxy does not let it through: correct HTTPS_PROXY in {settings}.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "{who} does not trust the certificate of the index or proxy: {trust}.",
    ),
    (
        r"\b(401|403) (Client )?Error",
        "The index refuses the password, or has none: correct PIP_INDEX_URL in {settings}.",
    ),
    (
        r"Failed to establish a new "
        r"connection|NewConnectionError|ConnectTimeoutError|NameResolutionError"
        r"|Network is unreachable|Read timed out",
        (
            "{who} does not reach the index: "
            "give PIP_INDEX_URL or HTTPS_PROXY in {settings}, or {elsewhere}."
        ),
    ),
    (
        r"error sending request for url",
        "The host does not get the interpreter: give HTTPS_PROXY or UV_PYTHON_INSTALL_MIRROR in "
        "{settings}, or install one and give its path in python.",
    ),
    (
        r"No download found for request",
        "uv knows no such version of Python: correct python, or give the path of one.",
    ),
    (r"No space left on device", "The disk is full: make room."),
    (
        # Others than the one that is wanted are ignored, too.
        r"requires a different Python|different python version:[^\n]* (\S+) "
        r"Requires-Python(?s:.*)requirement [^\n=]*==\1 "
        r"|different python version:(?s:.*)requirement [^\n=(]*[<>~]",
        (
            "It needs another Python than it gets: give python of the application, such as python: "
            '"3.12", or a version for this one.'
        ),
    ),
    (
        r"from versions: none",
        (
            "The index has nothing of that name, or does not answer: correct the name, or "
            "PIP_INDEX_URL in {settings}."
        ),
    ),
    (
        (
            r"No matching distribution found|Could not find a version that satisfies"
            r"|has no version .* that satisfies"
        ),
        (
            "The index has no such version: correct the name or version, or PIP_INDEX_URL in "
            "{settings} where it is on another index."
        ),
    ),
    (
        (
            r"DO NOT MATCH THE HASHES|Hashes are required|Can't verify hashes"
            r"|all requirements must have their versions pinned"
        ),
        (
            "What the index has is not what the hashes say, or a hash is missing: lock it anew, "
            "and ask why if nobody has changed it."
        ),
    ),
    (
        r"ResolutionImpossible|conflicting dependencies",
        "What is wanted excludes each other: change one of the versions that are named below.",
    ),
    (
        r"(cargo|rustc)\b.*(not found|is not installed|not on PATH)|requires Rust",
        "It needs a compiler of Rust: {packages} [cargo].",
    ),
    (
        r"mysql_config|mariadb_config|libmysqlclient|pkg-config|mysql\.h",
        "It needs a compiler and the client library of the database: "
        "{packages} [build-essential, pkg-config, python3-dev, libmariadb-dev].",
    ),
    (
        r"(gcc|cc|g\+\+|clang|c\+\+)['\"]?:? (failed|(command )?not found)|No such file or "
        r"directory: '[^']*(gcc|cc|g\+\+)'"
        r"|Python\.h: No such file|fatal error: \S+\.h: No such file|C compiler",
        "It needs a compiler, or the headers of a library: {packages} [build-essential, "
        "python3-dev], and the library's own package, whose name ends in -dev.",
    ),
)


def cause(said, here=False):
    """Return in a sentence why pip failed, by what it said, and what to do;
    empty where nothing is known.

    ``here``: it ran on the controller, else on the host.
    """
    words = {
        "who": "This computer" if here else "The host",
        "trust": "add its authority here" if here else "give it in linux_base_trusted_certificates",
        "settings": "python_app_pip_environment",
        "elsewhere": "set python_app_resolve_on to host"
        if here
        else "set python_app_resolve_on to controller",
        "packages": "install the packages" if here else "give python_app_packages:",
    }
    return next(
        (sentence.format(**words) for pattern, sentence in _CAUSES if re.search(pattern, said)), ""
    )
