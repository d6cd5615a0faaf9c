# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpreters that the distribution does not have, as uv provides them.
Private to the collection. No Ansible import.

Each version is fetched once for a host. uv, and what it fetches, are run by build users only; uv
knows the hash of each interpreter, and we know uv's.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile

from ansible_collections.foobar.lamp.plugins.module_utils.app import pip
from ansible_collections.foobar.lamp.plugins.module_utils.common import private

TOP = "/var/lib/foobar.lamp/pythons"
DISTRIBUTION = "/usr/bin/python3"
#: Where an operator's own uv is looked for.
PLACES = "/usr/local/bin:/usr/bin:/bin"
_UV = "0.13.9"
_HASHES = (
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",  # x86_64
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",  # aarch64
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",  # aarch64, newer C library
)


def identity(python):
    """Return what tells an interpreter from another that was at the same path."""
    path = os.path.realpath(python)
    if path == os.path.realpath(DISTRIBUTION):
        return path  # which has the version in its name, and fixes that environments survive
    said = os.stat(path)
    return f"{path} {said.st_size} {said.st_mtime_ns}"


def provided(version, make, top=TOP):
    """Return the path of the interpreter of this ``version``, which uv fetches if it is not there.

    ``make``: called with a directory, a command and its environment, to have it made and become
    root's.
    """
    os.makedirs(top, mode=0o755, exist_ok=True)
    # Who can open a file can lock it.
    with open(
        f"{top}/.lock",
        "w",
        encoding="ascii",
        opener=private.opener,
    ) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = f"{top}/{version}"
        if not os.path.exists(f"{place}.whole"):
            words = [
                _uv(make, top),
                "python",
                "install",
                version,
                "--install-dir",
                place,
                "--no-bin",
                "--no-config",
            ]
            make(place, words, {"UV_SYSTEM_CERTS": "true", "UV_NO_PROGRESS": "1"})
            _write(f"{place}.whole", "")
    return sorted(glob.glob(f"{place}/*/bin/python3"))[0]


def _uv(make, top):
    """Return the path of uv: the operator's own, or ours."""
    if own := shutil.which("uv", path=PLACES):
        return own
    place = f"{top}/uv-{_UV}"
    if not os.path.exists(f"{place}.whole"):
        # Others read it: the build user of the application whose turn it is.
        with tempfile.NamedTemporaryFile("w", dir=top, suffix=".txt", encoding="ascii") as file:
            file.write(f"uv=={_UV} {' '.join(f'--hash=sha256:{one}' for one in _HASHES)}\n")
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            words = [
                "-m",
                "pip",
                "install",
                "--no-input",
                "--progress-bar=off",
                "--only-binary=:all:",
                "--no-deps",
                "--require-hashes",
            ]
            make(
                place,
                [DISTRIBUTION, *words, "--target", place, "--requirement", file.name],
                {"PYTHONPATH": pip.path()},
            )
        _write(f"{place}.whole", "")
    return f"{place}/bin/uv"


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
