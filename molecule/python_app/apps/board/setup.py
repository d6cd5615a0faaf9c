"""Builds a module with a program of the system: what is built on a host may need packages of its
own. It notes who builds it, and how.
"""

import os
import pathlib
import pwd
import subprocess

import setuptools

number = subprocess.run(
    ["bc"], input="6 * 7\n", check=True, capture_output=True, text=True
).stdout.strip()
pathlib.Path("board/number.py").write_text(f"NUMBER = {number}\n")
built = {
    "by": pwd.getpwuid(os.geteuid()).pw_name,
    "umask": os.umask(0o022),
    "environment": sorted(os.environ),
    "writable": [
        place
        for place in ("/srv", "/etc", "/var/lib", "/srv/kinds.example.com/state")
        if os.access(place, os.W_OK)
    ],
    "readable": [
        place
        for place in ("/etc/python_app/kinds.example.com.env", "/srv/shop.example.com/releases")
        if os.access(place, os.R_OK)
    ],
}
pathlib.Path("board/built.py").write_text(f"BUILT = {built!r}\n")
setuptools.setup(packages=["board"])
