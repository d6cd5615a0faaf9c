"""Builds a module with a program of the system: what is built on a host may need packages of its own."""

import pathlib
import subprocess

import setuptools

number = subprocess.run(["bc"], input="6 * 7\n", check=True, capture_output=True, text=True).stdout.strip()
pathlib.Path("board/number.py").write_text(f"NUMBER = {number}\n")
setuptools.setup(packages=["board"])
