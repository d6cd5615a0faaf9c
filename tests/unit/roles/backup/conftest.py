"""Make the role's command importable."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[4] / "roles/backup/files"))
