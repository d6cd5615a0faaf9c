# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of the application server: once on a host for each Python, beside the environments
of applications. No Ansible import.

Private to the collection. They are wheels whose hashes the role pins. Who fetched them counts for
nothing: root reads each once, compares its hash, and unpacks what it has read.
"""

from __future__ import annotations

import compileall
import contextlib
import glob
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
import zipfile

from ansible_collections.foobar.lamp.plugins.module_utils.common import safe_paths

PLACES = "/usr/local/lib/python_app"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def place(requirements, python):
    """Return the directory of the packages for a Python such as ``3.13``;
    ``requirements``: the pins, as pip reads them.
    """
    name, version = re.findall(r"^(\w+)==(\S+)", requirements, re.MULTILINE)[0]
    digest = hashlib.sha256(requirements.encode()).hexdigest()[:8]
    return f"{PLACES}/{name}-{version}-cp{python.replace('.', '')}-{digest}"


def download(requirements, python, directory):
    """Return the arguments with which pip fetches the wheels into ``directory``;
    ``requirements``: the file.
    """
    wanted = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--implementation=cp",
        f"--python-version={python}",
    ]
    return ["download", *wanted, f"--dest={directory}", f"--requirement={requirements}"]


def install(wheels, requirements, target):
    """Unpack the files ``wheels``, which others may write, as the directory ``target``;
    ValueError for one that is not pinned.
    """
    pinned, packed = set(_HASH.findall(requirements)), []
    for path in wheels:
        content = safe_paths.read(path)[1]
        if hashlib.sha256(content).hexdigest() not in pinned:
            raise ValueError(f"{os.path.basename(path)} is not what its hash says")
        packed.append(content)
    os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
    new = tempfile.mkdtemp(prefix=".", dir=os.path.dirname(target))
    try:
        os.chmod(new, 0o755)  # noqa: S103 # every application reads it
        for content in packed:
            with zipfile.ZipFile(io.BytesIO(content)) as wheel:
                wheel.extractall(new)
        if f"-cp{sys.version_info.major}{sys.version_info.minor}-" in target:
            compileall.compile_dir(new, quiet=2)
        # Another application's release may have been quicker.
        with contextlib.suppress(OSError):
            os.rename(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove_unused():
    """Remove the packages that no release uses any more."""
    used = {os.path.realpath(link) for link in glob.glob("/srv/*/releases/*/server")}
    for path in glob.glob(f"{PLACES}/*"):
        if path not in used:
            shutil.rmtree(path, ignore_errors=True)
