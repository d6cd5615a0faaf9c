# Copyright (c) 2026 The foobar.lamp developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The distribution's own pip, for virtual environments that have none. Private to the collection. No Ansible import.

``python -m venv`` takes longer to put pip into an environment than to make it, and an application never asks for it again.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

WHEELS = "/usr/share/python-wheels"
UNPACKED = "/var/lib/foobar.lamp/pip"


def path(wheels=WHEELS, unpacked=UNPACKED):
    """Return the directory that, as PYTHONPATH, makes ``python -m pip`` run the distribution's; empty where it ships none.

    It is unpacked and compiled once for each version, for users that cannot write there. It does not count as installed: only the package
    is there, without what a requirement of pip itself could be met by.
    """
    found = sorted(glob.glob(f"{wheels}/pip-*.whl"))
    if not found:
        return ""
    version = f"{os.path.basename(found[-1]).removesuffix('.whl')}.{int(os.stat(found[-1]).st_mtime)}.compiled"
    place = f"{unpacked}/{version}"
    if not os.path.isdir(place):
        os.makedirs(unpacked, mode=0o755, exist_ok=True)
        older = [name for name in os.listdir(unpacked) if name.startswith("pip-") and name != version]
        with tempfile.TemporaryDirectory(dir=unpacked) as new:
            with zipfile.ZipFile(found[-1]) as wheel:
                wheel.extractall(f"{new}/whole", [name for name in wheel.namelist() if name.startswith("pip/")])
            subprocess.run([sys.executable, "-m", "compileall", "-q", "-j0", f"{new}/whole"], check=False, capture_output=True)
            # Another application's release may have been quicker.
            with contextlib.suppress(OSError):
                os.rename(f"{new}/whole", place)
        for name in older:
            shutil.rmtree(f"{unpacked}/{name}", ignore_errors=True)
    return place


def targets(plan, source, wheels):
    """Return the arguments that tell pip what to install, for the source in the directory ``source`` and the paths ``wheels``."""
    extras = f"[{','.join(plan['extras'])}]" if plan["extras"] else ""
    files = [word for key in ("requirement", "constraint") for name in plan[f"{key}s"] for word in (f"--{key}", f"{source}/{name}")]
    wanted = [f"{wheel}{extras}" for wheel in wheels]
    if plan["requirement"]:
        wanted.append(plan["requirement"])
    if plan["project"]:
        wanted.append(f"{source}{extras}")
    # Constraints alone are nothing to install.
    return [*files, *wanted] if wanted or plan["requirements"] else []
