"""Gives a bare virtual environment of ansible-test its pip by way of the pip on PATH.

ansible-test downloads get-pip.py from a place of its own, which a network behind a proxy may not
reach; under its name in ansible-test's cache, this does the same with nothing but the package index
that pip is set to.
"""

from __future__ import annotations

import subprocess
import sys

arguments = [
    argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")
]
sys.exit(subprocess.call(["pip", "--python", sys.executable, "install", *arguments]))
