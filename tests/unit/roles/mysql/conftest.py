"""Make what the role copies to members of a cluster importable."""

from __future__ import annotations

import pathlib
import sys

TOP = pathlib.Path(__file__).parents[4]
sys.path[:0] = [str(TOP / "roles/mysql/files/cluster"), str(TOP / "plugins/module_utils/mysql")]
